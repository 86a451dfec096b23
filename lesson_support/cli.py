"""The `lessons` command: each parses its words, calls one room below and prints; nothing is computed here."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from lesson_support import catalog, paths
from lesson_support.errors import LessonError

app = typer.Typer(
    help="Fifty executable lessons in PyTorch engineering: find, start, run and check them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
# In a pipe nothing is cut to the width of a screen that is not there.
PIPED = {} if sys.stdout.isatty() else {"width": 200, "soft_wrap": True}
console = Console(highlight=False, emoji=False, markup=False, **PIPED)

Numbers = Annotated[list[str], typer.Argument(help="lesson numbers or slugs: 1, 01, tensor_mechanics")]
Number = Annotated[str, typer.Argument(help="a lesson number or slug: 1, 01, tensor_mechanics")]


def _state(entry: catalog.Lesson) -> str:
    """ "planned", or nothing for a written lesson and where no checkout is at hand to look in."""
    try:
        return "" if catalog.written(entry, paths.course()) else "planned"
    except LessonError:
        return ""


def _notebook(text: str) -> Path:
    """The notebook of a written lesson; a planned one is an error that says so."""
    entry = catalog.lesson_entry(text)
    folder = paths.course()
    if not catalog.written(entry, folder):
        done = (
            ", ".join(each.label for each in catalog.lessons() if catalog.written(each, folder)) or "none yet"
        )
        raise LessonError(
            f"lesson {entry.label} ({entry.title}) is planned, not written; written are: {done}"
        )
    return folder / "lessons" / f"{entry.stem}.ipynb"


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
                facts = (entry.shape, f"{entry.difficulty}/10", f"{entry.minutes} min", _state(entry))
                table.add_row(entry.label, entry.title, *facts)
        console.print(table)


@app.command()
def path(number: Number) -> None:
    """The shortest route to a lesson: what to do first, in order."""
    route = catalog.route(number)
    for entry in route:
        console.print(f"{entry.label}  {entry.title}  {_state(entry)}".rstrip())
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

    _notebook(number)
    folder = paths.course()
    entry = catalog.lesson_entry(number)
    for copy in make_copies(entry.number, folder, into or folder / "work"):
        console.print(f"ready: {copy}")


@app.command()
def run(
    numbers: Numbers,
    refresh: Annotated[bool, typer.Option(help="also take the new outputs of live measurements")] = False,
    solutions: Annotated[bool, typer.Option(help="run the solution notebook instead of the lesson")] = False,
) -> None:
    """Execute lessons in place; a cell whose outputs are unchanged keeps its bytes."""
    from lesson_support.authoring.running import run_notebook

    notebooks = [_notebook(number) for number in numbers]
    if solutions:
        notebooks = [each.parent.parent / "solutions" / each.name for each in notebooks]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} cells"),
    )
    for notebook in notebooks:
        with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
            task = progress.add_task(notebook.stem, total=None)

            def advance(done: int, total: int, progress=progress, task=task) -> None:
                progress.update(task, completed=done, total=total)

            report = run_notebook(notebook, refresh=refresh, progress=advance)
        console.print(str(report))


@app.command("fmt")
def format_lessons(numbers: Numbers) -> None:
    """Readable cell ids, no stray metadata: the form in which notebooks are committed."""
    from lesson_support.authoring.formatting import format_notebook

    for number in numbers:
        notebook = _notebook(number)
        for each in (notebook, notebook.parent.parent / "solutions" / notebook.name):
            if each.is_file():
                changes = format_notebook(each)
                console.print(f"{each.name}: {'; '.join(changes) if changes else 'nothing to change'}")


@app.command()
def lint(numbers: Numbers) -> None:
    """What the structure and prose tests would say about a lesson."""
    from lesson_support.authoring.reviewing import review

    problems = review(
        [catalog.lesson_entry(number) for number in numbers if _notebook(number)], paths.course()
    )
    for problem in problems:
        console.print(str(problem))
    if problems:
        raise LessonError(f"{len(problems)} problems: expected none")
    console.print("nothing to complain about")


@app.command()
def check(number: Number) -> None:
    """Check your working copy of an exercise: points per question, and what to look at first."""
    from lesson_support.grading.submission import check_notebook

    entry = catalog.lesson_entry(number)
    copy = paths.course() / "work" / "exercises" / f"{entry.stem}.ipynb"
    if not copy.is_file():
        _notebook(number)
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
def exercises(
    numbers: Annotated[
        list[str] | None, typer.Argument(help="lesson numbers; all that have questions if none")
    ] = None,
) -> None:
    """Generate exercises from their solutions (needs nbgrader, which maintainers and instructors install)."""
    from lesson_support.authoring.exercises import make_exercise
    from lesson_support.grading.library import lessons_with_questions

    chosen = [catalog.lesson_entry(number).number for number in numbers or map(str, lessons_with_questions())]
    for number in chosen:
        console.print(f"ready: {make_exercise(number, paths.course())}")


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="benchmarks; all of them if none")] = None,
    publish: Annotated[bool, typer.Option(help="also put the results into the course")] = False,
) -> None:
    """Measure kernels against their peers and this machine's limits, in one interleaved run."""
    from lesson_support import measured
    from lesson_support.bench import run_benchmarks

    run = run_benchmarks(names or [], progress=lambda name: console.print(f"measuring {name} …"))
    for record in measured.load_run(run).values():
        console.print(f"\n{measured.plain_table(record)}")
    console.print(f"\nkept in {run}")
    if publish:
        console.print(f"published in {measured.publish(run, measured.FOLDER)}")


@app.command()
def tables() -> None:
    """Rewrite what is generated: the table of contents, the phase pages, the README's picture."""
    from lesson_support.authoring.pictures import write_picture
    from lesson_support.authoring.tables import write_tables

    course = paths.course()
    written = [*write_tables(course), *write_picture(course)]
    for file in written:
        console.print(f"wrote {file}")
    if not written:
        console.print("everything is up to date")


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


def main() -> None:
    """Run the command; a LessonError is one sentence on standard error and exit code 1."""
    try:
        app()
    except LessonError as error:
        print(f"lessons: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
