"""Commands of those who teach: grade a class."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from lesson_support.cli.app import app, console


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="a folder or zip of submissions")],
    out: Annotated[
        Path, typer.Option(help="the folder of the report; the same one resumes an interrupted run")
    ],
    roster: Annotated[Path | None, typer.Option(help="CSV of students and their names in the LMS")] = None,
    questions: Annotated[Path | None, typer.Option(help="folder of your own question modules")] = None,
    seed: Annotated[
        int | None, typer.Option(help="fixes the cases; the report names the one it used")
    ] = None,
    late: Annotated[str | None, typer.Option(help="late policy, or a CSV or TOML file of deadlines")] = None,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="submissions graded side by side")] = 1,
    gradebook: Annotated[
        Path | None, typer.Option(help="also write scores into this nbgrader database")
    ] = None,
    unsafe: Annotated[bool, typer.Option(help="grade even where submissions cannot be isolated")] = False,
) -> None:
    """Grade a class: each submission alone in a sandbox, a report that resumes and repeats."""
    from functools import partial

    from lesson_support.grading.classes.deadlines import read_deadlines
    from lesson_support.grading.classes.intake import collect
    from lesson_support.grading.classes.whole_class import grade_class
    from lesson_support.grading.sandbox import Sandbox

    hidden = [path for path in (out, submissions, questions) if path]
    columns = (
        TextColumn("grading"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.description}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        report = grade_class(
            collect(submissions, roster=roster),
            out,
            sandbox=partial(Sandbox, unsafe=unsafe, hidden=hidden),
            seed=seed,
            questions_dir=questions,
            late=read_deadlines(late) if late else None,
            jobs=jobs,
            progress=lambda done, total, label: bar.update(
                task, completed=done, total=total, description=label
            ),
            gradebook=gradebook,
            limits="unsafe" if unsafe else "",
        )
    console.print(str(report))
