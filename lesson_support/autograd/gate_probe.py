"""A gate x σ(slope · gate) that builds a graph, asked for plain arrays: a graph cannot leave the process
that built it, and an answer may be graded in another one."""

import torch

NAMES = ("x", "gate", "slope")


def derivatives(function, x, gate, slope, upstream, trained):
    """Result, gradients and second derivatives of `function` as plain arrays. Of the inputs only those that
    `trained` names require a gradient; the second derivatives are those of the sum of squared gradients."""
    given = dict(zip(NAMES, (x, gate, slope), strict=True))
    given = {name: t.clone().requires_grad_(name in trained) for name, t in given.items()}
    if upstream.ndim >= 2:  # torch promises no strides to a backward, so let them be unusual
        upstream = upstream.mT.contiguous().mT
    upstream = upstream.clone().requires_grad_()
    wanted = {name: given[name] for name in trained}
    y = function(*given.values())
    first = torch.autograd.grad(y, [*wanted.values()], upstream, create_graph=True, allow_unused=True)
    penalty = sum(((each * each).sum() for each in first if each is not None), torch.zeros(()))
    wanted["upstream"] = upstream
    second = [torch.zeros_like(each) for each in wanted.values()]
    if penalty.requires_grad:
        second = torch.autograd.grad(penalty, [*wanted.values()], allow_unused=True, materialize_grads=True)
    return {
        "result": y.detach(),
        **{
            f"gradient of {n}": None if g is None else g.detach() for n, g in zip(trained, first, strict=True)
        },
        **{f"second derivative, {name}": g for name, g in zip(wanted, second, strict=True)},
    }


def answers(answer, x, gate, slope, upstream, trained):
    """What the answer makes of a case; whether it is a node of its own, reads an expanded upstream, and
    notices an input that is overwritten before backward."""
    found = derivatives(answer, x, gate, slope, upstream, trained)
    if len(trained) == 3:
        leaves = [t.clone().requires_grad_() for t in (x, gate, slope)]
        y = answer(*leaves)
        found["a Function of its own"] = isinstance(y.grad_fn, torch.autograd.function.BackwardCFunction)
        one = torch.ones((), dtype=y.dtype).expand(y.shape)
        found["gradient of gate, upstream of expanded ones"] = torch.autograd.grad(y, leaves, one)[1]
        changed, *others = (t.clone().requires_grad_() for t in (x, gate, slope))
        changed = changed.clone()
        y = answer(changed, *others)
        changed.zero_()
        try:
            torch.autograd.grad(y, others, upstream)
            found["x overwritten before backward"] = "unnoticed"
        except RuntimeError:
            found["x overwritten before backward"] = "raises"
    return found
