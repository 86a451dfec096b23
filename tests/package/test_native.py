"""Native operators: built once, kept whole, and harmless to the arithmetic of the process that loads them."""

import ctypes
import os
import subprocess
import sys
import types

import pytest

from lesson_support import native
from lesson_support.errors import LessonError
from lesson_support.native import building, toolchain

needs_compiler = pytest.mark.skipif(not native.available(), reason="no C++ compiler on this machine")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "own-cache"))
    return tmp_path / "own-cache" / "native"


@pytest.fixture
def tiny(tmp_path, monkeypatch, own_cache):
    """A folder with one source that compiles in a moment and needs no PyTorch."""
    folder = tmp_path / "cpp"
    folder.mkdir()
    (folder / "tiny.cpp").write_text(
        '#include "number.h"\n'
        'extern "C" __attribute__((visibility("default"))) int number() { return NUMBER; }\n'
    )
    (folder / "number.h").write_text("#define NUMBER 42\n")
    monkeypatch.setattr(building, "CPP", folder)
    return folder


def number(file) -> int:
    return ctypes.CDLL(str(file)).number()


def counting_compiler(tmp_path, monkeypatch, before=""):
    """A stand-in for the compiler that writes a line per library it builds; returns the file of lines."""
    log, script = tmp_path / "compiles", tmp_path / "compiler"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *-shared*) echo built >> "{log}"; {before};; esac\n'
        f'exec {native.compiler()} "$@"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    return log


@needs_compiler
def test_an_operator_is_built_into_the_cache_and_loaded_once(monkeypatch, own_cache):
    import torch

    loads = []
    monkeypatch.setattr(torch.ops, "load_library", loads.append)
    monkeypatch.setattr(native, "_loaded", {})
    namespace = native.operators("roofline")
    assert native.operators("roofline") is namespace and namespace.name == "lessons_roofline"
    assert [str(file) for file in own_cache.glob("roofline-*.so")] == loads


@needs_compiler
def test_a_second_call_takes_the_cached_library(tiny, tmp_path, monkeypatch):
    log = counting_compiler(tmp_path, monkeypatch)
    first = building.library("tiny")
    assert number(first) == 42
    assert building.library("tiny") == first
    assert log.read_text() == "built\n"
    assert sorted(file.suffix for file in first.parent.iterdir()) == [".lock", ".sha256", ".so"]


@needs_compiler
@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:-9] + b"corrupted"]
)
def test_a_damaged_library_is_built_again(tiny, damage):
    file = building.library("tiny")
    file.write_bytes(damage(file.read_bytes()))
    assert number(building.library("tiny")) == 42


@needs_compiler
def test_a_library_without_its_checksum_is_built_again(tiny, tmp_path, monkeypatch):
    log = counting_compiler(tmp_path, monkeypatch)
    building._checksum_file(building.library("tiny")).unlink()
    building.library("tiny")
    assert log.read_text() == "built\n" * 2


@needs_compiler
def test_the_key_changes_with_everything_a_library_depends_on(tiny, monkeypatch):
    source, command = tiny / "tiny.cpp", toolchain.command()
    keys = [building._key(source, command)]
    assert building._key(source, command) == keys[0]
    keys.append(building._key(source, [*command, "-DOTHER"]))
    source.write_text(source.read_text() + "// changed\n")
    keys.append(building._key(source, command))
    (tiny / "number.h").write_text("#define NUMBER 43\n")
    keys.append(building._key(source, command))
    import torch

    for owner, name, value in [
        (toolchain, "processor", lambda: "another CPU"),
        (toolchain, "_macros", lambda chosen, flags: "#define __cplusplus\n#define __OTHER_SET__ 1"),
        (toolchain, "_ask", lambda *words: "another compiler version"),
        (torch, "__version__", "2.99.0"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            keys.append(building._key(source, command))
    assert len(set(keys)) == len(keys) == 8


@needs_compiler
def test_a_changed_header_gives_a_new_library(tiny):
    assert number(building.library("tiny")) == 42
    (tiny / "number.h").write_text("#define NUMBER 43\n")
    assert number(building.library("tiny")) == 43


@needs_compiler
def test_two_processes_build_once(tiny, tmp_path, monkeypatch):
    log = counting_compiler(tmp_path, monkeypatch, before="sleep 1.5")
    script = (
        "import ctypes, pathlib, sys\n"
        "from lesson_support.native import building\n"
        f"building.CPP = pathlib.Path({str(tiny)!r})\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(ctypes.CDLL(str(building.library('tiny'))).number())"
    )
    # A stand-in for torch that only has a place and a version keeps the two children quick.
    import torch

    fake = tmp_path / "fake" / "torch"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text(f"__file__ = {torch.__file__!r}\n__version__ = '2.11.0'\n")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(fake.parent), str(building.paths.PACKAGE.parent)]),
    }
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=60)[0] for child in children]
    assert answers == ["42\n", "42\n"] and [child.returncode for child in children] == [0, 0]
    assert log.read_text() == "built\n"


@needs_compiler
def test_without_a_usable_cache_a_folder_of_this_process_serves(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(building, "_private_folder", lambda: tmp_path)
    file = building.library("tiny")
    assert file.parent == tmp_path and number(file) == 42


@needs_compiler
def test_a_read_only_cache_is_read_and_not_written(tiny, own_cache, tmp_path, monkeypatch):
    cached = building.library("tiny")
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **how: mode != os.W_OK and allowed(path, mode, **how)
    )
    monkeypatch.setattr(building, "_private_folder", lambda: tmp_path)
    assert building.library("tiny") == cached
    (tiny / "number.h").write_text("#define NUMBER 43\n")
    assert building.library("tiny").parent == tmp_path
    assert len(list(own_cache.glob("*.so"))) == 1


def test_the_folder_of_a_process_goes_with_it():
    script = "from lesson_support.native import building; print(building._private_folder())"
    folder = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert "lessons-native-" in folder and not os.path.exists(folder)


@needs_compiler
def test_a_source_that_does_not_compile_is_told_in_one_line(tiny, own_cache):
    (tiny / "tiny.cpp").write_text('#include "number.h"\nint number() { return nothing_of_that_name; }\n' * 3)
    with pytest.raises(LessonError) as told:
        building.library("tiny")
    message = str(told.value)
    assert message.startswith("tiny.cpp does not compile with ") and "tiny.cpp:2:" in message
    assert "nothing_of_that_name" in message and "published figures" in message
    assert "\n" not in message and str(tiny) not in message and len(message) < 300
    assert [file.name for file in own_cache.iterdir()] == ["tiny.lock"]


def test_the_linkers_reason_comes_before_its_verdict():
    report = "/usr/bin/ld: cannot find -ltorch_cpu\ncollect2: error: ld returned 1 exit status\n"
    assert building._first_error(report, building.CPP) == "/usr/bin/ld: cannot find -ltorch_cpu"
    assert building._first_error("", building.CPP) == "it gave no reason"


@needs_compiler
def test_a_library_that_does_not_load_is_told_in_one_line(tiny, monkeypatch):
    monkeypatch.setattr(native, "library", lambda name: tiny / "tiny.cpp")
    monkeypatch.setattr(native, "_loaded", {})
    with pytest.raises(
        LessonError, match=r"native library tiny does not load .*LESSONS_CACHE names another$"
    ):
        native.operators("tiny")
    assert native._loaded == {}


def test_an_unknown_name_lists_the_known():
    with pytest.raises(LessonError, match=r"no native source 'nothing': expected one of .*roofline"):
        native.operators("nothing")


def test_a_compiler_that_is_not_there_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "nonsense -O9")
    with pytest.raises(
        LessonError, match=r"^CXX is 'nonsense -O9', and no program .*apt install.*published figures$"
    ):
        building.library("roofline")
    assert not native.available()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        LessonError, match=r"looked for \$CXX and on PATH for c\+\+, g\+\+, clang\+\+;.*xcode-select"
    ):
        native.compiler()


def test_a_program_that_is_no_compiler_is_named(monkeypatch, tmp_path):
    for answer in ("exit 0", "exit 1", "echo hello"):
        program = tmp_path / f"program-{len(answer)}"
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
        monkeypatch.setenv("CXX", str(program))
        with pytest.raises(LessonError, match=r"program-\d+ does not answer as a C\+\+ compiler: expected"):
            building.library("roofline")


def test_windows_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(toolchain, "sys", types.SimpleNamespace(platform="win32"))
    with pytest.raises(LessonError, match="not built on Windows; published figures are shown"):
        native.compiler()


@needs_compiler
def test_cxx_may_carry_arguments(tiny, monkeypatch):
    monkeypatch.setenv("CXX", f"env {native.compiler()}")
    assert native.compiler().startswith("env ") and number(building.library("tiny")) == 42


@needs_compiler
def test_a_compiler_without_the_flag_for_this_cpu_builds_without_it(tiny, tmp_path, monkeypatch):
    script = tmp_path / "plain"
    script.write_text(f'#!/bin/sh\ncase "$*" in *=native*) exit 1;; esac\nexec {native.compiler()} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    assert not any("native" in word for word in toolchain.command()[1:])
    assert number(building.library("tiny")) == 42


@needs_compiler
@pytest.mark.parametrize("name", native.sources())
def test_sources_compile_without_a_warning(name):
    command = [*toolchain.command(), "-fsyntax-only", "-Wall", "-Wextra", str(building.CPP / f"{name}.cpp")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", native.sources())
def test_every_source_registers_the_namespace_of_its_name(name):
    assert f"STABLE_TORCH_LIBRARY(lessons_{name}," in (building.CPP / f"{name}.cpp").read_text()


@needs_compiler
def test_no_flag_or_source_bends_floating_point():
    forbidden = (
        "fast-math",
        "Ofast",
        "unsafe-math",
        "finite-math",
        "_MM_SET_FLUSH_ZERO_MODE",
        "float_control",
    )
    texts = [" ".join([*toolchain.command(), *toolchain.libraries()])]
    texts += [file.read_text() for file in sorted(building.CPP.iterdir())]
    assert len(texts) > 2 and not [word for word in forbidden for text in texts if word in text]


@needs_compiler
def test_loading_our_libraries_leaves_denormals_and_nan_alone():
    script = (
        "import torch\n"
        "from lesson_support import native\n"
        "def arithmetic():\n"
        "    x = torch.full((64,), 1e-40)\n"
        "    nan = torch.full((64,), float('nan'))\n"
        "    return (x * 1.0).tolist() == x.tolist() and bool((x * 1.0 > 0).all()), bool(nan.isnan().all())\n"
        "print(arithmetic())\n"
        "for name in native.sources():\n"
        "    native.operators(name)\n"
        "print(arithmetic())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "(True, True)\n(True, True)\n"


def test_importing_these_rooms_does_not_import_torch():
    rooms = "lesson_support.native, lesson_support.timing, lesson_support.roofline"
    script = f"import sys, {rooms}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
