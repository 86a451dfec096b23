"""The parts of written pages: what their directives refuse, and how a phase is laid out."""

from itertools import pairwise

import pytest

from lesson_support import catalog
from tests.book import samples


@pytest.fixture(autouse=True)
def extension(monkeypatch):
    monkeypatch.syspath_prepend(samples.ROOT / "book" / "_ext")


@pytest.mark.parametrize("phase", catalog.phases(), ids=lambda phase: phase.title)
def test_a_phase_is_laid_out_without_overlap_and_left_to_right(phase):
    from course_pages.phase_layout import layout

    columns = layout(phase)
    places = {place.lesson: place for column in columns for place in column if place.lesson}
    assert sorted(places) == [lesson.number for lesson in phase.lessons]
    for column in columns:
        for upper, lower in pairwise(column):
            assert upper.y + upper.below < lower.y - lower.above
    for lesson in phase.lessons:
        inside = [number for number in lesson.prerequisites if number in places]
        place = places[lesson.number]
        assert set(place.outside) == set(lesson.prerequisites) - set(inside)
        assert all(places[number].column < place.column for number in inside)
        assert sorted(_sources(place)) == sorted(inside)


def _sources(place):
    """The lessons whose arrows reach a place, through the passages."""
    for one in place.left:
        yield from [one.lesson] if one.lesson else _sources(one)


def test_no_title_in_the_picture_is_wider_or_higher_than_its_box():
    from course_pages.phase_layout import BOX
    from course_pages.phase_map import title_lines

    for lesson in catalog.lessons():
        lines = title_lines(lesson.title)
        assert 1 <= len(lines) <= 4 and 15 * len(lines) < BOX[1]
        assert max(map(len, lines)) <= 16, lesson.title


DIRECTIVES = {
    "```{prediction}\nquestion: q\n```": "expected question, answer and options",
    "```{prediction}\nquestion: q\nanswer: c\noptions: {a: b}\n```": "the answer 'c' is none of the options",
    "```{prediction}\n[\n```": "prediction got no YAML",
    "```{phase-map} 11\n```": "phase-map got '11': expected 1 to 10",
    "{lesson}`51`": "there is no lesson 51",
    "{lesson}`words <nowhere>`": "there is no lesson nowhere",
}


@pytest.fixture(scope="session")
def refusals(tmp_path_factory):
    folder = samples.write_book(tmp_path_factory.mktemp("refused"))
    (folder / "book" / "errata.md").write_text("# Errata\n\n" + "\n\n".join(DIRECTIVES) + "\n")
    return samples.build(folder, "-n").stderr


@pytest.mark.parametrize("text", DIRECTIVES)
def test_a_mistake_on_a_written_page_is_named(refusals, text):
    assert DIRECTIVES[text] in refusals


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "Report it in the repository that this copy came from."),
        ("https://github.com/o/n/", "Report it at https://github.com/o/n/issues."),
    ],
)
def test_errors_are_reported_where_the_repository_is(address, said):
    from types import SimpleNamespace

    from course_pages.report_link import ReportLink

    config = SimpleNamespace(html_theme_options={"repository_url": address})
    holder = SimpleNamespace(config=config)
    (paragraph,) = ReportLink.run(holder)
    assert paragraph.astext() == said
    links = [node["refuri"] for node in paragraph.children if node.tagname == "reference"]
    assert links == ([f"{address}issues"] if address else [])


def test_signatures_stand_as_they_are_written():
    from course_pages.public_names import _public

    def asked(first: "int | str", /, *rest: int, key: float = 0.98, **more) -> "list[int]":
        """What it says."""

    found = _public("asked", asked)
    assert found.signature == "asked(first: int | str, /, *rest: int, key: float = 0.98, **more) -> list[int]"
    assert found.text == "What it says."
    long = _public("ratio", __import__("lesson_support.timing", fromlist=["ratio"]).ratio)
    assert long.signature.startswith("ratio(\n    slow: Function,\n") and "    *,\n" in long.signature
    ratio = _public("Ratio", __import__("lesson_support.timing", fromlist=["Ratio"]).Ratio)
    assert ratio.signature.startswith("class Ratio(") and "median: float" in ratio.signature
