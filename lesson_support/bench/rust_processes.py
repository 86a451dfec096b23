"""What a deployment costs before it has learned anything: files, the first answer, the peak of memory."""

import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import torch

from lesson_support.bench import paired
from lesson_support.native import rust

ROUNDS = 5
WATCHED = 3
EPOCHS, SAMPLES, BATCH = 2, 1024, 128
# What else lies in Python's library: other packages, its own tests, what C extensions are built with.
_NOT_SHIPPED = ("site-packages", "dist-packages", "test", "config-", "idlelib", "__pycache__")
IMPORT = "import torch"
PAUSE = 0.002  # seconds between two looks at a process

# A training in a fresh process: network, optimiser, samples, as many steps as asked for.
_TORCH = """
import torch
from torch import nn
torch.set_num_threads(1)
layers, sizes = [], (20, 768, 1024, 768, 512, 2)
for inputs, outputs in zip(sizes[:-2], sizes[1:-1]):
    layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
network = nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
optimizer = torch.optim.Adam(network.parameters(), fused=True)
x, y = torch.randn({samples}, 20), torch.randint(2, ({samples},))
for epoch in range({epochs}):
    for part in torch.randperm({samples}).split({batch}):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[part]), y[part]).backward()
        optimizer.step()
"""
_BINDING = """
import torch
from lesson_support.models.rust_mlp import RustClassifier
torch.set_num_threads(1)
network = RustClassifier(batch={batch})
x, y = torch.randn({samples}, 20), torch.randint(2, ({samples},))
for epoch in range({epochs}):
    network.epoch(x, y, rate=1e-3, order=torch.randperm({samples}))
"""


def measure() -> dict:
    return {"rust/ships": _ships(), "rust/cold-start": _cold_start(), "rust/memory": _memory()}


def commands(epochs: int, samples: int, batch: int) -> dict[str, list[str]]:
    """Processes that train equally long: torch in Python, the crate through a binding, the crate alone."""
    plan = {"epochs": epochs, "samples": samples, "batch": batch}
    words = {**plan, "samples": samples + batch, "held-out": batch, "threads": 1}
    options = [each for name, value in words.items() for each in (f"--{name}", str(value))]
    return {
        "Python and torch": [sys.executable, "-c", _TORCH.format(**plan)],
        "Python, torch and the crate": [sys.executable, "-c", _BINDING.format(**plan)],
        "Rust program": [str(rust.program()), "train", *options],
    }


def here() -> dict[str, str]:
    """The environment without the folders that it lets the loader search."""
    return {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}


def libtorch_files(folder: Path | None = None) -> dict[str, int]:
    """The libraries that libtorch.so needs of those beside it, and their bytes; all of them without ldd."""
    folder = folder or Path(torch.__file__).parent / "lib"
    beside = {file.name: file for file in folder.iterdir() if ".so" in file.name or ".dylib" in file.name}
    try:
        said = subprocess.run(
            ["ldd", folder / "libtorch.so"], capture_output=True, text=True, env=here()
        ).stdout
    except OSError:
        said = ""
    needed = set(re.findall(r"^\s*(\S+) =>", said, re.MULTILINE)) & set(beside)
    chosen = {"libtorch.so", *needed} if needed else set(beside)
    return {name: beside[name].stat().st_size for name in sorted(chosen) if name in beside}


def folder_bytes(folder: Path) -> int:
    """What the files below a folder hold; a link counts nothing."""
    return sum(
        (Path(place) / name).stat().st_size
        for place, _, names in os.walk(folder)
        for name in names
        if not (Path(place) / name).is_symlink()
    )


def shipped() -> dict[str, int]:
    """Bytes on the disk of what each deployment needs beyond the C library."""
    program, libtorch = rust.program().stat().st_size, sum(libtorch_files().values())
    standard = Path(sysconfig.get_paths()["stdlib"])
    interpreter = sum(
        folder_bytes(each) if each.is_dir() else each.stat().st_size
        for each in standard.iterdir()
        if not each.name.startswith(_NOT_SHIPPED)
    )
    return {
        "Rust program": program,
        "Rust program and libtorch": program + libtorch,
        "Python's library": interpreter,
        "Python's library and torch": interpreter + folder_bytes(Path(torch.__file__).parent),
    }


def _ships() -> dict:
    rows = [_exact({"what": name}, size / 1e6) for name, size in shipped().items()]
    needed = ", ".join(name for name in libtorch_files() if "torch" in name or "c10" in name)
    shape = f"uncompressed, without the C library; libtorch is {needed} and what these need beside them"
    return {"unit": "MB", "shape": shape, "columns": ["what"], "rows": rows}


def _exact(labels: dict, figure: float) -> dict:
    figure = float(f"{figure:.4g}")
    return {**labels, "median": figure, "spread": [figure, figure], "n": 1}


def _cold_start() -> dict:
    """Seconds until a process has made one step of training and ended, in turn."""
    ways = {"Python alone": [sys.executable, "-c", "pass"]}
    ways["Python, import torch"] = [sys.executable, "-c", IMPORT]
    ways |= commands(1, 16, 16)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            took = _run(ways[name])
            if turn:  # the first one fills the disk's cache
                seconds[name].append(took)
    rows = [paired.row({"process": name}, [1e3 * each for each in times]) for name, times in seconds.items()]
    shape = "to its end: the network, one step on 16 samples, one thread; files in the disk's cache"
    return {"unit": "ms", "shape": shape, "columns": ["process"], "rows": rows}


def _run(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _memory() -> dict:
    """Peaks of processes that train, and of one that only has torch: Linux alone tells."""
    ways = {"Python, import torch": [sys.executable, "-c", IMPORT]}
    ways |= commands(EPOCHS, SAMPLES, BATCH)
    rows = []
    for name, command in ways.items():
        looks = [peak(command) for _ in range(WATCHED)]
        for kind in ("resident", "of its own"):
            values = sorted(each[kind] / 1e6 for each in looks)
            rows.append(paired.row({"process": name, "counted": kind}, values))
    steps = EPOCHS * SAMPLES // BATCH
    shape = f"peak, batch {BATCH}, {steps} steps, one thread; of its own: not backed by a file"
    return {"unit": "MB", "shape": shape, "columns": ["process", "counted"], "rows": rows}


def peak(command: list[str]) -> dict[str, int]:
    """The most bytes a process has resident, and the most of its own, as looks every few milliseconds see.

    Not ru_maxrss: a child begins with the figure of the process that started it.
    """
    most = {"resident": 0, "of its own": 0}
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=said) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            try:
                text = status.read_text()
            except OSError:
                text = ""
            for name, key in (("resident", "VmHWM"), ("of its own", "RssAnon")):
                if found := re.search(rf"{key}:\s+(\d+) kB", text):
                    most[name] = max(most[name], 1024 * int(found[1]))
            time.sleep(PAUSE)
    if process.returncode:
        raise AssertionError(f"{command[0]} ended with {process.returncode}")
    return most
