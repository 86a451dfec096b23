"""The benchmark of Rust beside torch, made small: complete, equal on both sides, refusing what is wrong."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lesson_support import bench, measured, timing
from lesson_support.bench import rust, rust_latency, rust_peer, rust_processes, rust_training
from lesson_support.data.two_classes import cloud_distance, two_clouds
from lesson_support.errors import LessonError
from lesson_support.models.folding import fold_batchnorm
from lesson_support.models.rust_mlp import Epoch, RustClassifier, torch_layers
from lesson_support.training.fitting import fit_classifier, held_out

needs_rust = pytest.mark.skipif(not shutil.which("rustc"), reason="needs rustc")
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


def _few(epochs: int, samples: int, batch: int) -> dict[str, list[str]]:
    """The program itself, and a process that holds more; the lesson runs the others."""
    hog = [sys.executable, "-c", "x = bytearray(1 << 28); import time; time.sleep(0.1)"]
    return {"hog": hog, "Rust program": every_command(1, 16, 16)["Rust program"]}


def _ratios(*, told: bool) -> dict[str, list[float]] | None:
    return None if told else {"product": [2.0, 1.9, 2.1]}


def _small_networks(batch: int):
    torch.manual_seed(0)
    layers, ours = torch_layers((20, 16, 8, 2)), RustClassifier((20, 16, 8, 2), batch=max(batch, 2))
    ours.load(layers)
    return layers, ours


every_command = rust_processes.commands


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    settings = {
        rust: {
            "PRODUCTS": {"square": (64, 64, 64)},
            "SAMPLES": 256,
            "ROUNDS": 3,
            "FEWER": 3,
            "THREADS": (1,),
        },
        rust_latency: {
            "BATCHES": (1, 4),
            "COMPILED": (),
            "COLD": (1,),
            "networks": _small_networks,
            "IN_A_ROW": 2,
            "ELSEWHERE": 1 << 12,
            "ROUNDS": 3,
            "THREADS": (1,),
        },
        rust_processes: {"ROUNDS": 1, "WATCHED": 1, "commands": _few, "IMPORT": "pass"},
        rust_peer: {"PAIRS": 3, "BATCH": 16, "torch_over_rust": _ratios},
        rust_training: {"SAMPLES": 256, "HELD_OUT": 128, "EPOCHS": 2, "BEST": {0.9265: (0,)}},
    }
    for module, values in settings.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


@needs_rust
@needs_proc
def test_a_run_is_kept_with_all_its_tables(small):
    threads = torch.get_num_threads()
    records = measured.load_run(bench.run_benchmarks(["rust"]))
    assert torch.get_num_threads() == threads
    assert set(records) == {
        *("rust/gemm", "rust/step", "rust/epoch", "rust/latency", "rust/latency/cold"),
        *("rust/peer", "rust/memory", "rust/cold-start", "rust/ships"),
        *("rust/training", "rust/training/epochs", "rust/training/seconds"),
    }
    rows = {name: {row.labels: row.median for row in each.result.rows} for name, each in records.items()}
    assert {by for _, threads, by in rows["rust/gemm"] if threads == 1} == {
        *("Rust", "torch.mm", "NumPy", "C++, packed")
    }
    assert all(0 < share < 2 for share in rows["rust/gemm"].values())
    assert rows["rust/step"][1, "torch, fused Adam"] == 1  # the faster one is what Rust stands beside
    assert (1, "torch, Adam as by default") in rows["rust/step"]
    assert {batch for batch, *_ in rows["rust/latency"]} == {1, 4}
    assert (1, 1, "Rust, single") in rows["rust/latency"]
    assert (4, 1, "Rust, single") not in rows["rust/latency"]
    ships = {name: size for (name,), size in rows["rust/ships"].items()}
    assert ships["Rust program"] < 2 < 50 < ships["Rust program and libtorch"]
    assert ships["Python's library"] < ships["Python's library and torch"]
    memory = rows["rust/memory"]
    assert 20 < memory["Rust program", "of its own"] < 250 < memory["hog", "of its own"]
    assert memory["Rust program", "of its own"] < memory["Rust program", "resident"]
    assert set(rows["rust/cold-start"]) == {
        (name,) for name in ("Python alone", "Python, import torch", "hog", "Rust program")
    }
    assert rows["rust/training/epochs"][92.65, "torch"] == 2
    assert 50 < rows["rust/training"][92.65, "a plane, 21 numbers"] <= 100


@needs_rust
def test_a_way_that_answers_something_else_is_not_timed(monkeypatch):
    def wrong(layers):
        folded = fold_batchnorm(layers)
        with torch.no_grad():
            folded[-1].bias += 1
        return folded

    monkeypatch.setattr(rust_latency, "fold_batchnorm", wrong)
    with pytest.raises(AssertionError, match="torch, folded"):
        rust_latency.ways(1)


@needs_rust
def test_a_side_that_trains_something_else_is_not_timed(monkeypatch):
    def other_weights(batch):
        layers, ours = networks(batch)
        ours.load(torch_layers())
        return layers, ours

    networks = rust_latency.networks
    monkeypatch.setattr(rust_latency, "networks", other_weights)
    with pytest.raises(AssertionError, match="Rust trains to a loss"):
        rust._trainers(*two_clouds(256, 0.9265))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs LD_PRELOAD")
def test_the_preloaded_library_answers_the_question(tmp_path):
    library = rust_peer.preloadable(tmp_path)
    assert ctypes.CDLL(str(library)).mkl_serv_intel_cpu_true() == 1
    ask = "import ctypes; print(ctypes.CDLL(None).mkl_serv_intel_cpu_true())"
    env = os.environ | {"LD_PRELOAD": str(library)}
    said = subprocess.run([sys.executable, "-c", ask], env=env, capture_output=True, text=True)
    assert said.stdout == "1\n"


@needs_rust
def test_a_process_beside_rust_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(rust_peer, "_CHILD", "raise ValueError({batch} + {pairs})")
    with pytest.raises(LessonError, match="(?s)ended with 1: .*ValueError: 133"):
        rust_peer.torch_over_rust(told=False, pairs=5)


def test_folding_keeps_the_function_and_the_layers():
    torch.manual_seed(0)
    layers = torch_layers((20, 16, 8, 2))
    for _ in range(3):
        layers(3 * torch.randn(64, 20) + 1)  # statistics that matter
    x, before = torch.randn(32, 20), [p.clone() for p in layers.parameters()]
    folded = fold_batchnorm(layers)
    assert not any(isinstance(layer, torch.nn.BatchNorm1d) for layer in folded)
    assert layers.training and all(
        torch.equal(p, q) for p, q in zip(layers.parameters(), before, strict=True)
    )
    with torch.inference_mode():
        assert timing.agree(layers.eval()(x), folded(x))
        assert not timing.agree(layers.train()(x), folded(x))


def test_no_rule_beats_the_distance_of_the_clouds():
    x, y = two_clouds(40_000, 0.9, seed=3)
    best = ((x.sum(1) > 0) == y).float().mean()
    assert abs(float(best) - 0.9) < 0.006  # four deviations of 40,000 draws
    assert cloud_distance(0.9) < cloud_distance(0.95)
    assert x.shape == (40_000, 20) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert torch.equal(two_clouds(8, 0.9, seed=3)[1], two_clouds(8, 0.9, seed=3)[1])
    for wrong in (0.5, 1.0, 1, "0.9"):
        with pytest.raises(LessonError, match="best is"):
            two_clouds(8, wrong)
    with pytest.raises(LessonError, match="samples, features"):
        two_clouds(0, 0.9)


def test_a_run_follows_its_plan():
    torch.manual_seed(0)
    x, y = two_clouds(320, 0.99)
    held = (x[256:], y[256:])
    model = torch_layers((20, 8, 2))
    history = fit_classifier(model, (x[:256], y[:256]), held, epochs=6, batch=64, min_delta=0.0)
    assert len(history) == 6 and all(isinstance(each, Epoch) for each in history)
    rates = [each.rate for each in history]
    assert rates[0] == 1e-3 and rates[3] == pytest.approx(5.05e-4) and rates == sorted(rates, reverse=True)
    assert history[-1].training_loss < history[0].training_loss
    assert (history[-1].validation_loss, history[-1].validation_accuracy) == held_out(model, *held)


def test_patience_ends_a_run_that_gains_too_little():
    torch.manual_seed(0)
    x, y = two_clouds(128, 0.9)
    model = torch_layers((20, 8, 2))
    plan = {"epochs": 9, "batch": 64, "patience": 2}
    assert len(fit_classifier(model, (x, y), (x, y), min_delta=10.0, **plan)) == 3


def test_libraries_beside_libtorch_are_counted():
    files = rust_processes.libtorch_files()
    assert any("torch_cpu" in name for name in files) and sum(files.values()) > 50e6
    lib = Path(torch.__file__).parent / "lib"
    assert sum(files.values()) <= rust_processes.folder_bytes(lib)


@needs_rust
def test_all_processes_train_as_long():
    python, binding, alone = every_command(3, 256, 64).values()
    assert "range(3)" in python[-1] and "split(64)" in python[-1] and "randn(256, 20)" in python[-1]
    assert "range(3)" in binding[-1] and "batch=64" in binding[-1] and "randn(256, 20)" in binding[-1]
    said = dict(zip(alone[2::2], alone[3::2], strict=True))
    assert (said["--epochs"], said["--batch"], said["--held-out"], said["--samples"]) == (
        "3",
        "64",
        "64",
        "320",
    )
    for command in (python, binding):
        compile(command[-1], "command", "exec")


def test_links_count_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d").write_bytes(b"12")
    assert rust_processes.folder_bytes(tmp_path) == 7


@needs_proc
def test_the_peak_is_the_childs_own():
    held = bytearray(200 << 20)  # what this process holds is not the child's
    held[:: 1 << 12] = b"1" * len(held[:: 1 << 12])
    little, much = (
        rust_processes.peak([sys.executable, "-c", f"x = bytearray({size}); import time; time.sleep(0.1)"])
        for size in (1, 100 << 20)
    )
    assert little["of its own"] < 0.9 * little["resident"]
    assert little["resident"] < 100e6 < much["of its own"] < 200e6
    with pytest.raises(AssertionError, match="ended with 3"):
        rust_processes.peak([sys.executable, "-c", "raise SystemExit(3)"])
