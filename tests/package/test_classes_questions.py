"""An instructor's private questions: over the published ones, checked before anything is graded."""

import re
from pathlib import Path

import pytest

from lesson_support.errors import LessonError
from lesson_support.grading.classes.deadlines import read_deadlines
from lesson_support.grading.classes.rosters import read_roster
from lesson_support.grading.classes.shelf import Shelf
from lesson_support.grading.library import questions_of
from tests.package.classes_standin import one_lesson  # noqa: F401

pytestmark = pytest.mark.usefixtures("one_lesson")
GOOD = """
from lesson_support.questions.kinds import Function

def double(x):
    return 2 * x

def question(name="double", **changes):
    fields = dict(
        name=name, points=2, difficulty="easy", minutes=5, signature="double(x)", example="",
        hints=("one", "two", "three"), wrong={"adds two": lambda x: x + 2}, solution=double,
        cases=lambda rng: [(0,), (int(rng.integers(3, 9)),)], oracle=lambda x: x + x,
    )
    return Function(**(fields | changes))
"""


def folder(tmp_path, tail="QUESTIONS = (question(),)", name="lesson_02.py", head=GOOD):
    (tmp_path / name).write_text(f"{head}\n{tail}\n", encoding="utf-8")
    return tmp_path


def test_a_lesson_of_ones_own(tmp_path):
    shelf = Shelf(folder(tmp_path))
    assert shelf.lessons() == [1, 2]
    assert [each.name for each in shelf.of(2)] == ["double"]
    assert shelf.of(1) == questions_of(1)


def test_one_replaces_one_is_added_one_is_dropped(tmp_path):
    names = [each.name for each in questions_of(1)]
    tail = f"QUESTIONS = [question({names[1]!r}), question('mine')]\nDROPPED = ({names[0]!r},)"
    shelf = Shelf(folder(tmp_path, tail, name="lesson_01.py"))
    assert [each.name for each in shelf.of(1)] == [*names[1:], "mine"]
    assert shelf.of(1)[0].solution(4) == 8


def examples(language):
    """The code of the instructors' chapter."""
    chapter = Path(__file__).resolve().parents[2] / "book" / "instructors" / "grading.md"
    return re.findall(rf"^```{language}\n(.*?)^```", chapter.read_text(encoding="utf-8"), re.M | re.S)


def test_the_chapters_question_works(tmp_path):
    (text,) = (each for each in examples("python") if "QUESTIONS" in each)
    shelf = Shelf(folder(tmp_path, text, name="lesson_01.py", head=""))
    assert [each.name for each in shelf.of(1)] == [*(each.name for each in questions_of(1)[1:]), "rotate"]


def test_the_chapters_policies_and_roster_can_be_read(tmp_path):
    texts = examples("text")
    (policy,) = (each.split('"')[1] for each in texts if each.startswith('--late "'))
    assert read_deadlines(policy).entries
    for name, start, count in (("d.csv", "lesson,deadline", 4), ("d.toml", "rule =", 2)):
        (text,) = (each for each in texts if each.startswith(start))
        (tmp_path / name).write_text(text)
        assert len(read_deadlines(str(tmp_path / name)).entries) == count
    (text,) = (each for each in texts if each.startswith("student,"))
    (tmp_path / "r.csv").write_text(text)
    assert read_roster(tmp_path / "r.csv").find(["12345"]) == "s1041"


def test_helpers_are_shared(tmp_path):
    (tmp_path / "common.py").write_text(GOOD)
    shelf = Shelf(folder(tmp_path, "QUESTIONS = (question('helped'),)", head="from .common import question"))
    assert shelf.of(2)[0].name == "helped"


def test_an_edited_module_is_loaded_anew(tmp_path):
    (tmp_path / "common.py").write_text(GOOD)
    place = folder(tmp_path, "QUESTIONS = (question(),)", head="from .common import question")
    assert Shelf(place).of(2)[0].points == 2
    (tmp_path / "common.py").write_text(GOOD.replace("points=2", "points=7"))
    assert Shelf(place).of(2)[0].points == 7
    assert {file.name for file in tmp_path.rglob("*.pyc")} == set()


def test_the_fingerprint_follows_what_decides_scores(tmp_path):
    first = Shelf(folder(tmp_path))
    one, two = first.fingerprint(1), first.fingerprint(2)
    assert one != two and one == Shelf(tmp_path).fingerprint(1)
    folder(tmp_path, "QUESTIONS = (question(points=3),)")
    assert Shelf(tmp_path).fingerprint(2) != two
    assert Shelf(tmp_path).fingerprint(1) == one
    (tmp_path / "common.py").write_text("")
    assert Shelf(tmp_path).fingerprint(1) != one
    bare = Shelf().fingerprint(1)
    assert bare == Shelf().fingerprint(1) != one


def test_the_place_of_the_folder_does_not_matter(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        folder(tmp_path / name)
    assert Shelf(tmp_path / "a").fingerprint(2) == Shelf(tmp_path / "b").fingerprint(2)


@pytest.mark.parametrize(
    "tail, words",
    [
        ("QUESTIONS = (", r"cannot be imported \(line \d+\): SyntaxError"),
        ("QUESTIONS = (nothing,)", r"cannot be imported \(line \d+\): NameError"),
        ("import no_such_module", "ModuleNotFoundError"),
        ("", "no QUESTIONS"),
        ("QUESTIONS = ()", "without a question"),
        ("QUESTIONS = 'double'", "no QUESTIONS"),
        ("QUESTIONS = (double,)", "QUESTIONS holds function"),
        ("QUESTIONS = (question(), question())", "two questions called double"),
        ("QUESTIONS = (question('a b'),)", "is called 'a b'"),
        ("QUESTIONS = (question(points=0),)", "worth 0 points"),
        ("QUESTIONS = (question(points='2'),)", "worth '2' points"),
        ("QUESTIONS = (question(points=float('nan')),)", "worth nan points"),
        ("QUESTIONS = (question(seconds=-1),)", "allows -1 seconds"),
        ("QUESTIONS = (question(cases=lambda rng: []),)", "has no cases"),
        ("import random\nQUESTIONS = (question(cases=lambda rng: [(random.random(),)]),)", "from `rng`"),
        ("QUESTIONS = (question(cases=lambda rng: 1 / 0),)", "cannot be asked: ZeroDivisionError"),
        ("QUESTIONS = (question(oracle=lambda x: 1),)", "does not accept its own solution"),
        ("QUESTIONS = (question(wrong={'is fine': double}),)", "accepts the wrong answer 'is fine'"),
        ("QUESTIONS = (question(),)\nDROPPED = 'double'", "DROPPED is 'double'"),
        ("QUESTIONS = (question(),)\nDROPPED = ('gone',)", "DROPPED names 'gone'"),
    ],
)
def test_a_broken_module_is_one_sentence_with_its_file(tmp_path, tail, words):
    with pytest.raises(LessonError, match=words) as caught:
        Shelf(folder(tmp_path, tail))
    assert "lesson_02.py" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["lesson_99.py", "lesson_00.py", "lesson_1.py", "lesson_one.py"])
def test_a_file_that_names_no_lesson(tmp_path, name):
    with pytest.raises(LessonError, match="names no lesson: expected lesson_01.py to lesson_50.py"):
        Shelf(folder(tmp_path, name=name))


def test_a_folder_without_questions(tmp_path):
    with pytest.raises(LessonError, match="holds no question module"):
        Shelf(tmp_path)
    with pytest.raises(LessonError, match="there is no folder"):
        Shelf(tmp_path / "none")
