"""Channels that do nothing: whoever measures removes exactly these, and the outputs stay."""

import copy
from itertools import product

import pytest
import torch
from torch import nn

from lesson_support.pruning.importance.importances import Coverage
from lesson_support.pruning.selecting import Ranked, chosen, removals
from lesson_support.pruning.structure.graph import ChannelGraph
from lesson_support.pruning.structure.groups import members
from tests.package.pruning.lively import ALL, BLIND, INVERTED, MEASURING, METRICS, calibration, lively, settle

IGNORED = {"cnn": ("fc1",), "resnet": (), "vit": ("patches",), "depthwise": ()}


def open_groups(model, ignore):
    return [
        group
        for group in ChannelGraph(model, calibration(2)[0], ignore).groups()
        if not group.skipped_because
    ]


@torch.no_grad()
def kill(model, groups, seed=0):
    """Switches off a third of the units of every group by its last layers; {group: dead channels}.

    γ = β = 0 in all BatchNorms of the channel; where there is none, zero rows in what makes it (v in
    attention: q and k stay as they are).
    """
    generator, dead = torch.Generator().manual_seed(seed), {}
    for group in groups:
        units = group.units.members
        order = torch.randperm(len(units), generator=generator)[: len(units) // 3].tolist()
        dead[group.name] = {channel for unit in order for channel in units[unit]}
        found = members(group.items)
        norms = [each for each in found if isinstance(each.module, nn.BatchNorm2d)]
        makers = [each for each in found if each.role == "producer" and not each.name.endswith((".q", ".k"))]
        for member in norms or makers:
            rows = [i for i, root in zip(member.idxs, member.roots, strict=True) if root in dead[group.name]]
            member.module.weight[rows] = 0
            member.module.bias[rows] = 0
    settle(model, calibration()[0])
    return dead


def choose(importance, groups, dead, scope):
    """{group: channels that go}, as many as are dead: of each group, or of all together."""
    scores = {group.name: importance(group.items) for group in groups}
    if scope == "local":
        return {name: set(scores[name].argsort()[: len(dead[name])].tolist()) for name in dead}
    ranked = [Ranked(name, each, len(each), 0) for name, each in scores.items()]
    order = removals(ranked, "global")[: sum(map(len, dead.values()))]
    return {name: set() for name in dead} | {name: set(units) for name, units in chosen(order).items()}


@pytest.fixture(scope="module")
def patients():
    """{kind: (model, groups, dead)}; nobody changes them."""
    found = {}
    for kind, ignore in IGNORED.items():
        model = lively(kind)
        groups = open_groups(model, ignore)
        found[kind] = model, groups, kill(model, groups)
        assert sum(map(len, found[kind][2].values())) >= 4
    return found


def prepared(importance, model):
    x, y = calibration()
    importance.prepare(model, [(x[:20], y[:20]), (x[20:], y[20:])])
    return importance


def judges(kind, name):
    """Values above zero say nothing where there is no ReLU: in attention only metrics of sizes are asked."""
    return kind != "vit" or name not in {*METRICS, "coverage inverted", "hybrid by rank"} - {"mean_absolute"}


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize(("kind", "name"), [each for each in product(IGNORED, MEASURING) if judges(*each)])
def test_exactly_the_dead_channels_go(patients, kind, name, scope):
    model, groups, dead = patients[kind]
    assert choose(prepared(ALL[name](), model), groups, dead, scope) == dead


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize(("kind", "name"), [each for each in product(IGNORED, INVERTED) if judges(*each)])
def test_the_inverted_control_keeps_every_dead_channel(patients, kind, name, scope):
    model, groups, dead = patients[kind]
    picked = choose(prepared(ALL[name](), model), groups, dead, scope)
    assert sum(map(len, picked.values())) == sum(map(len, dead.values()))
    assert not any(picked[name] & dead[name] for name in dead)


@pytest.mark.parametrize("make", BLIND.values(), ids=BLIND)
def test_weights_alone_do_not_tell_which_channels_are_dead(patients, make):
    model, groups, dead = patients["resnet"]
    picked = choose(prepared(make(), model), groups, dead, "global")
    assert 0 < sum(len(picked[name] & dead[name]) for name in dead) < sum(map(len, dead.values()))


@pytest.mark.parametrize("kind", ["cnn", "resnet", "depthwise"])
def test_outputs_stay_when_they_go_and_change_when_others_do(patients, kind):
    model, groups, dead = patients[kind]
    alive = {group.name: {*range(group.channels)} - dead[group.name] for group in groups}
    x = calibration()[0]
    with torch.no_grad():
        before = model(x)
        assert before.std() > 1e-2
        for wanted, stays in ((dead, True), (alive, False)):
            smaller = copy.deepcopy(model)
            cuts = {name: sorted(channels)[: len(dead[name])] for name, channels in wanted.items()}
            ChannelGraph(smaller, x[:2], IGNORED[kind]).cut(cuts)
            largest = (smaller(x) - before).abs().max()
            assert (largest < 1e-5) == stays, largest


@pytest.mark.parametrize("metric", sorted({*METRICS} - {"mean_absolute"}))
def test_what_counts_values_above_zero_takes_live_channels_of_attention_for_dead(patients, metric):
    """Without a ReLU a channel can be at work below zero: only a metric of sizes sees it."""
    model, groups, dead = patients["vit"]
    picked = choose(prepared(Coverage(metric), model), groups, dead, "global")
    assert any(picked[name] - dead[name] for name in dead)
