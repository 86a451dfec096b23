"""Small programs in Rust and C++: what compilers say about them, what they do, and what they turn into.

Each is a file of this folder. Where there is no Rust compiler, `says` answers from `recorded.json`, and
`with_rust()` skips whatever has to be built.
"""

from lesson_support.native.trials.machine_code import Counted, assembly_of, inner_loops
from lesson_support.native.trials.running import (
    Ended,
    Watched,
    cpp_built,
    cpp_warnings,
    output_of,
    python,
    rust_built,
    watched,
)
from lesson_support.native.trials.saying import Complaint, record, rust_version, says, with_rust
from lesson_support.native.trials.sources import FOLDER

__all__ = [
    "FOLDER",
    "Complaint",
    "Counted",
    "Ended",
    "Watched",
    "assembly_of",
    "cpp_built",
    "cpp_warnings",
    "inner_loops",
    "output_of",
    "python",
    "record",
    "rust_built",
    "rust_version",
    "says",
    "watched",
    "with_rust",
]
