"""`prune` from end to end: what it takes away, what it leaves alone, and what it says about both."""

import copy
import math

import pytest
import torch
import torch_pruning
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models.convolutional import SmallCNN
from lesson_support.models.residual import resnet18
from lesson_support.models.vision_transformer import SmallViT
from lesson_support.pruning.importance.importances import Magnitude, Random
from lesson_support.pruning.pipeline import prune
from lesson_support.pruning.structure.counting import count
from lesson_support.pruning.structure.groups import root_name
from lesson_support.training.classifying import train_classifier
from tests.package.pruning.networks import (
    NETWORKS,
    Detached,
    InputShortcut,
    ascending,
    channels_of,
    constant,
    make,
    shuffled,
)

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def cnn() -> nn.Module:
    torch.manual_seed(0)
    return SmallCNN(width=8)


def widths(report) -> dict[str, int]:
    return {group.name: group.after for group in report.groups}


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("scope", ["local", "global"])
def test_every_network_shrinks_and_the_argument_does_not(name, scope):
    model, x = make(name)
    before = copy.deepcopy(model.state_dict())
    report = prune(model, x, shuffled, ratio=0.4, scope=scope, steps=2)
    assert report.model is not model and report.model(x).shape == model(x).shape
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert report.achieved["channels"] == pytest.approx(0.4, abs=0.2)
    assert report.after == count(report.model, x) and report.before == count(model, x)
    assert 0 < report.achieved["macs"] < 1 and 0 < report.achieved["parameters"] < 1


def test_ratio_zero_changes_nothing():
    model, x = make("resnet")
    report = prune(model, x, shuffled, ratio=0)
    assert torch.equal(report.model(x), model(x))
    assert report.achieved == {"channels": 0, "parameters": 0, "macs": 0}
    assert report.history["cuts"] == []


def test_two_runs_are_bit_equal():
    first, second = (prune(cnn(), X, Random(seed=3), ratio=0.5, steps=3) for _ in range(2))
    assert torch.equal(first.model(X), second.model(X))
    assert first.groups == second.groups and first.history == second.history


def test_local_takes_the_lowest_of_every_group():
    report = prune(cnn(), X, ascending, ratio=0.25, scope="local")
    assert widths(report) == {"conv1": 6, "conv2": 12, "conv3": 24, "fc1": 12, "fc2": 10}
    for group in report.groups[:-1]:
        assert group.removed == tuple(range(group.before // 4))


def test_removed_channels_carry_the_numbers_of_the_original():
    """Three steps that always take the first channels left take a run of the original."""
    model = cnn()
    report = prune(model, X, ascending, ratio=0.5, scope="local", steps=3)
    for group in report.groups[:-1]:
        assert group.removed == tuple(range(group.before // 2))
        assert group.before - group.after == len(group.removed)
    assert torch.equal(report.model.conv1.weight, model.conv1.weight[4:])


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("share", [0.75, 0.5, 0.1])
def test_macs_are_reached_and_not_by_far(scope, share):
    model = cnn()
    report = prune(model, X, shuffled, macs=share, scope=scope)
    left = report.after.macs / report.before.macs
    assert share - 0.05 < left <= share
    absolute = prune(model, X, shuffled, macs=round(share * report.before.macs), scope=scope)
    assert widths(absolute) == widths(report)


def test_a_share_of_one_of_the_macs_takes_nothing():
    assert prune(cnn(), X, shuffled, macs=1).achieved["channels"] == 0


def test_macs_of_a_residual_network_and_a_transformer():
    for name in ("resnet", "vit", "fused attention"):
        model, x = make(name)
        report = prune(model, x, shuffled, macs=0.5)
        assert 0.35 < report.after.macs / report.before.macs <= 0.5, name


def test_a_goal_out_of_reach_is_reported_as_such():
    report = prune(cnn(), X, shuffled, ratio=0.9, floor=0.5)
    assert widths(report) == {"conv1": 4, "conv2": 8, "conv3": 16, "fc1": 8, "fc2": 10}
    assert report.achieved["channels"] == 0.5
    assert "short of what was asked" in str(report)
    assert "short of" not in str(prune(cnn(), X, shuffled, ratio=0.5, floor=0.5))
    narrow = prune(SmallCNN(width=4), X, shuffled, ratio=0.3, scope="local")
    assert narrow.achieved["channels"] < 0.3 and "short of" not in str(narrow)  # rounded, not short


def test_a_layer_has_a_ratio_of_its_own():
    report = prune(cnn(), X, shuffled, ratio=0.25, scope="local", per_layer={"conv2": 0.5, "fc*": 0})
    assert widths(report) == {"conv1": 6, "conv2": 8, "conv3": 24, "fc1": 16, "fc2": 10}
    report = prune(cnn(), X, shuffled, macs=0.5, per_layer={"conv2": 0.25})
    assert widths(report)["conv2"] == 12
    assert 0.45 < report.after.macs / report.before.macs <= 0.5


def test_an_exact_name_goes_before_a_glob_and_means_its_whole_group():
    report = prune(cnn(), X, shuffled, ratio=0, per_layer={"conv*": 0.5, "conv3": 0.25})
    assert widths(report) == {"conv1": 4, "conv2": 8, "conv3": 24, "fc1": 16, "fc2": 10}
    model, x = make("resnet")
    report = prune(model, x, shuffled, ratio=0, per_layer={"layer1.1.conv2": 0.5})
    assert {name for name, width in widths(report).items() if width == 2} == {"conv1"}


def test_a_ratio_of_its_own_is_reached_step_by_step():
    seen = []
    watch = lambda model: seen.append(model.conv2.out_channels) or 0.0  # noqa: E731
    prune(cnn(), X, shuffled, ratio=0, per_layer={"conv2": 0.5}, steps=2, evaluate=watch)
    assert seen == [16, 12, 8]


@pytest.mark.parametrize(
    ("per_layer", "message"),
    [
        ({"conv22": 0.5}, "per_layer names 'conv22', .* did you mean 'conv2'"),
        ({"conv2": 1.0}, r"per_layer\['conv2'\] is 1.0; expected a number in \[0, 1\)"),
        ({"fc2": 0.5}, "per_layer names 'fc2', but its channels are the outputs of the model"),
        ({"bn1": 0.5}, "per_layer names 'bn1', but no channels are made there"),
    ],
)
def test_a_wrong_layer_is_an_error(per_layer, message):
    with pytest.raises(LessonError, match=message):
        prune(cnn(), X, shuffled, ratio=0.3, per_layer=per_layer)


def test_two_ratios_for_one_group_are_an_error():
    model, x = make("resnet")
    ratios = {"conv1": 0.5, "layer1.0.conv2": 0.25}
    with pytest.raises(LessonError, match="'conv1' 0.5 and 'layer1.0.conv2' 0.25; expected one ratio"):
        prune(model, x, shuffled, ratio=0, per_layer=ratios)
    prune(model, x, shuffled, ratio=0, per_layer=dict.fromkeys(ratios, 0.5))


def test_ignored_layers_keep_their_outputs_and_say_so():
    report = prune(cnn(), X, shuffled, ratio=0.5, ignore=["conv2", nn.Linear])
    assert widths(report)["conv2"] == 16 and widths(report)["fc1"] == 16
    assert report.skipped["conv2"] == "conv2 is ignored"
    assert report.achieved["channels"] == 0.5  # of those that can go
    assert report.settings["ignore"] == ["conv2", "fc1", "fc2"]


def test_modes_frozen_parameters_and_gradients_of_the_argument_stay():
    model = cnn().train()
    model.bn2.eval()
    model.conv1.requires_grad_(False)
    model.conv2.weight.grad = torch.ones_like(model.conv2.weight)
    report = prune(model, X, shuffled, ratio=0.5, evaluate=lambda m: 1.0, steps=2, repair=lambda m: m.eval())
    for each in (model, report.model):
        assert each.training and not each.bn2.training
        assert [n for n, p in each.named_parameters() if not p.requires_grad] == ["conv1.weight"] + (
            ["conv1.bias"] if model.conv1.bias is not None else []
        )
    assert model.conv2.weight.grad is not None


def test_a_model_that_raises_half_way_leaves_the_argument_whole():
    model, x = make("cnn")
    before = copy.deepcopy(model.state_dict())

    def break_off(group):
        if group[0].dep.target.module.weight.ndim == 2:
            raise KeyError("labels")
        return shuffled(group)

    with pytest.raises(KeyError):
        prune(model, x, break_off, ratio=0.5)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


class Log:
    """An importance that writes down how it is called."""

    needs = "activations"

    def __init__(self, adaptive):
        self.adaptive, self.calls = adaptive, []

    def prepare(self, model, data):
        self.calls.append(("prepare", model.conv1.out_channels, len(list(data))))

    def cut(self, name, kept):
        self.calls.append(("cut", name, len(kept)))

    def __call__(self, group):
        return ascending(group)


def test_an_importance_measures_once_and_is_told_what_is_left():
    log = Log(adaptive=False)
    prune(cnn(), X, log, ratio=0.5, scope="local", steps=2, data=[X, X])
    assert [call for call in log.calls if call[0] == "prepare"] == [("prepare", 8, 2)]
    assert [call for call in log.calls if call[1] == "conv1"] == [("cut", "conv1", 6), ("cut", "conv1", 4)]


def test_an_adaptive_one_measures_before_every_step_even_on_a_generator():
    log = Log(adaptive=True)
    prune(cnn(), X, log, ratio=0.5, scope="local", steps=2, data=(X for _ in range(3)))
    assert log.calls == [("prepare", 8, 3), ("prepare", 6, 3)]


def test_steps_without_measuring_again_choose_what_one_step_chooses():
    one, five = (prune(cnn(), X, Magnitude(), ratio=0.6, steps=steps) for steps in (1, 5))
    assert [group.removed for group in one.groups] == [group.removed for group in five.groups]
    assert [round(step.asked, 2) for step in five.steps] == [0.12, 0.24, 0.36, 0.48, 0.6]
    for step in five.steps:
        assert step.channels == pytest.approx(step.asked, abs=0.01)


def test_the_stages_come_in_order_and_repair_only_between_steps():
    seen, values = [], iter(range(100))

    def evaluate(model):
        seen.append(("evaluate", model.training, model.conv1.out_channels))
        return next(values)

    def train(word):
        return lambda model: seen.append((word, model.training, model.conv1.out_channels))

    report = prune(
        cnn(),
        X,
        ascending,
        ratio=0.5,
        scope="local",
        steps=2,
        repair=train("repair"),
        evaluate=evaluate,
        reestimate=[X],
        fine_tune=train("tune"),
        progress=lambda text, done, of: seen.append((text, done, of)),
    )
    assert seen == [
        ("accuracy of the original", 0, 6),
        ("evaluate", False, 8),
        ("step 1 of 2", 1, 6),
        ("evaluate", False, 6),
        ("repair after step 1", 2, 6),
        ("repair", True, 6),
        ("evaluate", False, 6),
        ("step 2 of 2", 3, 6),
        ("evaluate", False, 4),
        ("BatchNorm", 4, 6),
        ("evaluate", False, 4),
        ("fine-tuning", 5, 6),
        ("tune", True, 4),
        ("evaluate", False, 4),
        ("done", 6, 6),
    ]
    assert report.accuracy == {"original": 0, "pruned": 3, "re-estimated": 4, "fine-tuned": 5}
    assert [*report.accuracy] == ["original", "pruned", "re-estimated", "fine-tuned"]
    assert [(step.accuracy, step.repaired) for step in report.steps] == [(1, 2), (3, None)]


def test_batchnorm_is_measured_again_on_the_batches():
    report = prune(cnn(), X, shuffled, ratio=0.5)
    again = prune(cnn(), X, shuffled, ratio=0.5, reestimate=[X])
    expected = report.model.conv1(X).mean((0, 2, 3))
    assert torch.allclose(again.model.bn1.running_mean, expected, atol=1e-5)
    assert not torch.allclose(report.model.bn1.running_mean, expected, atol=1e-3)


def test_an_optimizer_of_before_is_refused():
    model = cnn()
    report = prune(model, X, shuffled, ratio=0.5)
    report.check_optimizer(torch.optim.SGD(report.model.parameters(), 0.1))
    with pytest.raises(LessonError):
        report.check_optimizer(torch.optim.SGD(model.parameters(), 0.1))
    y = torch.tensor([0, 1, 2, 3])
    before = report.model.conv1.weight.clone()
    train_classifier(report.model, X, y, epochs=1, lr=0.1)
    assert not torch.equal(before, report.model.conv1.weight)


def test_the_text_of_a_report_says_asked_achieved_and_why_not():
    report = prune(cnn(), X, constant, ratio=0.3, evaluate=lambda model: 0.75)
    text = str(report)
    assert "asked       30.0% of the channels to go, in one step" in text
    assert f"MACs        {report.achieved['macs']:.1%} gone" in text
    assert "left alone: fc2: its channels are the outputs of the model" in text
    assert "conv1: all 8 scores are equal" in text
    assert "original 75.0%, pruned 75.0%" in text


def test_settings_are_plain():
    settings = prune(cnn(), X, Magnitude(), macs=0.5, scope="local", floor=0.1).settings
    assert settings["importance"] == str(Magnitude()) and settings["asked"] == "MACs"
    assert settings["macs"] == 0.5 and settings["scope"] == "local" and settings["floor"] == 0.1
    assert prune(cnn(), X, ascending, ratio=0).settings["importance"] == "ascending"
    assert "0x" not in prune(cnn(), X, Log(False), ratio=0, data=[X]).settings["importance"]


def test_a_layer_that_autograd_does_not_reach_is_in_the_report():
    report = prune(Detached(), torch.rand(1, 6), shuffled, ratio=0.5)
    assert report.skipped["a"] == "autograd does not reach it from the outputs"
    assert (report.groups[-1].before, report.groups[-1].after) == (8, 8)
    apart = prune(cnn(), X, shuffled, ratio=0.5, per_layer={"conv3": 0.0})
    assert apart.achieved["channels"] < 0.5 and "short of" not in str(apart)  # a layer has a share of its own


def test_a_network_that_a_cut_breaks_is_an_error_with_a_way_out():
    x = torch.rand(1, 8)
    with pytest.raises(LessonError, match="model stops after the cut: .* give ignore the layers"):
        prune(InputShortcut(), x, shuffled, ratio=0.5)
    prune(InputShortcut(), x, shuffled, ratio=0.5, ignore=["a"])


def test_a_network_without_anything_to_cut_says_so():
    report = prune(nn.Sequential(nn.LayerNorm(4)), torch.rand(1, 4), shuffled, ratio=0.5)
    assert report.groups == () and report.achieved == {"channels": 0, "parameters": 0, "macs": 0}
    assert "short of what was asked" in str(report)


class FeatureOutput(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        features = self.a(x)
        return self.b(features.relu()), features


def test_an_output_that_a_cut_narrows_is_an_error():
    message = r"model gives \[\(1, 3\), \(1, 4\)\] instead of \[\(1, 3\), \(1, 8\)\] after the cut"
    with pytest.raises(LessonError, match=message):
        prune(FeatureOutput(), torch.rand(1, 6), shuffled, ratio=0.5)


def test_scores_that_are_no_numbers_leave_their_group_alone_and_say_so():
    def half_broken(group):
        scores = shuffled(group)
        return torch.full_like(scores, math.nan) if channels_of(group) == 32 else scores

    for scope in ("local", "global"):
        report = prune(cnn(), X, half_broken, ratio=0.5, scope=scope)
        assert report.skipped["conv3"] == "its scores are not finite numbers"
        assert widths(report)["conv3"] == 32
        assert sum(len(group.removed) for group in report.groups) == 20  # half of the 40 others
        assert "conv3: 32 of 32 scores are NaN or infinite" in str(report)
        assert "short of what was asked: the share is that of the layers with usable scores" in str(report)
        assert "short of" not in str(prune(cnn(), X, shuffled, ratio=0.5, scope=scope))


def test_an_importance_may_pass_over_a_group():
    report = prune(cnn(), X, lambda group: None if channels_of(group) == 8 else shuffled(group), ratio=0.5)
    assert report.skipped["conv1"] == "the importance gives it no scores"
    assert widths(report)["conv1"] == 8


@pytest.mark.parametrize(
    ("importance", "message"),
    [
        (
            lambda group: torch.ones(3),
            r"importance gives shape \(3,\) for the group conv1; expected a tensor of 8",
        ),
        (lambda group: torch.ones(8, 1), r"gives shape \(8, 1\)"),
        (lambda group: [1.0] * 8, "gives list for the group conv1"),
    ],
)
def test_scores_of_a_wrong_form_are_an_error(importance, message):
    with pytest.raises(LessonError, match=message):
        prune(cnn(), X, importance, ratio=0.5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ratio": 1.0}, "ratio is 1.0"),
        ({"ratio": -0.1}, "ratio is -0.1"),
        ({"ratio": math.nan}, "ratio is nan"),
        ({"ratio": 0.3, "macs": 0.5}, "both came"),
        ({}, "none came"),
        ({"ratio": 0.3, "steps": 0}, "steps is 0"),
        ({"ratio": 0.3, "scope": "layers"}, "scope is 'layers'"),
        ({"ratio": 0.3, "floor": 1}, "floor is 1"),
        ({"ratio": 0.3, "ignore": ["conv9"]}, "ignore names 'conv9'"),
        ({"ratio": 0.3, "evaluate": lambda model: "good"}, "evaluate gives 'good'; expected a number"),
        ({"ratio": 0.3, "evaluate": lambda model: None}, "evaluate gives None"),
    ],
)
def test_a_wrong_argument_is_an_error(wrong, message):
    with pytest.raises(LessonError, match=message):
        prune(cnn(), X, shuffled, **wrong)


@pytest.mark.parametrize(
    ("model", "importance", "message"),
    [
        ({}, shuffled, "model is a dict; expected a torch.nn.Module"),
        (SmallCNN(width=4), Magnitude, "importance is the class Magnitude; expected one that can be called"),
        (SmallCNN(width=4), "magnitude", "importance is 'magnitude'; expected"),
    ],
)
def test_a_model_or_importance_of_a_wrong_kind_is_an_error(model, importance, message):
    with pytest.raises(LessonError, match=message):
        prune(model, X, importance, ratio=0.5)


def test_heads_go_as_wholes_and_the_transformer_runs_on():
    torch.manual_seed(0)
    model = SmallViT(width=24, heads=4)
    report = prune(model, X, shuffled, ratio=0.5, scope="local")
    heads = [group for group in report.groups if group.unit == "head"]
    assert [group.after for group in heads] == [12, 12]
    assert [layer.attention.heads for layer in report.model.layers] == [2, 2]
    assert [layer.attention.heads for layer in model.layers] == [4, 4]


def test_a_head_scores_as_the_mean_of_its_channels():
    """By its first or smallest channel head 0 would go, by its last or largest head 2."""
    scores = torch.tensor([0.0, 5, 5, 5] + [2, 2, 2, 5] + [4, 4, 4, 0])
    model, x = make("vit")
    report = prune(
        model,
        x,
        lambda group: scores if "attention" in root_name(group) else 100 * shuffled(group),
        ratio=0,
        per_layer={"layers.0.attention.q": 0.34},
    )
    gone = {group.name: group.removed for group in report.groups if group.removed}
    assert gone == {"layers.0.attention.q": (4, 5, 6, 7)}


@pytest.mark.parametrize("kind", ["GroupMagnitude", "LAMP", "FPGM", "BNScale", "Random"])
def test_importances_of_the_library_fit(kind):
    model, x = make("resnet")
    report = prune(model, x, getattr(torch_pruning.importance, f"{kind}Importance")(), macs=0.5)
    assert 0.4 < report.after.macs / report.before.macs <= 0.5
    assert report.settings["importance"] == f"{kind}Importance"


def test_the_latency_of_both_is_measured_side_by_side():
    report = prune(cnn(), X, shuffled, ratio=0.5, latency=(1,))
    assert report.latency is not None
    assert prune(cnn(), X, shuffled, ratio=0.5).latency is None


def test_a_resnet_trained_a_little_keeps_more_with_its_weights_than_at_random():
    """Not a claim about methods: a wrong index anywhere would make the two alike."""
    torch.manual_seed(0)
    model = resnet18(2, 1, 4, "small")
    y = (X.mean((1, 2, 3)) > X.mean()).long()
    train_classifier(model, X, y, epochs=20, batch=4, lr=1e-2)
    model.eval()
    with torch.no_grad():
        kept, lost = (
            (prune(model, X, importance, ratio=0.1).model(X) - model(X)).norm()
            for importance in (Magnitude(), lambda group: -Magnitude()(group))
        )
    assert kept < lost
