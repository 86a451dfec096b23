"""`verify` in all its forms: each line as printed, each way to fail, and the published claims it settles."""

import re
import tomllib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lesson_support import claims, measured, paths
from lesson_support.claims import Claim, ClaimFailed, load_claims, published_claims, verify
from lesson_support.errors import LessonError

X = torch.arange(6.0).reshape(2, 3)
FREE = X.T.data_ptr() == X.data_ptr()
COPIED = X.T.contiguous().data_ptr() == X.data_ptr()

# --- verify


def test_a_claim_that_holds(capsys):
    result = verify(
        "transpose-is-free", "a transpose moves no data", FREE, unless={"after .contiguous()": COPIED}
    )
    assert result is None
    assert capsys.readouterr().out == "✔ a transpose moves no data (not so after .contiguous())\n"


def test_two_counterexamples(capsys):
    verify("a", "it holds", True, unless={"for one": False, "for two": False})
    assert capsys.readouterr().out == "✔ it holds (not so for one; for two)\n"


def test_a_claim_that_does_not_hold(capsys):
    with pytest.raises(ClaimFailed) as error:
        verify("transpose-copies", "a transpose copies", not FREE, unless={"ever": False})
    assert str(error.value) == "transpose-copies: not so: a transpose copies"
    assert isinstance(error.value, AssertionError) and not isinstance(error.value, LessonError)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "unless", [{"after nothing": True}, {"here": False, "after nothing": torch.tensor(True)}]
)
def test_a_check_that_cannot_fail(unless, capsys):
    with pytest.raises(ClaimFailed) as error:
        verify("always", "it always holds", True, unless=unless)
    assert (
        str(error.value) == "the check of always cannot fail: the counterexample 'after nothing' also holds"
    )
    assert capsys.readouterr().out == ""


TRUE = [True, np.True_, np.array(True), torch.tensor(True), np.array([1.0]).all(), (X == X).all()]
FALSE = [False, np.False_, np.array(False), torch.tensor(False), (X == X + 1).any()]


@pytest.mark.parametrize("value", TRUE, ids=lambda value: type(value).__name__)
def test_every_kind_of_true(value, capsys):
    verify("a", "it holds", value, unless={"not": False})
    assert capsys.readouterr().out.startswith("✔")


@pytest.mark.parametrize("value", FALSE, ids=lambda value: type(value).__name__)
def test_every_kind_of_false(value):
    with pytest.raises(ClaimFailed):
        verify("a", "it holds", value, unless={"not": False})
    verify("a", "it holds", True, unless={"not": value})


NO_BOOLEAN = [
    (None, "is a NoneType (None): expected True or False"),
    (1, "is a int (1): expected True or False"),
    ("yes", "is a str ('yes'): expected True or False"),
    ([True], "is a list ([True]): expected True or False"),
    (
        torch.ones(3, dtype=torch.bool),
        "is a Tensor of shape (3,) and torch.bool: expected one boolean; did you mean .all()?",
    ),
    (
        np.ones((2, 2), dtype=bool),
        "is a ndarray of shape (2, 2) and bool: expected one boolean; did you mean .all()?",
    ),
    (
        torch.ones(1, dtype=torch.bool),
        "is a Tensor of shape (1,) and torch.bool: expected one boolean; did you mean .all()?",
    ),
    (torch.tensor(1), "is a Tensor of shape () and torch.int64: expected one boolean"),
    (np.float64(1), "is a float64 of shape () and float64: expected one boolean"),
]


@pytest.mark.parametrize("value, said", NO_BOOLEAN, ids=[str(n) for n in range(len(NO_BOOLEAN))])
def test_what_is_no_boolean(value, said):
    with pytest.raises(LessonError) as error:
        verify("a", "it holds", value, unless={"not": False})
    assert str(error.value) == f"the condition of a {said}"
    with pytest.raises(LessonError) as error:
        verify("a", "it holds", True, unless={"so": value})
    assert str(error.value) == f"the counterexample 'so' of a {said}"


@pytest.mark.parametrize("name", ["", "A", "two words", "a--b", "-a", "a-", "a_b", "ä", "a\n", None, 3])
def test_an_id_is_a_slug(name):
    with pytest.raises(LessonError, match="is no slug: expected small letters, digits and single hyphens"):
        verify(name, "it holds", True, unless={"not": False})


@pytest.mark.parametrize("text", ["", " ", "two\nlines", "ends ", None, 3])
def test_a_text_is_one_line(text):
    with pytest.raises(LessonError, match="^a: the text is .*: expected one line of text"):
        verify("a", text, True, unless={"not": False})


@pytest.mark.parametrize("unless", [{}, None, [("x", False)], {"": False}, {3: False}, {"a\nb": False}])
def test_a_counterexample_is_asked_for(unless):
    with pytest.raises(LessonError, match="^a: unless is .*: expected a dict with at least one label"):
        verify("a", "it holds", True, unless=unless)


def test_unless_cannot_be_left_out():
    with pytest.raises(TypeError):
        verify("a", "it holds", True)


# --- verify.faster


def fast():
    return "fast"


def slow():
    return "slow"


def small():
    return "small"


@pytest.fixture
def ratios(monkeypatch):
    """Set what the clock says: (slow, fast) -> (low, median, high); the calls are kept."""
    table, calls = {}, []

    def ratio(slow, fast, *, at_least=None, time_limit=2.0, same="default"):
        calls.append((slow, fast, at_least, time_limit, same))
        low, median, high = table[slow(), fast()]
        return SimpleNamespace(low=low, median=median, high=high)

    monkeypatch.setattr(claims.timing, "ratio", ratio)
    table.update({("slow", "fast"): (700, 812.4, 900), ("slow", "small"): (2.9, 3.14, 3.5)})
    return SimpleNamespace(table=table, calls=calls)


@pytest.fixture(autouse=True)
def nothing_published(tmp_path, monkeypatch):
    folder = tmp_path / "measured"
    folder.mkdir()
    monkeypatch.setattr(measured, "FOLDER", folder)
    return folder


def blas(at_least=50, unless=None, **options):
    unless = unless or {"for 4×4 matrices": (small, slow)}
    verify.faster(
        "blas-vs-python", "BLAS beats the loop", fast, slow, at_least=at_least, unless=unless, **options
    )


def test_faster(ratios, capsys):
    blas()
    line = "✔ BLAS beats the loop: at least 50× (measured 812×), not so for 4×4 matrices (measured 3.1×)\n"
    assert capsys.readouterr().out == line
    assert ratios.calls == [
        (slow, fast, 50, 2.0, claims.timing.agree),
        (slow, small, 50, 2.0, claims.timing.agree),
    ]


def test_faster_passes_its_options_on(ratios):
    blas(time_limit=0.5, same=None)
    assert [call[3:] for call in ratios.calls] == [(0.5, None)] * 2


def test_faster_with_two_counterexamples(ratios, capsys):
    ratios.table["small", "fast"] = (1.0, 1.04, 1.1)
    blas(unless={"for 4×4 matrices": (small, slow), "for one row": (fast, small)})
    assert capsys.readouterr().out.endswith(
        ", not so for 4×4 matrices (measured 3.1×); for one row (measured 1.04×)\n"
    )


def test_only_the_measured_part_changes(ratios, capsys):
    blas()
    ratios.table["slow", "fast"] = (60, 61, 62)
    ratios.table["slow", "small"] = (0.1, 0.2, 0.3)
    blas()
    first, second = capsys.readouterr().out.splitlines()
    assert first != second
    assert len({re.sub(r"\(measured [^)]*\)", "", line) for line in (first, second)}) == 1


@pytest.mark.parametrize("interval", [(20, 31, 49), (40, 60, 70), (49.9, 50, 51)])
def test_a_miss_goes_on(ratios, interval, capsys):
    ratios.table["slow", "fast"] = interval
    blas()
    number = f"{interval[1]}×"
    assert capsys.readouterr().out == (
        f"✘ not on this machine: BLAS beats the loop: at least 50× (measured {number}; none published)\n"
    )
    assert len(ratios.calls) == 1


def test_a_miss_under_test_is_an_error(ratios, monkeypatch, capsys):
    monkeypatch.setenv("LESSONS_STRICT", "1")
    ratios.table["slow", "fast"] = (28.2, 31, 33.4)
    with pytest.raises(ClaimFailed) as error:
        blas()
    assert str(error.value) == (
        "blas-vs-python: BLAS beats the loop: at least 50×: measured 31×, interval 28× to 33×"
    )
    assert capsys.readouterr().out == ""


def test_strict_lets_a_hit_pass(ratios, monkeypatch, capsys):
    monkeypatch.setenv("LESSONS_STRICT", "1")
    blas()
    assert capsys.readouterr().out.startswith("✔ BLAS beats the loop")


def test_the_interval_may_touch_the_limit(ratios, capsys):
    ratios.table["slow", "fast"] = (50, 55, 60)
    blas()
    assert capsys.readouterr().out.startswith("✔")


@pytest.mark.parametrize("interval", [(60, 61, 62), (10, 20, 50), (40, 55, 70)])
def test_a_counterexample_that_also_wins(ratios, interval, monkeypatch, capsys):
    ratios.table["slow", "small"] = interval
    blas()
    start = "BLAS beats the loop: at least 50×, but also for the counterexample “for 4×4 matrices”"
    number = f"{interval[1]}×"
    assert capsys.readouterr().out == f"✘ not on this machine: {start} (measured {number}; none published)\n"
    monkeypatch.setenv("LESSONS_STRICT", "1")
    with pytest.raises(ClaimFailed) as error:
        blas()
    assert str(error.value).startswith(f"blas-vs-python: {start}: measured {number}, interval ")


def test_a_miss_shows_the_published_ratio(ratios, nothing_published, tmp_path, capsys):
    figure = {"unit": "×", "median": 812.0, "spread": [790.0, 830.0], "n": 15}
    run = measured.record_run(
        {"claims/blas-vs-python": figure},
        tmp_path / "runs",
        device="Intel(R) Xeon(R) (Skylake) CPU",
        date="2026-01-31",
        commit="abc",
        versions={"torch": "2.13.0"},
    )
    measured.publish(run, nothing_published)
    ratios.table["slow", "fast"] = (30, 31, 32)
    blas()
    line = capsys.readouterr().out
    assert line.endswith("at least 50× (measured 31×; published 812× on Intel Xeon CPU)\n")
    assert (
        re.sub(r"\(measured [^)]*\)", "", line)
        == "✘ not on this machine: BLAS beats the loop: at least 50× \n"
    )


@pytest.mark.parametrize(
    "at_least", [0.5, 0, -3, "50", None, True, float("nan"), float("inf"), torch.tensor(50)]
)
def test_at_least_is_a_number(ratios, at_least):
    with pytest.raises(LessonError, match="^blas-vs-python: at_least is .*: expected a number from 1 up"):
        blas(at_least=at_least)
    assert ratios.calls == []


def test_at_least_one_is_enough(ratios, capsys):
    ratios.table["slow", "small"] = (0.5, 0.6, 0.7)
    blas(at_least=1)
    assert "at least 1× " in capsys.readouterr().out


@pytest.mark.parametrize("pair", [fast, (fast,), (fast, slow, fast), (fast, 3), [fast, slow], True])
def test_a_counterexample_is_a_pair(ratios, pair):
    with pytest.raises(
        LessonError, match=r"'for tiny' is .*: expected two functions without arguments \(fast, slow\)"
    ):
        blas(unless={"for tiny": pair})
    assert ratios.calls == []


def test_the_sides_are_functions(ratios):
    with pytest.raises(LessonError, match="'fast and slow' is"):
        verify.faster("a", "it is fast", fast, 3, at_least=2, unless={"not": (small, slow)})


@pytest.mark.parametrize("unless", [{}, None, {"": (fast, slow)}])
def test_faster_asks_for_a_counterexample(ratios, unless):
    with pytest.raises(LessonError, match="^a: unless is"):
        verify.faster("a", "it is fast", fast, slow, at_least=2, unless=unless)


def test_faster_checks_id_and_text(ratios):
    with pytest.raises(LessonError, match="is no slug"):
        verify.faster("A", "it is fast", fast, slow, at_least=2, unless={"not": (small, slow)})
    with pytest.raises(LessonError, match="the text is"):
        verify.faster("a", "", fast, slow, at_least=2, unless={"not": (small, slow)})


@pytest.mark.parametrize(
    "value, written",
    [
        (812.4, "812×"),
        (31.4, "31×"),
        (9.96, "10×"),
        (9.94, "9.9×"),
        (3.14, "3.1×"),
        (1.996, "2.0×"),
        (1.994, "1.99×"),
        (1.04, "1.04×"),
        (0.2, "0.20×"),
        (999.4, "999×"),
        (999.6, "1,000×"),
        (12_345, "12,300×"),
    ],
)
def test_a_ratio_has_as_many_digits_as_it_deserves(ratios, value, written, capsys):
    ratios.table["slow", "fast"] = (value, value, value)
    ratios.table["slow", "small"] = (0.1, 0.1, 0.1)
    blas(at_least=max(1, value / 2))
    assert f"(measured {written}" in capsys.readouterr().out


def test_the_real_clock(capsys, monkeypatch):
    monkeypatch.setenv("LESSONS_STRICT", "1")
    numbers = list(range(20_000))
    verify.faster(
        "sum-of-less",
        "a sum over a hundredth of the list is faster",
        lambda: sum(numbers[:200]) and None,
        lambda: sum(numbers) and None,
        at_least=5,
        unless={"for the whole list": (lambda: sum(numbers) and None, lambda: sum(numbers) and None)},
    )
    line = re.sub(r"\(measured [^)]*\)", "()", capsys.readouterr().out)
    assert (
        line
        == "✔ a sum over a hundredth of the list is faster: at least 5× (), not so for the whole list ()\n"
    )


def test_results_that_differ_are_refused_before_they_are_timed():
    with pytest.raises(LessonError, match="do not compute the same"):
        verify.faster("a", "it is fast", lambda: 1, lambda: 2, at_least=2, unless={"not": (fast, fast)})


# --- verify.verdict

TEXT = "A work-efficient parallel scan in Triton is 5–10× faster."


def test_holds_when(capsys):
    verify.verdict(
        "mmrec-triton-5-10x", "holds when", when="measured against a tree of torch operations", evidence=True
    )
    assert capsys.readouterr().out == (
        f"⚖ holds when measured against a tree of torch operations: “{TEXT}” (mmrec-triton-5-10x)\n"
    )


@pytest.mark.parametrize("verdict", ["holds", "refuted"])
def test_a_plain_verdict(verdict, capsys):
    verify.verdict("mmrec-triton-5-10x", verdict, evidence=torch.tensor(True))
    assert capsys.readouterr().out == f"⚖ {verdict}: “{TEXT}” (mmrec-triton-5-10x)\n"


def test_cannot_be_settled(capsys):
    verify.verdict("mmrec-triton-5-10x", "cannot be settled", because="the hardware is unstated")
    assert capsys.readouterr().out == (
        f"⚖ cannot be settled because the hardware is unstated: “{TEXT}” (mmrec-triton-5-10x)\n"
    )


def test_a_verdict_with_a_counterexample(capsys):
    verify.verdict("mmrec-triton-5-10x", "refuted", evidence=True, unless={"at 10 rows": False})
    assert capsys.readouterr().out == f"⚖ refuted: “{TEXT}” (mmrec-triton-5-10x) (not so at 10 rows)\n"
    with pytest.raises(ClaimFailed, match="cannot fail: the counterexample 'at 10 rows' also holds"):
        verify.verdict("mmrec-triton-5-10x", "refuted", evidence=True, unless={"at 10 rows": True})


@pytest.mark.parametrize(
    "verdict, extra", [("holds", {}), ("refuted", {}), ("holds when", {"when": "measured"})]
)
def test_evidence_must_be_true(verdict, extra):
    with pytest.raises(ClaimFailed) as error:
        verify.verdict("mmrec-triton-5-10x", verdict, evidence=False, **extra)
    assert str(error.value) == f"mmrec-triton-5-10x: the evidence does not bear out “{verdict}”: {TEXT}"


@pytest.mark.parametrize(
    "verdict, options, said",
    [
        ("holds", {}, "got no evidence: expected the fact that it rests on"),
        ("refuted", {}, "got no evidence"),
        ("holds when", {"when": "measured"}, "got no evidence"),
        ("holds when", {"evidence": True}, "got when=None: expected one line of text"),
        ("holds when", {"evidence": True, "when": ""}, "got when='': expected"),
        (
            "holds",
            {"evidence": True, "when": "measured"},
            "got when='measured': expected no when= with this verdict",
        ),
        (
            "refuted",
            {"evidence": True, "because": "so"},
            "got because='so': expected no because= with this verdict",
        ),
        ("cannot be settled", {}, "got because=None: expected one line of text"),
        (
            "cannot be settled",
            {"because": "so", "evidence": True},
            "got evidence: expected none, only because=",
        ),
        ("cannot be settled", {"because": "so", "evidence": False}, "got evidence: expected none"),
        ("cannot be settled", {"because": "so", "unless": {"x": False}}, "got evidence: expected none"),
        ("cannot be settled", {"because": "so", "when": "x"}, "got when='x': expected no when="),
        ("holds", {"evidence": 1}, "the evidence of mmrec-triton-5-10x is a int (1): expected True or False"),
        ("holds", {"evidence": X > 0}, "did you mean .all()?"),
        ("holds", {"evidence": True, "unless": {}}, "unless is {}: expected a dict"),
        (
            "true",
            {"evidence": True},
            "the verdict 'true' is none of holds, holds when, refuted, cannot be settled",
        ),
    ],
)
def test_a_verdict_that_does_not_add_up(verdict, options, said, capsys):
    with pytest.raises(LessonError, match=re.escape(said)):
        verify.verdict("mmrec-triton-5-10x", verdict, **options)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "name, said",
    [
        ("mmrec-triton-5-20x", r"; did you mean mmrec-triton-5-10x"),
        ("zzz", r"expected an id from claims\.toml$"),
        (3, r"there is no published claim 3"),
    ],
)
def test_an_unknown_claim(name, said):
    with pytest.raises(LessonError, match=said):
        verify.verdict(name, "holds", evidence=True)


# --- claims.toml

CLAIMS = published_claims()
SOURCES = {
    "a fifty-lesson PyTorch series": 8,
    "a Rust training program on PyTorch bindings (tch 0.20)": 18,
    'a Rust framework "with complete TensorFlow/PyTorch parity"': 6,
    "MM-Rec project documents": 26,
    "CleanAI v5 documents": 22,
    "PyTorch documentation": 1,
    "folklore": 13,
}
# The lessons of which the curriculum says that they settle something.
SETTLING = [1, 2, 5, 6, 7, 9, 10, 14, 16, 17, 19, 21, 22, 29, 30, 36, 40, 41, 42, 43, 44, 45, 46, 47, 49, 50]


def test_every_claim_has_one_of_the_known_sources():
    assert {source: sum(claim.source == source for claim in CLAIMS.values()) for source in SOURCES} == SOURCES
    assert len(CLAIMS) == sum(SOURCES.values()) == 94


@pytest.mark.parametrize("lesson", SETTLING)
def test_a_lesson_that_settles_something_has_a_claim(lesson):
    assert any(lesson in claim.lessons for claim in CLAIMS.values())


@pytest.mark.parametrize(
    "lesson, count",
    [
        (1, 2),
        (2, 1),
        (5, 3),
        (6, 4),
        (7, 1),
        (9, 3),
        (16, 12),
        (22, 1),
        (30, 1),
        (41, 3),
        (42, 2),
        (46, 14),
        (47, 9),
        (50, 17),
    ],
)
def test_how_many_claims_a_lesson_settles(lesson, count):
    assert sum(lesson in claim.lessons for claim in CLAIMS.values()) == count


PUBLISHED_FIGURES = """
1000×|2–3×|1,985,538|1,997,826|1,991,682|7,804 KB|epoch 41|92.65%|10,000 samples|4.33 s|13.2M samples/s
250,000 samples/s|0.004 ms|0.5 ms|batch of 128|about 2×|30%|41 of 50|“unlimited”|1–2 MB|100 MB+|20–30%
2–5×|5–10×|1.5–2×|10–20%|4–125×|T/8K|30–50%|about 50%|about 75%|10–20×|30–50×|27×|0.20×|1/(coverage+ε)
78.59%|25.56M|4.13 GFLOPs|0.028 ms|0.10%|20.99M|3.04 GFLOPs|1.026 ms|63.86%|21.44M|3.21 GFLOPs|2.305 ms
60.11%|21.30M|3.13 GFLOPs|0.015 ms|36–80|3–5|30–40%|25–30%|less than 2%|1.3–1.5×|14.73|18.48|16–18%
22–27%|+21%|50–100|100–200|h_t = z_t⊙σ(W_g h_{t−1}) + γ⊙h_{t−1}|20→768→1024→768→512→2
-march=native -ffast-math|O(log n)
"""


@pytest.mark.parametrize("figure", re.split(r"[|\n]", PUBLISHED_FIGURES.strip()))
def test_published_figures_are_carried_over(figure):
    assert any(figure in claim.text or figure in claim.denominator for claim in CLAIMS.values())


def test_claims_read_as_sentences():
    for claim in CLAIMS.values():
        assert claim.text.endswith(".") and "(measured" not in claim.text
        assert claim.text[0].isupper() or claim.text.startswith(
            ("torch.compile", "-ffast-math", *"0123456789")
        )
        assert len(claim.text) <= 125 and not claim.denominator.endswith(".")
        assert list(claim.lessons) == sorted(claim.lessons)


def test_no_two_claims_say_the_same():
    texts = [claim.text.casefold() for claim in CLAIMS.values()]
    assert len(set(texts)) == len(texts)


def test_the_ids_that_lessons_rely_on():
    assert {"transpose-moves-no-data", "mmrec-triton-5-10x", "cleanai-inverted-importance"} <= set(CLAIMS)


def test_what_is_handed_out_is_a_copy():
    published_claims().clear()
    assert len(published_claims()) == len(CLAIMS)
    with pytest.raises(AttributeError):
        CLAIMS["mmrec-triton-5-10x"].text = "another"


ENTRY = {
    "id": "a-b",
    "text": "It is fast.",
    "source": "folklore",
    "denominator": "unstated",
    "lessons": [1, 50],
}


def _load(tmp_path, *entries):
    lines = []
    for entry in entries:
        # Python's repr of these plain values is TOML's
        lines += [
            "[[claim]]",
            *(f"{key} = {value!r}".replace("True", "true") for key, value in entry.items()),
        ]
    file = tmp_path / "claims.toml"
    file.write_text("\n".join(lines))
    assert tomllib.loads(file.read_text())
    return load_claims(file)


def test_a_good_entry_loads(tmp_path):
    assert _load(tmp_path, ENTRY) == {"a-b": Claim("a-b", "It is fast.", "folklore", "unstated", (1, 50))}


@pytest.mark.parametrize(
    "change, said",
    [
        ({"id": "A b"}, "claim 1 (A b): id is 'A b': expected a slug"),
        ({"id": 3}, "claim 1 (3): id is 3: expected a slug"),
        ({"text": ""}, "claim 1 (a-b): text is '': expected one line of text"),
        ({"source": " "}, "source is ' ': expected one line of text"),
        ({"denominator": ""}, "denominator is '': expected one line of text"),
        ({"lessons": []}, "lessons is []: expected a list of 1 or more different items"),
        ({"lessons": [0]}, "lessons is [0]: expected"),
        ({"lessons": [51]}, "each a whole number from 1 to 50"),
        ({"lessons": [1, 1]}, "different items"),
        ({"lessons": 1}, "lessons is 1: expected a list"),
        ({"lessons": [True]}, "lessons is [True]"),
        ({"verdict": "holds"}, "claim 1 (a-b) has the unknown key 'verdict': expected id, text, source"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, change, said):
    with pytest.raises(LessonError, match=re.escape(said)) as error:
        _load(tmp_path, {**ENTRY, **change})
    assert str(tmp_path / "claims.toml") in str(error.value)


@pytest.mark.parametrize("key", ENTRY)
def test_a_missing_key_is_named(tmp_path, key):
    with pytest.raises(LessonError, match=f"has no '{key}': expected"):
        _load(tmp_path, {name: value for name, value in ENTRY.items() if name != key})


def test_an_id_is_used_once(tmp_path):
    with pytest.raises(LessonError, match=r"claim 2 \(a-b\): the id is taken by an earlier claim"):
        _load(tmp_path, ENTRY, {**ENTRY, "text": "Another."})


@pytest.mark.parametrize(
    "text, said", [("claim = [3]", "claim 1 .* is int"), ("", "has no 'claim'"), ("x", "not valid")]
)
def test_a_file_of_something_else(tmp_path, text, said):
    file = tmp_path / "claims.toml"
    file.write_text(text)
    with pytest.raises(LessonError, match=said):
        load_claims(file)


def test_the_file_is_package_data():
    assert (paths.PACKAGE / "claims.toml").is_file()
