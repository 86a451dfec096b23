"""The benchmark of gated recurrences, on small settings: complete, fair and refusing what is wrong."""

import gzip

import pytest
import torch

from lesson_support import bench, measured, models
from lesson_support.bench import gated, gated_text
from lesson_support.data import ReferenceText
from lesson_support.errors import LessonError

TEXT = b"A state is what a model keeps of the text before it. " * 24


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    text = torch.frombuffer(bytearray(TEXT), dtype=torch.uint8)
    monkeypatch.setattr(
        gated_text, "reference_text", lambda: ReferenceText(text, text[:200], "3.0", "0123456789abcdef")
    )
    settings = {"WIDTH": 16, "LAYERS": 1, "PARAMETERS": 9000, "STEPS": 2, "BATCH": 2}
    for name, value in {**settings, "LENGTH": 16, "LONGER": 32, "ROUNDS": 3}.items():
        monkeypatch.setattr(gated_text, name, value)
    settings = {"ROUNDS": 3, "PROJECTIONS": ((2, 8),), "STEPS": 20, "CHUNKS": (4, 32)}
    for name, value in {**settings, "LONG": 64, "PIECES": (64, 16)}.items():
        monkeypatch.setattr(gated, name, value)


def test_a_run_is_kept_with_all_its_tables(small):
    threads = torch.get_num_threads()
    records = measured.load_run(bench.run_benchmarks(["gated"]))
    assert torch.get_num_threads() == threads
    assert set(records) == {
        "gated/text",
        "gated/text-state",
        "gated/text-speed/16",
        "gated/text-speed/32",
        "gated/chunk-length",
        "gated/chunk-memory",
        "gated/qkvz/one-thread",
        "gated/qkvz/2-threads",
    }
    bits = {row.labels: row.median for row in records["gated/text"].result.rows}
    assert {name for name, _ in bits} == {*gated_text.BLOCKS, *gated_text.COMPRESSORS}
    assert ("gzip", "32 KiB") in bits and ("lzma", "all") in bits
    assert (
        "3.0" in records["gated/text"].result.shape and "0123456789ab" in records["gated/text"].result.shape
    )
    memory = {row.labels: row.median for row in records["gated/chunk-memory"].result.rows}
    assert memory["graph", 64] == 1 and memory["graph", 16] < 1.1
    assert memory["detach", 16] > 3 and 3 < memory["recompute", 16] < memory["detach", 16]
    carried = {row.labels: row.median for row in records["gated/text-state"].result.rows}
    assert carried["minGRU", 16] == carried["minGRU", 32]
    assert carried["attention", 32] - carried["attention", 16] == 2 * 16 * 16


@pytest.mark.parametrize("name", gated_text.BLOCKS)
def test_all_models_have_as_many_parameters(name):
    count = sum(each.numel() for each in gated_text.sized(gated_text.BLOCKS[name]).parameters())
    assert abs(count - gated_text.PARAMETERS) <= 0.002 * gated_text.PARAMETERS


def test_a_block_beyond_the_size_is_refused():
    with pytest.raises(AssertionError, match="the block alone"):
        gated_text.sized(models.MinGRU, 1000)


def test_compressors_have_read_the_training_text():
    parts = [torch.frombuffer(bytearray(each), dtype=torch.uint8) for each in (TEXT, bytes(range(200)))]
    bits = gated_text.compressed(ReferenceText(*parts, "3.0", "0"))
    together, alone = (len(gzip.compress(each, 9)) for each in (TEXT + bytes(range(200)), TEXT))
    assert bits["gzip"] == 8 * (together - alone) / 200
    known = gated_text.compressed(ReferenceText(parts[0], parts[0][:200], "3.0", "0"))
    assert known["gzip"] < 0.2 < 7 < bits["gzip"]


def test_both_sides_of_the_projections_compute_the_same():
    for name, (four, one) in gated._pairs(5, 8).items():
        for left, right in zip(four(), one(), strict=True):
            torch.testing.assert_close(left, right, msg=name)


def test_projections_that_differ_are_not_timed(small, monkeypatch):
    right = torch.addmm

    def wrong(bias, x, weight, *, out):
        return right(bias, x, weight, out=out) if len(bias) == 8 else out.copy_(x @ weight)

    monkeypatch.setattr(torch, "addmm", wrong)
    with pytest.raises(LessonError, match="slow and fast do not compute the same"):
        gated._projections(1)


def test_chunks_that_are_wrong_are_not_timed(small, monkeypatch):
    right = models.chunkwise

    def wrong(*inputs, chunk):
        o, state = right(*inputs, chunk=chunk)
        return o * 1.001, state

    monkeypatch.setattr(models, "chunkwise", wrong, raising=False)
    with pytest.raises(AssertionError, match="chunks of 4 do not compute the recurrence"):
        gated._chunk_lengths()
