"""The process in which a whole notebook runs: `python -m lesson_support.grading.child JOB EVENTS`.

JOB is a JSON file: the lesson, the cells, what to skip, the seconds a cell may take, the seed. Every step is
written to EVENTS as one JSON line before the next begins, so that whoever waits knows where this process
died. Nothing here protects against a hostile notebook: it runs on its author's own machine.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from lesson_support.grading.asking import OutOfTime, ask, one_line
from lesson_support.grading.judging import MISSING, evaluate
from lesson_support.grading.learner import silence
from lesson_support.grading.library import questions_of


def run_job(job: dict, tell) -> None:
    """Run the cells of `job`, then judge each question; `tell` gets one dict for each step."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    silence()
    shell = InteractiveShell.instance(
        config=Config(HistoryManager={"enabled": False}, InteractiveShell={"colors": "nocolor"})
    )
    sys.path.insert(0, "")
    for cell in job["cells"]:
        if cell["id"] in job["skip"]:
            continue
        tell({"begins": cell["id"], "seconds": job["cell_seconds"]})
        tell({"ends": cell["id"], "trouble": _run_cell(shell, cell["source"], job["cell_seconds"])})
    for question in questions_of(job["lesson"]):
        if question.name in job["skip"]:
            continue
        tell({"begins": question.name, "seconds": question.seconds})
        result = evaluate(question, shell.user_ns.get(question.name, MISSING), job["seed"])
        tell({"ends": question.name, "result": asdict(result)})


def _run_cell(shell, source: str, seconds: float) -> str:
    """Run one cell; what went wrong in one line, empty where nothing did."""
    outcome = ask(shell.run_cell, (source,), seconds)
    done = outcome.value
    error = done and (done.error_before_exec or done.error_in_exec)
    if outcome.status == "timeout" or isinstance(error, OutOfTime):
        return f"stopped after {seconds:g} s"
    if outcome.status == "error":
        return outcome.message
    # A stub that nobody has touched yet is no trouble.
    return one_line(error) if error and not isinstance(error, NotImplementedError) else ""


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with open(sys.argv[2], "a", encoding="utf-8") as events:

        def tell(event: dict) -> None:
            events.write(json.dumps(event) + "\n")
            events.flush()

        run_job(job, tell)


if __name__ == "__main__":
    main()
