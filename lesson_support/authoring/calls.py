"""The calls in a cell's code that the checks are about, found in its syntax tree and not by running it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MAGIC = re.compile(r"^\s*[%!].*$", re.M)


@dataclass(frozen=True)
class ClaimCall:
    """A call of `verify` or one of its methods; `claim` is the id, None where that is no literal."""

    name: str
    claim: str | None


def find_calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Each call in `source` in reading order, with its dotted name; none where the source does not parse."""
    try:
        tree = ast.parse(_MAGIC.sub("pass", source))
    except (SyntaxError, ValueError):  # a deliberate error
        return
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        yield ast.unparse(node.func), node


def argument(call: ast.Call, position: int | None, name: str) -> ast.expr | None:
    """The expression given for a parameter, by place or by name."""
    if position is not None and len(call.args) > position:
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def literal(node: ast.expr | None) -> object:
    """The value of a literal expression; None for anything that has to be computed."""
    try:
        return ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None


def claim_calls(source: str) -> list[ClaimCall]:
    """The claims that `source` verifies or judges."""
    found = []
    for name, call in find_calls(source):
        if name in ("verify", "verify.faster", "verify.verdict"):
            claim = literal(argument(call, 0, "claim_id" if name == "verify.verdict" else "id"))
            found.append(ClaimCall(name, claim if isinstance(claim, str) else None))
    return found


def predictions(source: str) -> list[ast.Call]:
    """The calls of `predict` in `source`."""
    return [call for name, call in find_calls(source) if name == "predict"]
