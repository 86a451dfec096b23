"""A pipeline for one hidden layer: score, cut, re-estimate BatchNorm, report. Five things are wrong in it."""

from __future__ import annotations

import torch

from lesson_support.questions.kinds import Repair


def prune_hidden(
    W1: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    W2: torch.Tensor,
    batches: list[torch.Tensor],
    ratio: float,
) -> dict:
    """Cut the hidden layer of relu(batch_norm(x W1ᵀ)) W2ᵀ; its parts, new statistics and what is gone."""
    scores = gamma.abs() * W2.norm(dim=0)
    count = int(ratio * len(scores))
    kept = scores.argsort(stable=True)[count:].sort().values
    W1, gamma, beta, W2 = W1[kept], gamma[kept], beta[kept], W2[:, kept]
    h = [x @ W1.T for x in batches]
    return {
        "W1": W1,
        "gamma": gamma,
        "beta": beta,
        "W2": W2,
        "mean": torch.stack([each.mean(0) for each in h]).mean(0),
        "var": torch.stack([each.var(0) for each in h]).mean(0),
        "removed": count / len(scores),
    }


def broken_prune_hidden(
    W1: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    W2: torch.Tensor,
    batches: list[torch.Tensor],
    ratio: float,
) -> dict:
    """Cut the hidden layer of relu(batch_norm(x W1ᵀ)) W2ᵀ; its parts, new statistics and what is gone."""
    scores = gamma.abs_() * W2.norm(dim=0)
    count = int(ratio * len(scores))
    ranked = scores.sort(descending=True)
    gone = scores <= ranked.values[-count] if count else torch.zeros_like(scores).bool()
    if gone.all():  # never empty a layer
        gone = torch.zeros_like(gone)
    kept = ranked.indices[: int((~gone).sum())]
    W1, gamma, beta, W2 = W1[kept], gamma[kept], beta[kept], W2[:, ~gone]
    mean, var = torch.zeros_like(beta), torch.ones_like(beta)
    for x in batches:
        h = x @ W1.T
        mean = 0.9 * mean + 0.1 * h.mean(0)
        var = 0.9 * var + 0.1 * h.var(0)
    return {"W1": W1, "gamma": gamma, "beta": beta, "W2": W2, "mean": mean, "var": var, "removed": ratio}


def oracle(W1, gamma, beta, W2, batches, ratio):
    """Units taken out one after the other; the statistics are those of torch's BatchNorm, averaging."""
    units = list(range(len(gamma)))
    strength = [abs(float(gamma[j])) * sum(float(w) ** 2 for w in W2[:, j]) ** 0.5 for j in units]
    count = int(ratio * len(units))
    for _ in range(count):
        units.remove(min(units, key=lambda j: (round(strength[j], 9), j)))
    norm = torch.nn.BatchNorm1d(len(units), momentum=None, dtype=W1.dtype)
    for x in batches:
        norm(x @ W1[units].T)
    return {
        "W1": W1[units],
        "gamma": gamma[units],
        "beta": beta[units],
        "W2": W2[:, units],
        "mean": norm.running_mean,
        "var": norm.running_var,
        "removed": count / len(gamma),
    }


def show(W1, gamma, beta, W2, batches, ratio):
    def typed(t):
        return f"torch.tensor({t.tolist()})"

    return "\n".join(
        [
            f"W1, W2 = {typed(W1)}, {typed(W2)}",
            f"gamma, beta = {typed(gamma)}, {typed(beta)}",
            f"batches = [{', '.join(map(typed, batches))}]",
            f"prune_hidden(W1, gamma, beta, W2, batches, {ratio})",
        ]
    )


def cases(rng):
    def tensor(*shape):
        return torch.tensor(rng.integers(-8, 9, shape) / 4.0)

    def case(gamma, ratio, rows=(3,), n=2, m=1, W2=None):
        hidden = len(gamma)
        W2 = torch.ones(m, hidden, dtype=torch.float64) if W2 is None else W2
        batches = [tensor(size, n) for size in rows]
        return (
            tensor(hidden, n),
            torch.tensor(gamma, dtype=torch.float64),
            tensor(hidden),
            W2,
            batches,
            ratio,
        )

    found = [
        case([2, 1], 0.5, n=1, rows=(2,)),
        case([1, 2], 0.5, n=1, rows=(2,)),
        case([1, 1], 0.5, n=1, rows=(2,)),
        case([-2, 1], 0.5, n=1, rows=(2,)),
        case([1, 2], 0.0, n=1, rows=(2,)),
        case([1, 2], 0.25, n=1, rows=(2,)),
        case([2, 1], 0.5, n=1, rows=(2, 4)),
        case([3], 0.9, n=1, rows=(2,)),
        case([1, 3, 2, 4], 0.5),
        case([1, 1, 1, 1], 0.75),
        case([2, 1, 1, 2], 0.25),
        case([-1, 0, 1, 0], 0.5),
        case([1, 2, 3, 4], 0.5, W2=torch.tensor([[4.0, -2.0, 0.0, 1.0]], dtype=torch.float64)),
        case([1, 2, 3, 4], 0.25, m=2, W2=torch.tensor([[3.0, 0, 2, 2], [-4, 3, 2, 0]], dtype=torch.float64)),
        case([1, 2, 3, 4], 0.75, m=2, W2=torch.tensor([[3.0, 0, 2, 2], [-4, 3, 2, 0]], dtype=torch.float64)),
        case([4, 3, 2, 1], 0.7, rows=(2, 3, 6)),
        case([1] * 40, 0.5, n=1, rows=(2,)),  # so many equal scores that an unstable sort mixes them
    ]
    for _ in range(12):
        hidden = int(rng.integers(2, 7))
        rows = rng.integers(2, 5, rng.integers(1, 4)).tolist()
        gamma = (rng.permutation(hidden) + 1) * rng.choice((-1, 1), hidden)
        if rng.random() < 0.4:
            gamma = rng.choice((-1, 1), hidden)
        found.append(case(gamma.tolist(), float(rng.choice((0.25, 0.5, 0.75))), rows))
    return found


def _with(kept=None, statistics=None, removed=None, columns=None, scores=None, changed=None):
    """The pipeline with one part done otherwise."""

    def prune_hidden(W1, gamma, beta, W2, batches, ratio):
        strength = (scores or (lambda gamma, W1, W2: gamma.abs() * W2.norm(dim=0)))(gamma, W1, W2)
        count = int(ratio * len(strength))
        places = (kept or (lambda s, n: s.argsort(stable=True)[n:].sort().values))(strength, count)
        outputs = (columns or (lambda places, s: places))(places, strength)
        if changed is not None:
            changed(gamma, batches)
        W1, gamma, beta, W2 = W1[places], gamma[places], beta[places], W2[:, outputs]
        h = [x @ W1.T for x in batches]
        mean, var = (statistics or _averaged)(h)
        share = (removed or (lambda count, n, ratio: count / n))(
            len(strength) - len(places), len(strength), ratio
        )
        return {"W1": W1, "gamma": gamma, "beta": beta, "W2": W2, "mean": mean, "var": var, "removed": share}

    return prune_hidden


def _averaged(h):
    return (
        torch.stack([each.mean(0) for each in h]).mean(0),
        torch.stack([each.var(0) for each in h]).mean(0),
    )


def _moved(h):
    mean, var = torch.zeros_like(h[0][0]), torch.ones_like(h[0][0])
    for each in h:
        mean, var = 0.9 * mean + 0.1 * each.mean(0), 0.9 * var + 0.1 * each.var(0)
    return mean, var


def _pooled(h):
    rows = torch.cat(h)
    return rows.mean(0), rows.var(0)


def _biased(h):
    mean, _ = _averaged(h)
    return mean, torch.stack([each.var(0, correction=0) for each in h]).mean(0)


def _last(h):
    return h[-1].mean(0), h[-1].var(0)


def _guarded(strength, count):
    gone = strength <= strength.sort().values[count - 1] if count else torch.zeros_like(strength).bool()
    return (torch.zeros_like(gone) if gone.all() else gone).logical_not().nonzero().flatten()


QUESTION = Repair(
    name="prune_hidden",
    points=4,
    difficulty="hard",
    minutes=20,
    signature="prune_hidden(W1: torch.Tensor, gamma: torch.Tensor, beta: torch.Tensor, W2: torch.Tensor, "
    "batches: list[torch.Tensor], ratio: float) -> dict",
    symptom="- The pruned network answers nonsense, unless the scores happen to fall from the first unit to "
    "the last.\n"
    "- A layer whose units all score the same keeps every one, and the report says that half are gone.\n"
    "- Units whose gamma is negative come out positive, also in the network that was passed in.\n"
    "- Asked for a quarter of two units, it removes none and reports 0.25.\n"
    "- The new running mean is a tenth of what it should be with one batch, and more with several.",
    example=">>> W1, gamma = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, -3.0])\n"
    ">>> beta, W2 = torch.tensor([0.0, 5.0]), torch.tensor([[1.0, 1.0]])\n"
    ">>> batches = [torch.tensor([[1.0], [3.0]])]\n"
    ">>> pruned = prune_hidden(W1, gamma, beta, W2, batches, 0.5)\n"
    ">>> [pruned[name].tolist() for name in ('W1', 'gamma', 'W2', 'mean', 'var')]\n"
    "[[[2.0]], [-3.0], [[1.0]], [4.0], [8.0]]\n"
    ">>> pruned['removed']\n"
    "0.5",
    hints=(
        "Take the symptoms one at a time, each with the smallest input that shows it: two units, one batch. "
        "Each belongs to one place of the code.",
        "Choose exactly count units by their order, not by a threshold; cut all four tensors with the same "
        "sorted positions; average the statistics of the batches with equal weights; report what is gone.",
        "kept = scores.argsort(stable=True)[count:].sort().values, from scores = gamma.abs() * "
        "W2.norm(dim=0); index W1, gamma, beta and the columns of W2 with it; stack each.mean(0), and each."
        "var(0), of the batches and take the mean over the stack; removed is count / len(scores).",
    ),
    solution=prune_hidden,
    wrong={
        "a guard is enough against ties": _with(kept=_guarded),
        "the order of the survivors is a matter of taste": _with(
            kept=lambda s, n: s.argsort(stable=True)[n:], columns=lambda places, s: places.sort().values
        ),
        "what was asked for is what was removed": _with(removed=lambda count, n, ratio: ratio),
        "a running mean needs its momentum": _with(statistics=_moved),
        "all rows count the same": _with(statistics=_pooled),
        "a variance is a mean of squares": _with(statistics=_biased),
        "the last batch is the newest": _with(statistics=_last),
        "a score may drop the sign for good": _with(changed=lambda gamma, batches: gamma.abs_()),
        "the next layer has no say": _with(scores=lambda gamma, W1, W2: gamma.abs()),
        "a negative gamma is the lowest": _with(scores=lambda gamma, W1, W2: gamma * W2.norm(dim=0)),
        "the strongest go": _with(kept=lambda s, n: (-s).argsort(stable=True)[n:].sort().values),
        "at least one unit goes": _with(
            kept=lambda s, n: s.argsort(stable=True)[max(n, min(1, len(s) - 1)) :].sort().values
        ),
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_prune_hidden,
)
