"""Parameters and MACs, against three others who count, and against what a cut really leaves."""

import warnings
from collections import Counter

import pytest
import torch
import torch_pruning
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lesson_support.errors import LessonError
from lesson_support.models.convolutional import SmallCNN
from lesson_support.models.residual import resnet18
from lesson_support.models.vision_transformer import SmallViT
from lesson_support.pruning.structure.counting import count
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.widths import Widths
from tests.package.pruning.networks import NETWORKS, make


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_totals_are_those_of_torch(name):
    model, x = make(name)
    counted = count(model, x)
    with FlopCounterMode(display=False) as flops, nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        model(x)
    assert counted.macs == flops.get_total_flops() // 2 // len(x)
    assert counted.parameters == sum(each.numel() for each in model.parameters())
    assert counted.macs == sum(layer.macs for layer in counted.layers)
    assert counted.parameters == sum(layer.parameters for layer in counted.layers)


def test_torch_pruning_counts_a_bias_and_the_norms_too():
    """Its MACs of a network of convolutions are ours and what bias, norm and activation add."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.Conv2d(4, 5, 1, bias=False))
    x = torch.rand(1, 3, 6, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, parameters = torch_pruning.utils.count_ops_and_params(model, x)
        resnet = resnet18(10, 1, 8, "small")
        theirs_resnet, _ = torch_pruning.utils.count_ops_and_params(resnet, torch.rand(1, 1, 8, 8))
    assert (count(model, x).macs, count(model, x).parameters) == (theirs, parameters)
    ours = count(resnet, torch.rand(1, 1, 8, 8)).macs
    assert ours < theirs_resnet < 1.1 * ours


def test_layers_by_hand():
    layers = {layer.name: layer for layer in count(SmallCNN(), torch.rand(1, 1, 8, 8)).layers}
    assert layers["conv2"].macs == 32 * 64 * 9 * 8 * 8
    assert (layers["conv2"].channels_in, layers["conv2"].channels_out) == (32, 64)
    assert layers["conv2"].kind == "Conv2d"
    assert layers["bn1"].macs == 0 and layers["bn1"].parameters == 64
    assert layers["fc2"].macs == 64 * 10 and layers["fc2"].parameters == 64 * 10 + 10


def test_products_of_attention_belong_to_the_attention():
    """16 tokens, 4 heads of 12: q kᵀ and the weighted sum of v cost time · time · width each."""
    layers = {layer.name: layer for layer in count(SmallViT(), torch.rand(1, 1, 8, 8)).layers}
    assert layers["layers.0.attention"].macs == 2 * 16 * 16 * 48
    assert layers["layers.0.attention.q"].macs == 16 * 48 * 48
    assert layers["layers.0.attention"].channels_out is None
    assert layers[""].parameters == 16 * 48  # the positions are the model's own


def test_torch_attention_is_seen_inside_although_it_calls_no_layer():
    model, x = make("torch attention")
    with torch.no_grad():
        attention = {layer.name: layer for layer in count(model, x).layers}["attention"]
    assert attention.macs == 4 * 7 * 24 * 24 + 2 * 7 * 7 * 24
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_macs_are_those_of_one_example(batch):
    assert count(SmallCNN(), torch.rand(batch, 1, 8, 8)).macs == 2_411_136


def test_counting_leaves_the_model_as_it_was():
    model = resnet18(10, 1, 4, "small")
    model.train()
    model.bn1.eval()
    x = torch.rand(2, 1, 8, 8)
    mean = model.layer1[0].bn1.running_mean.clone()
    count(model, x)
    assert model.training and not model.bn1.training
    assert torch.equal(mean, model.layer1[0].bn1.running_mean)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    with pytest.raises(LessonError, match=r"example_inputs of shape \(2, 9, 8, 8\) stop the model"):
        count(model, torch.rand(2, 9, 8, 8))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


class Recursive(nn.Module):
    """One layer used three times; one matrix product of its own."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4, bias=False)

    def forward(self, x):
        return self.fc(self.fc(self.fc(x))) @ torch.ones(4, 2)


def test_a_layer_counts_as_often_as_it_runs():
    layers = {layer.name: layer.macs for layer in count(Recursive(), torch.rand(3, 4)).layers}
    assert layers == {"fc": 3 * 16, "": 8}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_widths_foretell_what_a_cut_leaves(name):
    model, x = make(name)
    graph = ChannelGraph(model, x)
    groups = graph.groups()
    widths = Widths(model, groups, count(model, x))
    units = {g.name: len(g.units.members) // 3 for g in groups if not g.skipped_because}
    channels = {
        g.name: [c for u in g.units.members[: units[g.name]] for c in u] for g in groups if g.name in units
    }
    assert sum(units.values()) > 0
    foretold = widths.macs(units), widths.parameters(units)
    assert widths.macs({}) == count(model, x).macs and foretold[0] < widths.macs({})
    graph.cut(channels)
    after = count(model, x)
    assert foretold[1] == after.parameters
    if name == "torch attention":  # whose products it takes for Linear layers
        assert foretold[0] == pytest.approx(after.macs, rel=0.1)
    else:
        assert foretold[0] == after.macs


def test_widths_fall_with_every_unit():
    model, x = make("resnet")
    groups = ChannelGraph(model, x).groups()
    widths = Widths(model, groups, count(model, x))
    removed, before = Counter(), widths.macs({})
    for group in groups[:-1]:
        for _ in range(group.channels - 1):
            removed[group.name] += 1
            assert widths.macs(removed) < before
            before = widths.macs(removed)
