"""Tensors whose values say where they came from, and the line of code that makes one again."""


def counted(shape, order=None, dtype="int64"):
    """0, 1, 2, … as they lie in memory. `order` names the dimensions of `shape` from the outermost in memory
    to the innermost; without it the tensor is contiguous."""
    import torch

    order = tuple(order or range(len(shape)))
    values = torch.arange(torch.Size(shape).numel(), dtype=getattr(torch, dtype))
    packed = values.reshape([shape[dim] for dim in order])
    return packed.permute([order.index(dim) for dim in range(len(shape))])


def typed(x) -> str:
    """The expression that makes what `counted` made."""
    order = list(range(x.ndim))
    if not x.is_contiguous():
        order.sort(key=lambda dim: -x.stride(dim))
    dtype = "" if str(x.dtype) == "torch.int64" else f", dtype={x.dtype}"
    text = f"torch.arange({x.numel()}{dtype}).reshape({', '.join(str(x.shape[dim]) for dim in order)})"
    back = ", ".join(str(order.index(dim)) for dim in range(x.ndim))
    return text if x.is_contiguous() else f"{text}.permute({back})"
