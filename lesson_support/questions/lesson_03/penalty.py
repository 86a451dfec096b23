"""A repetition penalty that reaches the logits, once for each occurrence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Repair

if TYPE_CHECKING:
    import torch


def penalize(
    logits: torch.Tensor, tokens: torch.Tensor, active: torch.Tensor, penalty: float
) -> torch.Tensor:
    """(batch, vocabulary) logits, lowered in the active rows by `penalty` for each occurrence of a token."""
    lowered = (-penalty * active.to(logits.dtype))[:, None].expand(tokens.shape)
    return logits.scatter_add(1, tokens, lowered)


def broken_penalize(
    logits: torch.Tensor, tokens: torch.Tensor, active: torch.Tensor, penalty: float
) -> torch.Tensor:
    """(batch, vocabulary) logits, lowered in the active rows by `penalty` for each occurrence of a token."""
    lowered = logits.clone()
    row = torch.arange(int(active.sum()))[:, None]
    lowered[active][row, tokens[active]] -= penalty
    return lowered


def oracle(logits, tokens, active, penalty):
    """Token by token."""
    lowered = logits.numpy().copy()
    for row in range(len(lowered)):
        for token in tokens[row].tolist() if active[row] else []:
            lowered[row, token] -= penalty
    return lowered


def _batch(logits, tokens, active, penalty=1.0):
    import torch

    logits = torch.tensor(logits, dtype=torch.float64)
    return logits, torch.tensor(tokens).reshape(len(logits), -1).long(), torch.tensor(active), penalty


def cases(rng):
    import torch

    found = [
        _batch([[8.0]], [[0]], [True]),
        _batch([[8.0]], [[0]], [False]),
        _batch([[8.0]], [[]], [True]),
        _batch([[8.0, 9.0]], [[1]], [True]),
        _batch([[8.0, 9.0]], [[0, 0]], [True]),
        _batch([[8.0, 9.0]], [[1, 0]], [True]),
        _batch([[8.0, 9.0]], [[1, 1]], [False]),
        _batch([[8.0], [9.0]], [[0], [0]], [True, False]),
        _batch([[8.0], [9.0]], [[0], [0]], [False, True]),
        _batch([[8.0], [9.0]], [[0], [0]], [False, False]),
        _batch([[8.0, 9.0], [6.0, 7.0]], [[0], [1]], [True, True]),
        _batch([[8.0, 9.0], [6.0, 7.0]], [[0, 0], [1, 0]], [False, True]),
        _batch([[8.0, 9.0, 5.0]], [[2, 0, 2, 2]], [True], 0.5),
        _batch([[8.0, 9.0, 5.0]], [[2, 0, 2]], [True], -2.0),
        _batch([[8.0, 9.0, 5.0]], [[2, 0, 2]], [True], 0.0),
        _batch([[float("-inf"), 9.0]], [[0, 1]], [True]),
    ]
    for dtype in (torch.float32, torch.float64):
        for _ in range(7):
            batch, vocabulary, time = (int(rng.integers(1, most)) for most in (4, 6, 7))
            logits = torch.from_numpy(rng.integers(-9, 10, (batch, vocabulary))).to(dtype)
            tokens = torch.from_numpy(rng.integers(0, vocabulary, (batch, time)))
            active = torch.from_numpy(rng.random(batch) < 0.6)
            found.append((logits, tokens, active, float(rng.choice((0.5, 1.0, 2.0)))))
    return found


def show(logits, tokens, active, penalty):
    dtype = "" if str(logits.dtype) == "torch.float32" else f", dtype={logits.dtype}"
    values = str(logits.tolist()).replace("-inf", "float('-inf')")
    chosen = f"torch.tensor({tokens.tolist()})"
    if tokens.numel() == 0:
        chosen = f"torch.zeros({len(tokens)}, 0, dtype=torch.int64)"
    return f"penalize(torch.tensor({values}{dtype}), {chosen}, torch.tensor({active.tolist()}), {penalty})"


def _counts_once(logits, tokens, active, penalty):
    lowered = logits.clone()
    rows = active.nonzero()
    lowered[rows, tokens[active]] -= penalty
    return lowered


def _put_without_accumulate(logits, tokens, active, penalty):
    lowered = logits.clone()
    rows = active.nonzero()
    lowered.index_put_((rows, tokens[active]), lowered[rows, tokens[active]] - penalty)
    return lowered


def _scattered(logits, tokens, active, penalty):
    chosen = logits.gather(1, tokens) - penalty * active[:, None].to(logits.dtype)
    return logits.scatter(1, tokens, chosen)


def _everyone_is_active(logits, tokens, active, penalty):
    return penalize(logits, tokens, active | True, penalty)


def _all_rows_share_tokens(logits, tokens, active, penalty):
    together = tokens[active].reshape(1, -1).expand(len(logits), -1)
    return penalize(logits, together, active, penalty)


def _raised(logits, tokens, active, penalty):
    return penalize(logits, tokens, active, -penalty)


def _only_active_rows(logits, tokens, active, penalty):
    return penalize(logits, tokens, active, penalty)[active]


def _copy_written_back_late(logits, tokens, active, penalty):
    chosen = logits[active]
    chosen.scatter_add_(1, tokens[active], chosen.new_full(tokens[active].shape, -penalty))
    return logits.clone()


def _product_with_counts(logits, tokens, active, penalty):
    import torch

    counts = torch.nn.functional.one_hot(tokens, logits.shape[1]).sum(1)
    return torch.where(active[:, None], logits * (1 - penalty * counts), logits)


QUESTION = Repair(
    name="penalize",
    points=3,
    difficulty="hard",
    minutes=14,
    signature="penalize(logits: torch.Tensor, tokens: torch.Tensor, active: torch.Tensor, penalty: float)"
    " -> torch.Tensor",
    symptom="Every logit comes back as it was, whatever the penalty. A first attempt to repair it lowers the "
    "logits, but a token that occurs three times is lowered as if it had occurred once.",
    example=">>> logits, tokens = torch.zeros(2, 3), torch.tensor([[2, 0, 2], [1, 1, 1]])\n"
    ">>> penalize(logits, tokens, torch.tensor([True, False]), 0.5).tolist()\n"
    "[[-0.5, 0.0, -1.0], [0.0, 0.0, 0.0]]",
    hints=(
        "Which tensor does the last bracket of the line with -= write to? What became of it when the line "
        "ended?",
        "Bring both conditions into one write to the full tensor: inactive rows may take part if they "
        "subtract 0. And choose a write that adds up when one place is named several times.",
        "scatter_add along dimension 1 with tokens as index does it, without changing logits; its source has "
        "the shape of tokens and holds -penalty in active rows, 0 in the others. Or, on a clone, index_put_ "
        "with accumulate=True at (rows, tokens[active]), where rows = active.nonzero().",
    ),
    solution=penalize,
    wrong={
        "-= through one index counts every occurrence": _counts_once,
        "index_put_ adds what it is given": _put_without_accumulate,
        "a scatter of lowered values lowers repeatedly": _scattered,
        "inactive rows are lowered too": _everyone_is_active,
        "tokens of one row count in the others": _all_rows_share_tokens,
        "a penalty is added": _raised,
        "only the active rows are wanted": _only_active_rows,
        "a write to the copy arrives if it accumulates": _copy_written_back_late,
        "a penalty multiplies": _product_with_counts,
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_penalize,
)
