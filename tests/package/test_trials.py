"""The small programs of lesson 49: rustc says what is recorded, and counts of assembly see what they name."""

import json
import platform
import re
import shutil
from types import SimpleNamespace

import pytest

from lesson_support.errors import LessonError
from lesson_support.native import trials
from lesson_support.native.trials import machine_code, running, saying

needs_rustc = pytest.mark.skipif(shutil.which("rustc") is None, reason="no Rust compiler here")
RECORDED = json.loads((trials.FOLDER / "recorded.json").read_text(encoding="utf-8"))
PROGRAMS = sorted(
    file.stem for file in trials.FOLDER.glob("*.rs") if "fn main" in file.read_text(encoding="utf-8")
)
ON_X86 = platform.machine().lower() in ("x86_64", "amd64")


@pytest.fixture
def without_rust(monkeypatch):
    monkeypatch.setenv("RUSTC", "no-such-compiler")
    trials.rust_version.cache_clear()
    yield
    trials.rust_version.cache_clear()


def codes(name):
    return [each.code for each in trials.says(name)]


# --- what rustc says


@needs_rustc
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_recorded_is_what_the_compiler_says(name, request):
    here = trials.says(name)
    request.getfixturevalue("without_rust")
    recorded = trials.says(name)
    assert [(each.code, each.message) for each in here] == [(each.code, each.message) for each in recorded]
    assert [sorted({line for line, _, _ in each.notes}) for each in here] == [
        sorted({line for line, _, _ in each.notes}) for each in recorded
    ]


def test_every_program_is_recorded_and_the_refusals_are_those_that_the_lesson_names(without_rust):
    assert sorted(RECORDED["says"]) == PROGRAMS
    refused = {name: codes(name)[0] for name in PROGRAMS if codes(name)}
    assert refused == {
        "race": "E0499",
        "waits": "E0499",
        "cell": "E0277",
        "spawned": "E0373",
        "shapes": "E0308",
        "types": "E0308",
        "sizes": "E0435",
    }


def test_a_complaint_names_its_lines(without_rust):
    (complaint,) = trials.says("race")
    text = str(complaint).splitlines()
    assert text[0] == "error[E0499]: cannot borrow `hits` as mutable more than once at a time"
    assert [line for line in text if line.startswith("  8 | s.spawn(|| back")]
    assert "    | -> second mutable borrow occurs here" in text


def test_what_is_not_recorded_needs_a_compiler(without_rust):
    with pytest.raises(LessonError, match="nothing is recorded for loops"):
        trials.says("loops")


# --- without a compiler


def test_a_block_ends_where_it_finds_no_compiler(without_rust, capsys):
    reached = []
    with trials.with_rust():
        reached.append("before")
        trials.rust_built("joined")
        reached.append("after")
    with trials.with_rust():
        undefined_there  # noqa: F821, B018
    assert reached == ["before"]
    assert capsys.readouterr().out.count(f"comes out with {RECORDED['by']}") == 2


@needs_rustc
def test_with_a_compiler_every_error_comes_out():
    with pytest.raises(LessonError, match="no trial"), trials.with_rust():
        trials.rust_built("no_such_program")
    with pytest.raises(NameError), trials.with_rust():
        undefined_there  # noqa: F821, B018


# --- what runs


def test_the_race_compiles_without_a_warning_and_is_seen_by_the_sanitizer():
    assert trials.cpp_warnings("race") == []
    found = trials.watched("race")
    if found is None:
        pytest.skip("ThreadSanitizer does not run here")
    kind, *accesses = found.report
    assert kind == "data race" and len(accesses) == 2 and all("of 8 bytes" in each for each in accesses)
    assert trials.watched("joined") == trials.Watched(True, [])


@pytest.mark.parametrize(("totals", "runs", "right"), [("1101", 3, True), ("01", 1, True), ("111", 3, False)])
def test_a_program_is_watched_until_a_total_is_right(totals, runs, right, monkeypatch, tmp_path):
    said = [f"{wrong}\nWARNING: ThreadSanitizer: data race (pid=1)" for wrong in totals]
    monkeypatch.setattr(running, "cpp_built", lambda *_: tmp_path)
    monkeypatch.setattr(running, "output_of", lambda *_: said.pop(0))
    assert trials.watched("race", runs=len(totals)) == trials.Watched(right, ["data race"])
    assert len(totals) - len(said) == runs


def test_the_warnings_are_those_of_all_and_extra_and_of_the_optimiser(monkeypatch, tmp_path):
    source = tmp_path / "loose.cpp"
    source.write_text(
        "int extra(int unused) { return 1; }\n"
        "bool all(int n, unsigned m) { return n < m; }\n"
        "int flow(bool set, int x) { int y; if (set) y = x; return y; }\n"
    )
    monkeypatch.setattr(running, "source_of", lambda _: source)
    text = "\n".join(trials.cpp_warnings("loose"))
    assert all(name in text for name in ("unused-parameter", "sign-compare", "uninitialized")), text
    source.write_text("int wrong() { return nothing; }\n")
    with pytest.raises(LessonError, match="does not compile"):
        trials.cpp_warnings("loose")


@needs_rustc
def test_only_errors_are_complaints(monkeypatch):
    def told(level, code):
        return json.dumps({"level": level, "code": code and {"code": code}, "message": level, "spans": []})

    lines = [told("warning", "unused_variables"), "not json", told("error", "E0382"), told("error", None)]
    monkeypatch.setattr(saying, "finished", lambda _: SimpleNamespace(stderr="\n".join(lines)))
    assert [each.code for each in trials.says("race")] == ["E0382"]


@needs_rustc
def test_a_program_says_what_it_says_within_its_time():
    assert trials.output_of(trials.rust_built("joined")) == "0"
    assert trials.output_of(trials.rust_built("fitting")) == "3"
    late = trials.python("import time; print('here', flush=True); time.sleep(60)", seconds=2)
    assert late == trials.Ended(None, "here\n", "")
    assert trials.python("import sys; print(sys.argv[1])", "told") == trials.Ended(0, "told\n", "")
    assert trials.python("import os; os.abort()").code == -6


@needs_rustc
def test_counts_that_are_added_in_one_step_or_under_a_lock_are_right():
    assert trials.output_of(trials.rust_built("fetched")) == "0"
    assert trials.output_of(trials.rust_built("mutex")) == "0"


# --- what the loops became


@needs_rustc
@pytest.mark.skipif(not ON_X86, reason="counts instructions of x86")
def test_counts_see_checks_registers_and_locks():
    counted = trials.assembly_of("loops", "x86-64-v3")
    assert counted["product_zipped"].panics == 0 and counted["product_zipped"].packed > 0
    assert counted["product_indexed"].panics == 3
    assert counted["gather_zipped"].panics == 1
    assert counted["gemm_zipped"].lanes == 8
    assert counted["count_local"].locked == 0 < counted["count_atomic"].locked
    assert not any(name.startswith("GCC") for name in counted)
    assert counted["gemm_unchecked"].panics == counted["gather_unchecked"].panics == 0


@needs_rustc
@pytest.mark.skipif(not ON_X86, reason="counts instructions of x86")
@pytest.mark.parametrize(("name", "locked"), [("joined", 0), ("fetched", 1), ("atomics", 1)])
def test_locks_are_counted_where_a_loop_runs_them(name, locked):
    threads = [
        found
        for function, found in trials.assembly_of(name, "x86-64-v3").items()
        if "short_backtrace" in function
    ]
    assert threads and sum(found.locked for found in threads) == locked


def test_a_lock_outside_of_every_loop_is_not_counted():
    body = """
        lock incq (%rax)
    .LBB0_1:
        lock decq (%rcx)
        jae .LBB0_2
        jne .LBB0_1
        lock incq (%rax)
    .LBB0_2:
        xchgq %rax, (%rdx)
        jmp .LBB0_2
    """
    assert machine_code._locked_in_loops(body) == 2


@needs_rustc
@pytest.mark.skipif(not ON_X86, reason="reads instructions of x86")
def test_a_number_that_is_lent_for_writing_is_not_read_again():
    (text,) = trials.inner_loops("border", "count_up", "x86-64-v3")
    (kept,) = re.findall(r"movq %\w+, (\(%\w+\))", text)
    assert text.count(kept) == 1  # stored, never loaded


@needs_rustc
@pytest.mark.skipif(not ON_X86, reason="reads instructions of x86")
def test_an_inner_loop_runs_from_its_label_to_the_jump_back():
    for text in trials.inner_loops("loops", "gemm_indexed", "x86-64-v3"):
        lines = text.splitlines()
        assert lines[0] == "loop:" and re.search(r"^ +j\w+ loop$", lines[-1])
    (checked,) = (
        text for text in trials.inner_loops("loops", "scan_indexed", "x86-64-v3") if "mulss" in text
    )
    assert checked.count("cmpq") == 4  # three checks and the end


@needs_rustc
def test_all_loops_of_a_kind_compute_the_same():
    import ctypes

    import torch

    class Row(ctypes.Structure):
        _fields_ = [("first", ctypes.c_void_p), ("count", ctypes.c_size_t)]

    rust = ctypes.CDLL(str(trials.rust_built("loops", "--crate-type=cdylib", "-Ctarget-cpu=native")))
    cpp = ctypes.CDLL(str(trials.cpp_built("loops", "-O3", "-march=native", "-shared", "-fPIC")))
    a, b = torch.rand(2, 17, 17).unbind()
    places = torch.randperm(289).int().view(torch.float32)
    scan, state = [], 0.0
    for gate, entering in zip(a.view(-1).tolist(), b.view(-1).tolist(), strict=True):
        state = gate * state + entering
        scan.append(state)
    right = {
        "product": a * b,
        "scan": torch.tensor(scan).view(17, 17),
        "gather": 1 + a.view(-1)[places.view(torch.int32).long()].view(17, 17),
        "gemm": 1 + a @ b,
    }
    ways = {(cpp, "plain"), (cpp, "checked"), (rust, "indexed"), (rust, "zipped"), (rust, "fused")}
    ways |= {(rust, "cut"), (rust, "unchecked")}
    only = {"fused": ("scan",), "cut": ("gemm",), "unchecked": ("gemm", "gather")}
    for kind, expected in right.items():
        for library, way in ways:
            name = f"c_{kind}_{way}" if library is rust else f"{kind}_{way}"
            if kind not in only.get(way, right):
                continue
            h = torch.ones(17, 17)  # the last two add to it
            given = places if kind == "gather" else b
            rows = [Row(x.data_ptr(), x.numel()) for x in (a, given, h)]
            n = ctypes.c_size_t(17 if kind == "gemm" else 289)
            library[name](*map(ctypes.byref, rows), n, ctypes.c_size_t(1))
            torch.testing.assert_close(h, expected, msg=f"{name} is wrong")
