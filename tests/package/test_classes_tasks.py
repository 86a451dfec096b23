"""Grading as tasks of an engine: a function of plain values, the same records as in one process."""

import functools
import json
import threading

import pytest

from lesson_support.grading.classes import tasks
from lesson_support.grading.classes.intake import collect
from lesson_support.grading.classes.tasks import grade_task, keep_records
from lesson_support.grading.classes.whole_class import grade_class
from tests.package.classes_standin import Standin, hand_in, report_bytes


class Counted(Standin):
    """Counts how many are open."""

    opened = closed = 0

    def __enter__(self):
        type(self).opened += 1
        return self

    def __exit__(self, *_):
        type(self).closed += 1


@pytest.fixture(autouse=True)
def nothing_left_open():
    Counted.opened = Counted.closed = 0
    yield
    tasks._close_all()
    assert Counted.opened == Counted.closed


@pytest.fixture
def submissions(tmp_path):
    for number in range(12):
        hand_in(tmp_path / "in", f"student{number:02}", {"n": number})
    return collect(tmp_path / "in").submissions


def columns(submissions):
    """What `client.map` takes: one list for each argument."""
    rows = [(each.read(), each.lesson, 7, each.student) for each in submissions]
    return [list(column) for column in zip(*rows, strict=True)]


def test_tasks_give_what_one_process_gives(tmp_path, submissions):
    records = list(map(functools.partial(grade_task, sandbox=Counted), *columns(submissions)))
    assert json.loads(json.dumps(records)) == records
    assert Counted.opened == 1
    keep_records(tmp_path / "tasks", reversed(records))

    def forbidden():
        raise AssertionError("the tasks have graded everything")

    intake = collect(tmp_path / "in")
    assert grade_class(intake, tmp_path / "tasks", sandbox=forbidden, seed=7).kept == 12
    grade_class(intake, tmp_path / "one", sandbox=Standin, seed=7)
    assert report_bytes(tmp_path / "tasks") == report_bytes(tmp_path / "one")


def test_two_tasks_at_once_have_two_sandboxes(submissions):
    gate = threading.Barrier(2, timeout=20)

    class Meeting(Counted):
        def grade(self, notebook, questions, *, seed):
            gate.wait()
            return super().grade(notebook, questions, seed=seed)

    arguments = columns(submissions[:2])
    work = [
        threading.Thread(target=grade_task, args=each, kwargs={"sandbox": Meeting})
        for each in zip(*arguments, strict=True)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert Meeting.opened == 2 and Meeting.closed == 0
    Counted.opened, Counted.closed = Meeting.opened, Meeting.closed
    tasks._close_all()
    assert Meeting.closed == 2
    Counted.closed = 2


def test_a_sandbox_that_failed_is_closed_and_another_kind_is_not_mixed_in(submissions):
    notebook, student = json.dumps({"raise": "gone"}).encode(), "ann"
    with pytest.raises(RuntimeError, match="gone"):
        grade_task(notebook, 1, 7, student, sandbox=Counted)
    assert (Counted.opened, Counted.closed) == (1, 1)
    grade_task(b"{}", 1, 7, student, sandbox=Counted)
    grade_task(b"{}", 1, 7, student, sandbox=functools.partial(Counted))
    assert (Counted.opened, Counted.closed) == (3, 2)


def test_on_a_cluster(tmp_path, submissions):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        futures = client.map(grade_task, *columns(submissions), sandbox=Standin, pure=False)
        keep_records(tmp_path / "out", client.gather(futures))
    report = grade_class(collect(tmp_path / "in"), tmp_path / "out", sandbox=Standin, seed=7)
    assert report.kept == 12
    grade_class(collect(tmp_path / "in"), tmp_path / "one", sandbox=Standin, seed=7)
    assert report_bytes(tmp_path / "out") == report_bytes(tmp_path / "one")
