"""Taylor's scores against the loss itself: slopes by differences, sums by loops."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.taylor import Taylor, first_order_terms
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.groups import members
from tests.package.pruning.lively import calibration, lively

X, Y = calibration()


def halves(x=X, y=Y):
    return [(x[:20], y[:20]), (x[20:], y[20:])]


def groups_of(model):
    return {group.name: group.items for group in ChannelGraph(model, X[:2].to(model_dtype(model))).groups()}


def model_dtype(model):
    return next(model.parameters()).dtype


@torch.no_grad()
def loss_with(model, changes, size):
    """The loss when every slice of `changes` is (1 + size) times itself."""
    changed = copy.deepcopy(model)
    for name, own, index in changes:
        getattr(changed.get_submodule(name), own)[index] *= 1 + size
    return float(cross_entropy(changed(X.double()), Y))


def slope(model, changes):
    return (loss_with(model, changes, 1e-5) - loss_with(model, changes, -1e-5)) / 2e-5


def slices(member, channel):
    """What of a layer a channel has: rows and biases where it is made, columns where it is read."""
    mine = [i for i, root in zip(member.idxs, member.roots, strict=True) if root == channel]
    if member.role == "consumer":
        return [(member.name, "weight", (slice(None), mine))]
    return [(member.name, own, mine) for own, _ in member.module.named_parameters()]


CASES = [("cnn", "conv1"), ("cnn", "conv3"), ("resnet", "layer3.0.conv2"), ("vit", "layers.0.attention.q")]


@pytest.mark.parametrize(("kind", "name"), [*CASES, ("depthwise", "up")])
def test_signed_scores_are_the_slopes_of_the_loss_layer_by_layer(kind, name):
    model = lively(kind).double()
    importance = Taylor(signed=True, normalise=False)
    importance.prepare(model, halves(X.double()))
    group = groups_of(model)[name]
    found = importance(group)
    for channel in (1, 3, len(found) - 1):
        expected = sum(abs(slope(model, slices(member, channel))) for member in members(group))
        assert float(found[channel]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_the_loss_moves_as_the_terms_say(kind, name):
    """Its terms summed say how the loss moves when a channel shrinks: the less it shrinks, the better."""
    model = lively(kind).double()
    terms = first_order_terms(model, halves(X.double()))
    group = groups_of(model)[name]
    plain = loss_with(model, [], 0)
    for channel in (0, 3):
        parts = [part for member in members(group) for part in slices(member, channel)]
        slope = -float(sum(terms[layer][own][index].sum() for layer, own, index in parts))
        far, near = (abs((loss_with(model, parts, -by) - plain) / by / slope - 1) for by in (1e-2, 1e-4))
        assert near < 0.01 and near < far / 4


def test_plain_scores_sum_sizes_weight_by_weight():
    model = lively("cnn")
    importance = Taylor(normalise=False)
    importance.prepare(model, halves())
    cross_entropy(model(X), Y).backward()
    size = {name: (weight * weight.grad).abs().detach() for name, weight in model.named_parameters()}
    expected = [
        size["conv3.weight"][c].sum()
        + size["conv3.bias"][c]
        + size["bn3.weight"][c]
        + size["bn3.bias"][c]
        + size["fc1.weight"][:, 4 * c : 4 * c + 4].sum()
        for c in range(32)
    ]
    found = importance(groups_of(model)["conv3"])
    torch.testing.assert_close(found, torch.stack(expected).double(), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("signed", [False, True])
def test_the_size_of_the_batches_does_not_matter(signed):
    model, found = lively("resnet"), []
    for size in (48, 20, 7, 1):
        importance = Taylor(signed=signed)
        importance.prepare(model, zip(X.split(size), Y.split(size), strict=True))
        found.append(importance(groups_of(model)["layer2.0.conv1"]))
    for each in found[1:]:
        torch.testing.assert_close(each, found[0], rtol=1e-3, atol=1e-5)


def test_only_so_many_batches_are_read():
    model = lively("cnn")
    some, all_of_them = Taylor(max_batches=1), Taylor()
    some.prepare(model, halves())
    all_of_them.prepare(model, halves()[:1])
    group = groups_of(model)["conv1"]
    assert torch.equal(some(group), all_of_them(group))


def test_frozen_layers_count_and_stay_frozen():
    model, frozen = lively("cnn"), lively("cnn")
    for weight in frozen.parameters():
        weight.requires_grad_(False)
    found = []
    for each in (model, frozen):
        importance = Taylor()
        with torch.no_grad():
            importance.prepare(each, halves())
        found.append(importance(groups_of(each)["conv2"]))
    assert torch.equal(*found)
    assert not any(weight.requires_grad for weight in frozen.parameters())
    broken = [(X[:5], Y[:5]), (X[:5, :, :2], Y[:5])]
    with pytest.raises(RuntimeError):
        Taylor().prepare(frozen, broken)
    assert not any(weight.requires_grad for weight in frozen.parameters())


def test_another_loss():
    model = lively("cnn")
    importance = Taylor(loss=lambda out, y: (out - y).square().mean())
    importance.prepare(model, [(X, torch.zeros(48, 10))])
    assert not torch.allclose(importance(group := groups_of(model)["conv1"]), _plain(model)(group))
    with pytest.raises(LessonError, match=r"loss gives shape \(48, 10\): expected a mean"):
        Taylor(loss=lambda out, y: (out - y).square()).prepare(model, [(X, torch.zeros(48, 10))])


def _plain(model):
    importance = Taylor()
    importance.prepare(model, halves())
    return importance


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "data has no batches: expected labelled"),
        ([X], r"a batch of a Tensor: .*expected \(x, y\)"),
        ([(X,)], "a batch of 1 parts"),
        ([(X, Y, Y)], "a batch of 3 parts"),
        (None, r"data is None: Taylor needs labels, expected batches of \(x, y\)"),
        (X, r"data is a Tensor: expected an iterable of batches"),
    ],
    ids=["empty", "no labels", "one part", "three parts", "none", "a tensor"],
)
def test_data_without_labels_is_refused(data, said):
    with pytest.raises(LessonError, match=said):
        Taylor().prepare(lively("cnn"), data)


def test_scores_need_gradients_of_this_model():
    model, group = lively("cnn"), None
    group = groups_of(model)["conv1"]
    with pytest.raises(LessonError, match="Taylor has measured nothing"):
        Taylor()(group)
    importance = _plain(model)
    ChannelGraph(model, X[:2]).cut({"conv2": [0]})
    with pytest.raises(LessonError, match=r"gradients of conv2 are for a weight \(16, .*expected \(15,"):
        importance(groups_of(model)["conv1"])
