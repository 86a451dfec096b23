"""Where a person stands: one row for each lesson that has an exercise."""

from dataclasses import dataclass

from lesson_support.grading import progress
from lesson_support.grading.library import lessons_with_questions, questions_of
from lesson_support.grading.progress import Entry


@dataclass(frozen=True)
class Standing:
    """One exercise; `score` is the best reached, `seen` counts solutions that were looked at before
    solving."""

    number: int
    questions: int
    attempted: int
    solved: int
    points: int
    score: float
    hints: int
    seen: int


def progress_table() -> tuple[list[Standing], str]:
    """The rows, and one sentence where the progress file cannot be read (empty where it can)."""
    known, note = progress.load()
    return [_standing(number, known) for number in lessons_with_questions()], note


def _standing(number: int, known: progress.Progress) -> Standing:
    questions = questions_of(number)
    pairs = [(question, known.get(f"{number:02}/{question.name}")) for question in questions]
    entries = [entry or Entry() for _, entry in pairs]
    return Standing(
        number=number,
        questions=len(questions),
        attempted=sum(entry is not None for _, entry in pairs),
        solved=sum(entry.share == 1 for entry in entries),
        points=sum(question.points for question in questions),
        score=round(sum(question.points * (entry or Entry()).share for question, entry in pairs), 2),
        hints=sum(entry.hints for entry in entries),
        seen=sum(_seen_first(entry) for entry in entries),
    )


def _seen_first(entry: Entry) -> bool:
    return entry.solution_seen is not None and (
        entry.first_solved is None or entry.solution_seen < entry.first_solved
    )
