"""The lint of the language: each habit is found where it stands, and what looks like it passes."""

import pytest

from lesson_support.authoring.prose import banned_words, prose_problems


def rules(*paragraphs: str, cell: str = "text") -> list[str]:
    return [each.rule for each in prose_problems({"01": [(cell, "\n\n".join(paragraphs))]})]


@pytest.mark.parametrize(
    "words",
    [
        "The stride is crucial here.",
        "A powerful idea.",
        "It fits seamlessly.",
        "A Robust loop.",
        "We dive into strides.",
        "Diving deeper.",
        "This unlocks speed.",
        "The journey of a tensor.",
        "It is worth noting that rows are short.",
        "It’s worth noting.",
        "This is not just fast\nbut also small.",
        "In summary, rows are short.",
    ],
)
def test_banned_words_are_found(words):
    assert rules(words) == ["banned-words"]
    assert len(banned_words("welcome", words)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "Read `robust_mean` first.",
        "```python\n# a robust mean\n```",
        "[Dive into Deep Learning](https://d2l.ai) has a chapter on it.",
        "The diver was not just. But the loop was.",
    ],
)
def test_code_and_titles_may_say_what_they_like(words):
    assert rules(words) == []


def test_titles_in_references_pass():
    assert rules("- Dive into Deep Learning, https://d2l.ai", cell="references") == []


def test_a_list_of_bold_openings_is_found():
    assert rules("- **Fast** it is.\n- **Small** too.") == ["bold-list"]
    assert rules("1. __Fast__ it is.\n2. **Small** too.") == ["bold-list"]
    assert rules("- **Fast** it is.\n- Small too.") == []
    assert rules("- **Alone** in its list.") == []


def test_one_question_may_answer_itself_and_no_second():
    question = "Why {}? Because the buffer is {}."
    assert rules(question.format("one", "long")) == []
    assert rules(question.format("one", "long"), question.format("two", "short")) == ["self-answered"]


@pytest.mark.parametrize("cell", ["retrieval", "review", "predict-size"])
def test_questions_to_the_reader_do_not_count(cell):
    assert rules("Why one? Because of it.", "Why two? Because of that.", cell=cell) == []


def test_open_and_collapsed_questions_do_not_count():
    assert rules("Two rows. Which comes first?", "And who decides? Who pays?") == []
    details = (
        "<details>\n<summary>Why?</summary>\n\nWhy one? Because of it.\n\nWhy two? Because.\n\n</details>"
    )
    assert rules("Why three? Because of it.", details) == []


def test_a_closing_summary_is_found():
    assert rules("Rows are short.", "In this lesson you rebuilt slicing.") == ["closing-summary"]
    assert rules("To recap: rows are short.", "Columns are long.") == ["closing-summary"]
    assert rules("Rows are short.", "You have now seen why.") == ["closing-summary"]
    assert rules("You have seen the buffer; now cut it.", "Rows are short.") == []


@pytest.mark.parametrize(
    "words",
    [
        "The loop takes 12 ms.",
        "It moves 3.2 GB/s.",
        "A core does 110 GFLOP/s.",
        "A launch costs 4 µs.",
        "That is 5–10× as much.",
        "It is 40 times faster.",
        "It is ten times slower.",
        "The loader gives 900 samples/s.",
        "It runs 2x as often.",
        "| rung | 12 ms |",
        "## Pinned memory: 3×",
        "Set `at_least=50`; then it is 3× as fast.",
    ],
)
def test_a_measured_number_in_prose_is_found(words):
    assert rules(words) == ["measured-number"]


@pytest.mark.parametrize(
    "words",
    [
        "The card moves 3.35 TB/s ([data sheet](https://example.org/sheet)).",
        "Moving 100 MB at 10 GB/s takes 100 / 10 = 10 ms.",
        "With $4 \\cdot 10 = 40$ it takes 40 ms.",
        "Two matrices of 256×256, then 3 × 4 of them.",
        "The output says `12 ms`.",
        "The bound is $12$ ms wide only in $t$; 3 items, 10 minutes.",
        "Compare 0x7f with 10 s.",
    ],
)
def test_a_number_with_its_source_passes(words):
    assert rules(words) == []


def shared(first: str, second: str) -> list[str]:
    return [each.rule for each in prose_problems({"01": [("a", first)], "02": [("b", second)]})]


EIGHT = "the loop reads every sixth number of it"


def test_eight_words_in_common_are_found_once():
    assert shared(f"Here {EIGHT}.", f"There, {EIGHT.title()}!") == ["shared-words"]
    assert shared(f"Here {EIGHT} and goes on.", f"There {EIGHT} and goes on.") == ["shared-words"]
    problem = prose_problems(
        {"01": [("a", f"{EIGHT}, so it is slow.")], "02": [("b", f"{EIGHT}, so it is fast.")]}
    )[0]
    assert (problem.where, problem.message.split("”")[0]) == ("02:b", f"“{EIGHT} so it is")


def test_two_places_give_two_problems():
    other = "a column that nobody ever stored in memory"
    assert shared(f"{EIGHT}.\n\n{other}.", f"{other}.\n\n{EIGHT}.") == ["shared-words"] * 2


@pytest.mark.parametrize(
    "words",
    [
        "the loop reads every sixth number of them",
        "the loop reads every `sixth` number of it",
        "the loop reads every sixth\n\nnumber of it",
        f"```\n{EIGHT}\n```",
        f"`{EIGHT}`",
    ],
)
def test_less_than_eight_words_or_code_may_agree(words):
    assert shared(EIGHT, words) == []


def test_a_lesson_may_repeat_itself():
    assert rules(f"{EIGHT}.", f"{EIGHT}.") == []


def test_three_headings_in_a_row_are_found():
    first = "## The bug\n\n## The suspects\n\n## The cause"
    assert shared(first, f"## A loop\n\n{first.lower()}") == ["shared-headings"]
    assert shared(first, "## The bug\n\n## The suspects\n\n## A culprit") == []
    assert shared(first, "## The bug\n\n## The cause\n\n## The suspects") == []


def test_the_headings_that_every_lesson_ends_on_may_agree():
    ending = [(cell, f"## {cell.title()}") for cell in ("exercise", "review", "references")]
    assert prose_problems({"01": ending, "02": ending}) == []
