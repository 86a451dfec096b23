"""A chunked scan whose chunks hand on the wrong thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Repair

if TYPE_CHECKING:
    import torch


def chunked_scan(
    a: torch.Tensor, b: torch.Tensor, h0: torch.Tensor, chunk: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of h = a·h + b from h0, in chunks, and the last one."""
    import torch

    def merge(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    time, channel = b.shape
    missing = -time % chunk
    a = torch.cat([a, a.new_ones(missing, channel)]).view(-1, chunk, channel)
    b = torch.cat([b, b.new_zeros(missing, channel)]).view(-1, chunk, channel)
    within = [(a[:, 0], b[:, 0])]
    for t in range(1, chunk):
        within.append(merge(within[-1], (a[:, t], b[:, t])))
    prefix, starts = (torch.ones_like(h0), h0), []
    for total in zip(*within[-1], strict=True):
        starts.append(prefix[1])
        prefix = merge(prefix, total)
    start = torch.stack(starts)
    h = torch.stack([gate * start + new for gate, new in within], 1)
    return h.view(-1, channel)[:time], prefix[1]


def broken_chunked_scan(
    a: torch.Tensor, b: torch.Tensor, h0: torch.Tensor, chunk: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The states of h = a·h + b from h0, in chunks, and the last one."""
    import torch

    def merge(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    time, channel = b.shape
    missing = -time % chunk
    a = torch.cat([a, a.new_zeros(missing, channel)]).view(-1, chunk, channel)
    b = torch.cat([b, b.new_zeros(missing, channel)]).view(-1, chunk, channel)
    within = [(a[:, 0], b[:, 0])]
    for t in range(1, chunk):
        within.append(merge(within[-1], (a[:, t], b[:, t])))
    prefix, starts = (torch.ones_like(h0), h0), []
    for total in zip(*within[-1], strict=True):
        starts.append(prefix[1])
        prefix = merge(total, prefix)
    start = torch.stack(starts)
    h = torch.stack([gate * start + new for gate, new in within], 1)
    return h.view(-1, channel)[:time], prefix[1]


def oracle(a, b, h0, chunk):
    """Step by step, in Python's whole numbers."""
    import torch

    state, states = h0.tolist(), []
    for gates, news in zip(a.tolist(), b.tolist(), strict=True):
        state = [gate * h + new for gate, h, new in zip(gates, state, news, strict=True)]
        states.append(state)
    return torch.tensor(states, dtype=b.dtype).reshape(b.shape), torch.tensor(state, dtype=b.dtype)


def show(a, b, h0, chunk):
    parts = ", ".join(f"torch.tensor({each.tolist()})" for each in (a, b, h0))
    return f"chunked_scan({parts}, {chunk})"


def cases(rng):
    import torch

    def drawn(time, channel, chunk, gates=(-1, 0, 1, 2)):
        a = torch.tensor(rng.choice(gates, (time, channel)))
        b, h0 = (torch.tensor(rng.integers(-4, 5, shape)) for shape in ((time, channel), channel))
        return a, b, h0, chunk

    def line(a, b, h0, chunk):
        return torch.tensor(a)[:, None], torch.tensor(b)[:, None], torch.tensor([h0]), chunk

    found = [
        line([1], [1], 0, 1),
        line([2], [1], 3, 1),
        line([1, 1], [1, 1], 0, 1),
        line([1, 2], [1, 1], 0, 1),
        line([2, 2], [0, 0], 1, 1),
        line([2], [1], 1, 2),
        line([1, 1], [1, 2], 0, 2),
        line([2, 3], [1, 1], 0, 2),
        line([2, 3, 2], [1, 1, 1], 0, 1),
        line([2, 3, 2], [1, 1, 1], 1, 2),
        line([2, 3, 2, 1], [1, 2, 0, 1], 1, 2),
        line([1, 0, 2, 1], [1, 1, 1, 1], 5, 2),
        line([2, 1, 2, 3, 1], [1, 2, 0, 1, 1], 1, 2),
        line([2, 1, 2], [1, 2, 1], 1, 8),
        drawn(4, 2, 2),
        drawn(6, 3, 2),
        drawn(7, 2, 3),
        drawn(1, 3, 4),
    ]
    for _ in range(8):
        found.append(drawn(*(int(each) for each in rng.integers((5, 1, 1), (20, 4, 7)))))
    return found


def _changed(*edits):
    """The solution with lines replaced."""
    import inspect
    import textwrap

    text = textwrap.dedent(inspect.getsource(chunked_scan))
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} occurs {text.count(old)} times: expected once")
        text = text.replace(old, new)
    return "from __future__ import annotations\nimport torch\n\n\n" + text


ZEROS = ("a.new_ones(missing", "a.new_zeros(missing")
SWAPPED = ("prefix = merge(prefix, total)", "prefix = merge(total, prefix)")
OWN = ("prefix = merge(prefix, total)", "prefix = merge((prefix[0], 0 * prefix[1]), total)")
WITHIN = ("merge(within[-1], (a[:, t], b[:, t]))", "merge((a[:, t], b[:, t]), within[-1])")
START = ("(torch.ones_like(h0), h0), []", "(torch.ones_like(h0), 0 * h0), []")
FIRST = ("start = torch.stack(starts)", "start = torch.stack([h0, *starts[1:]])")
WHOLE = ("[:time], prefix[1]", "[:time], h.view(-1, channel)[time // chunk * chunk - 1]")
EDGE = (
    "gate * start + new for gate, new in within",
    "(0 if k else gate) * start + new for k, (gate, new) in enumerate(within)",
)
CUT = (
    ("missing = -time % chunk", "time = time // chunk * chunk"),
    ("torch.cat([a, a.new_ones(missing, channel)])", "a[:time]"),
    ("torch.cat([b, b.new_zeros(missing, channel)])", "b[:time]"),
)

QUESTION = Repair(
    name="chunked_scan",
    points=2,
    difficulty="medium",
    minutes=10,
    signature="chunked_scan(a: torch.Tensor, b: torch.Tensor, h0: torch.Tensor, chunk: int) -> "
    "tuple[torch.Tensor, torch.Tensor]",
    symptom="With all gates 1 it returns the running sums of b, for every chunk size. With other gates the "
    "first chunk is right, the second one only if h0 is 0, and the later ones are not. And the last state is "
    "wrong where chunk does not divide the length: with gates of 1 it is the one before the last chunk.",
    example=">>> a, b = torch.tensor([[2], [3], [2]]), torch.tensor([[1], [1], [1]])\n"
    ">>> h, last = chunked_scan(a, b, torch.tensor([1]), 2)\n"
    ">>> h.tolist(), last.tolist()\n"
    "([[3], [10], [21]], [21])",
    hints=(
        "Two lines are wrong. Sums are right and gates are not: which property does adding have that the "
        "pair (gate, input) lacks?",
        "merge takes the earlier part on the left; look at who comes first where prefix grows. And what does "
        "a padded step do to the state that it meets?",
        "prefix = merge(prefix, total), and pad a with new_ones, b with new_zeros: (1, 0) is the identity.",
    ),
    solution=chunked_scan,
    wrong={
        "only the padding was wrong": _changed(SWAPPED),
        "only the order was wrong": _changed(ZEROS),
        "merging in the other order everywhere is consistent": _changed(SWAPPED, WITHIN),
        "each chunk carries only its own total to the next": _changed(OWN),
        "the initial state belongs to the first chunk only": _changed(START, FIRST),
        "the last state is that of the last whole chunk": _changed(WHOLE),
        "a start reaches the first element of its chunk only": _changed(EDGE),
        "what is left over may be cut off": _changed(*CUT),
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_chunked_scan,
)
