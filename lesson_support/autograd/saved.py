"""What autograd keeps for backward, in bytes of distinct storages.

Two nodes that save one tensor, or two views of one storage, keep that storage once. What a custom Function
puts on `ctx` as an attribute is not seen: only `save_for_backward` goes through the hooks.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import Node, saved_tensors_hooks

from lesson_support.errors import LessonError


class Kept(NamedTuple):
    """One tensor that a node saved. `role` is "parameter", "input" or "activation"; `storage` is the number
    of its storage in the order in which they were met."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    storage: int
    storage_bytes: int
    role: str


class Saved(saved_tensors_hooks):
    """Records what is saved for backward inside a `with` block.

    `with Saved(inputs=[x], parameters=model.parameters()) as saved: loss = model(x)`. The graph works as
    ever, but the version counters of what went through the hooks are not checked.
    """

    def __init__(self, *, inputs: Iterable[Tensor] = (), parameters: Iterable[Tensor] = ()):
        self.tensors: list[Kept] = []
        self._roles: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        # A storage that dies could be followed by another at the same address.
        self._alive: list[torch.UntypedStorage] = []
        for role, known in (("input", inputs), ("parameter", parameters)):
            for tensor in known:
                if not isinstance(tensor, Tensor):
                    raise LessonError(f"Saved got a {type(tensor).__name__} as {role}: expected tensors")
                self._roles[self._key(tensor)] = role
        super().__init__(self._pack, lambda tensor: tensor)

    def __enter__(self) -> "Saved":
        super().__enter__()
        return self

    def bytes_of(self, *roles: str) -> int:
        """Bytes of the distinct storages of these roles; without roles, of all."""
        if unknown := set(roles) - {"parameter", "input", "activation"}:
            raise LessonError(f"bytes_of got {sorted(unknown)}: expected parameter, input or activation")
        sizes = {kept.storage: kept.storage_bytes for kept in self.tensors if not roles or kept.role in roles}
        return sum(sizes.values())

    @property
    def activation_bytes(self) -> int:
        """What is neither a parameter nor an input: the price of training over inference."""
        return self.bytes_of("activation")

    def _key(self, tensor: Tensor) -> int:
        storage = tensor.untyped_storage()
        self._alive.append(storage)
        return storage.data_ptr()

    def _pack(self, tensor: Tensor) -> Tensor:
        key, size = self._key(tensor), tensor.untyped_storage().nbytes()
        number = self._numbers.setdefault(key, len(self._numbers))
        role = self._roles.get(key, "activation")
        self.tensors.append(Kept(tuple(tensor.shape), tensor.dtype, number, size, role))
        # Detached: a node that saved its own output would otherwise be kept alive by it.
        return tensor.detach()


def saved_by_node(*outputs: Tensor) -> list[tuple[str, list[Tensor]]]:
    """Each node above `outputs` after those that its backward leads to, with the tensors it has saved.

    A built-in node shows them as attributes `_saved_…`, a custom one in `saved_tensors`. Nodes whose saved
    tensors backward has freed raise torch's error.
    """
    missing = [tuple(output.shape) for output in outputs if output.grad_fn is None]
    if not outputs or missing:
        raise LessonError(
            f"saved_by_node got outputs {missing} without a graph: expected results of autograd"
        )
    nodes = _inputs_first([output.grad_fn for output in outputs])
    return [(node.name(), list(_tensors_of(node))) for node in nodes]


def distinct_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the distinct storages behind `tensors`."""
    return sum({_address(tensor): tensor.untyped_storage().nbytes() for tensor in tensors}.values())


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _inputs_first(roots: list[Node]) -> list[Node]:
    """Depth first, a node after all that its backward leads to."""
    order: dict[Node, None] = {}
    waiting = defaultdict(bool)
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node in order or waiting[node]:
            order.setdefault(stack.pop())
            continue
        waiting[node] = True
        stack += [further for further, _ in reversed(node.next_functions) if further and further not in order]
    return list(order)


def _tensors_of(node: Node) -> Iterator[Tensor]:
    if hasattr(node, "saved_tensors"):
        yield from (tensor for tensor in node.saved_tensors if tensor is not None)
        return
    for name in dir(node):
        if name.startswith("_saved_"):
            value = getattr(node, name)
            yield from (
                each for each in (value if isinstance(value, tuple) else (value,)) if _is_tensor(each)
            )


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)
