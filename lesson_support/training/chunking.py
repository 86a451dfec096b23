"""Backward through a long sequence chunk by chunk, and what autograd keeps meanwhile."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lesson_support.data import IGNORED
from lesson_support.errors import LessonError
from lesson_support.models.states import check_sizes, map_state, state_tensors

CARRIES = ("graph", "detach", "recompute")


def chunked_backward(
    model: nn.Module, tokens: Tensor, targets: Tensor, *, chunk: int, carry: str = "graph"
) -> float:
    """The mean cross entropy of a SequenceModel over the whole sequence; gradients are added to `.grad`.

    The model reads `chunk` tokens at a time and hands its states on. `carry` says how they are handed on:

    graph      with their history: exact gradients, and every chunk's activations are kept until the end
    detach     without it: each chunk's backward follows at once, and gradients end at its first token
    recompute  each chunk is read twice, the second time from the last to the first: exact gradients, and
               besides one chunk's activations only the states between chunks are kept
    """
    check_sizes(chunk=chunk)
    if carry not in CARRIES:
        raise LessonError(f"carry = {carry!r}: expected one of {', '.join(CARRIES)}")
    count = (targets != IGNORED).sum()
    pieces = list(zip(tokens.split(chunk, 1), targets.split(chunk, 1), strict=True))

    def read(x: Tensor, y: Tensor, states: object) -> tuple[Tensor, object]:
        logits, states = model.proceed(x, states)
        loss = cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="sum")
        return loss / count, states

    if carry == "recompute":
        return _recompute(model, pieces, read)
    states, losses = None, []
    for x, y in pieces:
        loss, states = read(x, y, states)
        if carry == "detach":
            loss.backward()
            loss, states = loss.detach(), map_state(Tensor.detach, states)
        losses.append(loss)
    total = torch.stack(losses).sum()
    if carry == "graph":
        total.backward()
    return total.item()


def _recompute(model: nn.Module, pieces: list, read: Callable) -> float:
    between = [None]
    with torch.no_grad():
        for x, _ in pieces[:-1]:
            between.append(model.proceed(x, between[-1])[1])
    total, following = 0.0, []
    for x, y in reversed(pieces):
        before = map_state(lambda each: each.detach().requires_grad_(), between.pop())
        loss, after = read(x, y, before)
        known = [
            (each, grad)
            for each, grad in zip(state_tensors(after), following, strict=bool(following))
            if grad is not None
        ]
        torch.autograd.backward([loss, *(each for each, _ in known)], [None, *(grad for _, grad in known)])
        following = [each.grad for each in state_tensors(before)]
        total += loss.item()
    return total


def peak_saved(run: Callable[[], object], *, beside: Iterable[Tensor] = ()) -> int:
    """The most bytes that tensors saved for backward keep at one time while `run` goes forward and backward.

    A storage counts once, however many nodes save it; those of `beside`, for one the parameters, never. A
    custom Function counts by its `save_for_backward`, recomputation inside torch's checkpoint only with
    `use_reentrant=True`.
    """
    ignored = {each.untyped_storage().data_ptr() for each in beside}
    users: dict[int, int] = {}
    live = peak = 0

    class Held:
        """Alive as long as the node that saved the tensor keeps it."""

        def __init__(self, tensor: Tensor):
            nonlocal live, peak
            # Detached: a node that saved its own output would otherwise be kept alive by it.
            self.tensor, self.key = tensor.detach(), tensor.untyped_storage().data_ptr()
            if self.key in ignored:
                return
            users[self.key] = users.get(self.key, 0) + 1
            if users[self.key] == 1:
                live += tensor.untyped_storage().nbytes()
                peak = max(peak, live)

        def __del__(self):
            nonlocal live
            if self.key in ignored:
                return
            users[self.key] -= 1
            if not users[self.key]:
                live -= self.tensor.untyped_storage().nbytes()

    with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.tensor):
        run()
    return peak
