"""The peers of the scan benchmark compute the scan, and of two the faster one is measured."""

import time

import pytest
import torch

from lesson_support.bench import scan, scan_peers

CASES = {"channel last": ((2, 5, 3), 1), "time last": ((2, 3, 5), 2)}


@pytest.mark.parametrize("layout", CASES)
def test_the_loop_is_the_scan(layout):
    a, b, h, dim = scan._case(*CASES[layout])
    scan._require_right({"loop": scan_peers.loop(a, b, h, dim)}, a, b, h, dim)


def test_a_wrong_peer_is_not_timed():
    a, b, h, dim = scan._case(*CASES["channel last"])
    with pytest.raises(AssertionError, match="product does not compute the scan"):
        scan._require_right({"product": lambda: torch.mul(a, b, out=h)}, a, b, h, dim)


@pytest.mark.parametrize("layout", CASES)
def test_numba_where_it_is_installed(layout):
    a, b, h, dim = scan._case(*CASES[layout])
    run = scan_peers.numba_loop(a, b, h, dim)
    assert (run is None) == ("numba" in scan_peers.not_here())
    if run is not None:
        scan._require_right({"numba": run}, a, b, h, dim)


def test_the_fastest_is_chosen_after_its_first_call():
    calls = {"slow": 0, "late": 0}

    def slow():
        calls["slow"] += 1
        time.sleep(0.02)

    def late():  # compiles in its first call
        calls["late"] += 1
        time.sleep(0.1 if calls["late"] == 1 else 0)

    assert scan_peers._fastest(slow, late) is late
    assert min(calls.values()) > 1
