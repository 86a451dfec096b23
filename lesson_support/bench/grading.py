"""How many notebooks a second this grader and nbgrader grade: lesson 01, the same notebooks in one run.

nbgrader runs in this process, with its graders' own steps and no start of a command for each notebook. Its
grade cells call what judges an answer here, on the same hidden cases; both must come to the same scores.
"""

import gc
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from statistics import median

from lesson_support import catalog, paths
from lesson_support.errors import LessonError
from lesson_support.grading.classes.gradebook import nbgrader_api, write_gradebook
from lesson_support.grading.library import questions_of
from lesson_support.grading.sandbox import Sandbox

LESSON = 1
NOTEBOOKS = 50
CHUNK = 10
SANDBOXES = 2
GRADINGS = 1000  # over which the memory of this process is watched
SEED = 5

Scores = list[tuple[float, ...]]
Grader = Callable[[range], Scores]


def measure() -> dict:
    """Submissions per second, and this process's memory over many gradings; LessonError without nbgrader."""
    nbgrader_api()
    handed_in = submissions(NOTEBOOKS)
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings(action="ignore"))  # of nbgrader's libraries
        boxes = [stack.enter_context(Sandbox()) for _ in range(SANDBOXES)]
        course = _Course(Path(stack.enter_context(tempfile.TemporaryDirectory())), handed_in)
        graders: dict[str, Grader] = {
            f"this grader, {SANDBOXES} sandboxes": lambda chunk: _grade(boxes, [handed_in[i] for i in chunk]),
            "this grader, 1 sandbox": lambda chunk: _grade(boxes[:1], [handed_in[i] for i in chunk]),
            f"nbgrader {course.version}": course.grade,
        }
        speeds = _interleaved(graders, len(handed_in))
        rows = [{"grader": name, **_figure(samples)} for name, samples in speeds.items()]
        held = _memory(boxes, handed_in)
    for row in rows:
        print(f"{row['grader']}: {row['median']:.3g} grades per second")
    shape = (
        f"{len(handed_in)} notebooks of lesson {LESSON:02}, right, partly right and untouched, torch imported"
    )
    table = {"unit": "submissions per second", "shape": shape, "columns": ["grader"], "rows": rows}
    return {"grading/speed": table, "grading/memory": held}


def submissions(number: int) -> list[bytes]:
    """Notebooks of lesson 01: of five in a row two are right, one is untouched, two are partly right."""
    exercise, solution = (_notebook(folder) for folder in ("exercises", "solutions"))
    answers = {cell["id"]: cell["source"] for cell in solution["cells"] if cell["cell_type"] == "code"}
    names = [question.name.replace("_", "-") for question in questions_of(LESSON)]
    made = []
    for i in range(number):
        some = 1 + i // 5 % (2 ** len(names) - 2)
        answered = {0: -1, 1: -1, 2: 0, 3: some, 4: ~some}[i % 5]
        notebook = deepcopy(exercise)
        notebook["metadata"]["handed_in"] = i
        for cell in notebook["cells"]:
            if cell["id"] in names and answered >> names.index(cell["id"]) & 1:
                cell["source"] = answers[cell["id"]]
        made.append(json.dumps(notebook).encode())
    return made


def _notebook(folder: str) -> dict:
    file = paths.course() / folder / f"{catalog.lesson_entry(LESSON).stem}.ipynb"
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise LessonError(
            f"cannot read {file} ({error.strerror}): expected a checkout of the course"
        ) from None


def _grade(boxes: Sequence[Sandbox], chunk: Sequence[bytes]) -> Scores:
    """Each sandbox takes the next notebook that no other has taken."""
    waiting = iter(enumerate(chunk))
    scores: dict[int, tuple[float, ...]] = {}

    def work(box: Sandbox) -> None:
        for i, notebook in waiting:  # one step of this iterator is atomic
            grade = box.grade(notebook, questions_of(LESSON), seed=SEED)
            scores[i] = tuple(result.score for result in grade.results)

    with ThreadPoolExecutor(len(boxes)) as pool:
        list(pool.map(work, boxes))
    return [scores[i] for i in range(len(chunk))]


def _interleaved(graders: dict[str, Grader], number: int) -> dict[str, list[float]]:
    """Notebooks per second of each grader, one sample a chunk; AssertionError where two do not agree."""
    samples: dict[str, list[float]] = {name: [] for name in graders}
    for grade in graders.values():
        grade(range(1))  # what is done once is done before
    for turn, first in enumerate(range(0, number, CHUNK)):
        chunk = range(first, min(first + CHUNK, number))
        found = {}
        for name in list(graders)[:: -1 if turn % 2 else 1]:
            started = time.perf_counter()
            found[name] = graders[name](chunk)
            samples[name].append(len(chunk) / (time.perf_counter() - started))
        expected, *others = found.values()
        for other in others:
            if not all(
                abs(a - b) < 1e-6
                for x, y in zip(expected, other, strict=True)
                for a, b in zip(x, y, strict=True)
            ):
                raise AssertionError(f"the graders do not give the same scores: {found}")
    return samples


def _memory(boxes: Sequence[Sandbox], handed_in: Sequence[bytes]) -> dict:
    """What this process holds, one sample after every chunk, in ten stages."""
    stage, rows = max(CHUNK, GRADINGS // 10), []
    for done in range(stage, GRADINGS + 1, stage):
        samples = []
        for first in range(0, stage, CHUNK):
            _grade(boxes, [handed_in[(first + i) % len(handed_in)] for i in range(CHUNK)])
            gc.collect()
            samples.append(_held())
        rows.append({"gradings": done, **_figure(samples)})
    return {"unit": "MB held by the grader's own process", "columns": ["gradings"], "rows": rows}


def _held() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _figure(samples: Sequence[float]) -> dict:
    low, middle, high = (round(each, 4) for each in (min(samples), median(samples), max(samples)))
    return {"median": middle, "spread": [low, high], "n": len(samples)}


class _Course:
    """nbgrader's folders and gradebook in `root`, with everything handed in."""

    def __init__(self, root: Path, handed_in: Sequence[bytes]) -> None:
        import nbgrader
        from nbgrader.apps import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory

        self.version, self.stem = nbgrader.__version__, catalog.lesson_entry(LESSON).stem
        write_gradebook(root / "gradebook.db", [])
        self.url = f"sqlite:///{root / 'gradebook.db'}"
        self.api = NbGraderAPI(coursedir=CourseDirectory(root=str(root), db_url=self.url))
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)
        self._lay(root / "source" / self.stem, _with_grade_cells(_notebook("exercises"), tests=True))
        self._do(self.api.generate_assignment(self.stem))
        for i, content in enumerate(handed_in):
            notebook = _with_grade_cells(json.loads(content), tests=False)
            self._lay(root / "submitted" / f"s{i}" / self.stem, notebook)

    def grade(self, chunk: range) -> Scores:
        for i in chunk:
            self._do(self.api.autograde(self.stem, f"s{i}"))
        with nbgrader_api().Gradebook(self.url) as book:
            return [tuple(self._score(book, i, each.name) for each in questions_of(LESSON)) for i in chunk]

    def _score(self, book, student: int, question: str) -> float:
        return book.find_grade(question, self.stem, self.stem, f"s{student}").auto_score

    def _lay(self, folder: Path, notebook: dict) -> None:
        folder.mkdir(parents=True)
        (folder / f"{self.stem}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    def _do(self, outcome: dict) -> None:
        if not outcome["success"]:
            raise LessonError(f"nbgrader failed ({outcome.get('error') or outcome.get('log')})")


def _with_grade_cells(notebook: dict, *, tests: bool) -> dict:
    """The check cells become grade cells. What they run lies in nbgrader's gradebook, as hidden tests do; in
    a submission stands what a student sees."""
    points = {question.name.replace("_", "-"): question for question in questions_of(LESSON)}
    for cell in notebook["cells"]:
        question = points.get(cell["id"].removesuffix("-check"))
        if question is None or not cell["id"].endswith("-check"):
            continue
        grade = {"grade": True, "solution": False, "task": False, "locked": True, "schema_version": 3}
        grade |= {"grade_id": question.name, "points": question.points, "cell_type": "code"}
        cell["metadata"]["nbgrader"] = grade
        if tests:
            cell["source"] = (
                "from lesson_support.grading.judging import evaluate\n"
                "from lesson_support.grading.library import questions_of\n"
                f"asked = next(each for each in questions_of({LESSON}) if each.name == {question.name!r})\n"
                f"float(evaluate(asked, {question.name}, {SEED}).score)"
            )
    return notebook
