"""The matrix size from which an accelerator pays, its link included; every rate is a parameter.

An n·n·n product in float32 has 2n³ operations and moves 12n² bytes over the link: two matrices in, one out.
Transfers, launches and arithmetic follow each other here; overlapping them would favour the accelerator.
"""

from dataclasses import dataclass

from lesson_support.errors import LessonError

ITEMSIZE = 4


@dataclass(frozen=True)
class Accelerator:
    """Operations a second, bytes a second over the link one way, seconds of latency for each call."""

    name: str
    flop_s: float
    link_bytes_s: float
    call_s: float

    def __post_init__(self):
        for field, value in (("flop_s", self.flop_s), ("link_bytes_s", self.link_bytes_s)):
            if not value > 0:
                raise LessonError(f"{field} = {value!r}: expected a rate above 0")
        if not self.call_s >= 0:
            raise LessonError(f"call_s = {self.call_s!r}: expected 0 seconds or more")


def host_seconds(n: float, flop_s: float) -> float:
    """2n³ operations at the host's rate."""
    return 2 * n**3 / flop_s


def device_seconds(n: float, device: Accelerator, *, matrices: int = 3, products: int = 1) -> float:
    """`products` products for which `matrices` matrices cross the link; each product or copy is a call."""
    moved = matrices * ITEMSIZE * n**2 / device.link_bytes_s
    return (matrices + products) * device.call_s + moved + products * 2 * n**3 / device.flop_s


def break_even(
    device: Accelerator, host_flop_s: float, *, matrices: int = 3, products: int = 1
) -> float | None:
    """The n from which the device is faster; None where it never is."""
    if host_flop_s >= device.flop_s:
        return None

    def behind(n: float) -> bool:
        ours = device_seconds(n, device, matrices=matrices, products=products)
        return ours >= products * host_seconds(n, host_flop_s)

    low, high = 0.0, 1.0
    while behind(high):
        low, high = high, 2 * high
    for _ in range(60):  # behind() changes once, from True to False: bisection finds where
        middle = (low + high) / 2
        low, high = (middle, high) if behind(middle) else (low, middle)
    return high
