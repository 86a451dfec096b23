"""The checks of the suite reject backends with known mistakes, and pass the same backends without them."""

import pytest

from lesson_support.kernels.scans.choosing import BACKENDS
from tests.package.scans import building, conforming, mutants
from tests.package.scans.covering import covering_array

ARRAY = covering_array()


def check_array(backend: str) -> None:
    for case in ARRAY:
        conforming.check_case(backend, case)


def check_all(backend: str) -> None:
    check_array(backend)
    for check in (
        conforming.check_split,
        conforming.check_flip,
        conforming.check_causal,
        conforming.check_partial,
        conforming.check_guards,
        conforming.check_repeatable,
        conforming.check_slow_gradients,
    ):
        check(backend)


# The check that has to reject each of them.
KILLERS = {
    "combine in the wrong order": check_array,
    "carry dropped between chunks": check_array,
    "carry dropped between chunks in the backward": conforming.check_slow_gradients,
    "zero as identity": check_array,
    "identity before the exponential": check_array,
    "gate not shifted": check_array,
    "mask missing at the last step": check_array,
    "mask missing in the store": conforming.check_guards,
    "state carried in half precision": check_array,
    "state rounded to the result's dtype": check_array,
    "strides ignored": check_array,
    "offsets in 32 bits": conforming.check_far,
    "last chunk left out unless it is full": check_array,
    "reverse ignored": conforming.check_flip,
    "NaN replaced": check_array,
    "gates kept within one": check_array,
    "division by the product of gates": check_array,
    "works in place on its input": check_array,
    "sees later steps": conforming.check_causal,
    "not the same twice": conforming.check_repeatable,
    "gradient of the state ignored": conforming.check_partial,
    "h0 taken for zero in da": check_array,
    "gradient of h0 without its gate": check_array,
    "logarithm's factor forgotten": check_array,
    "h of the same step in da": check_array,
}
RIGHT = [name for name in mutants.MUTANTS if name.startswith("nothing wrong")]


@pytest.fixture
def installed(monkeypatch):
    def install(name: str) -> str:
        monkeypatch.setitem(BACKENDS, "mutant", mutants.backend(name))
        monkeypatch.setitem(building.CHUNKS, "mutant", mutants.CHUNK)
        return "mutant"

    return install


def test_every_mutant_has_its_killer():
    assert {*KILLERS} | {*RIGHT} == {*mutants.MUTANTS}


@pytest.mark.parametrize("name", RIGHT)
def test_without_a_mistake_all_pass(installed, name):
    backend = installed(name)
    check_all(backend)
    conforming.check_far(backend)


@pytest.mark.parametrize("name", KILLERS)
def test_mutant_is_rejected(installed, name):
    with pytest.raises(AssertionError):
        KILLERS[name](installed(name))
