"""The two limits: that their kernels compute what they are timed for, and that measuring leaves no trace."""

import pytest
import torch

from lesson_support import native, roofline
from lesson_support.errors import LessonError

needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler on this machine")


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        if not native._loaded.get("roofline"):
            patch.setenv("LESSONS_CACHE", str(tmp_path_factory.mktemp("roofline")))
        return native.operators("roofline")


@pytest.fixture
def quick(monkeypatch):
    """Small arrays and few runs: the numbers mean nothing, the path is the same."""
    monkeypatch.setattr(roofline, "_measured", None)
    monkeypatch.setattr(roofline, "_array_bytes", lambda: 1 << 20)
    monkeypatch.setattr(roofline, "_RUNS", 3)
    monkeypatch.setattr(roofline, "_ROUNDS", 1000)


@needs_compiler
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 63, 1000, 4099])
@pytest.mark.parametrize("offset", [0, 1, 5])
def test_the_triad_multiplies_wherever_its_arrays_start(kernels, count, offset):
    generator = torch.Generator().manual_seed(count)
    a, b = (torch.randn(count + 8, generator=generator)[3 - i : 3 - i + count] for i in range(2))
    around = torch.full((count + 16,), -7.0)
    out = around[offset : offset + count]
    assert kernels.triad(a, b, out) is None
    assert torch.equal(out, a * b)
    assert (around[:offset] == -7).all() and (around[offset + count :] == -7).all()


@needs_compiler
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"b": torch.ones(5)}, r"b has shape \(5\): expected that of a, \(2, 3\)"),
        ({"out": torch.ones(3, 2)}, r"out has shape \(3, 2\)"),
        ({"a": torch.ones(2, 3).double()}, r"a has dtype Double: expected Float \(float32\)"),
        ({"out": torch.ones(2, 3).int()}, "out has dtype Int: expected Float"),
        ({"b": torch.ones(3, 2).T}, "b is strided: expected a contiguous tensor"),
    ],
)
def test_the_triad_refuses_what_it_would_misread(kernels, change, told):
    arguments = {name: torch.ones(2, 3) for name in ("a", "b", "out")} | change
    before = arguments["out"].clone()
    with pytest.raises(ValueError, match=told):
        kernels.triad(*arguments.values())
    assert torch.equal(arguments["out"], before)


@needs_compiler
@pytest.mark.parametrize("rounds", [1, 2, 1000, 1 << 22])
def test_every_multiply_add_is_computed(kernels, rounds):
    operations, mean = kernels.fma_peak(rounds)
    assert mean == rounds
    per_round = kernels.fma_peak(1)[0]
    # two operations a lane, and at least eight chains: fewer cannot hide a latency of four at two a cycle
    assert operations == rounds * per_round and per_round % 2 == 0 and per_round >= 2 * 8


@needs_compiler
@pytest.mark.parametrize("rounds", [0, -1, (1 << 22) + 1])
def test_rounds_that_float32_cannot_count(kernels, rounds):
    with pytest.raises(ValueError, match=f"rounds = {rounds}: expected 1 to 4194304"):
        kernels.fma_peak(rounds)


@needs_compiler
def test_limits_are_measured_once_and_on_one_thread(quick, kernels, monkeypatch):
    seen = []

    def watched():
        seen.append(torch.get_num_threads())
        return 1 << 20

    monkeypatch.setattr(roofline, "_array_bytes", watched)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        limits = roofline.limits()
        assert torch.get_num_threads() == 2 and set(seen) == {1}
    finally:
        torch.set_num_threads(threads)
    assert limits.how == "native" and limits.threads == 1 and limits.device
    assert "best of 3 runs on one thread" in limits.note and kernels.instructions() in limits.note
    assert 0.1 < limits.triad_gb_s < 1e4 and 0.1 < limits.fma_gflop_s < 1e4
    assert roofline.limits() is limits and roofline.limits(refresh=True) is not limits


def test_without_a_compiler_the_bounds_are_lower_and_say_so(quick, monkeypatch):
    def refuse(name):
        raise LessonError("no C++ compiler")

    monkeypatch.setattr(native, "operators", refuse)
    limits = roofline.limits()
    assert (
        limits.how == "fallback"
        and limits.note.startswith("lower bounds")
        and "no C++ compiler" in limits.note
    )
    assert limits.triad_gb_s > 0.1 and limits.fma_gflop_s > 0.1


def test_threads_return_even_when_measuring_fails(quick, monkeypatch):
    monkeypatch.setattr(roofline, "_measure", lambda: 1 / 0)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            roofline.limits()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_kernel_that_skips_work_gets_no_limit(quick):
    with pytest.raises(AssertionError, match="unwritten"):
        roofline._triad(lambda a, b, h: torch.mul(a[1:], b[1:], out=h[1:]))
    with pytest.raises(AssertionError, match="ended at 999"):
        roofline._fma_rate(lambda rounds: (64 * rounds, rounds - 1.0))


def test_the_ceiling_is_the_lower_of_the_two_limits():
    limits = roofline.Limits(50.0, 200.0, 1, "native", "", "a CPU")
    assert [limits.ceiling(intensity) for intensity in (0.5, 4, 100)] == [25.0, 200.0, 200.0]
    with pytest.raises(LessonError, match="flop_per_byte = 0: expected operations per byte above 0"):
        limits.ceiling(0)


def test_arrays_stand_above_the_last_cache_within_bounds(monkeypatch):
    sizes = []
    for cache in (1, 48, 96, 1024):
        monkeypatch.setattr(roofline, "_last_cache_bytes", lambda cache=cache: cache << 20)
        sizes.append(roofline._array_bytes() >> 20)
    assert sizes == [32, 64, 128, 128]
    monkeypatch.undo()
    assert roofline._last_cache_bytes() >= 1 << 18
