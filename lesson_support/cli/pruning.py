"""Commands that compress: prune a network by a scenario."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lesson_support.cli.app import app, console


@app.command("prune")
def prune_scenario(
    scenario: Annotated[str, typer.Argument(help="a TOML file, or the name of a scenario of the course")],
    data: Annotated[str, typer.Option(help="digits, cifar:FOLDER or imagenet:FOLDER")] = "digits",
    weights: Annotated[
        Path | None, typer.Option(help="a state_dict; without it the network is trained")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the reports and the pruned models")] = None,
    seed: Annotated[int, typer.Option(help="of weights, order of images and the random control")] = 0,
) -> None:
    """Prune one network by several methods and by controls, and compare what is left of it."""
    from lesson_support.pruning.reports.side_by_side import comparison_table, controls_say, write_comparison
    from lesson_support.pruning.scenarios.comparing import run_scenario
    from lesson_support.pruning.scenarios.scenario import read_scenario

    chosen = read_scenario(scenario)
    columns = (BarColumn(), TextColumn("{task.completed}/{task.total} {task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        comparison = run_scenario(
            chosen,
            data=data,
            weights=weights,
            seed=seed,
            progress=lambda done, total, doing: bar.update(
                task, completed=done, total=total, description=doing
            ),
        )
    console.print(f"{chosen.title}\nrun on {comparison.source}; {comparison.weights}\n")
    found = comparison_table(comparison)
    table = Table(box=None, pad_edge=False)
    for position, title in enumerate(found.head):
        table.add_column(title, justify="left" if position < found.words else "right")
    for row in found.rows:
        table.add_row(*row)
    console.print(table)
    for sentence in ["", found.caption, *controls_say(comparison)]:
        console.print(sentence)
    if comparison.latency:
        console.print(f"\n{comparison.latency}")
    if out:
        for file in write_comparison(comparison, out):
            console.print(f"wrote {file}")
