"""What a group says about its layers, against loops and against what layers compute."""

import pytest
import torch
import torch_pruning
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.groups import (
    by_input,
    by_output,
    members,
    root_channels,
    root_name,
    to_roots,
)
from tests.package.pruning.lively import MAKERS, calibration, lively


def groups_of(model):
    return {group.name: group.items for group in ChannelGraph(model, calibration(2)[0]).groups()}


def slowly(values, idxs, roots, channels, total):
    """One channel after the other."""
    found = []
    for channel in range(channels):
        mine = [float(values[i]) for i, root in zip(idxs, roots, strict=True) if root == channel]
        found.append(sum(mine) if total else sum(mine) / len(mine) if mine else float("nan"))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("total", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_means_and_sums_by_root_channel(seed, total):
    generator = torch.Generator().manual_seed(seed)
    size, channels, picked = (int(torch.randint(1, 12, (), generator=generator)) for _ in range(3))
    values = torch.randn(size, generator=generator)
    idxs = torch.randint(size, (picked,), generator=generator).tolist()
    roots = torch.randint(channels, (picked,), generator=generator).tolist()
    found = to_roots(values, idxs, roots, channels, total=total)
    torch.testing.assert_close(found, slowly(values, idxs, roots, channels, total), equal_nan=True)


@pytest.mark.parametrize(
    ("values", "idxs", "roots", "said"),
    [
        (torch.ones(3), [0, 3], [0, 1], r"idxs go from 0 to 3.*3 values"),
        (torch.ones(3), [0, -1], [0, 1], r"idxs go from -1 to 0"),
        (torch.ones(3), [0, 1], [0, 2], r"root_idxs go from 0 to 2.*below 2"),
        (torch.ones(3), [0, 1], [0], r"root_idxs has 1 entries: expected 2"),
        (torch.ones(3, 1), [0, 1], [0, 1], r"values has shape \(3, 1\)"),
    ],
)
def test_indices_that_do_not_fit_are_named(values, idxs, roots, said):
    with pytest.raises(LessonError, match=said):
        to_roots(values, idxs, roots, 2)


def test_roles_and_indices_behind_a_flatten():
    groups = groups_of(lively("cnn"))
    found = {member.name: member for member in members(groups["conv3"])}
    assert {name: member.role for name, member in found.items()} == {
        "conv3": "producer",
        "bn3": "norm",
        "fc1": "consumer",
    }
    assert found["fc1"].idxs == tuple(range(128))  # 32 channels of 2 × 2 places
    assert found["fc1"].roots == tuple(i // 4 for i in range(128))


def test_roles_in_a_residual_stream_and_beside_a_channel_of_its_own():
    found = {member.name: member.role for member in members(groups_of(lively("resnet"))["layer2.0.conv2"])}
    assert {name for name, role in found.items() if role == "producer"} == {
        "layer2.0.conv2",
        "layer2.1.conv2",
        "layer2.0.downsample.0",
    }
    readers = {"layer2.1.conv1", "layer3.0.conv1", "layer3.0.downsample.0"}
    assert {name for name, role in found.items() if role == "consumer"} == readers
    found = {member.name: member.role for member in members(groups_of(lively("depthwise"))["up"])}
    expected = {"up": "producer", "bn1": "norm", "alone": "depthwise", "bn2": "norm", "down": "consumer"}
    assert found == expected


def test_roles_in_attention():
    found = {each.name: each.role for each in members(groups_of(lively("vit"))["layers.0.attention.q"])}
    roles = {"q": "producer", "k": "producer", "v": "producer", "out": "consumer"}
    assert found == {f"layers.0.attention.{name}": role for name, role in roles.items()}


def test_inputs_of_a_concatenation_belong_to_two_groups():
    groups = groups_of(lively("concat"))
    left, right = ({each.name: each for each in members(groups[name])}["both"] for name in ("left", "right"))
    assert left.idxs == (0, 1, 2, 3) and left.roots == (0, 1, 2, 3)
    assert right.idxs == (4, 5, 6, 7, 8, 9) and right.roots == (0, 1, 2, 3, 4, 5)


def test_a_part_of_a_group_counts_its_own_channels():
    model = lively("cnn")
    graph = torch_pruning.DependencyGraph().build_dependency(model, (calibration(2)[0],))
    group = graph.get_pruning_group(model.conv3, torch_pruning.prune_conv_out_channels, [7, 2])
    reader = members(group)[-1]
    assert reader.idxs == (28, 29, 30, 31, 8, 9, 10, 11) and reader.roots == (0, 0, 0, 0, 1, 1, 1, 1)
    assert root_name(group) == "conv3" and root_channels(group) == 32


@pytest.mark.parametrize("kind", MAKERS)
def test_every_index_of_a_layer_is_in_range_and_the_root_comes_first(kind):
    for name, group in groups_of(lively(kind)).items():
        found = members(group)
        assert found[0].name == name and found[0].roots == tuple(range(root_channels(group)))
        for member in found:
            rows = by_input if member.role == "consumer" else by_output
            assert max(member.idxs) < len(rows(member.module, member.module.weight))
            assert set(member.roots) <= set(range(root_channels(group)))


def test_names_are_those_given_and_a_missing_one_is_an_error():
    group = groups_of(model := lively("cnn"))["conv1"]
    given = {module: f"net.{name}" for name, module in model.named_modules()}
    assert [member.name for member in members(group, given)] == ["net.conv1", "net.bn1", "net.conv2"]
    del given[model.bn1]
    with pytest.raises(LessonError, match="names lacks a BatchNorm2d"):
        members(group, given)


LAYERS = {
    "linear": (nn.Linear(4, 6), (1, 4)),
    "conv": (nn.Conv2d(4, 6, 3, padding=1), (1, 4, 3, 3)),
    "conv1d": (nn.Conv1d(4, 6, 3, padding=1), (1, 4, 3)),
    "groups": (nn.Conv2d(4, 6, 3, padding=1, groups=2), (1, 4, 3, 3)),
    "depthwise": (nn.Conv2d(4, 4, 3, padding=1, groups=4), (1, 4, 3, 3)),
    "depthwise, two each": (nn.Conv2d(4, 8, 3, padding=1, groups=4), (1, 4, 3, 3)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, padding=1), (1, 4, 3, 3)),
    "transposed, groups": (nn.ConvTranspose2d(4, 6, 3, padding=1, groups=2), (1, 4, 3, 3)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_weights_by_channel_are_those_that_the_channel_meets(layer, shape):
    """Which weights meet a channel: those that get a gradient when it alone is fed, or read."""
    x = torch.rand(shape) + 0.5
    for channel in range(shape[1]):
        alone = torch.zeros(shape)
        alone[:, channel] = x[:, channel]
        met = torch.autograd.grad(layer(alone).sum(), layer.weight)[0] != 0
        assert by_input(layer, met)[channel].all() and by_input(layer, met).sum() == met.sum()
    out = layer(x)
    for channel in range(out.shape[1]):
        met = torch.autograd.grad(out[:, channel].sum(), layer.weight, retain_graph=True)[0] != 0
        assert by_output(layer, met)[channel].all() and by_output(layer, met).sum() == met.sum()
    assert (
        by_input(layer, layer.weight).numel()
        == by_output(layer, layer.weight).numel()
        == layer.weight.numel()
    )
