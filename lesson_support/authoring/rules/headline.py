"""Claims that run and verdicts on published ones."""

from collections import Counter

from lesson_support.authoring.calls import ClaimCall, claim_calls
from lesson_support.authoring.formatting import SLUG
from lesson_support.authoring.page import Page, rule


def _calls(page: Page, *names: str) -> list[tuple[str, ClaimCall]]:
    """The calls of these names, each with the id of its cell."""
    return [(cell.id, call) for cell in page.code for call in claim_calls(cell.source) if call.name in names]


@rule
def claim_count(page: Page):
    """Three to seven headline claims: calls of `verify` and `verify.faster`."""
    count = len(_calls(page, "verify", "verify.faster"))
    if not 3 <= count <= 7:
        yield "the notebook", f"{count} headline claims: expected three to seven"


@rule
def claim_ids(page: Page):
    """A headline claim has a literal slug of its own, so that a link to it lasts."""
    found = _calls(page, "verify", "verify.faster")
    for where, call in found:
        if call.claim is None or not SLUG.fullmatch(call.claim):
            yield where, f"{call.name} got no literal slug as its id"
    for claim, count in Counter(call.claim for _, call in found if call.claim).items():
        if count > 1:
            yield "the notebook", f"the claim id {claim} is used {count} times: expected once"


@rule
def verdict_known(page: Page):
    """A verdict settles a published claim that lists this lesson, once, and names it by a literal."""
    seen: set[str] = set()
    for where, call in _calls(page, "verify.verdict"):
        claim = page.claims.get(call.claim) if call.claim else None
        if claim is None:
            yield where, f"the verdict on {call.claim!r} settles no published claim"
        elif page.lesson.number not in claim.lessons:
            yield where, f"the claim {claim.id} does not list lesson {page.lesson.number}"
        elif claim.id in seen:
            yield where, f"a second verdict on {claim.id}: expected one"
        seen.add(call.claim or "")


@rule
def verdict_given(page: Page):
    """Every published claim that lists this lesson gets its verdict here."""
    given = {call.claim for _, call in _calls(page, "verify.verdict")}
    for claim in page.claims.values():
        if page.lesson.number in claim.lessons and claim.id not in given:
            yield "the notebook", f"no verdict on {claim.id}, which lists this lesson"
