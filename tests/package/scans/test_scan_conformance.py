"""Every backend of this machine, against loops in NumPy."""

import pytest

from lesson_support.errors import LessonError
from lesson_support.kernels import available_backends
from tests.package.scans import conforming
from tests.package.scans.building import build
from tests.package.scans.covering import AXES, LENGTHS, all_pairs, covering_array, pairs, product

BACKENDS = available_backends()
ARRAY = covering_array()


def test_every_pair_meets():
    met = set()
    for case in ARRAY:
        met |= pairs({name: getattr(case, name) for name in AXES})
    assert met >= all_pairs()


def test_the_array_is_the_same_every_time():
    assert covering_array() == ARRAY


@pytest.mark.parametrize("case", ARRAY, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_agrees_with_the_loop(backend, case):
    if conforming.refusal(backend, case):
        with pytest.raises(LessonError, match=f"backend = '{backend}'"):
            conforming.run(backend, build(case, backend))
    else:
        conforming.check_case(backend, case)


@pytest.mark.parametrize("backend", BACKENDS)
def test_backend_takes_most_cases(backend):
    taken = [case for case in ARRAY if not conforming.refusal(backend, case)]
    assert len(taken) >= len(ARRAY) / 2
    assert not conforming.refusal(backend, conforming.PLAIN)


@pytest.mark.full
@pytest.mark.parametrize("dtype", AXES["dtype"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "triton"])
def test_backend_agrees_in_the_full_product(backend, length, dtype):
    axes = ("place", "layout", "gates", "h0", "reverse", "log_gates")
    for case in product(*axes, length=length, dtype=dtype):
        if not conforming.refusal(backend, case):
            conforming.check_case(backend, case)
