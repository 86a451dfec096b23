"""Triton interprets its kernels here, as it does for every reader without a GPU.

Set before any test is collected: Triton reads the variable when it is imported, which torch or
torch-pruning may do first.
"""

import os

os.environ.setdefault("TRITON_INTERPRET", "1")
