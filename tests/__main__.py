"""Run the tests tier by tier and close with a table: time per tier and per lesson, against the budgets.

`python -m tests` is what `make test` calls. Each tier is a pytest run of its own, because notebooks need
other options than units; the numbers in the table come from their JUnit reports.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".test-report"
PARALLEL = ["-n", "2", "--dist", "loadfile"]
SANITIZER = "lesson_support/authoring/sanitize.cfg"
LESSON_SECONDS = 45
LESSON_MEAN_SECONDS = 15


@dataclass
class Tier:
    """One pytest run: `arguments`, a budget in minutes, and what its report said."""

    name: str
    arguments: list[str]
    minutes: float
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    code: int = 0
    notebooks: dict[str, float] = field(default_factory=dict)


def notebooks() -> list[str]:
    """Every lesson and every solution, as paths from the root."""
    found = [*(ROOT / "lessons").glob("*.ipynb"), *(ROOT / "solutions").glob("*.ipynb")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def tiers(quick: bool) -> list[Tier]:
    """The tiers in the order they run; `quick` leaves out notebooks and the browser."""
    package = Tier("1 package", ["tests/package", *PARALLEL], 12)
    structure = Tier("3 structure and prose", ["tests/structure", *PARALLEL], 2)
    if quick:
        return [package, structure]
    found = notebooks()
    nbval = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={SANITIZER}", *PARALLEL]
    lessons = Tier("2 notebooks", [*found, *nbval, "-p", "no:warnings"], 15)
    book = Tier("4 book and browser", ["tests/book", "tests/browser"], 11)
    hostile = Tier("5 hostile submissions", ["tests/hostile", *PARALLEL], 4)
    return [package, *([lessons] if found else []), structure, book, hostile]


def run(tier: Tier) -> None:
    """Run one tier and read its report back into it."""
    report = REPORTS / f"tier-{tier.name[0]}.xml"
    command = [sys.executable, "-m", "pytest", *tier.arguments, "-q", f"--junit-xml={report}"]
    print(f"\n── tier {tier.name}: pytest {' '.join(tier.arguments)}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        strict = {"LESSONS_STRICT": "1", "LESSONS_STATIC": "1", "PYTHONHASHSEED": "0", "LESSONS_HOME": home}
        tier.code = subprocess.run(command, cwd=ROOT, env={**os.environ, **strict}, check=False).returncode
    tier.seconds = time.monotonic() - started
    if not report.is_file():
        tier.failed = 1
        return
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            tier.failed += 1
        elif "skipped" in kinds:
            tier.skipped += 1
        else:
            tier.passed += 1
        name = case.get("classname", "")
        if name.startswith(("lessons.", "solutions.")):
            key = name.replace(".", "/", 1)
            tier.notebooks[key] = tier.notebooks.get(key, 0.0) + float(case.get("time", 0))
    if os.environ.get("CI"):
        # What a bare machine may skip, the machine that decides must run.
        tier.failed, tier.skipped = tier.failed + tier.skipped, 0
    if tier.code not in (0, 1) or (tier.code == 1 and not tier.failed):
        tier.failed += 1  # pytest itself broke, or collected nothing


def summary(done: list[Tier]) -> str:
    """The closing table; over budget is marked, not failed: these machines are shared."""
    lines = ["", f"{'tier':<24}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}{'budget':>9}"]
    for tier in done:
        mark = "  over" if tier.seconds > tier.minutes * 60 else ""
        lines.append(
            f"{tier.name:<24}{tier.passed:>8}{tier.failed:>8}{tier.skipped:>9}"
            f"{tier.seconds:>9.1f}{tier.minutes * 60:>9.0f}{mark}"
        )
    timed = {name: seconds for tier in done for name, seconds in tier.notebooks.items()}
    if timed:
        lines += ["", f"{'notebook':<48}{'seconds':>9}{'budget':>9}"]
        for name, seconds in sorted(timed.items()):
            mark = "  over" if seconds > LESSON_SECONDS else ""
            lines.append(f"{name:<48}{seconds:>9.1f}{LESSON_SECONDS:>9}{mark}")
        lines.append(f"{'mean':<48}{sum(timed.values()) / len(timed):>9.1f}{LESSON_MEAN_SECONDS:>9}")
    elif not notebooks():
        lines += ["", "no lesson is written yet: tier 2 has nothing to run"]
    total = sum(tier.seconds for tier in done)
    lines += ["", f"in all {total:.0f} s of {sum(tier.minutes for tier in done) * 60:.0f} s"]
    counts = [sum(getattr(tier, name) for tier in done) for name in ("passed", "failed", "skipped")]
    lines.append(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="package, structure and prose only")
    parser.add_argument(
        "--full", action="store_true", help="also the full product behind each covering array"
    )
    chosen = parser.parse_args()
    REPORTS.mkdir(exist_ok=True)
    for old in REPORTS.glob("tier-*.xml"):
        old.unlink()
    if chosen.full:
        os.environ["LESSONS_FULL"] = "1"
    done = tiers(chosen.quick)
    for tier in done:
        run(tier)
    print(summary(done))
    return 1 if any(tier.failed for tier in done) else 0


if __name__ == "__main__":
    sys.exit(main())
