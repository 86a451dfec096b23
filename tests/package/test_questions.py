"""Every question of every lesson: its solution is right, its stub and its known wrong answers are not."""

import ast
import doctest
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from lesson_support.authoring.exercises import exercise_notebook
from lesson_support.authoring.notebooks import read_notebook
from lesson_support.grading.comparing import difference
from lesson_support.grading.judging import cases_of, evaluate
from lesson_support.grading.library import lessons_with_questions, questions_of
from lesson_support.grading.showing import size_of
from lesson_support.questions.kinds import Asked, Diagnose, Repair, Tests

COURSE = Path(__file__).resolve().parents[2]
LESSONS = lessons_with_questions()
PAIRS = [(number, question) for number in LESSONS for question in questions_of(number)]
WRONG = [(question, label) for _, question in PAIRS for label in question.wrong]


def of(pairs):
    return pytest.mark.parametrize(
        "number, question", pairs, ids=[f"{n:02}-{each.name}" for n, each in pairs]
    )


each_question = of(PAIRS)


def callable_of(question, wrong):
    if isinstance(wrong, str) and not isinstance(question, Diagnose):
        names = {}
        exec(wrong, names)
        return names[question.name]
    return wrong


def master_of(number):
    (master,) = (COURSE / "solutions").glob(f"{number:02}_*.ipynb")
    return master


def cell_of(notebook, name):
    return next(cell for cell in notebook.cells if cell.id == name.replace("_", "-"))


@pytest.mark.parametrize("number", LESSONS)
def test_an_exercise_has_two_to_four_questions_and_ten_points(number):
    questions = questions_of(number)
    assert 2 <= len(questions) <= 4
    assert sum(question.points for question in questions) == 10
    assert len({question.name for question in questions}) == len(questions)


@each_question
def test_a_question_is_complete(number, question):
    assert question.name.isidentifier() and question.name == question.name.lower()
    assert question.difficulty in ("easy", "medium", "hard")
    assert 1 <= question.minutes <= 90 and question.points >= 1
    assert len(question.hints) == 3 and all(len(hint.split()) >= 6 for hint in question.hints)
    assert len(question.wrong) >= 3
    if isinstance(question, Tests):
        assert len(question.mutants) >= 6


@of([pair for pair in PAIRS if inspect.isfunction(pair[1].solution)])
def test_the_signature_is_the_solutions(number, question):
    (defined,) = ast.parse(textwrap.dedent(inspect.getsource(question.solution))).body
    (stated,) = ast.parse(f"def {question.signature}: ...").body
    assert defined.name == question.name
    assert ast.unparse(defined.args) == ast.unparse(stated.args)
    assert ast.unparse(defined.returns) == ast.unparse(stated.returns)


@each_question
def test_the_worked_example_is_true(number, question):
    import torch

    names = {
        **inspect.getmodule(question.solution).__dict__,
        "torch": torch,
        question.name: question.solution,
    }
    example = doctest.DocTestParser().get_doctest(question.example, names, question.name, None, 0)
    assert question.name in question.example
    told = []
    failed, attempted = doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert attempted > 0 and failed == 0, "".join(told)


@each_question
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_solution_earns_all_points(number, question, seed):
    result = evaluate(question, question.solution, seed)
    assert (result.status, result.score) == ("correct", question.points), "\n".join(result.lines())


@pytest.mark.parametrize(
    "question, label", WRONG, ids=[f"{question.name}-{label}" for question, label in WRONG]
)
def test_a_known_wrong_answer_is_rejected_and_told_why(question, label):
    for seed in range(4):
        result = evaluate(question, callable_of(question, question.wrong[label]), seed)
        assert result.status in ("incorrect", "partly") and result.score < question.points
        told = "\n".join(result.lines())
        assert result.got and result.got in told.replace("\n" + " " * 12, "\n")
        if not isinstance(question, Diagnose):
            assert result.case and result.case.splitlines()[0] in told


@each_question
def test_the_untouched_exercise_scores_nothing(number, question):
    notebook = exercise_notebook(number, master_of(number))
    names = {}
    for statement in ast.parse(cell_of(notebook, "open").source).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            exec(ast.unparse(statement), names)
    exec(cell_of(notebook, question.name).source, names)
    result = evaluate(question, names[question.name])
    assert result.score == 0
    assert result.status == ("incorrect" if isinstance(question, Repair) else "not attempted")


@of([pair for pair in PAIRS if isinstance(pair[1], Asked)])
def test_cases_follow_from_the_seed(number, question):
    first, again, other = (cases_of(question, seed) for seed in (3, 3, 4))
    assert difference(first, again, 0.0, 0.0) is None
    assert difference(first, other, 0.0, 0.0) is not None
    assert [size_of(case) for case in first] == sorted(size_of(case) for case in first)
    assert len(first) >= 15


@each_question
def test_the_master_holds_the_question_word_for_word(number, question):
    master = read_notebook(master_of(number))
    code = cell_of(master, question.name).source
    kept = [line for line in code.splitlines() if not re.search("### (BEGIN|END) SOLUTION", line)]
    assert "\n".join(kept) == inspect.getsource(question.solution).rstrip()
    task = cell_of(master, f"{question.name}-task").source
    points = f"{question.points} point{'s' if question.points > 1 else ''}"
    assert f"{points} · {question.difficulty} · {question.minutes} minutes" in task
    assert question.example in task
    if isinstance(question, Repair):
        assert question.symptom in task
    assert cell_of(master, f"{question.name}-check").source == f'check("{question.name}")'


def test_every_wrong_implementation_of_contiguity_misses_a_layout():
    """A mutant that torch's own answers cannot tell from the rule would make full marks impossible."""
    import itertools

    import torch

    question = next(question for question in questions_of(1) if question.name == "test_contiguity")
    layouts = [((), ())]
    for rank in (1, 2, 3):
        for shape in itertools.product((0, 1, 2, 3), repeat=rank):
            layouts += [(shape, stride) for stride in itertools.product((0, 1, 2, 3, 6), repeat=rank)]
    torchs = {layout: torch.empty_strided(*layout).is_contiguous() for layout in layouts}
    assert all(question.right(*layout) == answer for layout, answer in torchs.items())
    for label, mutant in question.mutants.items():
        assert any(mutant(*layout) != answer for layout, answer in torchs.items()), label
