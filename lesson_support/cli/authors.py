"""Commands of those who write lessons: run, format, review, generate, measure."""

from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lesson_support import catalog, paths
from lesson_support.cli.app import Numbers, app, console, notebook_of
from lesson_support.errors import LessonError


@app.command()
def run(
    numbers: Numbers,
    refresh: Annotated[bool, typer.Option(help="also take the new outputs of live measurements")] = False,
    solutions: Annotated[bool, typer.Option(help="run the solution notebook instead of the lesson")] = False,
) -> None:
    """Execute lessons in place; a cell whose outputs are unchanged keeps its bytes."""

    from lesson_support.authoring.running import run_notebook

    notebooks = [notebook_of(number) for number in numbers]
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
        notebook = notebook_of(number)
        for each in (notebook, notebook.parent.parent / "solutions" / notebook.name):
            if each.is_file():
                changes = format_notebook(each)
                console.print(f"{each.name}: {'; '.join(changes) if changes else 'nothing to change'}")


@app.command()
def lint(numbers: Numbers) -> None:
    """What the structure and prose tests would say about a lesson."""
    from lesson_support.authoring.reviewing import review

    problems = review(
        [catalog.lesson_entry(number) for number in numbers if notebook_of(number)], paths.course()
    )
    for problem in problems:
        console.print(str(problem))
    if problems:
        raise LessonError(f"{len(problems)} problems: expected none")
    console.print("nothing to complain about")


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
