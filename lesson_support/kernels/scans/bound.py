"""How far off a correct scan in float32 may be."""

from torch import Tensor

from lesson_support.kernels.scans.interface import linear_scan

UNIT = 2.0**-24
SMALLEST = 1e-37  # below it a rounding is no longer relative, and some machines flush to zero


def exact_and_bound(a: Tensor, b: Tensor, *, dim: int, reverse: bool = False) -> tuple[Tensor, Tensor]:
    """The states in float64, and |h − exact| of a correct scan: 8u·S + 2u·W and a tiny constant, u = 2⁻²⁴.

    S is the scan of the absolute values, in which nothing cancels, and W its slope if every gate grows by its
    own share. 8u·S alone would reject correct scans whose gates repeat: their roundings repeat too.
    """
    gate, entering = a.double(), b.double()
    along = {"dim": dim, "reverse": reverse, "backend": "torch"}
    exact = linear_scan(gate, entering, **along)
    size = linear_scan(gate.abs(), entering.abs(), **along)
    before = size.roll(-1 if reverse else 1, dim)
    if size.shape[dim]:
        before.select(dim, -1 if reverse else 0).zero_()
    slope = linear_scan(gate.abs(), gate.abs() * before, **along)
    return exact, UNIT * (8 * size + 2 * slope) + SMALLEST
