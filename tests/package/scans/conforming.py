"""What every backend must do: functions of a backend's name that raise AssertionError where it does not."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lesson_support.kernels import linear_scan
from lesson_support.kernels.scans.choosing import choose
from lesson_support.kernels.scans.problem import STATE_DTYPES, Problem
from tests.package.scans.building import Inputs, build
from tests.package.scans.covering import Case
from tests.package.scans.expecting import Expected, expected

# Relative error of a whole result in the L2 norm: one rounding stays below, states in half precision do not.
RELATIVE = {torch.bfloat16: 3e-3, torch.float16: 4e-4}
ENOUGH = 64  # elements, for such a norm to mean something

PLAIN = Case(
    length="4 chunks",
    batch=2,
    channels=5,
    place="middle",
    layout="contiguous",
    gates="slow",
    poison="none",
    h0="wide dtype",
    state=True,
    reverse=False,
    log_gates=False,
    dtype="float32",
    wanted="all",
)


def refusal(backend: str, case: Case) -> str | None:
    """Why the backend does not take this case or its gradients."""
    x = build(case, backend)
    problem = Problem(x.b.device.type, x.b.dtype, tuple(x.b.shape), x.dim, x.reverse, x.log_gates)
    problem = replace(problem, has_h0=x.h0 is not None, needs_state=case.state)
    taker = choose(backend)
    return taker.refuses(problem) or taker.refuses(replace(problem, backward=True))


def run(backend: str, x: Inputs) -> dict[str, Tensor]:
    """h and state, and the gradients that are wanted, through the public operation."""
    given = {"a": x.gate, "b": x.b, "h0": x.h0}
    leaves = {name: tensor for name, tensor in given.items() if tensor is not None}
    # Detached, so that a leaf has the strides of the case; requires_grad_ would mark the case itself.
    leaves = {name: tensor.detach().requires_grad_(name in x.wanted) for name, tensor in leaves.items()}
    h, state = linear_scan(**leaves, **x.options, return_state=True, backend=backend)
    found = {"h": h.detach(), "state": state.detach()}
    names = [name for name in leaves if name in x.wanted]
    through = [(h, x.grad)] if x.grad_state is None else [(h, x.grad), (state, x.grad_state)]
    outputs, grads = zip(*through, strict=True)
    gradients = torch.autograd.grad(outputs, [leaves[name] for name in names], grads)
    return found | {f"d{name}": gradient for name, gradient in zip(names, gradients, strict=True)}


def check_case(backend: str, case: Case) -> float:
    """The largest error as a share of what is allowed; AssertionError above 1, or where an input changed."""
    x = build(case, backend)
    untouched = build(case, backend)
    found = run(backend, x)
    worst = max(
        (check_values(name, found[name], each) for name, each in expected(x).items() if name in found)
    )
    check_dtypes(x, found)
    for name in ("gate", "b", "h0", "grad", "grad_state"):
        if getattr(x, name) is not None:
            assert _same_memory(getattr(x, name), getattr(untouched, name)), f"{name} was written to"
    return worst


def check_values(name: str, got: Tensor, exact: Expected) -> float:
    """The largest error over its bound; what follows an infinity or a NaN must not be finite."""
    assert tuple(got.shape) == exact.values.shape, f"{name}: {tuple(got.shape)} for {exact.values.shape}"
    values = got.detach().to(torch.float64).cpu().numpy()
    bounded = np.isfinite(exact.bound)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(values - exact.values)
        share = error / exact.bound
    share = np.where(bounded, np.where(np.isfinite(values), share, np.inf), 0.0)
    assert share.max(initial=0.0) <= 1, _worst(name, values, exact, share)
    if name in ("h", "state"):
        spoiled = ~np.isfinite(exact.values)
        assert not np.isfinite(values[spoiled]).any(), f"{name} is finite after an infinity or a NaN"
    limit = RELATIVE.get(got.dtype)
    if limit and name in ("h", "db") and bounded.sum() >= ENOUGH:
        off, size = (np.linalg.norm(each[bounded].astype(np.float64)) for each in (error, exact.values))
        assert off <= limit * size, f"{name}: relative error {off / size:.1e}, allowed {limit:.1e}"
    return float(share.max(initial=0.0))


def check_dtypes(x: Inputs, found: dict[str, Tensor]) -> None:
    assert found["h"].dtype == x.b.dtype
    assert found["state"].dtype == STATE_DTYPES[x.b.dtype]
    for name, tensor in (("da", x.gate), ("db", x.b), ("dh0", x.h0)):
        if name in found:
            assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape), name


def check_split(backend: str, case: Case = PLAIN) -> None:
    """A scan cut in two, the state handed over, is the whole one."""
    x = build(case, backend)
    steps = x.b.shape[x.dim]
    exact = expected(x)
    for cut in sorted({0, 1, steps // 3, steps // 2, steps - 1, steps}):
        parts = [part.split([cut, steps - cut], x.dim) for part in (x.gate, x.b)]
        state, found = x.h0, [None, None]
        for part in (1, 0) if x.reverse else (0, 1):
            found[part], state = linear_scan(
                parts[0][part],
                parts[1][part],
                state,
                **x.options,
                return_state=True,
                backend=backend,
            )
        check_values("h", torch.cat(found, x.dim), exact["h"])
        check_values("state", state, exact["state"])


def check_flip(backend: str, case: Case = PLAIN) -> None:
    """A reversed scan is the flipped scan of flipped inputs."""
    x = build(replace(case, reverse=True), backend)
    options = {"dim": x.dim, "log_gates": x.log_gates, "return_state": True, "backend": backend}
    flipped = linear_scan(x.gate.flip(x.dim), x.b.flip(x.dim), x.h0, **options)
    exact = expected(x)
    for h, state in (
        (flipped[0].flip(x.dim), flipped[1]),
        linear_scan(x.gate, x.b, x.h0, reverse=True, **options),
    ):
        check_values("h", h, exact["h"])
        check_values("state", state, exact["state"])


def check_causal(backend: str, case: Case = PLAIN) -> None:
    """No step sees a later one: bit for bit the same before a change, and another result after it."""
    x = build(case, backend)
    steps = x.b.shape[x.dim]
    options = {**x.options, "backend": backend}
    whole = linear_scan(x.gate, x.b, x.h0, **options)
    for k in sorted({0, 1 % steps, steps // 2, steps - 1}):
        a, b = x.gate.clone(), x.b.clone()
        a.select(x.dim, k).fill_(0.5)
        b.select(x.dim, k).fill_(100.0)
        other = linear_scan(a, b, x.h0, **options)
        count = steps - 1 - k if x.reverse else k
        earlier = slice(k + 1, None) if x.reverse else slice(0, k)
        at = [slice(None)] * x.b.ndim
        at[x.dim] = earlier
        assert whole[tuple(at)].shape[x.dim] == count
        assert torch.equal(whole[tuple(at)], other[tuple(at)]), f"a step before {k} saw step {k}"
        assert not torch.equal(whole.select(x.dim, k), other.select(x.dim, k)), f"step {k} was not seen"


def check_partial(backend: str, case: Case = PLAIN) -> None:
    """Each gradient is the same whichever others are asked for, and through either output alone."""
    x = build(case, backend)
    everything = run(backend, replace(x, wanted=("a", "b", "h0")))
    for wanted in (("a",), ("b",), ("h0",), ("a", "h0"), ("b", "h0")):
        some = run(backend, replace(x, wanted=wanted))
        assert len(some) == 2 + len(wanted)
        for name, value in some.items():
            assert torch.equal(value, everything[name]), f"{name} changes where only {wanted} are wanted"
    leaves = [tensor.detach().clone().requires_grad_() for tensor in (x.gate, x.b, x.h0)]
    _, state = linear_scan(*leaves, **x.options, return_state=True, backend=backend)
    alone = torch.autograd.grad(state, leaves, x.grad_state)
    exact = expected(replace(x, grad=torch.zeros_like(x.grad)))
    for name, value in zip(("da", "db", "dh0"), alone, strict=True):
        check_values(name, value, exact[name])


def check_slow_gradients(backend: str, case: Case = PLAIN) -> None:
    """What arrives at the last step alone reaches the first one, through many chunks of gates close to 1."""
    x = build(replace(case, channels=1, layout="contiguous"), backend)
    steps = 4 * x.b.shape[x.dim]
    shape = [*x.b.shape]
    shape[x.dim] = steps
    a = torch.full(shape, 1 - 2.0**-8).to(x.b.dtype)
    b = torch.ones_like(a)
    grad = torch.zeros_like(a)
    grad.select(x.dim, 0 if x.reverse else -1).fill_(1)
    x = replace(x, gate=a.log() if x.log_gates else a, b=b, grad=grad, grad_state=None)
    found, exact = run(backend, x), expected(x)
    first = -1 if x.reverse else 0
    for name in ("da", "db", "dh0"):
        if name in found:
            check_values(name, found[name], exact[name])
    assert found["db"].select(x.dim, first).abs().min() > 0.05


def check_guards(backend: str, case: Case = PLAIN) -> None:
    """Writes what it was told to, all of it, and nothing beside it, whatever the strides."""
    x = build(case, backend)
    taker = choose(backend)
    dtype, wide = x.b.dtype, STATE_DTYPES[x.b.dtype]
    a, b, grad = (tensor.movedim(x.dim, -1) for tensor in (x.gate.expand(x.b.shape), x.b, x.grad))
    flags = {"reverse": x.reverse, "log_gates": x.log_gates}
    exact = expected(x)
    for layout in ("inside", "strided", "time first"):
        out, state = _Guarded(b.shape, dtype, layout), _Guarded(b.shape[:-1], wide, layout)
        taker.forward(a, b, x.h0, out.inside, state.inside, **flags)
        out.check("out")
        state.check("state")
        check_values("h", out.inside.movedim(-1, x.dim), exact["h"])
        check_values("state", state.inside, exact["state"])
        da, db, dh0 = (
            _Guarded(*each, layout) for each in ((b.shape, dtype), (b.shape, dtype), (b.shape[:-1], wide))
        )
        taker.backward(grad, x.grad_state, a, out.inside, x.h0, da.inside, db.inside, dh0.inside, **flags)
        for name, guarded in (("da", da), ("db", db), ("dh0", dh0)):
            guarded.check(name)
        check_values("db", db.inside.movedim(-1, x.dim), exact["db"])
        check_values("dh0", dh0.inside, exact["dh0"])
        if x.gate.shape == x.b.shape:
            check_values("da", da.inside.movedim(-1, x.dim), exact["da"])
        for tensor in (out, state, da, db, dh0):
            assert not torch.isnan(tensor.inside).any()


def check_repeatable(backend: str, case: Case = PLAIN) -> None:
    """The same bits twice."""
    x = build(case, backend)
    first, second = run(backend, x), run(backend, x)
    for name, value in first.items():
        assert torch.equal(value, second[name]), f"{name} differs between two runs"


def check_far(backend: str) -> None:
    """Rows that start more than 2³¹ elements apart; untouched memory in between is never real."""
    distance = 2**31 + 64
    b = torch.empty(distance + 16, dtype=torch.float16).as_strided((2, 8), (distance, 1))
    b[0], b[1] = 1, 2
    h = linear_scan(torch.ones(2, 8, dtype=torch.float16), b, backend=backend)
    assert h[:, -1].tolist() == [8, 16]


GUARD = -12345.0


class _Guarded:
    """A tensor of NaN inside a larger one filled with a number that no scan writes."""

    def __init__(self, shape, dtype: torch.dtype, layout: str) -> None:
        sizes = list(shape)
        if layout == "time first":
            sizes = sizes[::-1]
        step = 2 if layout == "strided" else 1
        self.holder = torch.full([step * size + 16 for size in sizes], GUARD, dtype=dtype)
        place = tuple(slice(8, 8 + step * size, step) for size in sizes)
        self._mask = torch.ones_like(self.holder, dtype=torch.bool)
        self._mask[place] = False
        inside = self.holder[place]
        inside.fill_(torch.nan)
        self.inside = inside.permute(*reversed(range(len(sizes)))) if layout == "time first" else inside

    def check(self, name: str) -> None:
        beside = self.holder[self._mask]
        assert (beside == torch.tensor(GUARD, dtype=beside.dtype)).all(), f"{name}: written outside of it"


def _same_memory(x: Tensor, y: Tensor) -> bool:
    """Bit for bit, with what lies between the elements."""
    storages = [tensor.untyped_storage() for tensor in (x, y)]
    one, two = (torch.tensor([], dtype=torch.uint8).set_(storage) for storage in storages)
    return torch.equal(one, two)


def _worst(name: str, values: np.ndarray, exact: Expected, share: np.ndarray) -> str:
    at = np.unravel_index(int(share.argmax()), share.shape)
    return (
        f"{name}{list(map(int, at))} = {values[at]!r} for {float(exact.values[at])!r}: "
        f"{float(share[at]):.3g} times the allowed {float(exact.bound[at]):.2g}"
    )
