"""A report without denominators, read beside a machine's limits."""

from __future__ import annotations

from lesson_support.questions.kinds import Diagnose

SIZES, BATCH, BATCH_MS, RATE, PEAK = (32, 256, 256, 4), 64, 0.2, 4_800_000, 80.0


def audit() -> dict:
    """What the figures of the report come to."""
    sizes = (32, 256, 256, 4)
    weights = sum(n * m for n, m in zip(sizes[:-1], sizes[1:], strict=True))
    return {
        "learned": weights + sum(sizes[1:]) + 2 * sum(sizes[1:-1]),
        "counted": "weights and biases",
        "rate": 64 / 0.2e-3,
        "gflops": 4.8e6 * 2 * weights / 1e9,
        "impossible": ["B", "E"],
        "same": ["C", "D"],
    }


def expected():
    """Counted in torch's own layers; what is possible from the operations that each figure takes."""
    from torch import nn

    layers = [
        layer
        for n, m in zip(SIZES[:-2], SIZES[1:-1], strict=True)
        for layer in (nn.Linear(n, m), nn.BatchNorm1d(m), nn.ReLU())
    ]
    network = nn.Sequential(*layers, nn.Linear(SIZES[-2], SIZES[-1]))
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    tensors = {
        "weights": [each.weight for each in linear],
        "weights and biases": [x for each in linear for x in each.parameters()],
        "learned": list(network.parameters()),
        "all values": [*network.parameters(), *(x for x in network.buffers() if x.ndim)],
    }
    numbers = {name: sum(x.numel() for x in found) for name, found in tensors.items()}
    counted = next(name for name, count in numbers.items() if round(count * 4 / 1024) == 294)
    per_second = {"B": RATE, "C": 1 / 3.1e-6, "D": 1000 * BATCH / BATCH_MS, "E": 3 * 20_000 * 30 / 3}
    gflops = {name: rate * 2 * numbers["weights"] / 1e9 for name, rate in per_second.items()}
    rates = {name: per_second[name] for name in "BCD"}
    same = [
        name for name, one in rates.items() if any(abs(one / rates[n] - 1) < 0.02 for n in rates if n != name)
    ]
    return {
        "learned": numbers["learned"],
        "counted": counted,
        "rate": per_second["D"],
        "gflops": gflops["B"],
        "impossible": [name for name, each in gflops.items() if each > PEAK],
        "same": same,
    }


_RIGHT = audit()

QUESTION = Diagnose(
    name="audit",
    points=3,
    difficulty="medium",
    minutes=18,
    signature="audit() -> dict",
    example=">>> sorted(audit())\n['counted', 'gflops', 'impossible', 'learned', 'rate', 'same']",
    hints=(
        "Start with the sizes: three matrices of weights, three rows of biases, and two learned numbers for "
        "each unit of the two hidden layers.",
        "Bring B, C and D to samples per second. A sample costs a multiplication and an addition for each "
        "weight; training costs three times as much.",
        "learned = weights + biases + 2·(256 + 256). 294 KB are 294·1024/4 numbers: compare with your "
        "sums. D: 64 samples in 0.2 ms. gflops: 4.8e6 · 2 · weights / 1e9, beside the 80 of the machine; "
        "do the same for the other three.",
    ),
    solution=audit,
    wrong={
        "BatchNorm learns its running statistics": {**_RIGHT, "learned": _RIGHT["learned"] + 1024},
        "BatchNorm learns nothing": {**_RIGHT, "learned": _RIGHT["learned"] - 1024},
        "a file holds what is learned": {**_RIGHT, "counted": "learned"},
        "a file holds everything": {**_RIGHT, "counted": "all values"},
        "milliseconds are seconds": {**_RIGHT, "rate": 320.0},
        "a multiply-add is one operation": {**_RIGHT, "gflops": _RIGHT["gflops"] / 2},
        "inference costs what training costs": {**_RIGHT, "gflops": 3 * _RIGHT["gflops"]},
        "a figure of microseconds cannot be true": {**_RIGHT, "impossible": ["B", "C", "E"]},
        "training costs what inference costs": {**_RIGHT, "impossible": ["B"]},
        "all figures may be true": {**_RIGHT, "impossible": []},
        "three figures, three measurements": {**_RIGHT, "same": []},
        "all three rates are one measurement": {**_RIGHT, "same": ["B", "C", "D"]},
    },
    expected=expected,
)
