"""From a benchmark's figures to a file: a run of this machine, and its publication."""

import itertools
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import lesson_support
from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.measured.schema import check_results, check_run, device_slug, load_file
from lesson_support.records import read_json

# The subject, then peers that benchmarks measure where they are installed.
_PACKAGES = ("torch", "triton", "numpy", "scipy", "numba")


def record_run(
    results: Mapping[str, Any],
    folder: Path,
    *,
    device: str | None = None,
    date: str | None = None,
    commit: str | None = None,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write `results` with their provenance to `folder/<date>-<device-slug>.json` and return that file.

    What is not given is read from this machine. A run with the same provenance is merged by result name;
    beside one of another commit or other versions the file gets a number. Incomplete results are refused.
    """
    check_results(results, "this run")
    device = device or this_device()
    run = {
        "device": device,
        "slug": device_slug(device),
        "date": date or datetime.now(UTC).date().isoformat(),
        "commit": commit or this_commit(),
        "versions": dict(versions or these_versions()),
        "results": dict(results),
    }
    check_run(run, "this run")
    stem = f"{run['date']}-{run['slug']}"
    for number in itertools.count(1):
        file = Path(folder) / (f"{stem}.json" if number == 1 else f"{stem}.{number}.json")
        if not file.is_file():
            break
        earlier = read_json(file)
        check_run(earlier, str(file))
        if all(earlier[key] == run[key] for key in ("device", "date", "commit", "versions")):
            run["results"] = {**earlier["results"], **run["results"]}
            break
    _write(file, run, "recorded measurements")
    return file


def provenance_here() -> dict[str, Any]:
    """What `record_run` would read from this machine now: ask before a long measurement, not after it."""
    return {
        "device": this_device(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": this_commit(),
        "versions": these_versions(),
    }


def publish(run: Path, folder: Path) -> Path:
    """Merge a recorded run into `folder/<device-slug>.json` (`measured.FOLDER`, the package's) and return it.

    A result replaces the earlier one of its name; the others keep their run, and so their provenance.
    """
    run = Path(run)
    new = read_json(run)
    check_run(new, str(run))
    file = Path(folder) / f"{new['slug']}.json"
    runs = []
    if file.is_file():
        if load_file(file).device != new["device"]:
            raise LessonError(f"{run} was measured on {new['device']!r}: expected the device of {file}")
        for old in read_json(file)["runs"]:
            kept = {name: result for name, result in old["results"].items() if name not in new["results"]}
            if kept:
                runs.append({**old, "results": kept})
    runs.append({key: new[key] for key in ("date", "commit", "versions", "results")})
    runs.sort(key=lambda each: each["date"])
    _write(file, {"device": new["device"], "slug": new["slug"], "runs": runs}, "published measurements")
    return file


def _write(file: Path, content: Mapping[str, Any], purpose: str) -> None:
    paths.make_folder(file.parent, purpose)
    paths.write_whole(file, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def this_device() -> str:
    """The GPU if there is one, else the processor, by the name that it gives itself."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return this_processor()


def this_processor() -> str:
    """The processor by the name that it gives itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def these_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def this_commit() -> str:
    """The commit of the checkout, `+ changes` if the package differs from it; else the release.

    Published measurements do not count as changes: each publication would spoil the next run's provenance.
    """
    git = ["git", "-C", str(paths.PACKAGE)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        status = subprocess.run(
            [*git, "status", "--porcelain", "--", ".", ":(exclude)measured/*.json"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"release {lesson_support.__version__}"
    return head.stdout.strip() + (" + changes" if status.stdout.strip() else "")
