"""Commands of a learner: find, start and check lessons, see progress, see what this machine can run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from lesson_support import catalog, paths
from lesson_support.cli.app import Number, app, console, notebook_of, state_of
from lesson_support.errors import LessonError


@app.command("list")
def list_lessons(
    phase: Annotated[int | None, typer.Option(help="only this phase, 1 to 10")] = None,
) -> None:
    """The fifty lessons, by phase; planned ones are marked."""
    phases = {each.number: each for each in catalog.phases()}
    if phase is not None and phase not in phases:
        raise LessonError(f"there is no phase {phase}: expected a number from 1 to {len(phases)}")
    for each in phases.values():
        if phase not in (None, each.number):
            continue
        console.print(f"\nPhase {each.number} · {each.title}", style="bold")
        table = Table(box=None, pad_edge=False, show_header=False)
        for entry in catalog.lessons():
            if entry.phase == each.number:
                facts = (entry.shape, f"{entry.difficulty}/10", f"{entry.minutes} min", state_of(entry))
                table.add_row(entry.label, entry.title, *facts)
        console.print(table)


@app.command()
def path(number: Number) -> None:
    """The shortest route to a lesson: what to do first, in order."""
    route = catalog.route(number)
    for entry in route:
        console.print(f"{entry.label}  {entry.title}  {state_of(entry)}".rstrip())
    minutes = sum(entry.minutes for entry in route)
    console.print(f"{len(route)} lessons, about {minutes / 60:.1f} hours")


@app.command()
def start(
    number: Number,
    into: Annotated[
        Path | None, typer.Option(help="where your copies go; work/ of the course if not given")
    ] = None,
) -> None:
    """A working copy of a lesson and its exercise, without outputs, so that no answer is spoiled."""
    from lesson_support.authoring.copies import start as make_copies

    notebook_of(number)
    folder = paths.course()
    entry = catalog.lesson_entry(number)
    for copy in make_copies(entry.number, folder, into or folder / "work"):
        console.print(f"ready: {copy}")


@app.command()
def check(number: Number) -> None:
    """Check your working copy of an exercise: points per question, and what to look at first."""

    from lesson_support.grading.submission import check_notebook

    entry = catalog.lesson_entry(number)
    copy = paths.course() / "work" / "exercises" / f"{entry.stem}.ipynb"
    if not copy.is_file():
        notebook_of(number)
        raise LessonError(
            f"there is no {copy}: expected your working copy; `lessons start {entry.label}` makes one"
        )
    report = check_notebook(copy, entry.number)
    console.print(str(report))


@app.command()
def progress() -> None:
    """Your points, lesson by lesson."""
    from lesson_support.grading.standing import progress_table

    standings, note = progress_table()
    table = Table(box=None, pad_edge=False)
    for title in ("lesson", "", "solved", "points", "hints"):
        table.add_column(title, justify="left" if title in ("lesson", "") else "right")
    for each in standings:
        entry = catalog.lesson_entry(each.number)
        solved, points = f"{each.solved} of {each.questions}", f"{each.score:g} of {each.points:g}"
        table.add_row(entry.label, entry.title, solved, points, str(each.hints))
    console.print(table)
    if note:
        console.print(note)


@app.command()
def doctor() -> None:
    """What this machine can run, and what is missing for the rest."""
    from lesson_support.doctor import examine

    table = Table("", "", Column(overflow="fold"), box=None, pad_edge=False, show_header=False)
    checks = examine()
    for check in checks:
        table.add_row("✔" if check.fine else "✘", check.subject, check.finding)
    console.print(table)
    if any(check.needed and not check.fine for check in checks):
        raise LessonError("something that every lesson needs is missing: see the ✘ lines above")
