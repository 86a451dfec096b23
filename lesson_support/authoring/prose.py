"""The lint of the lessons' language: filler, phrases that two lessons share, numbers without a source."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from lesson_support.authoring.markup import (
    collapsed,
    has_link,
    headings,
    lists,
    paragraphs,
    prose,
    without_code,
)
from lesson_support.authoring.page import Problem
from lesson_support.authoring.sharing import shared_headings, shared_words

# (cell id, markdown) of each cell, in order
Texts = Sequence[tuple[str, str]]

# Cells that every lesson has: their headings may agree, their questions ask the reader.
FURNITURE = ("exercise", "references", "retrieval", "review")

_BANNED = re.compile(
    r"\b(?:crucial(?:ly)?|powerful(?:ly)?|seamless(?:ly)?|robust(?:ly|ness)?|div(?:e|es|ed|ing)|unlock(?:s|ed|ing)?"
    r"|journeys?|it(?: is|['’]s) worth noting|in summary)\b|\bnot just\b[^.?!]{1,120}?\bbut\b",
    re.I,
)
_SENTENCE = re.compile(r"[^.?!]*[.?!]+(?=[\s\"”’')\]*_]|$)|[^.?!]+$", re.S)
_SUMMARY = re.compile(
    r"\s*(?:in this (?:lesson|chapter|notebook),? (?:you|we)|to (?:recap|summari[sz]e)"
    r"|in (?:conclusion|closing|short))\b",
    re.I,
)
_FAREWELL = re.compile(
    r"\s*(?:now )?(?:you|we)(?: have|['’]ve)? (?:now )?"
    r"(?:know|learn(?:ed|t)|seen|covered|built|explored|mastered)\b",
    re.I,
)
_UNIT = (
    r"(?:ns|[\u00b5\u03bcu]s|ms|[kKMGT]i?B/s|[kKMGT]?FLOPS?/s|[MGT]FLOPS|(?:samples|tokens|images|steps|elements|requests)/s"
    r"|(?:samples|tokens|images|requests) (?:per|a) second)"
)
_MEASURED = re.compile(
    rf"\d[\d.,]*\s?(?:{_UNIT}(?![\w/])|×(?!\s*\d)|(?:times|-fold) (?:faster|slower)\b)"
    r"|\d-?x\b(?!\s*\d)"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|hundreds?|thousands?)(?: of)? times"
    r" (?:faster|slower)\b",
    re.I,
)
_ARITHMETIC = re.compile(r"(?<![=!<>])=(?!=)|≈")
_TAG = re.compile(r"<[^<>]*>")


def prose_problems(lesson_texts: Mapping[str, Texts]) -> list[Problem]:
    """Every breach of the house style in these texts, by name of lesson."""
    found: list[Problem] = []
    for name, texts in lesson_texts.items():
        for check in (_banned_words, _bold_lists, _self_answers, _closings, _measured_numbers):
            found += check(name, texts)
    found += shared_words({name: _without(texts, "references") for name, texts in lesson_texts.items()})
    return found + shared_headings(
        {name: _without(texts, *FURNITURE) for name, texts in lesson_texts.items()}
    )


def banned_words(name: str, markdown: str) -> list[Problem]:
    """The words that the style bans, for a text that is no lesson."""
    return list(_banned_words(name, [("", markdown)]))


def _without(texts: Texts, *cells: str) -> Texts:
    return [(cell, markdown) for cell, markdown in texts if cell not in cells]


def _at(name: str, cell: str) -> str:
    return f"{name}:{cell}" if cell else name


def _banned_words(name: str, texts: Texts) -> Iterator[Problem]:
    for cell, markdown in texts:
        if cell == "references":  # titles of others
            continue
        for paragraph in paragraphs(markdown):
            for match in _BANNED.finditer(prose(paragraph, link_text=False)):
                phrase = " ".join(match[0].split())
                yield Problem(_at(name, cell), "banned-words", f"“{phrase}” says nothing here")


def _bold_lists(name: str, texts: Texts) -> Iterator[Problem]:
    for cell, markdown in texts:
        for items in lists(markdown):
            if len(items) > 1 and all(item.lstrip().startswith(("**", "__")) for item in items):
                yield Problem(
                    _at(name, cell), "bold-list", f"every item of a list opens in bold (“{items[0][:40]}”)"
                )


def _self_answers(name: str, texts: Texts) -> Iterator[Problem]:
    """A question answers itself if a sentence that is no question follows it in the same paragraph."""
    found = []
    for cell, markdown in texts:
        if cell in FURNITURE or cell.startswith("predict"):
            continue
        for body in collapsed(markdown):
            markdown = markdown.replace(body, "")
        for paragraph in paragraphs(markdown):
            if headings(paragraph) or paragraph.lstrip().startswith(("|", ">")):
                continue
            sentences = [
                match[0].strip() for match in _SENTENCE.finditer(prose(paragraph)) if match[0].strip()
            ]
            for question, answer in pairwise(sentences):
                if question.endswith("?") and not answer.endswith("?"):
                    found.append((cell, question))
    for cell, question in found[1:]:
        yield Problem(
            _at(name, cell), "self-answered", f"a second question that answers itself: “{question[-80:]}”"
        )


def _closings(name: str, texts: Texts) -> Iterator[Problem]:
    """Summaries in fixed phrases anywhere, and a farewell where the lesson's own text ends."""
    own = [
        (cell, part)
        for cell, markdown in texts
        if cell not in FURNITURE
        for part in paragraphs(markdown)
        if not headings(part)
    ]
    for position, (cell, part) in enumerate(own):
        text = prose(part)
        if _SUMMARY.match(text) or (position == len(own) - 1 and _FAREWELL.match(text)):
            yield Problem(_at(name, cell), "closing-summary", f"a summary: “{' '.join(text.split())[:60]}”")


def _measured_numbers(name: str, texts: Texts) -> Iterator[Problem]:
    """A time, a rate or a factor needs its source, a link, or the arithmetic behind it, in its paragraph."""
    for cell, markdown in texts:
        for paragraph in paragraphs(markdown):
            sums = _TAG.sub("", without_code(paragraph, formulas=True))
            if has_link(paragraph) or _ARITHMETIC.search(sums):
                continue
            if found := _MEASURED.search(without_code(paragraph)):
                yield Problem(
                    _at(name, cell),
                    "measured-number",
                    f"“{found[0]}” stands in prose: expected an output, a link to its source, or arithmetic",
                )
