"""Triton interprets its kernels here, as it does for every reader without a GPU.

Set when tests are collected: Triton reads the variable when it is imported, which torch.compile may do first.
"""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")
