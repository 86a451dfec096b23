"""The anatomy of a lesson: the good one passes, each rule objects to what breaks it and to nothing else."""

import pytest

from lesson_support.authoring.anatomy import RULES, anatomy_problems, rule_statements
from lesson_support.authoring.prose import prose_problems
from lesson_support.authoring.reviewing import lesson_texts
from tests.structure.broken import BREAKS, CLAIMS, LESSON, Draft, failure, good_lesson, printed


def problems(draft: Draft):
    return anatomy_problems(draft.notebook, draft.lesson, claims=draft.claims)


def test_the_good_lesson_keeps_every_rule():
    assert [str(each) for each in anatomy_problems(good_lesson(), LESSON, claims=CLAIMS)] == []


def test_the_good_lesson_is_well_written():
    assert [str(each) for each in prose_problems({"07": lesson_texts(good_lesson())})] == []


@pytest.mark.parametrize(
    ("rule", "name", "change"), BREAKS, ids=[f"{rule}: {name}" for rule, name, _ in BREAKS]
)
def test_a_broken_rule_is_named_and_no_other(rule, name, change):
    draft = Draft()
    change(draft)
    found = problems(draft)
    assert [each.rule for each in found] == [rule], [str(each) for each in found]
    assert found[0].message and found[0].where


def test_every_rule_is_broken_once_and_states_itself():
    assert {rule for rule, _, _ in BREAKS} == set(RULES)
    assert all(len(statement) > 20 for statement in rule_statements().values())


def test_the_first_lesson_needs_no_retrieval():
    draft = Draft()
    vars(draft.lesson).update(number=1, label="01", stem="01_row_major")
    draft.claims = {}
    draft.drop("retrieval", "settled")
    draft.replace("title", "07", "01")
    draft.replace("lesson", "lesson(7)", "lesson(1)")
    draft.replace("exercise", "07_row_major", "01_row_major")
    assert problems(draft) == []


@pytest.mark.parametrize(
    "words",
    [
        "recorded 2026-01-02 on an H200\n",
        "0x80000000 and 0x3ff0000000000000\n",
        "torch/nn/modules/linear.py:134\n",
        "lessons/work/x.py\n",
        "a|b 100%\n",
    ],
)
def test_harmless_outputs_pass(words):
    draft = Draft()
    draft.outputs("row-0", printed(words))
    draft.outputs("outside", failure(words))
    assert problems(draft) == []


def test_a_page_without_cells_is_reported_and_does_not_break_the_check():
    draft = Draft()
    draft.notebook.cells = []
    assert {"title", "hook", "block-order", "camera-place"} <= {each.rule for each in problems(draft)}
