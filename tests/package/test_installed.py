"""The wheel, installed into an environment of its own and used from another folder.

Dependencies are shared with the running environment by path (they are what is pinned); our package is not: it
must come from the wheel, with all its data, and must not reach back into the checkout.
"""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("lesson_support", "pyproject.toml", "README.md", "LICENSE")

PROBE = """
import json, pathlib, lesson_support
from lesson_support import catalog, claims, draw, native, paths
home = pathlib.Path(lesson_support.__file__).resolve()
print(json.dumps({
    "home": str(home),
    "lessons": len(catalog.lessons()),
    "claims": len(claims.published_claims()),
    "explorer": len(draw.strides_html()),
    "native": [str(p.relative_to(home.parent)) for p in home.parent.rglob("*.cpp")],
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """(python of the new environment, an empty folder elsewhere)"""
    base = tmp_path_factory.mktemp("clean")
    source = base / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *PARTS],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in tracked:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", base / "dist", source]
    built = subprocess.run(build, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    (wheel,) = (base / "dist").glob("*.whl")
    venv.create(base / "env", with_pip=True, symlinks=True)
    python = base / "env" / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        capture_output=True, text=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (site,) = (base / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = base / "elsewhere"
    elsewhere.mkdir()
    return python, elsewhere


def test_the_wheel_carries_everything_and_works_from_anywhere(installed, tmp_path):
    python, elsewhere = installed
    done = subprocess.run([python, "-c", PROBE], cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert ROOT not in Path(found["home"]).parents
    assert found["lessons"] == 50 and found["claims"] >= 40 and found["explorer"] > 2000
    assert sorted(found["native"]) == sorted(
        str(p.relative_to(ROOT / "lesson_support")) for p in (ROOT / "lesson_support").rglob("*.cpp")
    )


def test_a_claim_runs_in_the_installed_package(installed):
    python, elsewhere = installed
    code = (
        "import torch\nfrom lesson_support import lesson, verify\nlesson(1)\nx = torch.ones(2, 3)\n"
        "verify('transpose-is-free', 'a transpose moves no data', x.T.data_ptr() == x.data_ptr(),"
        " unless={'after .contiguous()': x.T.contiguous().data_ptr() == x.data_ptr()})"
    )
    done = subprocess.run([python, "-c", code], cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "✔ a transpose moves no data (not so after .contiguous())"


def test_the_command_is_installed_and_says_where_it_looked(installed):
    python, elsewhere = installed
    command = python.with_name("lessons")
    assert subprocess.run([command, "list"], cwd=elsewhere, capture_output=True).returncode == 0
    done = subprocess.run([command, "start", "1"], cwd=elsewhere, capture_output=True, text=True)
    assert (
        done.returncode == 1 and "no checkout of the course" in done.stderr and str(elsewhere) in done.stderr
    )
