"""The table of contents and the phase pages follow the catalog and the files that are there."""

import pytest
import yaml

from lesson_support import catalog
from lesson_support.authoring.generated import stamped, untouched
from lesson_support.authoring.tables import (
    phase_hours,
    phase_page_text,
    stale_tables,
    table_texts,
    toc_text,
    write_tables,
)
from lesson_support.errors import LessonError

FIRST = catalog.lesson_entry(1)


def touch(course, *names):
    for name in names:
        path = course / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def parts(course):
    return {part["caption"]: part["chapters"] for part in yaml.safe_load(toc_text(course))["parts"]}


def test_a_course_without_lessons_shows_its_phases(tmp_path):
    toc = yaml.safe_load(toc_text(tmp_path))
    assert (toc["format"], toc["root"]) == ("jb-book", "book/welcome")
    assert [part["chapters"] for part in toc["parts"]] == [
        [{"file": f"book/phases/{n:02}", "title": "The phase"}] for n in range(1, 11)
    ]


def test_written_lessons_stand_under_their_phase_with_their_exercise(tmp_path):
    second = catalog.lesson_entry(2)
    touch(
        tmp_path,
        f"lessons/{FIRST.stem}.ipynb",
        f"lessons/{second.stem}.ipynb",
        f"exercises/{FIRST.stem}.ipynb",
    )
    caption = f"Phase 1 · {catalog.phases()[0].title}"
    assert parts(tmp_path)[caption] == [
        {"file": "book/phases/01", "title": "The phase"},
        {"file": f"lessons/{FIRST.stem}", "sections": [{"file": f"exercises/{FIRST.stem}"}]},
        {"file": f"lessons/{second.stem}"},
    ]


def test_pages_of_the_book_are_listed_if_they_are_there(tmp_path):
    touch(tmp_path, "book/welcome.md", "book/glossary.md", "book/zebra.md", "book/start.md")
    touch(tmp_path, "book/instructors.md", "book/instructors/grading.md")
    found = parts(tmp_path)
    assert found["The course"] == [{"file": f"book/{name}"} for name in ("start", "zebra", "glossary")]
    assert found["Instructors"] == [{"file": "book/instructors"}, {"file": "book/instructors/grading"}]


def test_a_phase_page_links_what_is_written_and_only_that(tmp_path):
    phase = catalog.phases()[0]
    assert "](" not in phase_page_text(phase, tmp_path)
    assert phase_page_text(phase, tmp_path).count("[planned]{.planned}") == len(phase.lessons)
    touch(tmp_path, f"lessons/{FIRST.stem}.ipynb")
    page = phase_page_text(phase, tmp_path)
    assert f"](../../lessons/{FIRST.stem}.ipynb)" in page
    assert page.count("](") == 1
    assert page.count("[planned]{.planned}") == len(phase.lessons) - 1
    for part in (phase.title, phase.question, phase.capstone, *FIRST.outcomes):
        assert part in page


def test_a_phase_page_opens_with_its_question_and_its_picture(tmp_path):
    phase = catalog.phases()[8]
    lines = phase_page_text(phase, tmp_path).splitlines()
    order = [lines.index(line) for line in (phase.question, ":::{phase-map} 9", "## Lessons", phase.capstone)]
    assert order == sorted(order)
    assert f"{len(phase.lessons)} lessons, about {phase_hours(phase)} hours." in lines
    assert phase_hours(phase) == round(sum(lesson.minutes for lesson in phase.lessons) / 60)
    facts = next(line for line in lines if "builds on" in line and "difficulty" in line)
    assert facts.endswith("builds on {lesson}`07 <7>`")


def test_tables_are_written_once_and_follow_the_lessons(tmp_path):
    assert set(stale_tables(tmp_path)) == set(table_texts(tmp_path))
    assert len(write_tables(tmp_path)) == 11
    assert write_tables(tmp_path) == []
    touch(tmp_path, f"lessons/{FIRST.stem}.ipynb")
    assert set(stale_tables(tmp_path)) == {tmp_path / "_toc.yml", tmp_path / "book/phases/01.md"}
    assert len(write_tables(tmp_path)) == 2
    assert stale_tables(tmp_path) == []


@pytest.mark.parametrize("name", ["_toc.yml", "book/phases/01.md"])
def test_what_a_person_changed_is_not_overwritten(tmp_path, name):
    write_tables(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text() + "a line of mine\n")
    touch(tmp_path, f"lessons/{FIRST.stem}.ipynb")
    before = {path: path.read_bytes() for path in table_texts(tmp_path)}
    with pytest.raises(LessonError, match="changed by hand"):
        write_tables(tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def test_a_stamp_tells_a_generated_text_from_an_edited_one():
    text = stamped("a: 1\n", "lessons tables")
    assert untouched(text)
    assert not untouched(text.replace("a: 1", "a: 2"))
    assert not untouched("a: 1\n")
