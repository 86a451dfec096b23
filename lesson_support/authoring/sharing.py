"""What two lessons have in common that each should have said for itself."""

from collections.abc import Iterator, Mapping, Sequence

from lesson_support.authoring.markup import GAP, headings, normal_words, paragraphs, prose
from lesson_support.authoring.page import Problem

WORDS = 8
HEADINGS = 3

Texts = Sequence[tuple[str, str]]


def _passages(texts: Texts) -> Iterator[tuple[str, list[str]]]:
    """Each unbroken run of words, with its cell: none crosses a paragraph, code, a formula, a bare link."""
    for cell, markdown in texts:
        for paragraph in paragraphs(markdown):
            for piece in prose(paragraph).split(GAP):
                if len(found := normal_words(piece)) >= WORDS:
                    yield cell, found


def shared_words(lessons: Mapping[str, Texts]) -> list[Problem]:
    """Every sequence of eight or more words that a lesson repeats from an earlier one, once each."""
    first: dict[tuple[str, ...], tuple[str, str]] = {}  # eight words -> lesson and cell that had them first
    found = []
    for name, texts in lessons.items():
        own: dict[tuple[str, ...], tuple[str, str]] = {}
        for cell, passage in _passages(texts):
            run: list[str] = []
            source = ("", "")
            for start in range(len(passage) - WORDS + 1):
                words = tuple(passage[start : start + WORDS])
                if words in first:
                    source = source if run else first[words]
                    run += [words[-1]] if run else words
                else:
                    own.setdefault(words, (name, cell))
                    found += _told(name, cell, run, source)
                    run = []
            found += _told(name, cell, run, source)
        first.update(own)
    return found


def _told(name: str, cell: str, run: list[str], source: tuple[str, str]) -> list[Problem]:
    if not run:
        return []
    message = f"“{' '.join(run)}” stands in {source[0]}:{source[1]} too: expected words of its own"
    return [Problem(f"{name}:{cell}", "shared-words", message)]


def shared_headings(lessons: Mapping[str, Texts]) -> list[Problem]:
    """Every lesson that has three headings in a row like an earlier one."""
    seen: dict[tuple[str, ...], str] = {}
    found = []
    for name, texts in lessons.items():
        row = [" ".join(normal_words(prose(text))) for _, markdown in texts for _, text in headings(markdown)]
        own = [tuple(row[start : start + HEADINGS]) for start in range(len(row) - HEADINGS + 1)]
        if shared := next((triple for triple in own if triple in seen), None):
            message = f"the headings “{'”, “'.join(shared)}” follow each other in {seen[shared]} too"
            found.append(Problem(name, "shared-headings", message))
        for triple in own:
            seen.setdefault(triple, name)
    return found
