"""Sequence models: recurrences that a scan computes, one that none does, and attention as their peer.

Every block maps x (batch, time, width) to `(out, state)`: `block(x, state)` goes on from a state, without
one it starts at zero, and `block.step(x_t, state)` takes one token, x_t (batch, width).
Names resolve on first use, so that importing this package does not load torch.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "CausalAttention": "attention",
    "GatedLinearAttention": "linear_attention",
    "GatedMemoryBlock": "memory",
    "MinGRU": "min_gru",
    "NonlinearRecurrence": "nonlinear",
    "SelectiveStateSpace": "state_space",
    "SequenceModel": "sequence",
    "SmallCNN": "convolutional",
    "SmallViT": "vision_transformer",
    "chunkwise": "chunks",
    "chunkwise_bound": "chunk_bounds",
    "recurrent": "chunks",
    "resnet18": "residual",
    "resnet50": "residual",
    "state_cells": "states",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
