"""A borrow checker for straight lines: which line does rustc refuse first?"""

from __future__ import annotations

from lesson_support.questions.kinds import Function

Line = tuple[str, ...]


def first_refusal(program: list[tuple]) -> int | None:
    """The first line that rustc refuses, or None."""
    last = {line[1]: at for at, line in enumerate(program) if line[0] == "use"}
    loans, moved = [], set()
    for at, line in enumerate(program):
        if line[0] in ("let", "use"):
            continue
        what, owner = line[0], line[-1]
        if owner in moved:
            return at
        writes = what in ("mut", "write", "move")
        for name, of, mutable in loans:
            if of == owner and last.get(name, -1) > at and (writes or mutable):
                return at
        if what == "move":
            moved.add(owner)
        if what in ("share", "mut"):
            loans.append((line[1], owner, what == "mut"))
    return None


def oracle(program):
    """Every pair of lines: a loan made, the same owner touched, the loan used; and all after a move."""
    refused = []
    for late, line in enumerate(program):
        if line[0] in ("let", "use"):
            continue
        for early in range(late):
            before = program[early]
            if before[0] == "move" and before[1] == line[-1]:
                refused.append(late)
            if before[0] not in ("share", "mut") or before[2] != line[-1]:
                continue
            used = any(after == ("use", before[1]) for after in map(tuple, program[late + 1 :]))
            if used and not (before[0] == "share" and line[0] in ("share", "read")):
                refused.append(late)
    return min(refused, default=None)


def programs(rng, count: int, lines: int) -> list[list[Line]]:
    """Random programs of one or two owners that never use a name before its line."""
    found = []
    for _ in range(count):
        owners = ["x", "y"][: int(rng.integers(1, 3))]
        program: list[Line] = [("let", owner) for owner in owners]
        names: list[str] = []
        for _ in range(int(rng.integers(2, lines))):
            owner = owners[int(rng.integers(len(owners)))]
            what = ("share", "mut", "use", "use", "use", "read", "write", "move")[int(rng.integers(8))]
            if what == "use":
                if names:
                    program.append(("use", names[int(rng.integers(len(names)))]))
            elif what in ("share", "mut"):
                names.append("rstuvw"[len(names)] if len(names) < 6 else f"r{len(names)}")
                program.append((what, names[-1], owner))
            else:
                program.append((what, owner))
        found.append(program)
    return found


_X, _Y = ("let", "x"), ("let", "y")
_SHARE, _MUT, _USE = ("share", "r", "x"), ("mut", "r", "x"), ("use", "r")
_SHARE2, _MUT2, _USE2 = ("share", "s", "x"), ("mut", "s", "x"), ("use", "s")
_READ, _WRITE, _MOVE = ("read", "x"), ("write", "x"), ("move", "x")


def cases(rng):
    found = [
        [_X],
        [],
        [_X, _MUT, _READ, _USE],
        [_X, _MUT, _USE, _READ],
        [_X, _MUT, _READ],
        [_X, _SHARE, _READ, _USE],
        [_X, _SHARE, _WRITE, _USE],
        [_X, _SHARE, _SHARE2, _USE, _USE2],
        [_X, _MUT, _MUT2, _USE],
        [_X, _MUT, _MUT2, _USE2],
        [_X, _MUT, _MUT2, _USE2, _USE],
        [_X, _SHARE, _MUT2, _USE2, _USE],
        [_X, _SHARE, _USE, _MUT2, _USE2],
        [_X, _SHARE, _SHARE2, _WRITE, _USE],
        [_X, _MUT, _USE, _SHARE2, _USE2],
        [_X, _MUT, _SHARE2, _USE, _USE2],
        [_X, _MUT, _SHARE2, _USE2],
        [_X, _MOVE, _READ],
        [_X, _MOVE, _WRITE],
        [_X, _MOVE, _MOVE],
        [_X, _MOVE, _SHARE],
        [_X, _MOVE, _MUT],
        [_X, _SHARE, _MOVE],
        [_X, _SHARE, _MOVE, _USE],
        [_X, _MUT, _MOVE, _USE],
        [_X, _SHARE, _USE, _MOVE],
        [_X, _Y, _MUT, ("write", "y"), _USE],
        [_X, _Y, _MUT, ("mut", "s", "y"), _USE, _USE2],
        [_X, _Y, _MOVE, ("read", "y")],
        [_X, _Y, ("move", "y"), _READ],
        [_X, _MUT, _USE, _USE, _WRITE, _READ],
        [_X, _MUT, _USE, _WRITE, _USE],
        [_X, _SHARE, _READ, _WRITE, _MOVE, _USE],
        [_X, _SHARE, _USE, _WRITE, _USE, _MOVE, _READ],
        [_X, _MUT, _MUT2, ("use", "s"), _WRITE, _READ],
    ]
    return [(program,) for program in found + programs(rng, 40, 10)]


def _walk(program, *, alive, clashes, moves=True):
    """As the solution, with the rules for living loans and for clashes given."""
    loans, moved = [], set()
    for at, line in enumerate(map(tuple, program)):
        if line[0] in ("let", "use"):
            continue
        what, owner = line[0], line[-1]
        if moves and owner in moved:
            return at
        for name, of, kind in loans:
            if of == owner and alive(name, at, program) and clashes(kind, what):
                return at
        if what == "move":
            moved.add(owner)
        if what in ("share", "mut"):
            loans.append((line[1], owner, what))
    return None


def _used_later(name, at, program):
    return any(tuple(line) == ("use", name) for line in program[at + 1 :])


def _rule(kind, what):
    return kind == "mut" or what not in ("share", "read")


def _to_the_end(program):
    return _walk(program, alive=lambda name, at, all_lines: True, clashes=_rule)


def _readers_are_free(program):
    return _walk(program, alive=_used_later, clashes=lambda kind, what: what in ("mut", "write", "move"))


def _writers_only(program):
    return _walk(program, alive=_used_later, clashes=lambda kind, what: kind == "mut")


def _any_two(program):
    return _walk(program, alive=_used_later, clashes=lambda kind, what: True)


def _no_moves(program):
    return _walk(program, alive=_used_later, clashes=_rule, moves=False)


def _a_move_is_a_read(program):
    return _walk(program, alive=_used_later, clashes=lambda k, w: k == "mut" or w in ("mut", "write"))


def _where_it_is_used(program):
    """Reports the use of the loan, not the line between."""
    refused = first_refusal(program)
    if refused is None or program[refused][0] == "let":
        return refused
    owner = program[refused][-1]
    if any(tuple(line) == ("move", owner) for line in program[:refused]):
        return refused
    for at in range(refused + 1, len(program)):
        line = program[at]
        made = [each for each in program[:refused] if each[0] in ("share", "mut") and each[1] == line[-1]]
        if line[0] == "use" and any(each[2] == owner for each in made):
            return at
    return refused


def _one_owner(program):
    merged = [(*line[:-1], "x") if line[0] not in ("use", "let") else line for line in program]
    return first_refusal(merged)


def _once_used_is_over(program):
    seen, left = set(), []
    for line in map(tuple, program):
        if line[0] == "use":
            if line[1] in seen:
                continue
            seen.add(line[1])
        left.append(line)
    found = first_refusal(left)
    if found is None:
        return None
    kept = [at for at, line in enumerate(map(tuple, program)) if line[0] != "use" or _is_first(program, at)]
    return kept[found]


def _is_first(program, at):
    return tuple(program[at]) not in [tuple(line) for line in program[:at]]


def _two_at_once(program):
    """Only references clash with references; the owner may always be touched."""
    touching = ("share", "mut")
    return _walk(program, alive=_used_later, clashes=lambda k, w: w in touching and "mut" in (k, w))


QUESTION = Function(
    name="first_refusal",
    points=4,
    difficulty="hard",
    minutes=20,
    signature="first_refusal(program: list[tuple]) -> int | None",
    example='>>> first_refusal([("let", "x"), ("mut", "r", "x"), ("read", "x"), ("use", "r")])\n2',
    hints=(
        "Take the example. Would rustc refuse line 2 if line 3 were missing? What about a line 3 that reads "
        "x again?",
        "First note for every reference the last line that uses it. A loan is alive at a line if that last "
        "use comes later; a loan that nobody uses any more hinders nothing.",
        "Walk over the lines. For share, mut, read, write and move of x: refuse if x has moved; refuse if a "
        "living loan of x is mutable, or if this line is a mut, a write or a move and any loan of x is "
        "alive. Then note the move or the new loan.",
    ),
    solution=first_refusal,
    wrong={
        "a loan lasts to the end of its block": _to_the_end,
        "only writing can clash": _readers_are_free,
        "only mutable loans hinder": _writers_only,
        "any two loans clash": _any_two,
        "what has moved can still be used": _no_moves,
        "a move only reads": _a_move_is_a_read,
        "the later use is what is refused": _where_it_is_used,
        "all owners are one": _one_owner,
        "a loan ends at its first use": _once_used_is_over,
        "owners may touch what they lent": _two_at_once,
    },
    cases=cases,
    oracle=oracle,
)
