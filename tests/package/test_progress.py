"""Progress: never lost, never half written, merged in any order."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesson_support.grading.progress import (
    Entry,
    load,
    merge,
    parse_progress,
    progress_file,
    progress_text,
    record,
)
from lesson_support.grading.standing import progress_table

TIMES = st.none() | st.integers(0, 40).map(lambda day: f"2026-01-{day % 28 + 1:02}T12:00:{day:02}+00:00")
ENTRIES = st.builds(Entry, st.floats(0, 1), TIMES, st.integers(0, 3), TIMES)
PROGRESS = st.dictionaries(st.sampled_from([f"{n:02}/q{n}" for n in range(5)]), ENTRIES)


@given(PROGRESS, PROGRESS, PROGRESS)
def test_merging_is_commutative_associative_and_idempotent(a, b, c):
    assert merge(a, b) == merge(b, a)
    assert merge(merge(a, b), c) == merge(a, merge(b, c))
    assert merge(a, a) == merge(a, {}) == a
    assert merge(merge(a, b), b) == merge(a, b)


@given(PROGRESS, PROGRESS)
def test_merging_keeps_the_best_of_both(a, b):
    merged = merge(a, b)
    assert set(merged) == {*a, *b}
    for key, entry in merged.items():
        sides = [side[key] for side in (a, b) if key in side]
        assert entry.share == max(side.share for side in sides)
        assert entry.hints == max(side.hints for side in sides)
        for field in ("first_solved", "solution_seen"):
            known = [getattr(side, field) for side in sides if getattr(side, field)]
            assert getattr(entry, field) == (min(known) if known else None)


@given(PROGRESS)
def test_what_is_written_is_read_back(progress):
    assert parse_progress(progress_text(progress)) == progress


def test_a_worse_result_later_changes_nothing():
    solved = {"01/offset_of": Entry(1.0, "2026-01-01T00:00:00+00:00")}
    assert record(solved) == ""
    before = progress_file().read_bytes()
    assert record({"01/offset_of": Entry(0.0)}) == ""
    assert progress_file().read_bytes() == before
    assert load() == (solved, "")


# Forks its writers from a process that has imported little: fifty cold starts would take most of a minute.
KILLER = """
import os, random, signal, sys, time
from lesson_support.grading.progress import Entry, parse_progress, progress_file, record

def start(name):
    told, mine = os.pipe()
    child = os.fork()
    if child:
        os.close(mine)
        return child, open(told)
    rng = random.Random()
    while True:
        key = f"{name}/q{rng.randrange(10**6)}"
        assert record({key: Entry(1.0)}) == ""
        os.write(mine, (key + "\\n").encode())

def stop(child, told):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {line.strip() for line in told if line.endswith("\\n")}

rng = random.Random(0)
acknowledged, at_once = set(), int(sys.argv[1])
for round in range(int(sys.argv[2])):
    writers = [start(f"{round:02}-{i}") for i in range(at_once)]
    acknowledged |= {told.readline().strip() for _, told in writers}
    time.sleep(rng.random() * float(sys.argv[3]))
    for writer in writers:
        acknowledged |= stop(*writer)
    lost = acknowledged - set(parse_progress(progress_file().read_text(encoding="utf-8")))
    assert not lost, f"lost {lost} in round {round}"
print(len(acknowledged))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("at_once, rounds, seconds", [(1, 50, 0.01), (3, 4, 0.2)])
def test_killed_while_writing_nothing_acknowledged_is_lost(at_once, rounds, seconds):
    command = [sys.executable, "-c", KILLER, str(at_once), str(rounds), str(seconds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > rounds * at_once
    assert record({"99/last": Entry()}) == ""
    names = {file.name for file in progress_file().parent.iterdir()}
    assert names == {"progress.json", "progress.lock"}


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"version": 1}',
        '{"version": 1, "questions": {"01/a": {"share": 2}}}',
        '{"version": 1, "questions": {"01/a": {"share": NaN, "first_solved": null, "hints": 0, '
        '"solution_seen": null}}}',
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_file_is_kept_aside_and_reported(damage):
    file = progress_file()
    file.parent.mkdir(parents=True)
    content = damage if isinstance(damage, bytes) else damage.encode()
    file.write_bytes(content)
    known, sentence = load()
    assert known == {} and str(file) in sentence and file.read_bytes() == content
    note = record({"01/a": Entry(1.0)})
    aside = file.with_name("progress.unreadable-1.json")
    assert str(aside) in note and aside.read_bytes() == content
    assert load() == ({"01/a": Entry(1.0)}, "")
    file.write_bytes(content)
    record({"01/b": Entry(1.0)})
    assert file.with_name("progress.unreadable-2.json").read_bytes() == aside.read_bytes() == content


def test_a_file_of_another_edition_is_left_alone():
    file = progress_file()
    file.parent.mkdir(parents=True)
    text = json.dumps({"version": 2, "questions": {"anything": "else"}})
    file.write_text(text)
    assert "another edition" in record({"01/a": Entry(1.0)})
    assert file.read_text() == text and not list(file.parent.glob("*unreadable*"))


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "file" / "home"))
    note = record({"01/a": Entry(1.0)})
    assert note.startswith("progress was not kept: cannot write ") and "\n" not in note


def test_the_table_adds_up_what_was_reached():
    record(
        {
            "01/offset_of": Entry(1.0, "2026-01-02T00:00:00+00:00", 1, "2026-01-03T00:00:00+00:00"),
            "01/test_contiguity": Entry(0.5, None, 3, "2026-01-01T00:00:00+00:00"),
        }
    )
    rows, note = progress_table()
    row = next(row for row in rows if row.number == 1)
    assert note == ""
    assert (row.questions, row.attempted, row.solved) == (4, 2, 1)
    assert (row.points, row.score, row.hints, row.seen) == (10, 3.5, 4, 1)
