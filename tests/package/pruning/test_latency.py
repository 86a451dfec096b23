"""Latency: what is run, in which mode, on which batches, and what is refused."""

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.latency import Latency, LatencyRow, measure_latency


class Watched(nn.Module):
    """A layer that notes how it is called."""

    def __init__(self, width=3):
        super().__init__()
        self.layer, self.seen = nn.Linear(4, width), []

    def forward(self, x, y=None):
        self.seen.append((tuple(x.shape), self.training, torch.is_grad_enabled(), y is not None))
        return self.layer(x)


def test_every_model_runs_at_every_batch_size_beside_the_base():
    models = {"original": Watched(3), "pruned": Watched(2)}
    found = measure_latency(models, torch.rand(5, 4), batches=(1, 6), rounds=7)
    assert [(row.model, row.batch) for row in found.rows] == [
        ("original", 1), ("pruned", 1), ("original", 6), ("pruned", 6),
    ]  # fmt: skip
    assert (found.base, found.rounds, found.threads) == ("original", 7, torch.get_num_threads())
    assert all(row.milliseconds > 0 and row.low <= row.ratio <= row.high for row in found.rows)
    assert found.of("original", 6).ratio == 1 == found.of("original", 6).low
    for model in models.values():
        assert {shape for shape, *_ in model.seen} == {(1, 4), (6, 4)}


def test_models_run_without_gradients_in_eval_mode_and_get_their_modes_back():
    first, second = Watched(), Watched().eval()
    first.layer.eval()
    measure_latency({"a": first, "b": second}, torch.rand(1, 4), batches=(2,), rounds=7)
    assert {
        mode for model in (first, second) for _, *mode in map(tuple, model.seen) for mode in [tuple(mode)]
    } == {(False, False, False)}
    assert (first.training, first.layer.training, second.training) == (True, False, False)


def test_modes_come_back_when_a_model_fails():
    broken = nn.Sequential(nn.Linear(3, 3))
    with pytest.raises(RuntimeError):
        measure_latency({"a": broken, "b": broken}, torch.rand(1, 4), batches=(1,))
    assert broken.training and broken[0].training


def test_several_inputs_are_repeated_alike():
    model = Watched()
    measure_latency({"a": model, "b": Watched()}, (torch.rand(1, 4), torch.rand(1)), batches=(3,), rounds=7)
    assert set(model.seen) == {((3, 4), False, False, True)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": {"a": Watched()}}, "models = .*expected two or more"),
        ({"batches": ()}, "batches = .*expected one or more"),
        ({"batches": (0,)}, "batches = .*1 or more"),
        ({"batches": (1.5,)}, "batches = .*whole numbers"),
        ({"rounds": 6}, "rounds = 6: expected a whole number of 7"),
        ({"example_inputs": ()}, "example_inputs is tuple"),
        ({"example_inputs": torch.tensor(1.0)}, "example_inputs is Tensor"),
        ({"example_inputs": torch.zeros(0, 4)}, "example_inputs is Tensor"),
    ],
)
def test_arguments_without_meaning_are_named(change, words):
    options = {"models": {"a": Watched(), "b": Watched()}, "example_inputs": torch.rand(1, 4)} | change
    with pytest.raises(LessonError, match=words):
        measure_latency(**options)


def test_the_table_names_the_base_and_the_conditions():
    rows = (LatencyRow("dense", 8, 2.0, 1.0, 1.0, 1.0), LatencyRow("half", 8, 1.25, 1.6, 1.5, 1.75))
    text = str(Latency(rows, "dense", 9, 1, "cpu"))
    assert "× dense's speed" in text and "1.60   1.50 to 1.75" in text and "1.250" in text
    assert "1 thread, eval mode, no gradients, median of 9 interleaved rounds" in text
    with pytest.raises(
        LessonError, match="nothing was measured for 'half' at batch 1: expected one of dense at 8"
    ):
        Latency(rows, "dense", 9, 1, "cpu").of("half", 1)
