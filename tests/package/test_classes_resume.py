"""Grading a class: killed at any moment and started again, in any order, it comes to the same report."""

import functools
import json
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from lesson_support.errors import LessonError
from lesson_support.grading.classes.batch import Plan
from lesson_support.grading.classes.intake import Intake, Submission, collect
from lesson_support.grading.classes.journal import Journal, case_seed, key_of, opened
from lesson_support.grading.classes.shelf import Shelf
from lesson_support.grading.classes.whole_class import grade_class
from tests.package.classes_standin import Standin, hand_in, report_bytes

ROOT = Path(__file__).resolve().parents[2]
grade = functools.partial(grade_class, sandbox=Standin, seed=7)


class Counting(Standin):
    """Remembers what it graded."""

    def __init__(self):
        self.graded = []

    def grade(self, notebook, questions, *, seed):
        self.graded.append((notebook, seed))
        return super().grade(notebook, questions, seed=seed)


@pytest.fixture
def class_of_20(tmp_path):
    for number in range(20):
        hand_in(tmp_path / "in", f"student{number:02}", {"n": number})
    return collect(tmp_path / "in")


# killed at any moment

DRIVER = """
import os, random, signal, sys, time
from pathlib import Path
from lesson_support.grading.classes.intake import collect
from lesson_support.grading.classes.whole_class import grade_class
from tests.package.classes_standin import Standin

submissions, out, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

class Slow(Standin):
    def grade(self, notebook, questions, *, seed):
        time.sleep(0.002)
        return super().grade(notebook, questions, seed=seed)

def run(jobs):
    return grade_class(collect(submissions), out, sandbox=Slow, seed=7, jobs=jobs)

random.seed(5)
if kills:
    run(1)  # everything is imported; how long a whole run takes
    started = time.perf_counter()
    import shutil; shutil.rmtree(out); run(1)
    whole = time.perf_counter() - started
    shutil.rmtree(out)
seen = []
for attempt in range(kills):
    child = os.fork()
    if child == 0:
        try:
            run(1 + attempt % 3)
        finally:
            os._exit(0)
    # Early kills are close together, so that there is something left for the late ones.
    time.sleep(random.uniform(0, whole / 4))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    seen.append(len(list(out.glob("journal/*.json"))))
    if seen[-1] == 60:  # done: kill the next ones while they write reports, after half is forgotten
        for file in sorted(out.glob("journal/*.json"))[::2]:
            file.unlink()
report = run(2)
print(seen, report.kept)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_any_moment_the_report_is_the_same(tmp_path):
    for number in range(60):
        hand_in(tmp_path / "in", f"student{number:02}", {"n": number})

    def drive(out, kills):
        command = [sys.executable, "-W", "ignore", "-c", DRIVER, str(tmp_path / "in"), str(out), str(kills)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    drive(tmp_path / "whole", 0)
    told = drive(tmp_path / "killed", 24)
    seen = json.loads(told[: told.index("]") + 1])
    assert len(seen) == 24 and len({each for each in seen if each}) >= 5, told  # killed at different moments
    whole, killed = (report_bytes(tmp_path / name) for name in ("whole", "killed"))
    assert killed.keys() == whole.keys() and len(whole) == 60 + 3
    assert killed == whole
    journals = [
        {file.name: file.read_bytes() for file in (tmp_path / name / "journal").iterdir()}
        for name in ("whole", "killed")
    ]
    assert journals[0] == journals[1]


def test_a_second_run_grades_nothing_and_changes_nothing(tmp_path, class_of_20):
    first = grade(class_of_20, tmp_path / "out")
    before = report_bytes(tmp_path / "out")

    def forbidden():
        raise AssertionError("nothing is left to grade")

    second = grade(class_of_20, tmp_path / "out", sandbox=forbidden)
    assert (first.kept, second.kept) == (0, 20)
    assert report_bytes(tmp_path / "out") == before


def test_only_what_is_missing_is_graded(tmp_path, class_of_20):
    grade(class_of_20, tmp_path / "out")
    before = report_bytes(tmp_path / "out")
    (tmp_path / "out/journal/student03.01.json").unlink()
    (tmp_path / "out/journal/student05.01.json").write_text("{ torn")
    box = Counting()
    grade(class_of_20, tmp_path / "out", sandbox=lambda: box)
    assert {json.loads(notebook)["n"] for notebook, _ in box.graded} == {3, 5}
    assert report_bytes(tmp_path / "out") == before


@pytest.mark.parametrize("tear", [b"", b"null", b"[]", b"{}", b"\xff", b'{"key": 1}'])
def test_a_damaged_record_is_graded_again(tmp_path, tear):
    hand_in(tmp_path / "in", "ann")
    intake = collect(tmp_path / "in")
    grade(intake, tmp_path / "out")
    before = report_bytes(tmp_path / "out")
    (tmp_path / "out/journal/ann.01.json").write_bytes(tear)
    assert grade(intake, tmp_path / "out").kept == 0
    assert report_bytes(tmp_path / "out") == before


@pytest.mark.parametrize("field", ["seconds", "measures", "note", "results", "version"])
def test_a_record_that_lacks_something_is_graded_again(tmp_path, field):
    hand_in(tmp_path / "in", "ann")
    intake = collect(tmp_path / "in")
    grade(intake, tmp_path / "out")
    file = tmp_path / "out/journal/ann.01.json"
    whole = file.read_bytes()
    record = json.loads(whole)
    del record[field]
    file.write_text(json.dumps(record))
    assert grade(intake, tmp_path / "out").kept == 0
    assert file.read_bytes() == whole


def regraded(tmp_path, intake, **changes):
    box = Counting()
    grade(intake, tmp_path / "out", **({"sandbox": lambda: box} | changes))
    return len(box.graded)


def test_a_changed_notebook_seed_limit_or_question_is_graded_again(tmp_path):
    hand_in(tmp_path / "in", "ann")
    hand_in(tmp_path / "in", "bob")
    assert regraded(tmp_path, collect(tmp_path / "in")) == 2
    assert regraded(tmp_path, collect(tmp_path / "in")) == 0
    hand_in(tmp_path / "in", "ann", {"by": "ann", "second": "thoughts"})
    intake = collect(tmp_path / "in")
    assert regraded(tmp_path, intake) == 1
    assert regraded(tmp_path, intake, seed=8) == 2
    assert regraded(tmp_path, intake, seed=8, limits="unsafe") == 2
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "lesson_01.py").write_text("QUESTIONS = ()")
    assert regraded(tmp_path, intake, seed=8, limits="unsafe", questions_dir=tmp_path / "q") == 2
    assert regraded(tmp_path, intake, seed=8, limits="unsafe", questions_dir=tmp_path / "q") == 0


def test_without_a_seed_the_report_keeps_its_own(tmp_path, class_of_20):
    first = grade(class_of_20, tmp_path / "out", seed=None)
    again = grade(class_of_20, tmp_path / "out", seed=None)
    assert again.seed == first.seed and again.kept == 20
    assert grade(class_of_20, tmp_path / "other", seed=None).seed != first.seed


# the same for every order


def test_the_same_seed_gives_the_same_report_whatever_the_jobs(tmp_path, class_of_20):
    reports = []
    for jobs in (1, 2, 7, 50):
        grade(class_of_20, tmp_path / f"out{jobs}", jobs=jobs)
        reports.append(report_bytes(tmp_path / f"out{jobs}"))
    assert all(each == reports[0] for each in reports)
    grade(class_of_20, tmp_path / "seed8", seed=8)
    assert report_bytes(tmp_path / "seed8")["grades.csv"] != reports[0]["grades.csv"]


def test_the_layout_does_not_change_a_grade(tmp_path):
    hand_in(tmp_path / "tree", "ann", {"n": 1})
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat/ann_01_tensor_mechanics.ipynb").write_text('{"n": 1}')
    rows = [grade(collect(tmp_path / name), tmp_path / f"out-{name}").rows[0] for name in ("tree", "flat")]
    assert rows[0].marks == rows[1].marks and rows[0].raw == rows[1].raw


def test_one_alone_gets_the_cases_it_got_in_class(tmp_path, class_of_20):
    whole = grade(class_of_20, tmp_path / "out").rows[11]
    alone = Intake(class_of_20.submissions[11:12], {whole.student: whole.name})
    assert grade(alone, tmp_path / "appeal").rows[0] == whole


def test_every_student_gets_cases_of_their_own(tmp_path):
    for student in ("ann", "bob"):
        hand_in(tmp_path / "in", student, {"the": "same"})
    box = Counting()
    grade(collect(tmp_path / "in"), tmp_path / "out", sandbox=lambda: box)
    assert [seed for _, seed in box.graded] == [case_seed(7, "ann", 1), case_seed(7, "bob", 1)]


def test_what_a_killed_process_was_writing_is_cleared_away(tmp_path, class_of_20):
    grade(class_of_20, tmp_path / "out")
    for name in (".grades.csv.123", "feedback/.student03.html.4", "journal/.student03.01.json.99"):
        (tmp_path / "out" / name).write_text("half a")
    grade(class_of_20, tmp_path / "out")
    hidden = {file.name for file in (tmp_path / "out").rglob(".*")}
    assert hidden == {".lock"}


def test_seeds_and_keys_depend_on_every_part():
    assert len({case_seed(*each) for each in [(1, "a", 1), (2, "a", 1), (1, "b", 1), (1, "a", 2)]}) == 4
    assert case_seed(1, "ann", 1) == case_seed(1, "ann", 1) < 2**32
    base = {"notebook": b"x", "fingerprint": "f", "seed": 1, "student": "a", "lesson": 1, "limits": ""}
    other = {"notebook": b"y", "fingerprint": "g", "seed": 2, "student": "b", "lesson": 2, "limits": "l"}
    keys = {key_of(**base), *(key_of(**(base | {name: value})) for name, value in other.items())}
    assert len(keys) == 7
    # Parts are kept apart: none can flow into the next.
    assert key_of(b"x", "f1", 2, "a", 1) != key_of(b"x", "f", 12, "a", 1)
    assert key_of(b"x", "f", 1, "a1", 2) != key_of(b"x", "f", 1, "a", 12)


def test_progress_counts_what_is_graded_now(tmp_path, class_of_20):
    calls = []
    grade(class_of_20, tmp_path / "out", jobs=3, progress=lambda *each: calls.append(each))
    assert [each[:2] for each in calls] == [(number, 20) for number in range(1, 21)]
    assert {each[2] for each in calls} == {f"student{number:02}, lesson 01" for number in range(20)}
    calls.clear()
    grade(class_of_20, tmp_path / "out", progress=lambda *each: calls.append(each))
    assert calls == []


# failures


def test_a_sandbox_that_breaks_is_replaced(tmp_path, class_of_20):
    opened_boxes = []

    class Fragile(Counting):
        def __init__(self):
            super().__init__()
            opened_boxes.append(self)

        def grade(self, notebook, questions, *, seed):
            if len(self.graded) == 4:
                raise OSError("its process is gone")
            return super().grade(notebook, questions, seed=seed)

    report = grade(class_of_20, tmp_path / "out", sandbox=Fragile)
    assert len(opened_boxes) == 5 and {row.status for row in report.rows} == {"ok"}


def test_what_always_breaks_its_sandbox_is_ungraded_not_zero_and_not_kept(tmp_path):
    for student in ("ann", "bob", "cat"):
        hand_in(tmp_path / "in", student, {"raise": "no more processes"} if student != "cat" else None)
    intake = collect(tmp_path / "in")
    report = grade(intake, tmp_path / "out")
    assert [row.status for row in report.rows] == ["ungraded", "ungraded", "ok"]
    assert report.rows[0].raw is None and "no more processes" in report.rows[0].note
    assert any("ann, lesson 01: ungraded" in problem for problem in report.problems)
    lines = (tmp_path / "out/grades.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].startswith("ann,ann,01,,,,10,ungraded,")
    assert grade(intake, tmp_path / "out").kept == 1


def test_a_sandbox_that_grades_nothing_ends_the_run_with_a_sentence(tmp_path, class_of_20):
    class Broken(Standin):
        def grade(self, *_, **__):
            raise LessonError("no process could be started")

    with pytest.raises(LessonError, match="lesson 01 cannot be graded .no process could be started."):
        grade(class_of_20, tmp_path / "out", sandbox=Broken, jobs=3)
    assert grade(class_of_20, tmp_path / "out").kept == 0


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_machine_that_cannot_isolate_is_refused(tmp_path, class_of_20, jobs):
    def refuse():
        raise LessonError("this machine cannot isolate")

    with pytest.raises(LessonError, match="this machine cannot isolate"):
        grade(class_of_20, tmp_path / "out", sandbox=refuse, jobs=jobs)


def test_an_interrupt_keeps_what_was_graded_and_leaves_no_thread(tmp_path, class_of_20):
    def interrupt(done, total, label):
        if done == 5:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        grade(class_of_20, tmp_path / "out", jobs=2, progress=interrupt)
    assert threading.active_count() == threads
    assert 5 <= grade(class_of_20, tmp_path / "out").kept < 20


def test_a_full_disk_is_a_sentence_and_loses_nothing(tmp_path, class_of_20, monkeypatch):
    kept = []

    def keep(self, record, real=Journal.keep):
        if len(kept) == 3:
            raise LessonError("cannot write there (No space left on device)")
        kept.append(real(self, record))

    monkeypatch.setattr(Journal, "keep", keep)
    with pytest.raises(LessonError, match="No space left"):
        grade(class_of_20, tmp_path / "out")
    monkeypatch.undo()
    assert grade(class_of_20, tmp_path / "out").kept == 3


def test_two_runs_do_not_share_a_report(tmp_path, class_of_20):
    with opened(tmp_path / "out"), pytest.raises(LessonError, match="in use by another run"):
        grade(class_of_20, tmp_path / "out")
    assert grade(class_of_20, tmp_path / "out").kept == 0


def test_a_report_where_nothing_can_be_written(tmp_path, class_of_20):
    (tmp_path / "file").write_text("")
    with pytest.raises(LessonError, match="cannot write a report in"):
        grade(class_of_20, tmp_path / "file" / "out")
    with pytest.raises(LessonError, match="-j is 0"):
        grade(class_of_20, tmp_path / "out", jobs=0)


def test_a_report_among_the_submissions_is_refused(tmp_path, class_of_20):
    for out in (tmp_path / "in", tmp_path / "in" / "report", tmp_path / "in" / "x" / ".." / "y"):
        with pytest.raises(LessonError, match="lies among the submissions"):
            grade(class_of_20, out)
    assert not (tmp_path / "in" / "report").exists()


def test_a_new_report_is_for_its_owner_only(tmp_path, class_of_20):
    grade(class_of_20, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def test_a_notebook_that_disappears_meanwhile_costs_its_own_row(tmp_path, class_of_20):
    class Thief(Standin):
        def grade(self, notebook, questions, *, seed):
            (tmp_path / "in/student19/01_tensor_mechanics.ipynb").unlink(missing_ok=True)
            return super().grade(notebook, questions, seed=seed)

    report = grade(class_of_20, tmp_path / "out", sandbox=Thief)
    assert [row.status for row in report.rows] == ["ok"] * 19 + ["unreadable"]


# memory

QUARTER = 2**18


def test_memory_does_not_grow_with_the_class(tmp_path):
    def crowd(size):
        content = b"x" * QUARTER
        people = {f"s{number:04}": f"s{number:04}" for number in range(size)}

        def read(student):
            return student.encode() + content

        reader = functools.partial
        each = [Submission(name, 1, f"{name}/x.ipynb", reader(read, name)) for name in people]
        return Intake(tuple(each), people)

    peaks = {}
    for size in (100, 1000):
        intake = crowd(size)
        tracemalloc.start()
        report = grade(intake, tmp_path / f"out{size}", jobs=2)
        peaks[size] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(report.rows) == size
    # Notebooks of 256 KB each; a row is a few kilobytes.
    assert peaks[1000] < peaks[100] + 900 * 10_000, peaks


def test_a_plan_grades_as_the_class_does(tmp_path):
    hand_in(tmp_path / "in", "ann", {"n": 5})
    intake = collect(tmp_path / "in")
    row = grade(intake, tmp_path / "out").rows[0]
    record = Plan.of(Shelf(), 7).grade(Standin(), intake.submissions[0].read(), "ann", 1)
    assert json.loads((tmp_path / "out/journal/ann.01.json").read_text()) == record
    assert record["status"] == row.status
