"""Scores of channels: against computations by hand, and as permuting, rescaling and cutting demand."""

import copy
from functools import cache
from itertools import product

import pytest
import torch
import torch_pruning
from torch import nn
from torch.nn.functional import relu

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.hybrid import Hybrid, ranks
from lesson_support.pruning.importance.importances import Coverage, Magnitude, Random, Wanda
from lesson_support.pruning.importance.taylor import Taylor
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.groups import members, root_channels
from tests.package.pruning.lively import ALL, INVERTED, MAKERS, MEASURING, METRICS, calibration, lively

X, Y = calibration()
BATCHES = [(X[:20], Y[:20]), (X[20:], Y[20:])]


def groups_of(model):
    return {group.name: group.items for group in ChannelGraph(model, X[:2]).groups()}


@cache
def subject(kind):
    """(model, its groups); nobody changes them, and the graph is built once."""
    model = lively(kind)
    return model, groups_of(model)


def scores_of(importance, model, groups=None):
    """{group: scores}, measured on the calibration data."""
    importance.prepare(model, BATCHES)
    groups = groups_of(model) if groups is None else groups
    return {name: importance(group) for name, group in groups.items()}


def same(found, expected, rtol=1e-4):
    torch.testing.assert_close(found, expected, rtol=rtol, atol=1e-7, check_dtype=False, equal_nan=True)


def to_one(values):
    return values / values.mean()


# against computations by hand


def by_hand(x, metric):
    """x (values, channels)."""
    mean, share = x.mean(0) / x.max(), (x > 0).float().mean(0)
    values = {"frequency": share, "mean_absolute": x.abs().mean(0), "normalised_mean": mean}
    return values[metric] if metric in values else (mean * share).sqrt()


@torch.no_grad()
def inputs_by_hand(model):
    """What conv2 and fc1 of the CNN read, each (values, channels)."""
    first = relu(model.bn1(model.conv1(X)))
    second = model.pool(relu(model.bn2(model.conv2(first))))
    third = model.pool(relu(model.bn3(model.conv3(second))))
    return first.movedim(1, -1).flatten(0, -2), third.flatten(1)


@pytest.mark.parametrize("metric", METRICS)
def test_coverage_is_that_of_the_layer_that_reads(metric):
    model, groups = subject("cnn")
    first, flat = inputs_by_hand(model)
    found = scores_of(Coverage(metric), model, groups)
    same(found["conv1"], to_one(by_hand(first, metric)))
    same(found["conv3"], to_one(by_hand(flat, metric).unflatten(0, (32, 4)).mean(1)))
    upside_down = scores_of(Coverage(metric, inverted=True), model, groups)
    same(upside_down["conv1"], to_one(1 / to_one(by_hand(first, metric))))


def test_wanda_is_the_norm_of_the_weights_times_that_of_the_inputs():
    model = lively("cnn")
    first, flat = inputs_by_hand(model)
    found = scores_of(Wanda(), model)
    same(
        found["conv1"], to_one(first.norm(dim=0) * model.conv2.weight.transpose(0, 1).flatten(1).norm(dim=1))
    )
    each = flat.norm(dim=0) * model.fc1.weight.norm(dim=0)
    same(found["conv3"], to_one(each.unflatten(0, (32, 4)).mean(1)))
    same(scores_of(Wanda(inverted=True), model)["conv1"], to_one(1 / found["conv1"]))


@torch.no_grad()
def test_a_convolution_of_single_channels_reads_them_too():
    model = lively("depthwise")
    first = relu(model.bn1(model.up(X)))
    second = relu(model.bn2(model.alone(first)))
    parts = [to_one(each.mean((0, 2, 3))) for each in (first, second)]
    same(scores_of(Coverage("mean_absolute"), model)["up"], sum(parts) / 2)
    weights = model.alone.weight.flatten(1).norm(dim=1), model.down.weight.flatten(1).norm(dim=0)
    parts = [
        to_one(each.square().sum((0, 2, 3)).sqrt() * weight)
        for each, weight in zip((first, second), weights, strict=True)
    ]
    same(scores_of(Wanda(), model)["up"], sum(parts) / 2)


def test_every_layer_that_reads_a_stream_counts_alike():
    model = lively("resnet")
    seen = {}
    readers = ("layer2.1.conv1", "layer3.0.conv1", "layer3.0.downsample.0")
    for name in readers:

        def hook(module, args, name=name):
            seen[name] = args[0].detach().clone()

        model.get_submodule(name).register_forward_pre_hook(hook)
    model(X)
    parts = [to_one(seen[name].movedim(1, -1).flatten(0, -2).mean(0)) for name in readers]
    same(scores_of(Coverage("mean_absolute"), model)["layer2.0.conv2"], sum(parts) / 3)


class Split(nn.Module):
    """Half of the channels is read by one layer, half by two."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.one, self.two, self.three = (nn.Conv2d(3, 10, 1) for _ in range(3))

    def forward(self, x):
        x = relu(self.conv(x) + 1)
        first, second = x[:, :3], x[:, 3:]  # slices: parts of a chunk torch-pruning takes for each other
        return (self.one(first) + self.two(second) + self.three(second * second)).mean((2, 3))


def test_a_channel_counts_in_the_layers_that_read_it_alone():
    torch.manual_seed(0)
    model = Split()
    out = relu(model.conv(X) + 1).detach().movedim(1, -1).flatten(0, -2)
    first, second = out[:, :3], out[:, 3:]
    expected = torch.cat(
        [to_one(first.mean(0)), (to_one(second.mean(0)) + to_one(second.square().mean(0))) / 2]
    )
    same(scores_of(Coverage("mean_absolute"), model)["conv"], expected)


@pytest.mark.parametrize(("kind", "p"), [*product(["cnn", "resnet", "vit", "concat"], [1, 2])])
def test_magnitude_is_that_of_torch_pruning(kind, p):
    groups = subject(kind)[1]
    library, ours = torch_pruning.importance.GroupMagnitudeImportance(p=p), Magnitude(p)
    for group in groups.values():
        same(ours(group), library(group), rtol=1e-5)


def test_random_scores_depend_on_seed_and_layer_alone():
    first, again = scores_of(Random(3), lively("cnn")), scores_of(Random(3), lively("cnn", seed=1))
    other = scores_of(Random(4), lively("cnn"))
    for name in first:
        assert torch.equal(first[name], again[name]) and not torch.equal(first[name], other[name])
    assert not torch.equal(first["conv2"], first["fc1"])  # of the same length


def test_raw_scores_are_left_as_they_are():
    model = lively("cnn")
    first = inputs_by_hand(model)[0]
    same(scores_of(Coverage(normalise=False), model)["conv1"], by_hand(first, "combined"))
    inverted = scores_of(Coverage(inverted=True, normalise=False), model)["conv1"]
    same(inverted, 1 / (by_hand(first, "combined") + 1e-8))
    raw = scores_of(Magnitude(normalise=False), model)["conv2"]
    same(raw, sum(part.square().sum(1) for part in weights_of_conv2(model)))
    same(scores_of(Magnitude(), model)["conv2"], to_one(raw))


def weights_of_conv2(model):
    return (
        model.conv2.weight.flatten(1),
        model.bn2.weight[:, None],
        model.conv3.weight.transpose(0, 1).flatten(1),
    )


# hybrids


def test_a_hybrid_is_the_weighted_mean_of_its_parts():
    model = lively("resnet")
    found = scores_of(Hybrid({Wanda(): 1.0, Taylor(): 3.0}), model)
    parts = scores_of(Wanda(), model), scores_of(Taylor(), model)
    for name in set(found) - {"fc"}:
        same(found[name], (parts[0][name] + 3 * parts[1][name]) / 4)


def test_ranks_are_shares_of_how_many_are_not_above():
    scores = torch.tensor([3.0, -1.0, 3.0, 7.0, 0.0, 3.0])
    below = [(int((scores < s).sum()), int((scores == s).sum())) for s in scores]
    same(ranks(scores), torch.tensor([(less + (equal + 1) / 2) / 6 for less, equal in below]))
    same(ranks(torch.tensor([1.0, torch.nan, 0.0])), torch.tensor([2 / 3, torch.nan, 1 / 3]))
    assert torch.equal(ranks(scores), ranks(scores**3))


def test_a_hybrid_by_rank_takes_an_outlier_for_its_place():
    model = lively("cnn")
    with torch.no_grad():
        model.conv2.weight[5] *= 100
    parts = {Magnitude(): 1.0, Random(): 1.0}
    by_mean, by_rank = (scores_of(Hybrid(parts, combine=how), model)["conv2"] for how in ("mean", "rank"))
    assert by_mean[5] > 5 and by_rank[5] < 2.1
    order = ranks(Magnitude()(group := groups_of(model)["conv2"])) + ranks(Random()(group))
    same(by_rank, to_one(order))


def test_what_one_part_says_nothing_about_is_left_to_the_others():
    group = groups_of(model := lively("cnn"))["fc2"]  # nothing reads the outputs
    x = [(X, Y)]
    wanda, both = Wanda(), Hybrid({Wanda(): 1.0, Magnitude(): 1.0})
    for importance in (wanda, both):
        importance.prepare(model, x)
    assert wanda(group) is None
    same(both(group), Magnitude()(group))
    with pytest.raises(LessonError, match="measured nothing"):
        Hybrid({Wanda(): 1.0})(group)


# what has to hold for all


@cache
@torch.no_grad()
def permuted(kind, name):
    """Order, model, groups: channel i of the group is channel order[i] of the subject; the same function."""
    original, groups = subject(kind)
    model = copy.deepcopy(original)
    order = torch.randperm(root_channels(groups[name]), generator=torch.Generator().manual_seed(1))
    for member in members(groups[name]):
        places = {}
        for i, root in zip(member.idxs, member.roots, strict=True):
            places.setdefault(root, []).append(i)
        index = torch.arange(max(member.idxs) + 1)
        for root, mine in places.items():
            index[mine] = torch.tensor(places[int(order[root])])
        module = model.get_submodule(member.name)
        if member.role == "consumer":
            module.weight[:, : len(index)] = module.weight[:, index].clone()
            continue
        for each in [*module.parameters(), *module.buffers()]:
            if each.ndim:  # all but the number of batches
                each.copy_(each[index].clone())
    same(model(X), original(X), rtol=1e-3)
    return order, model, groups_of(model)


CASES = [("cnn", "conv1"), ("cnn", "conv3"), ("resnet", "layer2.0.conv2"), ("vit", "layers.1.fc1")]


@pytest.mark.parametrize("name", [*MEASURING, *INVERTED, "magnitude", "magnitude L1"])
@pytest.mark.parametrize(("kind", "group"), CASES)
def test_permuted_channels_have_permuted_scores(kind, group, name):
    order, *moved = permuted(kind, group)
    before, after = (scores_of(ALL[name](), *each) for each in (subject(kind), moved))
    assert not torch.allclose(after[group], before[group])
    for each in before:
        same(after[each], before[each][order] if each == group else before[each], rtol=1e-3)


@cache
@torch.no_grad()
def rescaled(alike):
    """bn1 times a factor for each channel, conv2 by it: relu hands the factors on, so the function stays."""
    original, _ = subject("cnn")
    model, factors = copy.deepcopy(original), torch.full((8,), 4.0) if alike else torch.logspace(-1, 1, 8)
    model.bn1.weight *= factors
    model.bn1.bias *= factors
    model.conv2.weight /= factors[:, None, None]
    same(model(X), original(X), rtol=1e-3)
    return model, groups_of(model)


def before_and_after(name, alike):
    return (scores_of(ALL[name](), *each) for each in (subject("cnn"), rescaled(alike)))


@pytest.mark.parametrize("name", [*MEASURING, *INVERTED])
def test_rescaling_a_layer_and_undoing_it_in_the_next_changes_no_score(name):
    before, after = before_and_after(name, alike=True)
    for each in set(before) - {"fc2"}:
        same(after[each], before[each], rtol=1e-3)


@pytest.mark.parametrize("name", ["frequency", "wanda", "taylor", "taylor signed"])
def test_some_do_not_even_see_channels_rescaled_each_on_its_own(name):
    before, after = before_and_after(name, alike=False)
    for each in set(before) - {"fc2"}:
        same(after[each], before[each], rtol=1e-3)


@pytest.mark.parametrize(
    "name", ["combined", "normalised_mean", "mean_absolute", "magnitude", "magnitude L1"]
)
def test_others_rank_channels_anew_though_the_function_is_the_same(name):
    before, after = before_and_after(name, alike=False)
    assert before["conv1"].argsort().tolist() != after["conv1"].argsort().tolist()


@pytest.mark.parametrize(("kind", "name"), [*product(MAKERS, ALL)])
def test_one_finite_score_for_every_channel_and_the_same_again(kind, name):
    model, groups = subject(kind)
    found, again = (scores_of(ALL[name](), model, groups) for _ in range(2))
    for each, group in groups.items():
        if found[each] is None:  # the outputs of the model, which nothing in it reads
            assert not [member for member in members(group) if member.role in ("consumer", "depthwise")]
            continue
        assert found[each].shape == (root_channels(group),) and found[each].dtype == torch.float64
        assert found[each].isfinite().all() and found[each].device.type == "cpu"
        assert abs(found[each].mean() - 1) < 1e-6 and torch.equal(found[each], again[each])


@pytest.mark.parametrize("name", ["frequency", "wanda", "magnitude", "taylor", "random"])
def test_a_part_of_a_group_has_the_scores_of_its_channels(name):
    model, importance = lively("cnn"), ALL[name](normalise=False)
    importance.prepare(model, BATCHES)
    graph = torch_pruning.DependencyGraph().build_dependency(model, (X[:2],))
    for root in (model.conv2, model.conv3):
        whole, part = (
            importance(graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, channels))
            for channels in (list(range(root.out_channels)), [9, 0, 4])
        )
        same(part, whole[[9, 0, 4]])


# what a mask says and what a cut does


@torch.no_grad()
def test_pruned_is_masked_behind_the_activation_and_not_in_front_of_the_norm():
    model, gone = lively("cnn"), [1, 6]
    smaller = copy.deepcopy(model)
    ChannelGraph(smaller, X[:2]).cut({"conv1": gone})

    def masked(layer):
        copied = copy.deepcopy(model)
        mask = torch.ones(8)
        mask[gone] = 0
        copied.get_submodule(layer).register_forward_hook(lambda module, args, out: out * mask[:, None, None])
        seen = []
        copied.conv2.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
        return copied(X), seen[0][:, gone]

    behind, nothing = masked("bn1")  # relu keeps 0 at 0
    same(smaller(X), behind, rtol=1e-3)
    assert not nothing.any()
    before, rest = masked("conv1")
    norm = model.bn1
    shift = (norm.bias - norm.weight * norm.running_mean / (norm.running_var + norm.eps).sqrt())[gone]
    same(rest, relu(shift)[:, None, None].expand_as(rest))
    assert shift.max() > 0.01 and (before - smaller(X)).abs().max() > 1e-3


def test_the_modules_are_left_alone():
    model = lively("resnet")
    model.layer1.train()
    model.fc.weight.requires_grad_(False)
    state = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    for make in MEASURING.values():
        with torch.no_grad():
            scores_of(make(), model)
    assert all(torch.equal(each, state[name]) for name, each in model.state_dict().items())
    assert modes == [module.training for module in model.modules()]
    assert [name for name, weight in model.named_parameters() if not weight.requires_grad] == ["fc.weight"]
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_pre_hooks for module in model.modules())
