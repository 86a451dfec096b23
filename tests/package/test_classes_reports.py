"""What comes out: tables that no spreadsheet computes, pages that run nothing, a gradebook."""

import csv
import functools
import io
import json
import re
import sys
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser

import pytest

from lesson_support.errors import LessonError
from lesson_support.grading.classes.deadlines import read_deadlines
from lesson_support.grading.classes.intake import Intake, Submission, collect
from lesson_support.grading.classes.names import file_stem
from lesson_support.grading.classes.pages import element, escaped, page
from lesson_support.grading.classes.tables import csv_text, safe_cell
from lesson_support.grading.classes.whole_class import grade_class
from lesson_support.grading.library import questions_of
from tests.package.classes_standin import NAME, Standin, hand_in, one_lesson  # noqa: F401

pytestmark = pytest.mark.usefixtures("one_lesson")
grade = functools.partial(grade_class, sandbox=Standin, seed=7)
QUESTIONS = [question.name for question in questions_of(1)]
ALL = {"answers": dict.fromkeys(QUESTIONS, 1)}
NONE = {"answers": dict.fromkeys(QUESTIONS, 0)}


def read_csv(file):
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))


def intake_of(**contents):
    """A class without files: `name=(content, time)`."""
    students = {name: name for name in contents}
    submissions = []
    for name, (content, when) in contents.items():
        read = functools.partial(str.encode, json.dumps(content))
        submissions.append(Submission(name, 1, f"{name}/{NAME}", read, when, "file"))
    return Intake(tuple(submissions), students)


# tables


def test_grades_and_summary(tmp_path):
    half = {"answers": dict.fromkeys(QUESTIONS, 1) | {QUESTIONS[-1]: 0.5}, "note": "cell 3: slow"}
    hand_in(tmp_path / "in", "ann", ALL)
    hand_in(tmp_path / "in", "bob", half | {"status": "timeout"})
    hand_in(tmp_path / "in", "cat", {"status": "unreadable", "note": "not JSON"})
    (tmp_path / "roster.csv").write_text("student,name\ncat,Cat\nbob,Bob\nann,Ann\ndan,Dan\n")
    report = grade(collect(tmp_path / "in", roster=tmp_path / "roster.csv"), tmp_path / "out")
    rows = read_csv(tmp_path / "out/grades.csv")
    assert [row["student"] for row in rows] == ["ann", "bob", "cat", "dan"]
    ann, bob, cat, dan = rows
    last = questions_of(1)[-1].points
    columns = [f"01/{name}" for name in QUESTIONS]
    assert list(ann)[-len(columns) :] == columns
    assert (ann["points"], ann["raw"], ann["possible"], ann["status"]) == ("10", "10", "10", "ok")
    assert bob["points"] == f"{10 - last / 2:g}" and bob[columns[-1]] == f"{last / 2:g}"
    assert (bob["status"], bob["note"], bob["seconds"]) == ("timeout", "cell 3: slow", "0.250")
    assert (cat["points"], cat["status"], cat["note"]) == ("0", "unreadable", "not JSON")
    assert (dan["points"], dan["status"], dan["seconds"], dan["file"]) == ("0", "absent", "", "")
    summary = {row["student"]: row for row in read_csv(tmp_path / "out/summary.csv")}
    assert summary["ann"]["percent"] == "100.0" and summary["dan"]["absent"] == "1"
    assert (summary["cat"]["submitted"], summary["cat"]["points"], summary["cat"]["possible"]) == (
        "1",
        "0",
        "10",
    )
    assert "dan, lesson 01: nothing was handed in" in report.problems
    assert str(report).startswith("4 students: 1 ok, 1 timeout, 1 unreadable, 1 absent\n")
    assert "protections in force:\n  own user\n  no network\n" in str(report)


def test_rows_stand_in_the_order_of_students(tmp_path):
    intake = intake_of(bob=(ALL, None), dan=(ALL, None))
    everyone = {name: name for name in ("eve", "dan", "cat", "bob", "ann")}
    grade(Intake(intake.submissions, everyone), tmp_path / "out")
    for name in ("grades.csv", "summary.csv"):
        rows = read_csv(tmp_path / "out" / name)
        assert [row["student"] for row in rows] == ["ann", "bob", "cat", "dan", "eve"]


def test_a_column_stays_blank_where_it_does_not_apply(tmp_path):
    from lesson_support import catalog
    from tests.package.test_classes_questions import folder

    (tmp_path / "q").mkdir()
    folder(tmp_path / "q")
    hand_in(tmp_path / "in", "ann", ALL)
    hand_in(tmp_path / "in", "ann", {"answers": {"double": 1}}, name=f"{catalog.lesson_entry(2).stem}.ipynb")
    grade(collect(tmp_path / "in"), tmp_path / "out", questions_dir=tmp_path / "q")
    one, two = read_csv(tmp_path / "out/grades.csv")
    assert (one["02/double"], two["02/double"], two[f"01/{QUESTIONS[0]}"]) == ("", "2", "")
    (total,) = read_csv(tmp_path / "out/summary.csv")
    assert (total["points"], total["possible"], total["submitted"]) == ("12", "12", "2")


def test_a_lesson_without_questions_is_a_problem(tmp_path):
    hand_in(tmp_path / "in", "ann", name="50_x.ipynb")
    report = grade(collect(tmp_path / "in"), tmp_path / "out")
    assert report.rows == () and "which has no questions" in report.problems[0]


@pytest.mark.parametrize(
    "text, written",
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", " '=1"),
        ("\t=1", "\t'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("ann;=1+1", "ann;'=1+1"),
        ("a\n=1", "a\n'=1"),
        ("ann", "ann"),
        ("a-b", "a-b"),
        ("Müller, Ann", "Müller, Ann"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text, written):
    assert safe_cell(text) == written


def test_no_name_or_note_of_a_student_is_a_formula(tmp_path):
    evil = '=HYPERLINK("http://evil.example","x")'
    hand_in(tmp_path / "in", evil.replace("/", ""), {"note": "@SUM(1)\n=2", "status": "died"})
    hand_in(tmp_path / "in", "-2+3;=4", ALL)
    grade(collect(tmp_path / "in"), tmp_path / "out")
    for name in ("grades.csv", "summary.csv"):
        text = (tmp_path / "out" / name).read_text(encoding="utf-8-sig")
        for delimiter in ",;\t":
            for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
                for cell in line:
                    assert not re.match(r"\s*[=+\-@]", cell), cell


def test_tables_survive_quotes_and_line_ends():
    rows = [['a"b', "c,d"], ["e\nf", "g"]]
    assert list(csv.reader(io.StringIO(csv_text(["x", "y"], rows)[1:], newline=""))) == [["x", "y"], *rows]


# lateness in the report


def test_late_points_are_shown_raw_and_final(tmp_path):
    late = read_deadlines("2026-12-01T23:59+01:00: 10% per day, at most 50%")
    at = functools.partial(datetime, 2026, 12)
    intake = intake_of(
        ann=(ALL, at(1, 12, tzinfo=UTC)),
        bob=(ALL, at(3, 12, tzinfo=UTC)),
        cat=(ALL, None),
        dan=(ALL, at(2, 1)),
    )
    report = grade(intake, tmp_path / "out", late=late)
    rows = read_csv(tmp_path / "out/grades.csv")
    assert [row["points"] for row in rows] == ["10", "8", "10", "9"]
    assert [row["raw"] for row in rows] == ["10"] * 4
    assert [row["late_deduction"] for row in rows] == ["0", "2", "0", "1"]
    assert rows[1]["late"] == "1 day 13 h 1 min late: 20% deducted"
    assert "unknown: nothing deducted" in rows[2]["late"]
    bob = (tmp_path / "out/feedback/bob.html").read_text(encoding="utf-8")
    assert "8 of 10 points" in bob and "10 reached, 2 lost by being late" in bob
    assert "at most 50%" in (tmp_path / "out/index.html").read_text(encoding="utf-8")
    # A policy changes no grade: nothing is graded again.
    again = grade(intake, tmp_path / "out", late=read_deadlines("2026-12-01T23:59+01:00"))
    assert again.kept == 4 and [row.final for row in again.rows] == [row.raw for row in report.rows]


# pages

ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "link",
    "img",
    "form",
    "input",
    "svg",
    "base",
    "video",
    "audio",
}


class Audit(HTMLParser):
    """Every element and attribute that does something, and whether the tags are balanced."""

    def __init__(self):
        super().__init__()
        self.active, self.open, self.hrefs, self.text = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        if tag in ACTIVE:
            self.active.append(tag)
        for name, value in attributes:
            if (
                name.startswith("on")
                or name in ("src", "srcset", "style", "action")
                or "script:" in (value or "")
            ):
                self.active.append(f"{tag} {name}={value}")
            if name == "href":
                self.hrefs.append(value)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def audit(file):
    found = Audit()
    text = file.read_text(encoding="utf-8")
    found.feed(text)
    assert found.open == [] and found.active == [], file.name
    assert not re.search(r"url\(|@import", text.partition("</style>")[0])
    assert "default-src 'none'" in text and "width=device-width" in text and "prefers-color-scheme" in text
    return found


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;"


def test_nothing_that_a_student_wrote_becomes_markup(tmp_path):
    wish = {"got": EVIL, "printed": EVIL + "\x1b[31m\u202e\x00</pre></body>", "note": EVIL, "status": "died"}
    intake = intake_of(ann=(NONE | wish, None))
    evil = Submission(EVIL, 1, EVIL, intake.submissions[0].read)
    both = Intake((*intake.submissions, evil), {**intake.students, EVIL: EVIL}, (EVIL,))
    grade(both, tmp_path / "out")
    pages = sorted((tmp_path / "out").rglob("*.html"))
    assert len(pages) == 3
    for file in pages:
        found = audit(file)
        assert "<script>alert(1)" in found.text
        assert "\x1b" not in found.text and "\u202e" not in found.text and "\x00" not in found.text
    ann = audit(tmp_path / "out/feedback/ann.html")
    assert "\\u202e" in ann.text and not ann.hrefs
    index = audit(tmp_path / "out/index.html")
    assert f"feedback/{file_stem(EVIL)}.html" in index.hrefs
    for href in index.hrefs:
        assert (tmp_path / "out" / href).is_file()


def test_an_attribute_cannot_be_left():
    assert escaped("a\u202eb\x1b") == "a\\u202eb\\u001b"
    assert element("a", "x", href='" onclick="y') == '<a href="&quot; onclick=&quot;y">x</a>'
    assert escaped("a<b") == "a&lt;b" and escaped(escaped("a<b")) == "a&lt;b"
    assert "<title>&lt;x&gt;</title>" in page("<x>", [])


def test_feedback_shows_the_case_and_hides_other_students_and_the_seed(tmp_path):
    intake = intake_of(ann=(NONE | {"got": "41"}, None), bob=(ALL, None))
    report = grade(intake, tmp_path / "out", seed=987654321)
    text = audit(tmp_path / "out/feedback/ann.html").text
    assert f"{QUESTIONS[0]}(" in text and "41" in text and "✘ incorrect" in text
    assert "bob" not in text and "987654321" not in text
    assert "987654321" in (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert report.seed == 987654321


def test_the_overview_counts(tmp_path):
    class Weaker(Standin):
        measures = ("none at all",)

    intake = intake_of(
        ann=(ALL, None), bob=(NONE, None), cat=(ALL | {"status": "died", "note": "cell 2"}, None)
    )
    grade(Intake(intake.submissions[:1], intake.students), tmp_path / "out", sandbox=Weaker)
    grade(intake, tmp_path / "out")
    text = audit(tmp_path / "out/index.html").text
    assert "1 submission was graded under:none at all" in text
    assert "2 submissions were graded under:own userno network" in text
    assert f"{QUESTIONS[0]}67%2010wrong 1" in text
    assert "died1graded; its process died" in text


def test_feedback_of_students_who_left_is_removed_and_other_files_stay(tmp_path):
    grade(intake_of(ann=(ALL, None), bob=(ALL, None)), tmp_path / "out")
    (tmp_path / "out/feedback/mine.txt").write_text("keep")
    grade(intake_of(bob=(ALL, None)), tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out/feedback").iterdir()) == ["bob.html", "mine.txt"]


def test_long_and_strange_texts_are_kept_small_and_writable(tmp_path):
    wish = NONE | {"printed": "x" * 10**6, "note": "\ud800" * 10**6, "status": "died"}
    grade(intake_of(ann=(wish, None)), tmp_path / "out")
    sizes = {file.name: file.stat().st_size for file in (tmp_path / "out").rglob("*.*")}
    assert max(sizes.values()) < 300_000
    assert "\\ud800" in (tmp_path / "out/grades.csv").read_text(encoding="utf-8")


# the gradebook


@pytest.fixture
def gradebook(tmp_path):
    api = pytest.importorskip("nbgrader.api")

    def write(intake, **options):
        grade(intake, tmp_path / "out", gradebook=tmp_path / "gradebook.db", **options)
        return api.Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}")

    return write


STEM = NAME.removesuffix(".ipynb")


def test_scores_per_question_reach_the_gradebook(gradebook):
    half = {"answers": dict.fromkeys(QUESTIONS, 1) | {QUESTIONS[-1]: 0.5}}
    when = datetime(2026, 12, 2, 13, tzinfo=timezone(timedelta(hours=1)))
    late = read_deadlines("2026-12-01T23:59+01:00: 10% per day")
    with gradebook(intake_of(ann=(half, when), bob=(ALL, None)), late=late) as book:
        sheet = book.find_submission_notebook(STEM, STEM, "ann")
        last = questions_of(1)[-1].points
        assert {each.name: each.score for each in sheet.grades}[QUESTIONS[-1]] == last / 2
        assert (sheet.score, sheet.max_score, sheet.needs_manual_grade) == (10 - last / 2, 10, False)
        assert sheet.late_submission_penalty == float(sheet.score) / 10
        assert book.find_submission(STEM, "ann").timestamp == datetime(2026, 12, 2, 12)
        assert book.find_submission(STEM, "bob").timestamp is None
        assert book.find_submission(STEM, "bob").score == 10


def test_the_gradebook_keeps_hand_work_and_follows_a_resubmission(gradebook):
    with gradebook(intake_of(ann=(NONE, None))) as book:
        grade_of = book.find_grade(QUESTIONS[0], STEM, STEM, "ann")
        assert (grade_of.auto_score, grade_of.score) == (0, 0)
        grade_of.extra_credit = 1
        book.find_grade(QUESTIONS[1], STEM, STEM, "ann").manual_score = 0.5
        book.db.commit()
    with gradebook(intake_of(ann=(ALL, None))) as book:
        first, second = (book.find_grade(name, STEM, STEM, "ann") for name in QUESTIONS[:2])
        assert first.score == questions_of(1)[0].points + 1
        assert (second.auto_score, second.score) == (questions_of(1)[1].points, 0.5)
        assert len(book.assignments) == 1 and len(book.students) == 1


def test_what_is_ungraded_or_absent_is_not_in_the_gradebook(gradebook):
    intake = intake_of(ann=({"raise": "x"}, None), bob=(ALL, None))
    with gradebook(Intake(intake.submissions, {**intake.students, "cat": "Cat"})) as book:
        assert [student.id for student in book.students] == ["bob"]


def test_a_gradebook_that_is_none_is_a_sentence_and_stays_as_it_is(tmp_path):
    pytest.importorskip("nbgrader.api")
    file = tmp_path / "gradebook.db"
    file.write_text("not a database at all, but a text of some length")
    with pytest.raises(LessonError, match="expected a gradebook of nbgrader"):
        grade(intake_of(ann=(ALL, None)), tmp_path / "out", gradebook=file)
    assert file.read_text().startswith("not a database")
    assert (tmp_path / "out/grades.csv").is_file()


def test_without_nbgrader_nothing_is_graded(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nbgrader", None)
    with pytest.raises(LessonError, match="nbgrader is not installed"):
        grade(intake_of(ann=(ALL, None)), tmp_path / "out", gradebook=tmp_path / "g.db")
    assert not (tmp_path / "out").exists()
    grade(intake_of(ann=(ALL, None)), tmp_path / "out")
