"""Sequence models: recurrences that a scan computes, one that none does, and attention as their peer.

Every block maps x (batch, time, width) to `(out, state)`: `block(x, state)` goes on from a state, without
one it starts at zero, and `block.step(x_t, state)` takes one token, x_t (batch, width).
Names resolve on first use, so that importing this package does not load torch.
"""

from importlib import import_module

# public name -> module that defines it
_EXPORTS = {
    "CausalAttention": "attention",
    "GatedLinearAttention": "linear_attention",
    "GatedMemoryBlock": "memory",
    "MinGRU": "min_gru",
    "NonlinearRecurrence": "nonlinear",
    "SelectiveStateSpace": "state_space",
    "SequenceModel": "sequence",
    "chunkwise": "chunks",
    "chunkwise_bound": "chunk_bounds",
    "recurrent": "chunks",
    "state_cells": "states",
}

__all__ = [*_EXPORTS]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(import_module(f"lesson_support.models.{_EXPORTS[name]}"), name)
    raise AttributeError(
        f"module 'lesson_support.models' has no attribute {name!r}; it offers {', '.join(__all__)}"
    )


def __dir__():
    return sorted(__all__)
