"""The course's data: what the recall task asks, and text whose held-out part is not in the rest."""

import hashlib
from pydoc_data.topics import topics

import pytest
import torch

from lesson_support import data
from lesson_support.errors import LessonError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_question_has_the_answer_that_was_shown():
    tokens, targets = data.recall_batch(5, batch=40, generator=generator(), keys=7, values=3)
    assert tokens.shape == targets.shape == (40, 15) and tokens.dtype == targets.dtype == torch.int64
    for row, asked in zip(tokens.tolist(), targets.tolist(), strict=True):
        shown = dict(zip(row[:10:2], row[1:10:2], strict=True))
        assert len(shown) == 5 and set(shown) <= set(range(7)) and set(shown.values()) <= {7, 8, 9}
        assert asked == [data.IGNORED] * 10 + [shown[key] for key in row[10:]]
        assert sorted(row[10:]) == sorted(shown)


def test_keys_values_and_questions_come_in_every_order():
    tokens, _ = data.recall_batch(3, batch=400, generator=generator(), keys=3, values=2)
    for part in (tokens[:, 0:6:2], tokens[:, 6:]):
        assert len(part.unique(dim=0)) == 6
    assert len(tokens[:, 1:6:2].unique(dim=0)) == 8
    shown_at = (tokens[:, 6:, None] == tokens[:, None, 0:6:2]).int().argmax(2)
    assert len(shown_at.unique(dim=0)) == 6  # the order of asking says nothing


def test_the_seed_decides():
    one, same, other = (data.recall_batch(4, batch=8, generator=generator(seed)).tokens for seed in (3, 3, 4))
    assert torch.equal(one, same) and not torch.equal(one, other)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pairs": 0}, "pairs = 0: expected 1 to 16"),
        ({"pairs": 17}, "pairs = 17: expected 1 to 16"),
        ({"pairs": 2.0}, "pairs = 2.0: expected 1 to 16"),
        ({"batch": 0}, "batch = 0: expected a whole number of 1 or more"),
        ({"values": 1}, "values = 1: expected a whole number of 2 or more"),
        ({"keys": -1}, "keys = -1: expected a whole number of 1 or more"),
    ],
)
def test_a_task_without_meaning_is_refused(change, words):
    arguments = {"pairs": 2, "batch": 1, "generator": generator()} | change
    with pytest.raises(LessonError, match=words):
        data.recall_batch(**arguments)


def words_of(paragraph: str) -> str:
    return "".join(paragraph.split())


def test_no_paragraph_occurs_twice():
    text = data.reference_text()
    train, validation = (bytes(part.tolist()).decode() for part in (text.train, text.validation))
    paragraphs = [words_of(each) for each in (train + "\n\n" + validation).split("\n\n")]
    paragraphs = [each for each in paragraphs if each]
    assert len(paragraphs) == len(set(paragraphs)) > 2000
    everything = {words_of(each) for topic in topics.values() for each in topic.split("\n\n")} - {""}
    assert set(paragraphs) == everything  # nothing is lost either


def test_the_text_can_be_known_again():
    text, again = data.reference_text(), data.reference_text()
    assert text.sha256 == again.sha256
    both = bytes(text.train.tolist()) + b"\0" + bytes(text.validation.tolist())
    assert hashlib.sha256(both).hexdigest() == text.sha256
    assert text.python in text.provenance and text.sha256[:12] in text.provenance
    assert f"{len(text.train):,} + {len(text.validation):,} bytes" in text.provenance
    assert len(text.train) > 8 * len(text.validation) > 100_000


def test_windows_hold_each_byte_and_its_successor():
    text = torch.arange(50, dtype=torch.uint8)
    x, y = data.byte_windows(text, batch=2000, length=10, generator=generator())
    assert x.shape == y.shape == (2000, 10) and x.dtype == torch.int64
    assert torch.equal(y, x + 1) and torch.equal(x[:, 1:], y[:, :-1])
    assert set(x[:, 0].tolist()) == set(range(40))  # the last window ends with the last byte
    whole, _ = data.byte_windows(text, batch=3, length=49, generator=generator())
    assert torch.equal(whole, torch.arange(49).expand(3, 49))


@pytest.mark.parametrize(
    ("text", "length", "words"),
    [
        (torch.zeros(9), 2, "text is torch.float32 of shape"),
        (torch.zeros(3, 3, dtype=torch.uint8), 2, "expected a row of uint8"),
        (torch.zeros(9, dtype=torch.uint8), 9, "length = 9: expected 1 to 8"),
        (torch.zeros(9, dtype=torch.uint8), 0, "length = 0: expected 1 to 8"),
    ],
)
def test_windows_that_do_not_fit_are_refused(text, length, words):
    with pytest.raises(LessonError, match=words):
        data.byte_windows(text, batch=1, length=length, generator=generator())
