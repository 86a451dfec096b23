"""What is left of a network after a cut, with the layers that have to be cut along."""

from __future__ import annotations

from lesson_support.questions.kinds import Function


def count_after(layers: list[tuple], keep: dict[str, int]) -> tuple[int, int]:
    """The parameters and multiply-adds left when the outputs in `keep` have so many channels left."""
    left = {"x": 3} | {name: width for name, _, width, _, _ in layers} | keep
    for _ in layers:  # a tie may reach as far as there are layers
        for _, inputs, _, _, _ in layers:
            left |= dict.fromkeys(inputs, min(left[each] for each in inputs))
    parameters = macs = 0
    for name, inputs, _, kernel, side in layers:
        weights = left[inputs[0]] * left[name] * kernel**2
        parameters += weights + 2 * left[name]
        macs += weights * side**2
    return parameters, macs


def oracle(layers, keep):
    """Modules of the widths that are left, their parameters, and the operations that torch counts in them."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    widths = {"x": 3} | {name: width for name, _, width, _, _ in layers}
    together = {name: {name} for name in widths}
    for _, inputs, _, _, _ in layers:
        joined = set().union(*(together[each] for each in inputs))
        for each in joined:
            together[each] = joined
    left = {
        name: next((keep[each] for each in sorted(tied) if each in keep), widths[name])
        for name, tied in together.items()
    }
    parameters = 0
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        for name, inputs, _, kernel, side in layers:
            conv = torch.nn.Conv2d(left[inputs[0]], left[name], kernel, padding=kernel // 2, bias=False)
            norm = torch.nn.BatchNorm2d(left[name])
            conv(torch.empty(1, left[inputs[0]], side, side))
            parameters += sum(each.numel() for part in (conv, norm) for each in part.parameters())
    return parameters, counter.get_total_flops() // 2


def cases(rng):
    one = [("a", ("x",), 4, 3, 2)]
    chain = [("a", ("x",), 4, 3, 8), ("b", ("a",), 6, 3, 4), ("c", ("b",), 2, 1, 1)]
    block = [
        ("a", ("x",), 8, 3, 8),
        ("b", ("a",), 6, 3, 8),
        ("c", ("b",), 8, 3, 8),
        ("d", ("a", "c"), 10, 1, 1),
    ]
    two = [*block[:3], ("d", ("a", "c"), 5, 3, 8), ("e", ("d",), 8, 3, 8), ("f", ("c", "e"), 10, 1, 1)]
    branch = [
        ("a", ("x",), 8, 3, 8),
        ("b", ("a",), 12, 3, 4),
        ("s", ("a",), 12, 1, 4),
        ("f", ("b", "s"), 10, 1, 1),
    ]
    found = [(one, {}), (chain, {}), (chain, {"a": 3}), (chain, {"b": 1}), (chain, {"a": 2, "b": 5})]
    found += [(block, {}), (block, {"b": 3}), (block, {"a": 5}), (block, {"c": 5}), (block, {"c": 2, "b": 1})]
    found += [
        (two, {"a": 3}),
        (two, {"e": 3}),
        (two, {"c": 7, "d": 2}),
        (branch, {"s": 6}),
        (branch, {"b": 5}),
    ]
    deep = [(f"o{i}", (f"o{max(i - 2, 0)}", f"o{i - 1}") if i else ("x",), 6, 1, 4) for i in range(7)]
    found.append((deep, {"o5": 2}))
    for _ in range(6):
        found.append(_stages(rng))
    return found


def _stages(rng):
    """A stem and blocks that all add to one stream; one of the stream's outputs is cut, and some inside."""
    stream, blocks = int(rng.integers(4, 12)), int(rng.integers(2, 5))
    layers, keep = [("a", ("x",), stream, 3, 8)], {}
    added = ("a",)
    for block in range(blocks):
        inside, outside = f"i{block}", f"o{block}"
        layers.append((inside, added, int(rng.integers(3, 9)), 1, 8))
        layers.append((outside, (inside,), stream, 3, 8))
        if rng.random() < 0.5:
            keep[inside] = int(rng.integers(1, 3))
        added = (added[-1], outside) if rng.random() < 0.6 else (*added, outside)
    layers.append(("f", added, 10, 1, 1))
    keep[str(rng.choice(added))] = int(rng.integers(1, stream))
    return layers, keep


def _left(layers, keep, rounds):
    left = {"x": 3} | {name: width for name, _, width, _, _ in layers} | keep
    for _ in range(rounds):
        for _, inputs, _, _, _ in layers:
            left |= dict.fromkeys(inputs, min(left[each] for each in inputs))
    return left


def _no_ties(layers, keep):
    left = _left(layers, keep, 0)
    parameters = macs = 0
    for name, inputs, _, kernel, side in layers:
        weights = min(left[each] for each in inputs) * left[name] * kernel**2
        parameters, macs = parameters + weights + 2 * left[name], macs + weights * side**2
    return parameters, macs


def _one_round(layers, keep):
    left = _left(layers, keep, 1)
    parameters = macs = 0
    for name, inputs, _, kernel, side in layers:
        weights = left[inputs[0]] * left[name] * kernel**2
        parameters, macs = parameters + weights + 2 * left[name], macs + weights * side**2
    return parameters, macs


def _outputs_only(layers, keep):
    widths, left = _left(layers, {}, 0), _left(layers, keep, len(layers))
    parameters = macs = 0
    for name, inputs, _, kernel, side in layers:
        weights = widths[inputs[0]] * left[name] * kernel**2
        parameters, macs = parameters + weights + 2 * left[name], macs + weights * side**2
    return parameters, macs


def _norms_forgotten(layers, keep):
    parameters, macs = count_after(layers, keep)
    left = _left(layers, keep, len(layers))
    return parameters - 2 * sum(left[name] for name, *_ in layers), macs


def _norms_uncut(layers, keep):
    parameters, macs = count_after(layers, keep)
    left = _left(layers, keep, len(layers))
    return parameters + 2 * sum(width - left[name] for name, _, width, _, _ in layers), macs


def _operations(layers, keep):
    parameters, macs = count_after(layers, keep)
    return parameters, 2 * macs


def _sum_concatenates(layers, keep):
    left = _left(layers, keep, len(layers))
    parameters = macs = 0
    for name, inputs, _, kernel, side in layers:
        weights = sum(left[each] for each in inputs) * left[name] * kernel**2
        parameters, macs = parameters + weights + 2 * left[name], macs + weights * side**2
    return parameters, macs


QUESTION = Function(
    name="count_after",
    points=3,
    difficulty="medium",
    minutes=15,
    signature="count_after(layers: list[tuple], keep: dict[str, int]) -> tuple[int, int]",
    example='>>> layers = [("a", ("x",), 4, 3, 8), ("b", ("a",), 4, 3, 8), ("c", ("a", "b"), 2, 1, 1)]\n'
    ">>> count_after(layers, {})\n(280, 16136)\n"
    '>>> count_after(layers, {"b": 3})\n(184, 10374)',
    hints=(
        "A layer's weights have two widths, and both may have been cut. Which outputs have to shrink "
        "together, because a later layer adds them?",
        "First find how many channels each output keeps: outputs that are added keep the same number, and "
        "what is added to one of them elsewhere does so too. Go through the layers until nothing changes, "
        "then count.",
        "Start with the widths, overwritten by keep. For each layer set all its inputs to the smallest of "
        "them, and repeat that as often as there are layers. Then weights = left[an input] · left[name] · "
        "kernel², parameters = weights + 2 · left[name], multiply-adds = weights · side².",
    ),
    solution=count_after,
    wrong={
        "what is added need not be cut along": _no_ties,
        "a tie ends at the next layer": _one_round,
        "a cut makes a layer's outputs fewer, and nothing else": _outputs_only,
        "BatchNorm has no parameters worth counting": _norms_forgotten,
        "BatchNorm keeps its parameters": _norms_uncut,
        "a multiply-add is two": _operations,
        "adding two outputs puts their channels side by side": _sum_concatenates,
    },
    cases=cases,
    oracle=oracle,
)
