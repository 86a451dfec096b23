"""A pruned model written down and read back computes the same bits."""

import copy
import json
import pickle

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models.convolutional import SmallCNN
from lesson_support.pruning.history import load_pruned, replay, save_pruned
from lesson_support.pruning.pipeline import prune
from lesson_support.training.classifying import train_classifier
from tests.package.pruning.networks import NETWORKS, make, shuffled


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_history_made_again_gives_the_same_network(name):
    model, x = make(name)
    report = prune(model, x, shuffled, ratio=0.5, steps=3)
    before = copy.deepcopy(model.state_dict())
    again = replay(model, x, json.loads(json.dumps(report.history)))
    assert torch.equal(again(x), report.model(x))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_file_gives_the_same_outputs(name, tmp_path):
    model, x = make(name)
    report = prune(model, x, shuffled, macs=0.4)
    save_pruned(report, tmp_path / "pruned.pt")
    loaded = load_pruned(tmp_path / "pruned.pt", lambda: make(name, seed=7)[0], x)
    assert torch.equal(loaded(x), report.model(x))
    assert not loaded.training


def test_what_was_trained_after_the_cut_is_in_the_file(tmp_path):
    model, x = make("cnn")
    y = torch.tensor([1, 2])
    report = prune(
        model, x, shuffled, ratio=0.5, fine_tune=lambda m: train_classifier(m, x, y, epochs=2, lr=0.1)
    )
    loaded = load_pruned(save_pruned(report, tmp_path / "pruned.pt"), lambda: SmallCNN(width=8), x)
    assert torch.equal(loaded(x), report.model(x))
    assert not torch.equal(loaded(x), replay(model, x, report.history)(x))


def test_frozen_parameters_and_the_mode_are_in_the_file(tmp_path):
    model, x = make("cnn")
    model.train()
    model.conv1.requires_grad_(False)
    file = save_pruned(prune(model, x, shuffled, ratio=0.5), tmp_path / "pruned.pt")
    loaded = load_pruned(file, lambda: SmallCNN(width=8), x)
    assert loaded.training and not loaded.conv1.weight.requires_grad and loaded.conv2.weight.requires_grad


def saved(tmp_path):
    model, x = make("cnn")
    return save_pruned(prune(model, x, shuffled, ratio=0.5), tmp_path / "pruned.pt"), x


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (lambda: SmallCNN(width=4), "make_model gives a model of .* parameters; expected"),
        (lambda: nn.Linear(4, 4), "make_model gives a model of 20 parameters"),
        (lambda: "a model", "make_model gives a str; expected the model before pruning"),
    ],
)
def test_another_architecture_is_an_error(maker, message, tmp_path):
    file, x = saved(tmp_path)
    with pytest.raises(LessonError, match=message):
        load_pruned(file, maker, x)


class SameSize(nn.Module):
    """As many parameters as the network that was pruned, in other layers."""

    def __init__(self, size):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.rest = nn.Parameter(torch.zeros(size - sum(each.numel() for each in self.conv1.parameters())))

    def forward(self, x):
        return self.conv1(x).mean((2, 3)) + self.rest.sum()


def test_another_architecture_of_the_same_size_is_an_error(tmp_path):
    file, x = saved(tmp_path)
    size = sum(each.numel() for each in make("cnn")[0].parameters())
    with pytest.raises(LessonError, match="names the group|must stay|another architecture"):
        load_pruned(file, lambda: SameSize(size), x)


@pytest.mark.parametrize("write", [b"", b"no archive", pickle.dumps({"version": 1})])
def test_a_broken_file_is_an_error(write, tmp_path):
    (tmp_path / "broken.pt").write_bytes(write)
    with pytest.raises(LessonError, match="broken.pt"):
        load_pruned(tmp_path / "broken.pt", SmallCNN, torch.rand(1, 1, 8, 8))


def test_a_file_cut_short_is_an_error(tmp_path):
    file, x = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(LessonError, match="cannot be read"):
        load_pruned(file, lambda: SmallCNN(width=8), x)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(LessonError, match="does not exist"):
        load_pruned(tmp_path / "none.pt", SmallCNN, torch.rand(1, 1, 8, 8))


class Malicious:
    def __reduce__(self):
        return print, ("code of the file has run",)


def test_a_file_with_code_in_it_is_not_run(tmp_path, capsys):
    torch.save({"version": 1, "history": Malicious()}, tmp_path / "evil.pt")
    with pytest.raises(LessonError, match="cannot be read"):
        load_pruned(tmp_path / "evil.pt", SmallCNN, torch.rand(1, 1, 8, 8))
    assert capsys.readouterr().out == ""


def test_a_file_of_another_kind_or_version_is_an_error(tmp_path):
    file, x = saved(tmp_path)
    entry = torch.load(file, weights_only=True)
    torch.save(entry["weights"], file)
    with pytest.raises(LessonError, match="holds something else"):
        load_pruned(file, lambda: SmallCNN(width=8), x)
    torch.save(entry | {"version": 2}, file)
    with pytest.raises(LessonError, match="has version 2; expected 1"):
        load_pruned(file, lambda: SmallCNN(width=8), x)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "history is a dict without cuts"),
        ([], "history is a list without cuts"),
        ({"cuts": [], "version": 0}, "history has version 0; expected 1"),
        ({"cuts": [["conv1", [0]]], "version": 1}, "history holds the cut"),
        ({"cuts": [{"group": "conv9", "channels": [0]}], "version": 1}, "names the group 'conv9'"),
        ({"cuts": [{"group": "conv1", "channels": [99]}], "version": 1}, "do not fit 8 channels"),
    ],
)
def test_a_wrong_history_is_an_error(history, message):
    model, x = make("cnn")
    with pytest.raises(LessonError, match=message):
        replay(model, x, history)


def test_only_a_report_is_saved(tmp_path):
    with pytest.raises(LessonError, match="report is a SmallCNN; expected the Report"):
        save_pruned(SmallCNN(), tmp_path / "pruned.pt")
