"""A mean squared error in which n targets meet n predictions, and not each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lesson_support.questions.kinds import Raises, Repair

if TYPE_CHECKING:
    import torch


def mean_squared_error(prediction: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The mean of (prediction - y)² over n pairs; each side has shape (n,) or (n, 1), else ValueError."""
    for side in (prediction, y):
        if side.ndim == 0 or tuple(side.shape[1:]) not in ((), (1,)):
            raise ValueError(f"got shape {tuple(side.shape)}: expected (n,) or (n, 1)")
    if len(prediction) != len(y):
        raise ValueError(f"{len(prediction)} predictions for {len(y)} targets")
    return ((prediction.reshape(-1) - y.reshape(-1)) ** 2).mean()


def broken_mean_squared_error(prediction: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The mean of (prediction - y)² over n pairs; each side has shape (n,) or (n, 1), else ValueError."""
    return ((prediction - y) ** 2).mean()


def oracle(prediction, y):
    """Pair by pair, on plain numbers."""
    import torch

    shapes = {tuple(prediction.shape), tuple(y.shape)}
    n = prediction.numel()
    if not shapes <= {(n,), (n, 1)}:
        return Raises("ValueError")
    pairs = zip(prediction.flatten().tolist(), y.flatten().tolist(), strict=True)
    squares = [(a - b) ** 2 for a, b in pairs]
    return torch.tensor(sum(squares) / len(squares), dtype=prediction.dtype)


def _typed(x) -> str:
    dtype = "" if str(x.dtype) == "torch.float32" else f", dtype={x.dtype}"
    return f"torch.tensor({x.tolist()}{dtype})"


def show(prediction, y):
    return f"mean_squared_error({_typed(prediction)}, {_typed(y)})"


SHAPES = [
    ((1,), (1,)), ((1, 1), (1,)), ((1,), (1, 1)), ((1, 1), (1, 1)),
    ((2,), (2,)), ((2, 1), (2,)), ((2,), (2, 1)), ((2, 1), (2, 1)), ((3, 1), (3,)), ((3,), (3,)),
    # One value never stands for several.
    ((3,), (1,)), ((1,), (3,)), ((3, 1), (1,)), ((1,), (3, 1)), ((1, 1), (3,)), ((3,), (1, 1)),
    ((1, 1), (3, 1)), ((3, 1), (1, 1)), ((), (4,)), ((4,), ()), ((4, 1), ()), ((), (4, 1)),
    # As many elements, and still no n pairs.
    ((1, 2), (2,)), ((2,), (1, 2)), ((1, 2), (2, 1)), ((1, 2), (1, 2)), ((2, 2), (4,)), ((4, 1), (2, 2)),
    ((2, 2), (2, 2)), ((2, 2), (2,)), ((2, 1), (2, 2)), ((2, 1, 1), (2,)), ((1, 2, 1), (2, 1)),
    ((3,), (2,)), ((3, 1), (2,)), ((3, 1), (2, 1)), ((4, 1), (2,)), ((2, 3), (6,)),
]  # fmt: skip


def cases(rng):
    import torch

    def drawn(shape, dtype=torch.float32):
        values = (rng.integers(-8, 9, shape) / 4).tolist()
        return torch.tensor(values, dtype=dtype)

    found = [(drawn(first), drawn(second)) for first, second in SHAPES]
    found.append((torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])))
    found.append((drawn((3, 1), torch.float64), drawn((3,), torch.float64)))
    found.append((drawn((5, 2))[:, :1], drawn((5,))))
    for _ in range(6):
        n = int(rng.integers(2, 9))
        found.append((drawn((n, 1)), drawn((n,))))
        found.append((drawn((n,)), drawn((n, 1))))
    return found


def _squeezed(prediction, y):
    return ((prediction.squeeze() - y.squeeze()) ** 2).mean()


def _target_lifted(prediction, y):
    if len(prediction) != len(y):
        raise ValueError("another number of targets")
    return ((prediction - y.unsqueeze(1)) ** 2).mean()


def _flattened(prediction, y):
    if prediction.numel() != y.numel():
        raise ValueError("another number of targets")
    return ((prediction.flatten() - y.flatten()) ** 2).mean()


def _reshaped(prediction, y):
    return ((prediction - y.reshape(prediction.shape)) ** 2).mean()


def _asserted(prediction, y):
    assert prediction.shape == y.shape
    return ((prediction - y) ** 2).mean()


def _shapes_must_agree(prediction, y):
    if prediction.shape != y.shape:
        raise ValueError("another shape")
    return ((prediction - y) ** 2).mean()


def _summed(prediction, y):
    return mean_squared_error(prediction, y) * len(y)


def _first_sizes_only(prediction, y):
    if prediction.ndim == 0 or y.ndim == 0 or len(prediction) != len(y):
        raise ValueError("another number of targets")
    return ((prediction.reshape(len(y), -1) - y.reshape(len(y), -1)) ** 2).mean()


def _truncated(prediction, y):
    n = min(prediction.numel(), y.numel())
    return ((prediction.flatten()[:n] - y.flatten()[:n]) ** 2).mean()


def _one_is_enough(prediction, y):
    if 1 in (len(prediction), len(y)):
        return ((prediction.reshape(-1) - y.reshape(-1)) ** 2).mean()
    return mean_squared_error(prediction, y)


def _torchs(prediction, y):
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.nn.functional.mse_loss(prediction, y)


QUESTION = Repair(
    name="mean_squared_error",
    points=2,
    difficulty="easy",
    minutes=7,
    signature="mean_squared_error(prediction: torch.Tensor, y: torch.Tensor) -> torch.Tensor",
    symptom="The loss falls to the variance of the targets and stays there; by then the model answers every "
    "input with about the mean of y. With batches of one sample it learns. Nothing is raised.",
    example=">>> mean_squared_error(torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0]))\ntensor(2.)",
    hints=(
        "Print the shape of prediction - y for a prediction of shape (3, 1) and a y of shape (3,). How many "
        "differences do you expect, and how many are there?",
        "Compare what each side is meant to be, n values, before you subtract. Neither the number of "
        "elements alone nor squeeze() decides it: (2, 2) holds four values and is no batch of four, and a "
        "batch of one loses its only dimension.",
        "Raise ValueError for a side whose shape is neither (n,) nor (n, 1), and where the two n differ; a "
        "shape () has no n. Then reshape both to (n,) and take the mean of the squared differences.",
    ),
    solution=mean_squared_error,
    wrong={
        "squeezing both sides is enough": _squeezed,
        "a target always lacks a dimension": _target_lifted,
        "as many elements are as many pairs": _flattened,
        "whatever torch raises will do": _reshaped,
        "a wrong shape is an AssertionError": _asserted,
        "only equal shapes hold the same pairs": _shapes_must_agree,
        "a sum is a mean": _summed,
        "equal first sizes are enough": _first_sizes_only,
        "what is left over does not count": _truncated,
        "a single value may stand for all": _one_is_enough,
        "mse_loss refuses what does not match": _torchs,
    },
    cases=cases,
    oracle=oracle,
    show=show,
    broken=broken_mean_squared_error,
)
