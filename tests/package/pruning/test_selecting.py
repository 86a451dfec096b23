"""The order of removal: what goes first, where it stops, and what ties, floors and bad numbers do."""

from collections import Counter

import pytest
import torch

from lesson_support.errors import LessonError
from lesson_support.pruning.goals import check_share, check_steps, goal_of
from lesson_support.pruning.selecting import Ranked, chosen, removals, up_to_macs, up_to_ratio

nan, inf = float("nan"), float("inf")


def ranked(name, scores, at_start=None, stay=1, width=1):
    scores = torch.tensor(scores, dtype=torch.float64)
    return Ranked(name, scores, at_start or len(scores), stay, width)


def choose(groups, ratio, scope):
    order = removals(groups, scope)
    return chosen(order[: up_to_ratio(order, groups, ratio, scope)])


A, B = ranked("a", [5, 1, 4, 2]), ranked("b", [30, 3, 20, 10, 50, 40])


def test_local_takes_the_same_share_of_every_group():
    assert choose([A, B], 0.5, "local") == {"a": [1, 3], "b": [1, 2, 3]}


def test_global_takes_the_lowest_of_all():
    assert choose([A, B], 0.4, "global") == {"a": [1, 2, 3], "b": [1]}
    assert choose([A, B], 0.5, "global") == {"a": [1, 2, 3], "b": [1, 3]}


def test_one_unit_of_each_group_stays():
    assert choose([A, B], 0.999, "global") == {"a": [1, 2, 3], "b": [0, 1, 2, 3, 5]}
    assert choose([A, B], 0.999, "local") == {"a": [1, 2, 3], "b": [0, 1, 2, 3, 5]}
    assert choose([ranked("a", [1.0])], 0.9, "local") == {}


def test_a_floor_holds_and_others_give_what_it_keeps():
    held = ranked("a", [5, 1, 4, 2], stay=3)
    assert choose([held, B], 0.4, "global") == {"a": [1], "b": [1, 2, 3]}
    assert choose([held, B], 0.5, "local") == {"a": [1], "b": [1, 2, 3]}


@pytest.mark.parametrize(
    ("channels", "ratio", "gone"),
    [(16, 0.3, 5), (100, 0.29, 29), (10, 0.25, 3), (10, 0.24, 2), (7, 0.5, 4), (8, 0.05, 0), (64, 1 / 64, 1)],
)
@pytest.mark.parametrize("scope", ["local", "global"])
def test_the_nearest_number_of_channels_goes(channels, ratio, gone, scope):
    group = ranked("a", torch.randperm(channels).tolist())
    assert sum(map(len, choose([group], ratio, scope).values())) == gone


@pytest.mark.parametrize("total", range(1, 60))
def test_a_share_that_is_a_number_of_channels_gives_that_number(total):
    group = ranked("a", torch.randperm(60).tolist())
    for scope in ("local", "global"):
        assert sum(map(len, choose([group], total / 60, scope).values())) == total


def test_ties_go_by_number_within_a_group():
    assert choose([ranked("a", [2, 1, 1, 1])], 0.5, "local") == {"a": [1, 2]}


def test_a_tie_of_all_takes_the_asked_number_and_from_all_alike():
    groups = [ranked("a", [1.0] * 4), ranked("b", [1.0] * 8), ranked("c", [1.0] * 16)]
    gone = choose(groups, 0.5, "global")
    assert {name: len(units) for name, units in gone.items()} == {"a": 2, "b": 4, "c": 8}


def test_a_tie_with_a_whole_group_does_not_take_it():
    gone = choose([ranked("a", [1.0] * 10), ranked("b", [1.0] * 5 + [9.0] * 5)], 0.5, "global")
    assert {name: len(units) for name, units in gone.items()} == {"a": 5, "b": 5}


def test_infinite_scores_go_first_and_last():
    assert choose([ranked("a", [inf, 1, -inf, 2])], 0.75, "local") == {"a": [1, 2, 3]}


@pytest.mark.parametrize("scope", ["local", "global"])
def test_steps_take_what_one_step_takes(scope):
    torch.manual_seed(0)
    scores = {name: torch.rand(size) for name, size in (("a", 7), ("b", 12), ("c", 30))}
    whole = choose([ranked(name, values.tolist()) for name, values in scores.items()], 0.6, scope)
    left = {name: list(range(len(values))) for name, values in scores.items()}
    for part in (0.2, 0.4, 0.6):
        groups = [ranked(name, scores[name][left[name]].tolist(), len(scores[name])) for name in scores]
        for name, units in choose(groups, part, scope).items():
            left[name] = [each for place, each in enumerate(left[name]) if place not in units]
    assert {name: sorted(set(range(len(scores[name]))) - set(left[name])) for name in scores} == whole


def test_wide_units_count_their_channels():
    heads, plain = ranked("heads", [1, 9, 9, 9], width=10), ranked("plain", range(2, 42))
    assert choose([heads, plain], 0.05, "global") == {}
    assert choose([heads, plain], 0.0625, "global") == {"heads": [0]}
    assert choose([heads, plain], 0.2, "global") == {"heads": [0], "plain": [0, 1, 2, 3, 4, 5]}


def macs_of(costs):
    return lambda removed: 1000 - sum(costs[group] * count for group, count in removed.items())


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("target", [1000, 999, 700, 555, 400])
def test_bisection_finds_the_shortest_prefix(scope, target):
    groups, macs = [A, B], macs_of({"a": 100, "b": 70})
    order = removals(groups, scope)
    lengths = range(len(order) + 1)
    shortest = next(n for n in lengths if macs(Counter(each.group for each in order[:n])) <= target)
    assert up_to_macs(order, macs, target) == shortest


def test_a_target_out_of_reach_takes_all_that_can_go():
    order = removals([A, B], "global")
    assert up_to_macs(order, macs_of({"a": 1, "b": 1}), 10) == len(order) == 8


def test_bisection_asks_few_times():
    order = removals([ranked("a", torch.rand(4000).tolist())], "global")
    asked = []
    up_to_macs(order, lambda removed: asked.append(removed) or 4000 - removed["a"], 1234)
    assert len(asked) <= 13


@pytest.mark.parametrize("value", [1, 1.0, 1.5, -0.1, nan, inf, "0.5", None, True])
def test_a_ratio_outside_is_an_error(value):
    with pytest.raises(LessonError, match=r"ratio is .*; expected a number in \[0, 1\)"):
        check_share("ratio", value)


@pytest.mark.parametrize("value", [0, -0.5, nan, inf, 2001, "half", True])
def test_macs_outside_are_an_error(value):
    with pytest.raises(LessonError, match=r"macs is .*; expected a share in \(0, 1\] .* up to 2,000"):
        goal_of(None, value, 2000)


def test_a_goal_of_macs_is_a_share_or_a_number():
    assert goal_of(None, 0.25, 2000).macs_left(1) == goal_of(None, 500, 2000).macs_left(1) == 500
    assert goal_of(None, 0.25, 2000).macs_left(1 / 3) == pytest.approx(1500)
    assert goal_of(None, 1, 2000).macs_left(1) == 2000


@pytest.mark.parametrize(("ratio", "macs", "came"), [(None, None, "none"), (0.3, 0.5, "both")])
def test_exactly_one_goal(ratio, macs, came):
    with pytest.raises(LessonError, match=f"ratio and macs: {came} came; expected exactly one"):
        goal_of(ratio, macs, 2000)


@pytest.mark.parametrize("steps", [0, -1, 1.0, "2", True, None])
def test_steps_are_whole_and_positive(steps):
    with pytest.raises(LessonError, match="steps is .*; expected a whole number from 1 on"):
        check_steps(steps)


def test_an_unknown_scope_is_an_error():
    with pytest.raises(LessonError, match="scope is 'layer'; expected 'global' or 'local'"):
        removals([A], "layer")
