"""Scenarios: read or refused with a hint, run from one set of weights, told apart from their controls."""

import os
import subprocess
import sys
from html import unescape

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN
from lesson_support.pruning import load_pruned
from lesson_support.pruning.report import Report, StepReport
from lesson_support.pruning.reports.side_by_side import (
    comparison_document,
    comparison_table,
    controls_say,
    write_comparison,
)
from lesson_support.pruning.scenarios.comparing import Comparison, run_scenario
from lesson_support.pruning.scenarios.methods import CONTROLS, METHODS, method, with_controls
from lesson_support.pruning.scenarios.scenario import Plan, read_scenario, shipped
from lesson_support.pruning.scenarios.sources import build_model, load_weights, open_source

TINY = """
title = "A small network"
model = "small_cnn"
ratio = 0.4
scope = "global"
methods = ["wanda", "magnitude"]

[digits]
width = 4
calibration = 64
batch = 32
train_epochs = 1
tune_epochs = 2
latency = [2]

[cifar]
width = 4
calibration = 4
batch = 4
train_epochs = 1

[imagenet]
width = 2
calibration = 2
batch = 2
tune_epochs = 1
"""


@pytest.fixture
def config(tmp_path):
    def write(text=TINY, name="tiny.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_the_four_published_scenarios_are_shipped():
    assert shipped() == (
        "resnet18_cifar_30",
        "resnet50_imagenet_10_global",
        "resnet50_imagenet_10_local",
        "resnet50_imagenet_30",
    )
    for name in shipped():
        scenario = read_scenario(name)
        assert scenario.name == name and scenario.model in name and "digits" in scenario.plans
        assert scenario.amount == {"ratio": 0.3 if name.endswith("30") else 0.1}
        assert name.split("_")[1] in scenario.plans
        assert set(scenario.methods) == {"coverage", "wanda", "magnitude", "taylor"}
    assert read_scenario("resnet50_imagenet_10_local").scope == "local"
    assert read_scenario("resnet50_imagenet_10_global").scope == "global"


def test_a_scenario_is_read_as_written(config):
    scenario = read_scenario(config())
    assert (scenario.name, scenario.scope, scenario.methods) == ("tiny", "global", ("wanda", "magnitude"))
    assert scenario.plan("digits") == Plan(4, 64, 32, train_epochs=1, tune_epochs=2, latency=(2,))
    assert read_scenario(config(TINY.replace("ratio = 0.4", "macs = 0.5"))).amount == {"macs": 0.5}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ratio = 0.4", "ratios = 0.4", "unknown key 'ratios'.*did you mean ratio"),
        ("width = 4", "widht = 4", r"\[digits\] has the unknown key 'widht'.*did you mean width"),
        ("ratio = 0.4", "ratio = 0.4\nmacs = 0.5", "both ratio and macs: expected exactly one"),
        ("ratio = 0.4", "", "neither ratio nor macs: expected exactly one"),
        ("ratio = 0.4", "ratio = 1.0", "ratio is 1.0: expected a share above 0 and below 1"),
        ("ratio = 0.4", "ratio = nan", "ratio is nan: expected a share"),
        ('scope = "global"', 'scope = "all"', "scope is 'all': expected one of local, global"),
        ('model = "small_cnn"', 'model = "vgg"', "model is 'vgg': expected one of small_cnn"),
        ('"magnitude"]', '"magnitudes"]', "methods is .*expected a list"),
        ('title = "A small network"', "", "has no 'title'"),
        ("batch = 32", "", r"\[digits\] has no 'batch'"),
        ("latency = [2]", "latency = [0]", "latency is"),
        ("width = 4", 'width = "4"', "width is '4': expected a whole number"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_scenario_is_named(config, old, new, words):
    assert old in TINY
    with pytest.raises(LessonError, match=words):
        read_scenario(config(TINY.replace(old, new, 1)))


def test_a_scenario_without_data_and_an_unknown_one_are_refused(config, tmp_path):
    with pytest.raises(LessonError, match="no table of a source: expected one or more of digits, cifar"):
        read_scenario(config(TINY[: TINY.index("[digits]")]))
    with pytest.raises(LessonError, match="no scenario 'resnet18_cifar_3': .*did you mean resnet18_cifar_30"):
        read_scenario("resnet18_cifar_3")
    with pytest.raises(LessonError, match="cannot read .*none.toml"):
        read_scenario(tmp_path / "none.toml")
    only = read_scenario(config(TINY[: TINY.index("[cifar]")]))
    with pytest.raises(LessonError, match=r"scenario tiny has no table \[cifar\]: expected data from digits"):
        only.plan("cifar")


def test_controls_go_with_the_methods_they_control():
    assert with_controls(["wanda", "magnitude"]) == ("wanda", "magnitude", "random", "wanda-inverted")
    assert with_controls(["coverage-mean"]) == ("coverage-mean", "random", "coverage-inverted")
    assert with_controls(["random", "taylor", "taylor"]) == ("random", "taylor")
    assert set(CONTROLS) <= set(METHODS)


def test_methods_are_new_each_time_and_take_their_seed():
    assert method("wanda") is not method("wanda")
    assert method("random", seed=3).seed == 3 and method("taylor", adaptive=True).adaptive
    assert method("coverage-inverted").inverted and not method("coverage").inverted
    with pytest.raises(LessonError, match="no method 'wander': expected one of .*did you mean wanda"):
        method("wander")


@pytest.mark.parametrize("data", ["digit", "digits:here", "cifar", "cifar:", "imagenet", "digits:", ""])
def test_data_are_named_in_one_of_three_ways(data, config):
    with pytest.raises(LessonError, match="data is .*expected digits, cifar:FOLDER or imagenet:FOLDER"):
        open_source(data, read_scenario(config()).plan)


def test_every_method_starts_from_the_same_weights(config):
    said = []
    comparison = run_scenario(read_scenario(config()), progress=lambda *each: said.append(each))
    assert list(comparison.reports) == ["wanda", "magnitude", "random", "wanda-inverted"]
    assert comparison.controls == ("random", "wanda-inverted")
    originals = {report.accuracy["original"] for report in comparison.reports.values()}
    assert len(originals) == 1
    for report in comparison.reports.values():
        assert list(report.accuracy) == ["original", "pruned", "re-estimated", "fine-tuned"]
        assert abs(report.achieved["channels"] - 0.4) < 0.02
    done = [each[0] for each in said]
    assert done == sorted(done) and done[0] == 0 and said[-1][:2] == (1 + 4 * 3 + 1,) * 2
    assert {total for _, total, _ in said} == {14} and "epoch 2 of 2" in " ".join(text for *_, text in said)
    assert comparison.latency.base == "original" and {row.batch for row in comparison.latency.rows} == {2}


def test_a_run_repeats(config):
    scenario = read_scenario(config(TINY.replace("latency = [2]\n", "")))
    first, second = (run_scenario(scenario, seed=1) for _ in range(2))
    for name, report in first.reports.items():
        assert report.accuracy == second.reports[name].accuracy
    assert first.latency is None


def test_weights_take_the_place_of_training(config, tmp_path):
    scenario = read_scenario(config())
    source = open_source("digits", scenario.plan)
    model = build_model(scenario, source, seed=7)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    said = []
    found = run_scenario(scenario, weights=tmp_path / "w.pt", progress=lambda *each: said.append(each))
    assert found.weights == "weights from w.pt" and said[-1][:2] == (13, 13)
    assert found.reports["wanda"].accuracy["original"] == source.evaluate(model)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("was-executed",)


def test_weights_that_do_not_fit_are_named_and_nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = SmallCNN(width=4)
    cases = {
        "none.pt": (None, "cannot read .*none.pt"),
        "evil.pt": ({"conv1.weight": Evil()}, "no plain state_dict"),
        "list.pt": ([torch.zeros(1)], "holds list: expected a state_dict"),
        "inner.pt": ({"state_dict": model.state_dict()}, "expected a state_dict, tensors by name"),
        "wide.pt": (SmallCNN(width=8).state_dict(), r"conv1.weight \(8, 1, 3, 3\) for \(4, 1, 3, 3\)"),
        "less.pt": ({"conv1.weight": model.conv1.weight.detach()}, r"no conv1.bias.*\(\d+ in all\)"),
        "more.pt": (model.state_dict() | {"extra": torch.zeros(1)}, r"unknown extra \(1 in all\)"),
    }
    for name, (content, words) in cases.items():
        if content is not None:
            torch.save(content, name)
        with pytest.raises(LessonError, match=words):
            load_weights(model, name)
    assert not (tmp_path / "was-executed").exists()


def test_without_weights_a_scenario_that_does_not_train_says_so(config, tmp_path):
    folder = images(tmp_path)
    with pytest.raises(LessonError, match="weights is None: scenario tiny does not train on imagenet"):
        run_scenario(read_scenario(config()), data=f"imagenet:{folder}")


def images(tmp_path):
    """A folder as ImageNet's: two classes, two images each, to train and to validate."""
    from PIL import Image

    for part in ("train", "val"):
        for number, name in enumerate(("cat", "dog")):
            (tmp_path / "images" / part / name).mkdir(parents=True)
            for each in range(2):
                colour = (100 * number + 20 * each, 40, 90)
                Image.new("RGB", (40, 36), colour).save(tmp_path / "images" / part / name / f"{each}.png")
    return tmp_path / "images"


def test_image_folders_run_with_weights(config, tmp_path):
    scenario = read_scenario(config(TINY.replace("small_cnn", "resnet18")))
    folder = images(tmp_path)
    source = open_source(f"imagenet:{folder}", scenario.plan)
    assert (source.classes, tuple(source.example.shape)) == (2, (1, 3, 224, 224))
    assert source.described == "image folders, 4 to train, 4 to test"
    assert torch.equal(next(iter(source.calibration))[0], next(iter(source.calibration))[0])
    model = build_model(scenario, source)
    assert model.conv1.kernel_size == (7, 7)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    found = run_scenario(scenario, data=f"imagenet:{folder}", weights=tmp_path / "w.pt")
    assert "fine-tuned" in found.reports["wanda"].accuracy
    (folder / "val" / "cow").mkdir()
    with pytest.raises(LessonError, match="2 classes in train and 3 in val: expected the same"):
        open_source(f"imagenet:{folder}", scenario.plan)


def test_cifar_is_read_and_pruned(config, tmp_path):
    torch.manual_seed(0)
    for name in (*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"):
        records = torch.randint(0, 256, (4, 3073), dtype=torch.uint8)
        records[:, 0] %= 10
        (tmp_path / name).write_bytes(records.numpy().tobytes())
    found = run_scenario(read_scenario(config()), data=f"cifar:{tmp_path}")
    assert found.source == "CIFAR-10, 20 to train, 4 to test"
    assert list(found.reports["random"].accuracy) == ["original", "pruned", "re-estimated"]


def compared(config, accuracies, macs=None):
    """A comparison with the given accuracies (by method and stage) and shares of the MACs gone."""
    reports = {
        name: Report(
            nn.Identity(), None, None, (),
            (StepReport(1, 0.4, 0.4, 0.5, (macs or {}).get(name, 0.6)),), {"original": 0.99} | found,
        )
        for name, found in accuracies.items()
    }  # fmt: skip
    scenario = read_scenario(config())
    return Comparison(scenario, scenario.plan("digits"), "digits", "trained", 0, reports, None)


def test_controls_are_compared_stage_by_stage(config):
    comparison = compared(
        config,
        {
            "wanda": {"pruned": 0.8, "fine-tuned": 0.97},
            "magnitude": {"pruned": 0.5, "fine-tuned": 0.98},
            "random": {"pruned": 0.5, "fine-tuned": 0.975},
            "wanda-inverted": {"pruned": 0.2, "fine-tuned": 0.96},
        },
    )
    pruned, tuned = controls_say(comparison)
    assert pruned == (
        "Pruned: the best control is random with 50.0%; magnitude is no better than it. "
        "Best and worst are 60.0 points apart."
    )
    assert "wanda is no better than it" in tuned and "2.0 points apart" in tuned
    ahead = compared(config, {"wanda": {"pruned": 0.8}, "random": {"pruned": 0.5}})
    assert "every method is ahead of it" in controls_say(ahead)[0]
    table = comparison_table(comparison)
    assert table.rows[2] == ("random (control)", "40.0%", "50.0%", "97.5%", "50.0%", "60.0%")


def test_models_of_unequal_cost_are_not_ranked_in_silence(config):
    from lesson_support.pruning.reports.side_by_side import _unequal

    accuracies = {"wanda": {"pruned": 0.8}, "random": {"pruned": 0.5}}
    assert _unequal(compared(config, accuracies)) == []
    (said,) = _unequal(compared(config, accuracies, macs={"random": 0.5}))
    assert "wanda leaves 40.0% of the MACs and random 50.0%" in said.text


def test_a_run_is_written_with_its_models(config, tmp_path):
    comparison = run_scenario(read_scenario(config(TINY.replace("tune_epochs = 2\n", ""))))
    files = write_comparison(comparison, tmp_path / "out")
    assert {file.name for file in files} == {"comparison.html", "comparison.pdf"} | {
        f"{name}.{kind}" for name in comparison.reports for kind in ("html", "pdf", "pt")
    }
    titles = [section.title for section in comparison_document(comparison).sections]
    assert (
        titles[:3] == ["Side by side", "What the controls say", "Groups left alone"] and "Latency" in titles
    )
    text = unescape(files[0].read_text(encoding="utf-8"))
    assert (
        "A small network" in text and "scikit-learn's digits" in text and "wanda-inverted (control)" in text
    )
    x = torch.rand(3, 1, 8, 8)
    report = comparison.reports["wanda"]
    again = load_pruned(tmp_path / "out" / "wanda.pt", lambda: SmallCNN(width=4), x[:1])
    assert torch.equal(again.eval()(x), report.model.eval()(x))


def lessons(*words, cwd):
    command = [sys.executable, "-m", "lesson_support.cli", *words]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=alone, capture_output=True, text=True, timeout=300)


def test_the_command_runs_a_scenario_and_writes_its_reports(config, tmp_path):
    file = config(TINY.replace('methods = ["wanda", "magnitude"]', 'methods = ["magnitude"]'))
    done = lessons("prune", str(file), "--out", "reports", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "A small network" in done.stdout and "random (control)" in done.stdout
    assert "the best control is random" in done.stdout and "× original's speed" in done.stdout
    assert (tmp_path / "reports" / "comparison.pdf").is_file() and "wrote" in done.stdout


def test_the_command_says_one_sentence_on_a_mistake(tmp_path):
    done = lessons("prune", "resnet18_cifar", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("lessons: there is no scenario 'resnet18_cifar'")
    assert "did you mean resnet18_cifar_30" in done.stderr
