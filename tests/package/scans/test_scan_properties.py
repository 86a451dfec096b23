"""What a scan must do besides being right: one property at a time, for every backend of this machine."""

from dataclasses import replace

import pytest

from lesson_support.kernels import available_backends
from tests.package.scans import conforming
from tests.package.scans.building import LIMITS
from tests.package.scans.covering import Case

BACKENDS = available_backends()

# Variants of the plain case, for the checks that are about one property.
VARIANTS = {
    "plain": {},
    "reversed": {"reverse": True, "place": "last"},
    "log gates": {"log_gates": True, "place": "first", "layout": "transposed"},
    "no h0": {"h0": "none", "gates": "around one", "layout": "sliced"},
    "half": {"dtype": "bfloat16", "reverse": True, "layout": "transposed"},
    "one step": {"length": "1"},
}


def variant(name: str, backend: str) -> Case:
    case = replace(conforming.PLAIN, **VARIANTS[name])
    if backend in LIMITS and case.length != "1":
        return replace(case, length="chunk+1", channels=1)
    return case


PROPERTIES = [
    conforming.check_split,
    conforming.check_flip,
    conforming.check_causal,
    conforming.check_guards,
    conforming.check_repeatable,
    conforming.check_slow_gradients,
]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("check", PROPERTIES, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("backend", BACKENDS)
def test_property(backend, check, name):
    check(backend, variant(name, backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_offsets_beyond_32_bits(backend):
    conforming.check_far(backend)


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "no h0"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_partial_gradients(backend, name):
    conforming.check_partial(backend, variant(name, backend))
