"""From how many calls on a linear layer is faster on a card, its weights copied there once."""

from __future__ import annotations

from fractions import Fraction

from lesson_support.questions.kinds import Function


def calls_to_pay(
    batch: int, d_in: int, d_out: int, host: int, card: int, link: int, latency: int
) -> int | None:
    """The fewest calls of x @ W for which the card, W copied once, is faster than the host; None: never."""
    operations = 2 * batch * d_in * d_out
    once = latency + 4 * d_in * d_out / link
    each = 3 * latency + 4 * (batch * d_in + batch * d_out) / link + operations / card
    gained = operations / host - each
    if gained <= 0:
        return None
    return int(once // gained) + 1


def oracle(batch, d_in, d_out, host, card, link, latency):
    """Call after call, in exact fractions."""
    work = batch * d_in * d_out + batch * d_in * d_out
    on_host = on_card = Fraction(0)
    on_card += latency + Fraction(d_in * d_out * 4, link)
    step = Fraction(latency) + Fraction(batch * d_in * 4, link)
    step += Fraction(latency) + Fraction(work, card)
    step += Fraction(latency) + Fraction(batch * d_out * 4, link)
    if step >= Fraction(work, host):
        return None
    calls = 0
    while True:
        calls += 1
        on_host += Fraction(work, host)
        on_card += step
        if on_card < on_host:
            return calls


def cases(rng):
    found = [
        (1, 1, 1, 1, 2, 4, 0),
        (1, 1, 1, 1, 1, 1, 0),
        (8, 8, 8, 8, 16, 8, 0),
        (8, 8, 8, 16, 32, 16, 0),
        (8, 16, 16, 16, 64, 8, 0),
        (8, 8, 8, 8, 32, 4, 1),
        (8, 8, 8, 8, 32, 64, 1),
        (8, 8, 8, 8, 32, 64, 30),
        (16, 8, 4, 8, 64, 32, 2),
        (16, 4, 8, 8, 64, 32, 2),
        (2, 64, 64, 16, 64, 64, 4),
        (64, 16, 16, 16, 256, 32, 1),
        (64, 16, 16, 256, 256, 1024, 0),
        (32, 32, 32, 64, 32, 1024, 0),
        (4, 32, 8, 8, 1024, 1024, 16),
        (256, 64, 64, 64, 4096, 64, 8),
    ]
    while len(found) < 60:
        batch, d_in, d_out = (int(2 ** rng.uniform(0, 9)) for _ in range(3))
        host, link = int(2 ** rng.uniform(4, 12)), int(2 ** rng.uniform(4, 12))
        card, latency = int(host * 2 ** rng.uniform(-1, 8)), int(rng.integers(0, 40))
        case = (batch, d_in, d_out, host, card, link, latency)
        found += [case] if (calls_to_pay(*case) or 0) <= 400 else []
    return found


def _terms(batch, d_in, d_out, host, card, link, latency):
    work = 2 * batch * d_in * d_out
    once, moved = latency + 4 * d_in * d_out / link, 4 * (batch * d_in + batch * d_out) / link
    return once, 3 * latency + moved + work / card, work / host


def _fewest(once, each, on_host):
    return None if on_host <= each else int(once // (on_host - each)) + 1


def _weights_every_time(*case):
    once, each, on_host = _terms(*case)
    return None if once + each >= on_host else 1


def _weights_for_free(*case):
    _, each, on_host = _terms(*case)
    return _fewest(0, each, on_host)


def _tie_pays(*case):
    once, each, on_host = _terms(*case)
    return None if on_host <= each else max(1, -int(-once // (on_host - each)))


def _result_stays(batch, d_in, d_out, host, card, link, latency):
    once, each, on_host = _terms(batch, d_in, d_out, host, card, link, latency)
    return _fewest(once, each - latency - 4 * batch * d_out / link, on_host)


def _one_latency(*case):
    once, each, on_host = _terms(*case)
    return _fewest(once, each - 2 * case[-1], on_host)


def _single_operations(batch, d_in, d_out, host, card, link, latency):
    return calls_to_pay(batch, d_in, d_out, 2 * host, 2 * card, link, latency)


def _bytes_are_cells(batch, d_in, d_out, host, card, link, latency):
    return calls_to_pay(batch, d_in, d_out, host, card, 4 * link, latency)


def _always(*case):
    once, each, on_host = _terms(*case)
    return int(once // abs(on_host - each)) + 1 if on_host != each else 1


def _kernel_against_host(batch, d_in, d_out, host, card, link, latency):
    return 1 if card > host else None


QUESTION = Function(
    name="calls_to_pay",
    points=2,
    difficulty="easy",
    minutes=10,
    signature="calls_to_pay(batch: int, d_in: int, d_out: int, host: int, card: int, link: int, latency: int)"
    " -> int | None",
    example=">>> calls_to_pay(batch=2, d_in=64, d_out=64, host=16, card=64, link=8, latency=4)\n4\n"
    ">>> calls_to_pay(batch=1, d_in=8, d_out=8, host=16, card=256, link=8, latency=2) is None\nTrue",
    hints=(
        "Split the card's time into what is paid once and what is paid for every call. Which of the four "
        "copies and kernels belong to which?",
        "Once: a copy of W, latency + 4·d_in·d_out/link. Each call: a copy of x, a kernel, a copy of the "
        "result, three latencies in all. The host pays 2·batch·d_in·d_out/host for each call and nothing "
        "else.",
        "Let gained = host time - card time of one call. If gained <= 0 return None. Otherwise the card is "
        "ahead when calls * gained > once, strictly: int(once // gained) + 1.",
    ),
    solution=calls_to_pay,
    wrong={
        "the weights travel with every call": _weights_every_time,
        "the weights are on the card for nothing": _weights_for_free,
        "as fast is faster": _tie_pays,
        "the result may stay where it is": _result_stays,
        "a call has one latency, whatever it does": _one_latency,
        "a multiplication and an addition are one operation": _single_operations,
        "a float32 is one byte": _bytes_are_cells,
        "with enough calls every card pays": _always,
        "the faster processor wins": _kernel_against_host,
    },
    cases=cases,
    oracle=oracle,
)
