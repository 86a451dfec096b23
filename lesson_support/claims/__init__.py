"""Claims that run: `verify` for what a lesson states, `verify.verdict` for what others published."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from lesson_support import measured, timing
from lesson_support.claims.checks import (
    ClaimFailed,
    check_clause,
    check_heading,
    check_unless,
    must_fail,
    not_so,
    truth,
)
from lesson_support.claims.published import Claim, load_claims, published_claims
from lesson_support.errors import LessonError
from lesson_support.records import did_you_mean, is_number

__all__ = ["VERDICTS", "Claim", "ClaimFailed", "load_claims", "published_claims", "verify"]

VERDICTS = ("holds", "holds when", "refuted", "cannot be settled")


class _Verify:
    """What a notebook calls to state a claim; see `__call__`, `faster` and `verdict`."""

    def __call__(self, id: str, text: str, condition: Any, *, unless: Mapping[str, Any]) -> None:
        """State `text` and check it: `condition` must be true and every counterexample in `unless` false.

        A label in `unless` reads naturally after "not so". What is not a single boolean is a LessonError.
        """
        check_heading(id, text)
        check_unless(id, unless)
        if not truth(condition, f"the condition of {id}"):
            raise ClaimFailed(f"{id}: not so: {text}")
        must_fail(id, unless)
        print(f"✔ {text}{not_so(unless)}")

    def faster(
        self,
        id: str,
        text: str,
        fast: Callable[[], Any],
        slow: Callable[[], Any],
        *,
        at_least: float,
        unless: Mapping[str, tuple[Callable[[], Any], Callable[[], Any]]],
        time_limit: float = 2.0,
        same: timing.Same | None = timing.agree,
    ) -> None:
        """State that `fast` takes at most 1/`at_least` of `slow`'s time, but not for the pairs in `unless`.

        The claim holds if the ratio's whole interval reaches `at_least`, and a counterexample fails if none
        of it does; `time_limit` and `same` go to `timing.ratio`. On a miss a test run (`LESSONS_STRICT=1`)
        raises ClaimFailed; a reader gets a line with this machine's ratio and the published one, and goes on.
        """
        check_heading(id, text)
        check_unless(id, unless)
        if not is_number(at_least) or at_least < 1:
            raise LessonError(f"{id}: at_least is {at_least!r}: expected a number from 1 up, such as 50")
        for label, pair in {"fast and slow": (fast, slow), **unless}.items():
            if not isinstance(pair, tuple) or len(pair) != 2 or not all(map(callable, pair)):
                raise LessonError(
                    f"{id}: {label!r} is {pair!r}: expected two functions without arguments (fast, slow)"
                )

        def measure(pair):
            return timing.ratio(pair[1], pair[0], at_least=at_least, time_limit=time_limit, same=same)

        limit = f"at least {_plain(at_least)}×"
        ratio = measure((fast, slow))
        if ratio.low < at_least:
            return _miss(id, f"{text}: {limit}", ratio)
        contrasts = []
        for label, pair in unless.items():
            other = measure(pair)
            if other.high >= at_least:
                return _miss(id, f"{text}: {limit}, but also for the counterexample “{label}”", other)
            contrasts.append(f"{label} (measured {_times(other.median)})")
        print(f"✔ {text}: {limit} (measured {_times(ratio.median)}), not so {'; '.join(contrasts)}")
        return None

    def verdict(
        self,
        claim_id: str,
        verdict: str,
        *,
        evidence: Any = None,
        when: str | None = None,
        because: str | None = None,
        unless: Mapping[str, Any] | None = None,
    ) -> None:
        """Settle a published claim: `verdict` is "holds", "holds when", "refuted" or "cannot be settled".

        `evidence` is the true fact that the verdict rests on; `unless` holds facts that must be false.
        "holds when" needs `when`, which continues those words; "cannot be settled" needs `because`, a clause,
        and takes neither evidence nor `unless`.
        """
        claim = published_claims().get(claim_id)
        if claim is None:
            close = did_you_mean(str(claim_id), published_claims())
            raise LessonError(
                f"there is no published claim {claim_id!r}: expected an id from claims.toml{close}"
            )
        if verdict not in VERDICTS:
            raise LessonError(f"{claim_id}: the verdict {verdict!r} is none of {', '.join(VERDICTS)}")
        unsettled = verdict == "cannot be settled"
        check_clause(claim_id, "when", when, verdict == "holds when", verdict)
        check_clause(claim_id, "because", because, unsettled, verdict)
        if unsettled:
            if evidence is not None or unless is not None:
                raise LessonError(
                    f"{claim_id}: “cannot be settled” got evidence: expected none, only because="
                )
            return print(f"⚖ cannot be settled because {because}: “{claim.text}” ({claim_id})")
        if evidence is None:
            raise LessonError(f"{claim_id}: “{verdict}” got no evidence: expected the fact that it rests on")
        if unless is not None:
            check_unless(claim_id, unless)
        if not truth(evidence, f"the evidence of {claim_id}"):
            raise ClaimFailed(f"{claim_id}: the evidence does not bear out “{verdict}”: {claim.text}")
        must_fail(claim_id, unless or {})
        opening = f"{verdict} {when}" if when else verdict
        return print(f"⚖ {opening}: “{claim.text}” ({claim_id}){not_so(unless or {})}")


verify = _Verify()


def _miss(id: str, statement: str, ratio: Any) -> None:
    """Strict: an error with the interval. Lenient: a line, this machine's ratio beside the published one."""
    if os.environ.get("LESSONS_STRICT") == "1":
        interval = f"{_times(ratio.low)} to {_times(ratio.high)}"
        raise ClaimFailed(f"{id}: {statement}: measured {_times(ratio.median)}, interval {interval}")
    published = measured.newest(f"claims/{id}")
    elsewhere = "none published"
    if published is not None:
        # a closing bracket in a device's name would end the part that output comparison ignores
        device = " ".join(re.sub(r"\([^)]*\)|[()]", "", published.device).split())
        elsewhere = f"published {_times(published.result.median)} on {device}"
    print(f"✘ not on this machine: {statement} (measured {_times(ratio.median)}; {elsewhere})")


def _plain(value: float) -> str:
    return f"{value:,.10g}"


def _times(value: float) -> str:
    """812×, 31×, 3.1×, 1.04×, 0.20×: as many digits as a timing deserves."""
    if value >= 999.5:
        value = float(f"{value:.3g}")
    digits = 0 if value >= 9.95 else 1 if value >= 1.995 else 2
    return f"{value:,.{digits}f}×"
