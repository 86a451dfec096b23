"""Scores that settle nothing are named; scores that are kept belong to the channels that are left."""

import copy

import pytest
import torch
import torch_pruning
from torch import nan

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.hybrid import Hybrid
from lesson_support.pruning.importance.importances import Coverage, Magnitude, Random, Wanda
from lesson_support.pruning.importance.scores import score_problems, to_mean_one
from lesson_support.pruning.importance.taylor import Taylor
from lesson_support.pruning.pipeline import prune
from lesson_support.pruning.structure.graph import ChannelGraph
from tests.package.pruning.lively import ALL, MEASURING, METRICS, calibration, lively

X, Y = calibration()
DATA = [(X[:20], Y[:20]), (X[20:], Y[20:])]


def groups_of(model):
    return {group.name: group.items for group in ChannelGraph(model, X[:2]).groups()}


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# problems


@pytest.mark.parametrize(
    ("scores", "removed", "kind", "count"),
    [
        (tensor(1, 2, 3), None, None, 0),
        (tensor(5), None, None, 0),
        (tensor(1, nan, nan), None, "not a number", 2),
        (tensor(1, torch.inf, 2), None, "not a number", 1),
        (tensor(0, 0, 0), None, "all zero", 3),
        (tensor(0), None, "all zero", 1),
        (tensor(2, 2, 2), None, "constant", 3),
        (tensor(2, 2, 2), 0, "constant", 3),
        (tensor(2, 1, 2, 4, 4, 0), None, "tied", 4),
        (tensor(0, 0, 5, 6), 1, "tied", 2),
        (tensor(0, 0, 5, 6), 2, None, 0),
        (tensor(0, 0, 5, 6), 0, None, 0),
        (tensor(0, 5, 5, 5, 9), 3, "tied", 3),
        (tensor(0, 5, 5, 5, 9), 5, None, 0),
        (tensor(0, 5, 5, 5, 9), 4, None, 0),
    ],
)
def test_problems(scores, removed, kind, count):
    found = score_problems("conv1", scores, removed)
    if kind is None:
        assert found == ()
    else:
        (problem,) = found
        assert (problem.group, problem.kind, problem.count) == ("conv1", kind, count)
        assert problem.channels == len(scores)
        assert str(problem).startswith("conv1: ")


@pytest.mark.parametrize(
    ("scores", "removed", "said"),
    [
        (tensor(), None, r"scores has shape \(0,\)"),
        (torch.ones(2, 2), None, r"scores has shape \(2, 2\): expected one number for each"),
        (tensor(1, 2), 3, "removed is 3: expected 0 to 2, the channels of conv1"),
        (tensor(1, 2), -1, "removed is -1"),
    ],
)
def test_problems_of_what_are_no_scores(scores, removed, said):
    with pytest.raises(LessonError, match=said):
        score_problems("conv1", scores, removed)


def test_scaling_keeps_the_order_and_what_is_not_finite():
    assert to_mean_one(tensor(1, 3)).tolist() == [0.5, 1.5]
    assert to_mean_one(tensor(-3, 1, -2)).tolist() == [-1.5, 0.5, -1.0]  # their mean would turn them around
    assert to_mean_one(tensor(-1, 1)).tolist() == [-1.0, 1.0]
    assert to_mean_one(tensor(0, 0)).tolist() == [0.0, 0.0]
    scaled = to_mean_one(tensor(2, nan, 6))
    assert scaled[[0, 2]].tolist() == [0.5, 1.5] and scaled[1].isnan()
    assert to_mean_one(tensor(nan, nan)).isnan().all()


@pytest.mark.parametrize("name", ["wanda", "taylor", "taylor signed", "hybrid", "magnitude"])
def test_scores_of_weights_that_are_not_numbers_are_no_numbers_either(name):
    """In the Linear layer at the end, so that no activation that is measured is spoilt."""
    model, importance = lively("cnn"), ALL[name]()
    with torch.no_grad():
        model.fc2.weight[0, 3] = nan
    importance.prepare(model, DATA)
    (problem,) = score_problems("fc1", importance(groups_of(model)["fc1"]))
    assert problem.kind == "not a number" and problem.count >= 1


@pytest.mark.parametrize("name", [*METRICS, "wanda", "taylor"])
def test_a_group_that_is_never_used_is_all_zero(name):
    model, importance = lively("cnn"), ALL[name]()
    with torch.no_grad():
        model.bn2.weight.zero_()
        model.bn2.bias.fill_(-1)
    importance.prepare(model, DATA)
    (problem,) = score_problems("conv2", importance(groups_of(model)["conv2"]))
    assert problem.kind == "all zero" and "all 16 scores are 0" in str(problem)


def test_channels_that_are_alike_are_constant():
    model, importance = lively("cnn"), Coverage("frequency")
    with torch.no_grad():
        model.bn2.weight.zero_()
        model.bn2.bias.fill_(1)
    importance.prepare(model, DATA)
    (problem,) = score_problems("conv2", importance(groups_of(model)["conv2"]))
    assert problem.kind == "constant"


# what is kept between steps


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize(
    "name",
    ["combined", "wanda", "taylor", "hybrid", "hybrid by rank", "wanda inverted", "magnitude", "random"],
)
def test_several_steps_without_measuring_again_remove_what_one_does(name, scope):
    model = lively("cnn")
    once, often = (
        prune(model, X[:2], ALL[name](), ratio=0.5, scope=scope, steps=steps, data=DATA) for steps in (1, 3)
    )
    assert len(often.steps) == 3 and sum(len(group.removed) for group in once.groups) == 36
    assert {each.name: each.removed for each in once.groups} == {e.name: e.removed for e in often.groups}
    assert torch.equal(once.model(X), often.model(X))


@pytest.mark.parametrize("name", ["combined", "wanda", "taylor", "magnitude"])
def test_measuring_again_is_something_else(name):
    model = lively("cnn")
    kept, anew = (
        prune(model, X[:2], ALL[name](adaptive=adaptive), ratio=0.5, steps=3, data=DATA)
        for adaptive in (False, True)
    )
    assert [group.removed for group in kept.groups] != [group.removed for group in anew.groups]


def test_cut_scores_are_those_of_the_channels_that_are_left():
    model, importance = lively("cnn"), Wanda()
    importance.prepare(model, DATA)
    graph = ChannelGraph(model, X[:2])
    before = {group.name: importance(group.items) for group in graph.groups()}
    graph.cut({"conv2": [0, 5], "conv3": [31]})
    kept = [i for i in range(16) if i not in (0, 5)]
    importance.cut("conv2", kept)
    importance.cut("conv3", torch.arange(31))
    after = {group.name: importance(group.items) for group in graph.groups()}
    assert torch.equal(after["conv2"], before["conv2"][kept])
    assert torch.equal(after["conv3"], before["conv3"][:31])
    assert torch.equal(after["conv1"], before["conv1"])  # though conv2 has fewer weights now
    after["conv2"].zero_()
    assert importance(groups_of(model)["conv2"]).all()  # nobody writes into what is kept
    importance.prepare(model, DATA)
    assert not torch.equal(importance(groups_of(model)["conv1"]), before["conv1"])


def test_nothing_that_is_asked_in_between_changes_what_is_kept():
    model, importance = lively("cnn"), Random()
    graph = torch_pruning.DependencyGraph().build_dependency(model, (X[:2],))
    whole, part = (
        graph.get_pruning_group(model.conv2, torch_pruning.prune_conv_out_channels, channels)
        for channels in (list(range(16)), [3, 4])
    )
    before = importance(whole).clone()
    importance(whole).zero_()
    importance(part)
    importance.cut("conv2", range(16))
    assert torch.equal(importance(whole), before) and torch.equal(importance(part), before[[3, 4]])


@pytest.mark.parametrize(
    ("name", "kept", "said"),
    [
        ("conv2", [16], r"kept is \[16\]: expected one or more channels of conv2, 0 to 15"),
        ("conv2", [-1], r"kept is \[-1\]"),
        ("conv2", [], r"kept is \[\]"),
        ("bn2", [1], "name is 'bn2': expected the root layer of a group that magnitude .L2. has scored"),
    ],
)
def test_a_cut_that_does_not_fit(name, kept, said):
    model, importance = lively("cnn"), Magnitude()
    for group in groups_of(model).values():
        importance(group)
    with pytest.raises(LessonError, match=said):
        importance.cut(name, kept)


# a wrong length, no data


@pytest.mark.parametrize("importance", [Coverage(), Wanda(), Hybrid({Wanda(): 1.0})], ids=str)
def test_statistics_of_another_width_are_named(importance):
    model = lively("cnn")
    importance.prepare(model, DATA)
    ChannelGraph(model, X[:2]).cut({"conv3": [0]})
    with pytest.raises(LessonError, match="statistics of fc1 are for 128 inputs: expected 124"):
        importance(groups_of(model)["conv3"])


def test_kept_scores_of_another_width_are_named():
    model, importance = lively("cnn"), Random()
    for group in groups_of(model).values():
        importance(group)
    importance.cut("conv1", [1, 2, 3])
    with pytest.raises(LessonError, match="group of conv1 has 8 channels: expected 3, for which random"):
        importance(groups_of(model)["conv1"])


def test_a_subclass_that_returns_too_few_scores_is_named():
    class Short(Random):
        def _scores(self, group):
            return super()._scores(group)[:-1]

    with pytest.raises(LessonError, match="scores of conv1 are 7: expected 8"):
        Short()(groups_of(lively("cnn"))["conv1"])


@pytest.mark.parametrize("importance", [Coverage(), Wanda(), Taylor(), Hybrid({Coverage(): 1.0})], ids=str)
def test_nothing_is_scored_before_it_is_measured(importance):
    with pytest.raises(LessonError, match="has measured nothing: expected a call of prepare"):
        importance(groups_of(lively("cnn"))["conv1"])


@pytest.mark.parametrize("data", [None, [], X, lively("cnn")], ids=["none", "empty", "tensor", "model"])
@pytest.mark.parametrize("make", MEASURING.values(), ids=MEASURING)
def test_no_data_is_an_error(make, data):
    with pytest.raises(LessonError, match="data is None|empty|no batches|data is a (Tensor|SmallCNN)"):
        make().prepare(lively("cnn"), data)


def test_a_generator_serves_every_part_of_a_hybrid():
    model, found = lively("cnn"), []
    for data in (DATA, iter(DATA)):
        importance = Hybrid({Coverage(): 1.0, Taylor(): 1.0, Magnitude(): 1.0})
        importance.prepare(model, data)
        found.append(importance(groups_of(model)["conv2"]))
    assert torch.equal(*found)


def test_only_so_many_batches_are_read():
    model = lively("cnn")
    for make in (Coverage, Wanda):
        some, first = make(max_batches=1), make()
        some.prepare(model, DATA)
        first.prepare(model, DATA[:1])
        group = groups_of(model)["conv1"]
        assert torch.equal(some(group), first(group))


def test_the_threshold_reaches_the_statistics():
    model, found = lively("cnn"), []
    for threshold in (0.0, 0.5):
        importance = Coverage("frequency", threshold=threshold, normalise=False)
        importance.prepare(model, DATA)
        found.append(importance(groups_of(model)["conv1"]))
    assert (found[1] < found[0]).all()


# arguments


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Coverage("frequencies"), "metric is 'frequencies': expected one of .*frequency"),
        (lambda: Taylor(max_batches=0), "max_batches is 0: expected a whole number of 1 or more"),
        (lambda: Magnitude(0), "p is 0: expected a positive number"),
        (lambda: Magnitude(nan), "p is nan"),
        (lambda: Magnitude(True), "p is True"),
        (lambda: Hybrid({}), "parts is {}: expected importances and their weights"),
        (lambda: Hybrid([Wanda()]), "parts is .*: expected importances"),
        (lambda: Hybrid({Wanda: 1.0}), "parts has <class .*: expected an importance, such as Wanda"),
        (lambda: Hybrid({"wanda": 1.0}), "parts has 'wanda'"),
        (lambda: Hybrid({Wanda(): 0}), "parts gives Wanda the weight 0: expected a positive number"),
        (lambda: Hybrid({Wanda(): nan}), "parts gives Wanda the weight nan"),
        (lambda: Hybrid({Wanda(): 1}, combine="sum"), "combine is 'sum': expected 'mean' or 'rank'"),
    ],
)
def test_arguments_are_named(make, said):
    with pytest.raises(LessonError, match=said):
        make()


def test_names_say_what_is_scored():
    found = [str(make()) for make in ALL.values()]
    assert len(set(found)) == len(found)
    assert str(Coverage(inverted=True)) == "coverage (combined, inverted)"
    assert str(Hybrid({Wanda(): 0.5, Taylor(): 2})) == "hybrid by mean (0.5 Wanda + 2 Taylor)"
    needs = {make().needs for make in (Wanda, Taylor, Magnitude)}
    assert needs == {"activations", "labels", "nothing"}
    assert Hybrid({Magnitude(): 1, Wanda(): 1}).needs == "activations"
    assert Hybrid({Taylor(): 1, Wanda(): 1}).needs == "labels"
    assert Hybrid({Taylor(adaptive=True): 1, Wanda(): 1}).adaptive
    assert Hybrid({Taylor(): 1}, adaptive=True).adaptive and not Hybrid({Taylor(): 1}).adaptive


def test_the_model_that_is_pruned_may_be_a_copy_of_the_one_that_was_measured():
    model, importance = lively("resnet"), Wanda()
    importance.prepare(model, DATA)
    twin = copy.deepcopy(model)
    for name, group in groups_of(twin).items():
        if name != "fc":
            assert torch.equal(importance(group), importance(groups_of(model)[name]))
