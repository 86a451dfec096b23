"""What follows from the catalog: the book's table of contents and a page for each phase."""

from pathlib import Path

from lesson_support.authoring.generated import stale, stamped, write_generated
from lesson_support.catalog import Lesson, Phase, phases, written

COMMAND = "lessons tables"
ROOT_PAGE = "book/welcome"
# Pages about the course in reading order; further ones in book/ follow by name.
FIRST_PAGES = ("start", "how-to-use", "tracks")
LAST_PAGES = (
    "claims",
    "errors",
    "symptoms",
    "measurements",
    "runtimes",
    "glossary",
    "references",
    "api",
    "errata",
)
INSTRUCTORS = "instructors"


def phase_page(phase: Phase) -> str:
    """Where a phase's page lies in the course, without its suffix."""
    return f"book/phases/{phase.number:02}"


def course_pages(course: Path) -> list[str]:
    """The book's own pages that are there, in order."""
    found = {path.stem for pattern in ("*.md", "*.ipynb") for path in (course / "book").glob(pattern)}
    found -= {Path(ROOT_PAGE).name, INSTRUCTORS}
    first = [name for name in FIRST_PAGES if name in found]
    last = [name for name in LAST_PAGES if name in found]
    return [f"book/{name}" for name in (*first, *sorted(found - {*first, *last}), *last)]


def instructor_pages(course: Path) -> list[str]:
    """The instructors' pages that are there: book/instructors.md, then book/instructors/*.md by name."""
    book = course / "book"
    overview = [f"book/{INSTRUCTORS}"] if (book / f"{INSTRUCTORS}.md").is_file() else []
    return overview + [
        f"book/{INSTRUCTORS}/{path.stem}" for path in sorted((book / INSTRUCTORS).glob("*.md"))
    ]


def toc_text(course: Path) -> str:
    """`_toc.yml`: the course's pages, each phase with its written lessons and exercises, instructors."""
    lines = ["format: jb-book", f"root: {ROOT_PAGE}", "parts:"]
    lines += _part("The course", course_pages(course))
    for phase in phases():
        lines += _part(f"Phase {phase.number} · {phase.title}", [phase_page(phase)])
        lines.append("        title: The phase")
        for lesson in phase.lessons:
            if written(lesson, course):
                lines.append(f"      - file: lessons/{lesson.stem}")
                if _exercise(lesson, course).is_file():
                    lines += ["        sections:", f"          - file: exercises/{lesson.stem}"]
    lines += _part("Instructors", instructor_pages(course))
    return stamped("\n".join(lines) + "\n", COMMAND)


def _part(caption: str, files: list[str]) -> list[str]:
    """A part of the table of contents; none without files, an empty part is an error in the book."""
    if not files:
        return []
    quoted = caption.replace("'", "''")
    return [f"  - caption: '{quoted}'", "    chapters:", *(f"      - file: {file}" for file in files)]


def _exercise(lesson: Lesson, course: Path) -> Path:
    return course / "exercises" / f"{lesson.stem}.ipynb"


def phase_hours(phase: Phase) -> int:
    """How long the lessons of a phase take together."""
    return round(sum(lesson.minutes for lesson in phase.lessons) / 60)


def phase_page_text(phase: Phase, course: Path) -> str:
    """The page of a phase: its question, its picture, its lessons with what each gives, its capstone."""
    parts = [
        f"# Phase {phase.number} · {phase.title}",
        f":::{{div}} phase-asks\n{phase.question}\n:::",
        f"{len(phase.lessons)} lessons, about {phase_hours(phase)} hours.",
        f":::{{phase-map}} {phase.number}\n:::",
        "## Lessons",
    ]
    for lesson in phase.lessons:
        parts += _lesson_entry(lesson, course)
    parts += ["## Capstone", f":::{{div}} capstone\n{phase.capstone}\n:::"]
    return stamped("\n\n".join(parts) + "\n", COMMAND, comment=("<!-- ", " -->"))


def _lesson_entry(lesson: Lesson, course: Path) -> list[str]:
    name = f"{lesson.label} · {lesson.title}"
    if written(lesson, course):
        heading = f"### [{name}](../../lessons/{lesson.stem}.ipynb)"
    else:
        heading = f"### {name} [planned]{{.planned}}"
    before = ", ".join(f"{{lesson}}`{number:02} <{number}>`" for number in lesson.prerequisites)
    facts = [
        lesson.shape,
        f"difficulty {lesson.difficulty}/10",
        f"{lesson.minutes} minutes",
        f"builds on {before or 'no other lesson'}",
    ]
    return [
        heading,
        f":::{{div}} lesson-facts\n{' · '.join(facts)}\n:::",
        "\n".join(f"- {outcome}" for outcome in lesson.outcomes),
    ]


def table_texts(course: Path) -> dict[Path, str]:
    """Every generated table of the course with the text it should hold."""
    texts = {course / f"{phase_page(phase)}.md": phase_page_text(phase, course) for phase in phases()}
    return {course / "_toc.yml": toc_text(course), **texts}


def write_tables(course: Path) -> list[Path]:
    """Bring the tables up to date; the files that changed. One that a person has edited is an error."""
    return write_generated(table_texts(course))


def stale_tables(course: Path) -> list[Path]:
    """The tables that do not follow the catalog and the written lessons."""
    return stale(table_texts(course))
