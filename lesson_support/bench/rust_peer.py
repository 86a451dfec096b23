"""torch beside Rust once more, with a word to its library that this is a processor of its maker's.

MKL picks its kernels by asking a function of its own who made the processor, and on another maker's takes
slower ones than that processor can run. PyTorch's library exports the function, so a preloaded one of its
name answers in its place. This is for a measurement: nobody promises that it goes on working.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from lesson_support.bench import four_digits
from lesson_support.errors import LessonError
from lesson_support.native import toolchain

ANSWER = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"
PAIRS = 15
BATCH = 128

_CHILD = """
import json, torch
from torch.nn.functional import cross_entropy
from lesson_support import timing
from lesson_support.data.two_classes import two_clouds
from lesson_support.kernels import rust_gemm
from lesson_support.models.rust_mlp import RustClassifier, torch_layers
torch.set_num_threads(1)
torch.manual_seed(0)
def product(n, k, m):
    a, b, out = torch.randn(n, k), torch.randn(k, m), torch.empty(n, m)
    return lambda: torch.mm(a, b, out=out), lambda: rust_gemm.multiply(a, b, out=out)
x, y = two_clouds({batch}, 0.9265)
layers, ours = torch_layers(), RustClassifier(batch={batch})
ours.load(layers)
optimizer = torch.optim.Adam(layers.parameters(), lr=1e-5, fused=True)
def step():
    optimizer.zero_grad()
    cross_entropy(layers(x), y).backward()
    optimizer.step()
pairs = {{
    "product 1024×1024×1024": product(1024, 1024, 1024),
    "product 128×768×1024": product(128, 768, 1024),
    "training step": (step, lambda: ours.epoch(x, y, rate=1e-5)),
}}
found = {{}}
for name, (slow, fast) in pairs.items():
    ratio = timing.ratio(slow, fast, pairs={pairs}, time_limit=30.0, same=None)
    found[name] = [ratio.median, ratio.low, ratio.high]
print(json.dumps(found))
"""


def measure() -> dict:
    rows = []
    for how, told in (("as installed", False), ("told", True)):
        for what, (median, low, high) in (torch_over_rust(told=told) or {}).items():
            spread = [four_digits(low), four_digits(high)]
            rows.append(
                {"torch": how, "what": what, "median": four_digits(median), "spread": spread, "n": PAIRS}
            )
    shape = "n×k×m, one thread; told: MKL's question for the processor's maker is answered with its own"
    return {
        "rust/peer": {
            "unit": "× the time of Rust",
            "shape": shape,
            "columns": ["torch", "what"],
            "rows": rows,
        }
    }


def torch_over_rust(*, told: bool, pairs: int | None = None) -> dict[str, list[float]] | None:
    """How many times as long as Rust torch takes in a process of its own: median, low, high by what is done.

    None where nothing can be preloaded.
    """
    code = _CHILD.format(batch=BATCH, pairs=PAIRS if pairs is None else pairs)
    with tempfile.TemporaryDirectory() as folder:
        library = preloadable(Path(folder)) if told else None
        if told and library is None:
            return None
        env = dict(os.environ)
        if library:
            env["LD_PRELOAD"] = " ".join(filter(None, (str(library), env.get("LD_PRELOAD"))))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    if done.returncode:
        raise LessonError(
            f"the process beside Rust ended with {done.returncode}: {done.stderr.strip()[-200:]}"
        )
    return json.loads(done.stdout)


def preloadable(folder: Path) -> Path | None:
    """A library whose only function gives the answer; None on another system than Linux."""
    if not sys.platform.startswith("linux"):
        return None
    source, library = folder / "answer.c", folder / "answer.so"
    source.write_text(ANSWER)
    command = [toolchain.compiler(), "-x", "c", "-shared", "-fPIC", "-o", str(library), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    return library if done.returncode == 0 else None
