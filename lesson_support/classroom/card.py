"""The header card of a lesson: one rendering for the notebook and for the book."""

from html import escape

from lesson_support import catalog

# what the reader's machine must have; published GPU results are no such thing
_NEEDS = {
    "triton": "Triton",
    "compiler": "a C++ compiler",
    "rustc": "rustc",
    "processes": "several processes",
}


def card_line(entry: catalog.Lesson) -> str:
    """The card where only text can be shown."""
    return f"Lesson {entry.label} · {entry.title}"


def card_html(entry: catalog.Lesson, address=None, links=()) -> str:
    """What the lesson asks for and what it gives, from the catalog.

    The book passes `address(kind, number)`, the address of a "phase" or "lesson" or None if it has no page,
    and further `links` as (label, address).
    """

    def linked(text: str, kind: str, number: int) -> str:
        target = address(kind, number) if address else None
        return f'<a href="{escape(target)}">{escape(text)}</a>' if target else escape(text)

    phase = catalog.phases()[entry.phase - 1]
    before = ", ".join(linked(f"{number:02}", "lesson", number) for number in entry.prerequisites)
    facts = [
        linked(f"Phase {phase.number}: {phase.title}", "phase", phase.number),
        escape(entry.shape),
        f"difficulty {entry.difficulty}/10",
        f"{entry.minutes} minutes",
        f"builds on {before or 'no other lesson'}",
    ]
    if needs := [_NEEDS[need] for need in entry.needs if need in _NEEDS]:
        facts.append(f"needs {', '.join(needs)}")
    if "gpu-published" in entry.needs:
        facts.append("no GPU needed; what one measured appears once it is published")
    outcomes = "\n".join(f"<li>{escape(outcome)}</li>" for outcome in entry.outcomes)
    more = " · ".join(f'<a href="{escape(target)}">{escape(label)}</a>' for label, target in links)
    return (
        '<div class="lesson-card">'
        f'<p class="lesson-name"><strong>{escape(card_line(entry))}</strong></p>\n'
        f'<p class="lesson-facts"><small>{" · ".join(facts)}</small></p>\n'
        f"<p>Afterwards you can</p>\n<ul>{outcomes}</ul>\n"
        + (f'<p class="lesson-links">{more}</p>' if more else "")
        + "</div>"
    )
