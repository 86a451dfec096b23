"""Groups of layers that shrink together, and cuts that leave a network computing what is left of it."""

import copy

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models.convolutional import SmallCNN
from lesson_support.models.residual import resnet18
from lesson_support.pruning.structure.graph import ChannelGraph
from tests.package.pruning.networks import (
    NETWORKS,
    Detached,
    InputShortcut,
    Shortcut,
    Tied,
    TwoOutputs,
    make,
)

# channels that are zero do not change what these compute from the others
SILENT_MEANS_GONE = sorted(set(NETWORKS) - {"group norm", "torch attention"})


def able(graph: ChannelGraph):
    return [group for group in graph.groups() if not group.skipped_because]


def some_units(group, seed: int = 0) -> list[int]:
    """Channels of about a third of the units, at least one, never all."""
    order = torch.randperm(len(group.units.members), generator=torch.Generator().manual_seed(seed)).tolist()
    return sorted(
        channel for unit in order[: max(1, len(order) // 3)] for channel in group.units.members[unit]
    )


def silence(model: nn.Module, group, channels: list[int]) -> None:
    """Zero what makes these channels: rows of the makers, γ and β of every norm on the way."""
    with torch.no_grad():
        for name in group.layers:
            module = model.get_submodule(name)
            if name in group.makers or isinstance(module, nn.modules.batchnorm._BatchNorm):
                width = group.channels
                for repeat in range(3 if name.endswith("qkv") else 1):
                    rows = [channel + repeat * width for channel in channels]
                    weight = (
                        module.weight.transpose(0, 1)
                        if getattr(module, "transposed", False) and module.groups == 1
                        else module.weight
                    )
                    weight[rows] = 0
                    if module.bias is not None:
                        module.bias[rows] = 0


@pytest.mark.parametrize("name", SILENT_MEANS_GONE)
def test_a_cut_network_computes_what_is_left(name):
    model, x = make(name)
    for group in able(ChannelGraph(model, x)):
        if name == "vit" and group.name == "patches":
            continue  # LayerNorm takes its mean over the silent channels too
        silent, cut = copy.deepcopy(model), copy.deepcopy(model)
        channels = some_units(group)
        silence(silent, group, channels)
        ChannelGraph(cut, x).cut({group.name: channels})
        with torch.no_grad():
            assert not torch.allclose(silent(x), model(x)), f"{group.name}: silence changes nothing"
            assert torch.allclose(cut(x), silent(x), atol=1e-5), group.name


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_all_groups_together_shrink_and_run(name):
    model, x = make(name)
    before = {key: parameter.numel() for key, parameter in model.named_parameters()}
    graph = ChannelGraph(model, x)
    widths = {group.name: group.channels for group in able(graph)}
    gone = {group.name: some_units(group) for group in able(graph)}
    graph.cut(gone)
    assert model(x).shape == make(name)[0](x).shape
    after = {group.name: group.channels for group in graph.groups()}
    assert all(after[name] == widths[name] - len(gone[name]) for name in widths)
    assert sum(each.numel() for each in model.parameters()) < sum(before.values())
    graph.cut({name: [0] for name in gone if after[name] > 1 and graph_unit(graph, name) == "channel"})
    assert model(x).shape == make(name)[0](x).shape


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_but_the_outputs_is_left_alone(name, seed):
    """The probe of who reads what raises no false alarm, not even where channels are dead."""
    model, x = make(name, seed)
    norms = [each for each in model.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for norm in norms:
            norm.weight[::2], norm.bias[::2] = 0, -1
    reasons = [group.skipped_because for group in ChannelGraph(model, x[:1]).groups()]
    assert {reason for reason in reasons if reason} == {"its channels are the outputs of the model"}


def test_one_number_out_of_one_example_is_enough():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    assert [group.skipped_because for group in ChannelGraph(model, torch.rand(1, 4)).groups()][0] == ""


def graph_unit(graph: ChannelGraph, name: str) -> str:
    return next(group.units.kind for group in graph.groups() if group.name == name)


def test_groups_are_named_by_their_first_layer_in_the_order_of_the_model():
    names = [group.name for group in ChannelGraph(SmallCNN(), torch.rand(1, 1, 8, 8)).groups()]
    assert names == ["conv1", "conv2", "conv3", "fc1", "fc2"]
    resnet = ChannelGraph(resnet18(10, 1, 4, "small"), torch.rand(1, 1, 8, 8))
    stem = resnet.groups()[0]
    assert stem.name == "conv1"
    assert set(stem.makers) == {"conv1", "layer1.0.conv2", "layer1.1.conv2"}
    assert "layer2.0.downsample.0" in stem.layers and "layer2.0.downsample.0" not in stem.makers


def test_outputs_keep_their_channels_also_in_a_dict():
    reasons = {g.name: g.skipped_because for g in ChannelGraph(TwoOutputs(), torch.rand(1, 6)).groups()}
    assert reasons["a"] == ""
    assert "outputs" in reasons["b"] and "outputs" in reasons["c"]
    last_norm = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    assert "outputs" in ChannelGraph(last_norm, torch.rand(1, 3, 2, 2)).groups()[0].skipped_because


def test_attention_loses_whole_heads_and_the_number_follows():
    model, x = make("vit")
    graph = ChannelGraph(model, x)
    group = next(group for group in graph.groups() if group.units.kind == "head")
    assert group.units.members == ((0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11))
    with pytest.raises(LessonError, match=r"channels \[4, 5\] .* expected each head once and whole"):
        graph.cut({group.name: [4, 5]})
    graph.cut({group.name: [4, 5, 6, 7]})
    attention = model.layers[0].attention
    assert (attention.heads, attention.head_width, attention.q.out_features) == (2, 4, 8)
    assert model.layers[1].attention.heads == 3


def test_a_fused_attention_loses_q_k_and_v_of_a_head():
    model, x = make("fused attention")
    weight = model.attention.qkv.weight.detach().clone()
    graph = ChannelGraph(model, x)
    group = next(group for group in graph.groups() if group.name == "attention.qkv")
    assert (group.channels, group.units.kind, group.root) == (24, "head", "attention.proj")
    graph.cut({group.name: list(range(6, 12))})
    kept = [row for row in range(72) if row % 24 not in range(6, 12)]
    assert torch.equal(model.attention.qkv.weight, weight[kept])
    assert model.attention.num_heads == 3


def test_layers_with_groups_inside_lose_a_slice():
    model, x = make("grouped")
    graph = ChannelGraph(model, x)
    assert graph.groups()[0].units.members[1] == (1, 5, 9, 13)
    with pytest.raises(LessonError, match="expected each slice"):
        graph.cut({"0": [1]})
    graph.cut({"2": [1, 5, 9, 13]})
    assert (model[2].out_channels, model[2].groups) == (12, 4)


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ((nn.GroupNorm(2, 12), nn.GroupNorm(3, 12)), "cut 12 channels into 2 and 3 parts"),
        ((nn.ConvTranspose2d(12, 12, 2, groups=3),), "1 is a transposed convolution in groups"),
        ((nn.GroupNorm(2, 12), nn.GroupNorm(6, 12)), ""),
        ((nn.ConvTranspose2d(12, 12, 2, groups=12),), ""),
    ],
)
def test_parts_that_no_cut_keeps_equal_are_left_alone(layers, reason):
    model = nn.Sequential(nn.Conv2d(3, 12, 1), *layers, nn.Conv2d(12, 4, 1))
    graph = ChannelGraph(model, torch.rand(1, 3, 4, 4))
    group = graph.groups()[0]
    assert reason in group.skipped_because and bool(reason) == bool(group.skipped_because)
    if not reason:
        graph.cut({"0": group.units.members[0]})
        assert model(torch.rand(1, 3, 4, 4)).shape[1] == 4


def test_modes_frozen_parameters_and_statistics_stay():
    model, x = make("resnet")
    model.train()
    model.layer1.eval()
    model.conv1.requires_grad_(False)
    modes = [module.training for module in model.modules()]
    frozen = [name for name, each in model.named_parameters() if not each.requires_grad]
    mean = model.bn1.running_mean.clone()
    graph = ChannelGraph(model, x)
    assert torch.equal(model.bn1.running_mean, mean)
    for _ in range(2):
        assert [module.training for module in model.modules()] == modes
        assert [name for name, each in model.named_parameters() if not each.requires_grad] == frozen
        graph.cut({"conv1": [0], "layer1.0.conv1": [1]})


def test_a_frozen_layer_stays_in_its_group():
    model = Shortcut()
    model.a.requires_grad_(False)
    graph = ChannelGraph(model, torch.rand(1, 3, 4, 4))
    assert set(graph.groups()[0].makers) == {"a", "b"}
    graph.cut({"a": [1, 2]})
    assert model(torch.rand(1, 3, 4, 4)).shape == (1, 4)


@pytest.mark.parametrize(
    "inputs",
    [
        torch.rand(1, 1, 8, 8),
        (torch.rand(1, 1, 8, 8),),
        [torch.rand(3, 1, 8, 8)],
        {"x": torch.rand(1, 1, 8, 8)},
    ],
)
def test_inputs_of_every_form(inputs):
    assert len(ChannelGraph(SmallCNN(width=4), inputs).groups()) == 5


def test_it_works_inside_no_grad():
    with torch.no_grad():
        assert len(ChannelGraph(SmallCNN(width=4), torch.rand(1, 1, 8, 8)).groups()) == 5


@pytest.mark.parametrize("ignore", [["conv2"], "conv2", ["*v2"], "module", [nn.Conv2d]])
def test_ignore_takes_names_globs_modules_and_types(ignore):
    model = SmallCNN(width=4)
    graph = ChannelGraph(model, torch.rand(1, 1, 8, 8), model.conv2 if ignore == "module" else ignore)
    left_alone = {group.name for group in graph.groups() if "ignored" in group.skipped_because}
    assert left_alone == ({"conv1", "conv2", "conv3"} if ignore == [nn.Conv2d] else {"conv2"})
    with pytest.raises(LessonError, match="'conv2', which must stay: conv2 is ignored"):
        graph.cut({"conv2": [0]})


def test_an_ignored_block_covers_what_is_inside():
    model, x = make("resnet")
    reasons = {g.name: g.skipped_because for g in ChannelGraph(model, x, ["layer2"]).groups()}
    assert {name for name, reason in reasons.items() if "ignored" in reason} == {
        "layer2.0.conv1",
        "layer2.0.conv2",
        "layer2.1.conv1",
    }


@pytest.mark.parametrize(
    ("ignore", "message"),
    [
        (["conv22"], "ignore names 'conv22', .* did you mean 'conv2'"),
        ([nn.LSTM], "ignore holds LSTM, which is not in the model"),
        ([nn.Linear(2, 2)], "ignore holds a Linear, which is not in the model; expected one of its own"),
        ([3], "ignore holds 3; expected names, modules or types"),
    ],
)
def test_what_ignore_does_not_mean_is_an_error(ignore, message):
    with pytest.raises(LessonError, match=message):
        ChannelGraph(SmallCNN(width=4), torch.rand(1, 1, 8, 8), ignore)


class NumPyInside(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        return torch.from_numpy(self.fc(x).detach().numpy())


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        (NumPyInside(), torch.rand(1, 4), "model gives an output without a gradient"),
        (SmallCNN(width=4), torch.rand(1, 3, 8, 8), r"example_inputs of shape \(1, 3, 8, 8\) stop the model"),
        (SmallCNN(width=4), (1, 8, 8), "example_inputs is a tuple without a tensor"),
        (SmallCNN(width=4), None, "example_inputs is a NoneType without a tensor"),
        (SmallCNN(width=4), torch.rand(0, 1, 8, 8), "example_inputs holds an empty tensor"),
    ],
)
def test_what_cannot_be_traced_is_an_error_and_leaves_no_mark(model, inputs, message):
    model.train()
    model.get_submodule("fc" if isinstance(model, NumPyInside) else "conv1").requires_grad_(False)
    frozen = [each.requires_grad for each in model.parameters()]
    with pytest.raises(LessonError, match=message):
        ChannelGraph(model, inputs)
    assert [each.requires_grad for each in model.parameters()] == frozen and model.training


def test_layers_that_autograd_does_not_reach_are_named():
    graph = ChannelGraph(Detached(), torch.rand(1, 6))
    assert graph.untraced == ("a",)
    assert [group.name for group in graph.groups()] == ["b", "c"]
    assert ChannelGraph(*make("torch attention")).untraced == ()


def test_weights_of_two_layers_and_parametrized_ones_stay_whole():
    reasons = [group.skipped_because for group in ChannelGraph(Tied(), torch.rand(1, 8)).groups()]
    assert reasons[:3] == ["b shares a weight with another layer"] * 2 + [
        "c shares a weight with another layer"
    ]
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(6, 8))
    model = nn.Sequential(normed, nn.Linear(8, 8), nn.Linear(8, 3))
    reasons = [group.skipped_because for group in ChannelGraph(model, torch.rand(1, 6)).groups()]
    assert reasons[:2] == ["the weights of 0 are parametrized", ""]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ({"conv9": [0]}, "names the group 'conv9'; expected one of conv1, conv2"),
        ({"bn1": [0]}, "names the group 'bn1'"),
        ({"fc2": [0]}, "'fc2', which must stay: its channels are the outputs"),
        ({"conv1": [4]}, r"channels \[4\] of conv1 do not fit 4 channels"),
        ({"conv1": [-1]}, "do not fit"),
        ({"conv1": [1, 1]}, "expected each channel once"),
        ({"conv1": [0, 1, 2, 3]}, "holds all 4 of conv1; expected at least one to stay"),
    ],
)
def test_a_wrong_cut_is_an_error_and_cuts_nothing(cut, message):
    model = SmallCNN(width=4)
    with pytest.raises(LessonError, match=message):
        ChannelGraph(model, torch.rand(1, 1, 8, 8)).cut({"conv2": [0]} | cut)
    assert model.conv2.out_channels == SmallCNN(width=4).conv2.out_channels


def test_a_shortcut_from_the_input_is_cut_blindly_by_the_graph():
    """The graph cannot see the width of an input: `prune` looks at the result instead."""
    model = InputShortcut()
    ChannelGraph(model, torch.rand(1, 8)).cut({"a": [0]})
    with pytest.raises(RuntimeError, match="must match"):
        model(torch.rand(1, 8))
