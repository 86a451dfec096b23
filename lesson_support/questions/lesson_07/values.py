"""Tensors with few digits, so that a failing case can be read, and the code that makes one again."""


def drawn(rng, *shape):
    """Multiples of a quarter between -2 and 2, as float64."""
    import torch

    return torch.tensor(rng.integers(-8, 9, shape) / 4.0)


def typed(x) -> str:
    """The expression that makes `x`."""
    dtype = "" if str(x.dtype) == "torch.float32" else f", dtype={x.dtype}"
    return f"torch.tensor({x.tolist()}{dtype})"
