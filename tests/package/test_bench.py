"""Benchmarks: what they measure is complete, ordered as physics demands, and kept with its provenance."""

import pytest

from lesson_support import bench, measured, native, timing
from lesson_support.bench import limits
from lesson_support.errors import LessonError

needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler on this machine")


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(limits, "CELLS", 1 << 20)
    monkeypatch.setattr(limits, "N", 256)
    monkeypatch.setattr(limits, "ROUNDS", 7)


@needs_compiler
def test_limits_are_measured_and_kept(small, tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    asked = []
    run = bench.run_benchmarks(["limits"], progress=asked.append)
    assert (
        asked == ["limits"]
        and set(asked) <= set(bench.benchmark_names())
        and run.is_relative_to(tmp_path / "home")
    )
    records = measured.load_run(run)
    assert set(records) == {"limits/memory", "limits/arithmetic"}
    for record in records.values():
        first, *peers = record.result.rows
        assert (first.median, first.n) == (1.0, 7) and len(peers) >= 2
        assert all(0 < peer.low <= peer.median <= peer.high for peer in peers)
    assert "256×256×256" in records["limits/arithmetic"].result.shape
    published = measured.publish(run, tmp_path / "published")
    assert published.parent == tmp_path / "published" and not (tmp_path / "published" / run.name).exists()


@needs_compiler
def test_a_product_that_is_wrong_is_not_timed(small, monkeypatch):
    monkeypatch.setattr("numpy.matmul", lambda x, y, out=None: x)
    with pytest.raises(AssertionError, match="do not compute the same product"):
        limits._arithmetic()


def test_an_unknown_benchmark_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    with pytest.raises(
        LessonError, match="no benchmark 'limit': expected limits, .*grading.*; did you mean limits"
    ):
        bench.run_benchmarks(["limit"])
    assert not (tmp_path / "home").exists()


def test_shares_keep_the_interval_and_the_count():
    standings = {
        "peak": timing.Standing(1.0, 1.0, 1.0, 1.0, 9),
        "peer": timing.Standing(2.0, 0.5, 0.4, 0.6, 9),
    }
    table = bench.shares(standings, "operation", "of the peak", "n = 3")
    assert table["rows"][1] == {"operation": "peer", "median": 0.5, "spread": [0.4, 0.6], "n": 9}
