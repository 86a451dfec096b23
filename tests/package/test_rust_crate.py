"""The Rust crate: its own tests and lints, the numbers that they share with torch, and how it is built."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models.rust_mlp import torch_layers
from lesson_support.native import rust

ROOT = Path(__file__).resolve().parents[2]
VECTORS = rust.CRATE / "tests" / "vectors.txt"
REQUIRED = "CI" in os.environ  # there, nothing may be skipped

needs_rustc = pytest.mark.skipif(not shutil.which("rustc") and not REQUIRED, reason="no Rust compiler here")
needs_cargo = pytest.mark.skipif(not shutil.which("cargo") and not REQUIRED, reason="no Cargo here")


def torchs_numbers() -> dict[str, torch.Tensor]:
    """A product and five steps of training in float64, from numbers that need no generator."""
    sizes, rate = [3, 5, 4, 2], 0.01
    a, b = torch.arange(12.0).view(3, 4) - 5, torch.arange(8.0).view(4, 2) - 3
    net = torch_layers(sizes).double()
    parameters = list(net.parameters())
    norms = [layer for layer in net if isinstance(layer, nn.BatchNorm1d)]
    count = sum(p.numel() for p in parameters)
    values = (1 + 0.9 * torch.arange(count, dtype=torch.float64)).sin().float().double() / 2
    with torch.no_grad():
        for p, part in zip(parameters, values.split([p.numel() for p in parameters]), strict=True):
            p.copy_(part.view_as(p))
        for norm in norms:
            norm.weight += 1
    values = torch.cat([p.detach().flatten() for p in parameters])
    x = (2 + 1.3 * torch.arange(60, dtype=torch.float64)).sin().float().double().view(20, 3)
    y = (x[:, 0] * x[:, 1] > x[:, 2]).long()
    found = {"sizes": torch.tensor(sizes), "a": a, "b": b, "product": a @ b, "parameters": values}
    found |= {"x": x, "y": y}
    optimiser, losses = torch.optim.Adam(parameters, lr=rate), []
    for step in range(5):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        if step == 0:
            found["gradients"] = torch.cat([p.grad.flatten() for p in parameters])
            found["statistics"] = torch.cat(
                [v.clone() for n in norms for v in (n.running_mean, n.running_var)]
            )
        optimiser.step()
        losses.append(loss.item())
    found["losses"] = torch.tensor(losses, dtype=torch.float64)
    found["after"] = torch.cat([p.detach().flatten() for p in parameters])
    return found


def written(numbers: dict[str, torch.Tensor]) -> str:
    lines = ["# Written by tests/package/test_rust_crate.py: torch's numbers in float64."]
    for name, values in numbers.items():
        lines.append(f"{name}: " + " ".join(f"{value:.12g}" for value in values.flatten().tolist()))
    return "\n".join(lines) + "\n"


def test_the_shared_numbers_are_torchs():
    stored = dict(line.split(":") for line in VECTORS.read_text().splitlines() if not line.startswith("#"))
    expected = torchs_numbers()
    assert stored.keys() == expected.keys()
    hidden_bias = torch.zeros(len(expected["after"]), dtype=torch.bool)
    hidden_bias[15:20] = hidden_bias[50:54] = True  # rounding alone moves them
    for name, values in expected.items():
        came = torch.tensor([float(word) for word in stored[name].split()], dtype=torch.float64)
        values = values.flatten().double()
        if name == "after":
            came, values = came[~hidden_bias], values[~hidden_bias]
        torch.testing.assert_close(
            came, values, rtol=1e-7, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}"
        )


@needs_cargo
@pytest.mark.parametrize(
    "words", [["test"], ["clippy", "--all-targets", "--", "-D", "warnings"], ["fmt", "--check"]]
)
def test_cargo_has_nothing_to_say(words, tmp_path_factory):
    """Offline, on a copy, and without this CPU's instructions, for which no flag asks here."""
    folder = tmp_path_factory.getbasetemp() / "crate"
    if not folder.exists():
        shutil.copytree(rust.CRATE, folder, ignore=shutil.ignore_patterns("target"))
    environment = {**os.environ, "CARGO_TARGET_DIR": str(folder / "target"), "CARGO_NET_OFFLINE": "true"}
    locked = [] if words[0] == "fmt" else ["--locked"]
    done = subprocess.run(
        ["cargo", words[0], *locked, *words[1:]], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if words == ["test"]:
        assert sum(map(int, re.findall(r"test result: ok\. (\d+) passed", done.stdout))) >= 25


@needs_rustc
def test_the_program_trains_benches_and_says_what_it_does_not_take(tmp_path):
    program = rust.program()
    assert rust.program() == program and os.access(program, os.X_OK)

    def run(*words):
        return subprocess.run([program, *words], capture_output=True, text=True)

    few = ["train", "--samples", "300", "--epochs", "3", "--hidden", "32,16", "--seed", "4"]
    first, second = (run(*few).stdout.splitlines() for _ in range(2))
    assert first[:-1] == second[:-1] and len(first) == 6  # the last one tells the seconds
    assert first[0] == "network [20, 32, 16, 2], 1330 parameters, 1 threads"
    table = tmp_path / "table.csv"
    table.write_text("".join(f"{i % 7 - 3},{i % 5 - 2},{int(i % 7 > 3)}\n" for i in range(200)))
    longer = ["--epochs", "40", "--patience", "40", "--batch", "16"]
    done = run("train", "--data", table, "--hidden", "16", *longer).stdout.splitlines()
    assert float(done[-2].split()[-1]) == 1.0
    assert [line.split("  ")[0] for line in run("bench", "--seconds", "0").stdout.splitlines()] == [
        *("gemm 256x256x256", "gemm 1024x1024x1024", "training step, 128 samples"),
        *("one sample", "one sample, BatchNorm folded"),
    ]
    for words, reason in [
        ([], "expected train or bench"),
        (["train", "--speed", "9"], "--speed is unknown"),
        (["train", "--epochs", "many"], "--epochs many: expected a number"),
        (["train", "--epochs"], "--epochs: expected a value after it"),
        (["train", "--threads", "0"], "--threads 0: expected 1 to 1024"),
        (["train", "--data", str(tmp_path / "none")], "--data .*none: No such file"),
        (["train", "--batch", "1"], "batch = 1 of 8000 samples: expected two or more"),
    ]:
        done = run(*words)
        assert done.returncode == 1 and re.match(f"lessons-rust: {reason}", done.stderr), (words, done.stderr)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "own-cache"))
    monkeypatch.setattr(rust, "_loaded", {})
    return tmp_path / "own-cache" / "native"


@pytest.fixture
def tiny(tmp_path, own_cache):
    source = tmp_path / "tiny.rs"
    source.write_text('#[no_mangle]\npub extern "C" fn number() -> i32 {\n    41\n}\n')
    return source


def stand_in(tmp_path, monkeypatch, release="", before=""):
    """A compiler that counts what it builds, and may pretend to be of another `release`."""
    log, script = tmp_path / "compiles", tmp_path / "rustc"
    told = f'case "$*" in *-vV*) echo "release: {release}"; exit;; esac\n' if release else ""
    script.write_text(
        f'#!/bin/sh\n{told}case "$*" in *crate-type*) echo built >> "{log}"; {before};; esac\n'
        f'exec {shutil.which("rustc")} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("RUSTC", str(script))
    return log


@needs_rustc
def test_two_processes_build_once(tiny, tmp_path, monkeypatch):
    log = stand_in(tmp_path, monkeypatch, before="sleep 1")
    script = (
        "import sys\nfrom pathlib import Path\nfrom lesson_support.native import rust\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"print(rust.library(Path({str(tiny)!r})).number())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    children = [subprocess.Popen([sys.executable, "-c", script], **pipes) for _ in range(2)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 2
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    assert [child.communicate(timeout=60)[0] for child in children] == ["41\n"] * 2
    assert log.read_text() == "built\n"


@needs_rustc
def test_a_damaged_library_is_built_again(tiny, own_cache):
    assert rust.library(tiny).number() == 41
    (file,) = own_cache.glob("tiny-*.so")
    # A new file: the loaded one is mapped, and to cut it would kill this process.
    file.unlink()
    file.write_bytes(b"half a library")
    rust._loaded.clear()
    assert rust.library(tiny).number() == 41 and file.stat().st_size > 1000


@needs_rustc
def test_a_cache_that_may_only_be_read_is_used_and_not_needed(tiny, own_cache, tmp_path, monkeypatch):
    log = stand_in(tmp_path, monkeypatch)
    assert rust.library(tiny).number() == 41
    monkeypatch.setattr(Path, "mkdir", refusing)
    rust._loaded.clear()
    assert rust.library(tiny).number() == 41 and log.read_text() == "built\n"
    tiny.write_text(tiny.read_text().replace("41", "42"))
    rust._loaded.clear()
    assert rust.library(tiny).number() == 42 and log.read_text() == "built\n" * 2
    assert len(list(own_cache.glob("tiny-*.so"))) == 1


def refusing(*_, **__):
    raise PermissionError("read-only")


@needs_rustc
def test_every_source_and_flag_is_in_the_key(tmp_path, monkeypatch):
    crate = tmp_path / "crate"
    shutil.copytree(rust.CRATE, crate, ignore=shutil.ignore_patterns("target"))
    monkeypatch.setattr(rust, "CRATE", crate)
    root, chosen = crate / "src" / "lib.rs", rust.compiler()
    keys = [rust._key(root, chosen, []), rust._key(root, chosen, ["-O"])]
    for file in ("scan/along.rs", "gemm/tile.rs", "interface/border.rs"):
        (crate / "src" / file).write_text((crate / "src" / file).read_text() + "// more\n")
        keys.append(rust._key(root, chosen, []))
    monkeypatch.setattr(rust.toolchain, "processor", lambda: "another CPU")
    keys.append(rust._key(root, chosen, []))
    assert len(set(keys)) == len(keys) == 6


def test_without_a_compiler_it_says_what_to_install(tiny, monkeypatch):
    monkeypatch.setenv("RUSTC", "no-such-compiler")
    for call in (lambda: rust.library(tiny), rust.library, rust.program):
        with pytest.raises(
            LessonError, match="^no Rust compiler: looked for no-such-compiler; install one from"
        ):
            call()


@needs_rustc
def test_an_old_compiler_is_named_and_a_middle_one_goes_without_avx512(tiny, tmp_path, monkeypatch):
    stand_in(tmp_path, monkeypatch, release="1.79.0")
    with pytest.raises(LessonError, match=r"rustc is Rust 1\.79: expected 1\.80 or later; `rustup update`"):
        rust.library(tiny)
    rust._version.cache_clear()
    stand_in(tmp_path, monkeypatch, release="1.88.0")
    assert "--cfg=avx512" not in rust._flags(rust.compiler()) and rust.library(tiny).number() == 41
    rust._version.cache_clear()
    assert 'rust-version = "1.80"' in (rust.CRATE / "Cargo.toml").read_text()


def test_an_unknown_program_is_refused():
    with pytest.raises(
        LessonError, match="^there is no Rust program 'lessons': expected one of lessons-rust$"
    ):
        rust.program("lessons")


def test_sources_stay_small():
    counts = {file.name: len(file.read_text().splitlines()) for file in rust.CRATE.rglob("*.rs")}
    assert max(count for name, count in counts.items() if name not in ("plan.rs", "along.rs")) <= 200


if __name__ == "__main__":
    VECTORS.write_text(written(torchs_numbers()))
