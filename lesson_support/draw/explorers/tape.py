"""The tape explorer: a small expression run forward and backward, its gradients filling in share by share."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from lesson_support.draw.canvas import Scene
from lesson_support.draw.explorers.frame import framed
from lesson_support.draw.output import emit
from lesson_support.errors import LessonError

if TYPE_CHECKING:
    from lesson_support.autograd.engine import Node

EXAMPLES = {
    "x·x + x": ("p = x * x; y = p + x", {"x": 3.0}),
    "s·tanh(s)": ("s = a + b; t = tanh(s); y = s * t", {"a": 0.5, "b": -1.5}),
    "u + u²": ("u = x * x; v = u * u; y = u + v", {"x": 2.0}),
    "a/b − exp(a/b)": ("q = a / b; r = exp(q); y = q - r", {"a": 1.0, "b": 2.0}),
    "log(1 + relu(x)²)": ("r = relu(x); q = r * r; s = one + q; y = log(s)", {"x": 2.0, "one": 1.0}),
}
OPERATORS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
WRITTEN = {"add": "{} + {}", "sub": "{} − {}", "mul": "{} · {}", "div": "{} / {}"}
FUNCTIONS = ("exp", "log", "tanh", "relu")
MOST_ROWS = 12

Expressions = dict[str, tuple[str, dict[str, float]]]


def tape_explorer(expressions: Expressions | None = None, pace: float = 1.1) -> None:
    """Display expressions that the reader chooses among, feeds with numbers and steps through.

    `expressions` maps a label to statements such as `"p = x * x; y = p + x"`, one operation each, and the
    values of the leaves; played, a step takes `pace` seconds. Without `expressions` there are five examples.
    """
    chosen = expressions or EXAMPLES
    emit({"text/html": tape_html(chosen, pace), "text/plain": _alt(chosen)})


def tape_html(expressions: Expressions | None = None, pace: float = 1.1) -> str:
    """The explorer as HTML for a page of the book; arguments as for `tape_explorer`."""
    described = [described_expression(label, *each) for label, each in (expressions or EXAMPLES).items()]
    still = _still(described[0]).svg(_alt(expressions or EXAMPLES))
    config = {"expressions": described, "pace": round(1000 * pace)}
    return framed("tape", f'<div class="tp-still ecr-stage">{still}</div>', config)


def described_expression(label: str, text: str, leaves: dict[str, float]) -> dict:
    """What the script reads: names, operations with the places of their operands, and the leaves' values."""
    names, steps = list(leaves), []
    for statement in text.split(";"):
        name, operation, operands = _statement(statement.strip())
        unknown = [operand for operand in operands if operand not in names]
        if unknown or name in names:
            raise LessonError(f"{label!r} has {statement.strip()!r}: expected known operands and a new name")
        written = WRITTEN.get(operation, operation + "({})").format(*operands)
        places = [names.index(operand) for operand in operands]
        steps.append({"name": name, "operation": operation, "operands": places, "text": written})
        names.append(name)
    if len(names) > MOST_ROWS:
        raise LessonError(f"{label!r} has {len(names)} rows: expected at most {MOST_ROWS}")
    return {"label": label, "leaves": list(leaves), "inputs": list(leaves.values()), "steps": steps}


def run_expression(described: dict, inputs: list[float]) -> list[Node]:
    """The rows of the tape by the course's engine, gradients filled in."""
    from lesson_support.autograd import engine

    rows = [engine.Node(value) for value in inputs]
    for step in described["steps"]:
        rows.append(getattr(engine, step["operation"])(*(rows[place] for place in step["operands"])))
    engine.backward(rows[-1])
    return rows


def _statement(text: str) -> tuple[str, str, list[str]]:
    """`s = a + b` or `t = tanh(s)` as name, operation and operands."""
    wanted = f"got the statement {text!r}: expected one operation on names, such as 's = a + b'"
    try:
        (assigned,) = ast.parse(text).body
        (target,) = assigned.targets
        value = assigned.value
        if isinstance(value, ast.BinOp):
            return target.id, OPERATORS[type(value.op)], [value.left.id, value.right.id]
        (operand,) = value.args
        if value.func.id not in FUNCTIONS:
            raise LessonError(wanted)
        return target.id, value.func.id, [operand.id]
    except (SyntaxError, ValueError, AttributeError, KeyError):
        raise LessonError(wanted) from None


def _alt(expressions: Expressions) -> str:
    return f"Tape explorer: {', '.join(expressions)}, run forward and then backward, node by node"


def _still(described: dict) -> Scene:
    """The finished tape of one expression, for paper and pages without scripts."""
    rows = run_expression(described, described["inputs"])
    texts = [*described["leaves"], *(f"{step['name']} = {step['text']}" for step in described["steps"])]
    scene = Scene(330, 30 + 26 * len(rows))
    for x, word in ((12, "tape"), (190, "value"), (250, "gradient")):
        scene.text(x, 14, word, anchor="start", size=12, fill="muted")
    for k, (row, text) in enumerate(zip(rows, texts, strict=True)):
        y = 40 + 26 * k
        scene.text(12, y, text, anchor="start", mono=True)
        scene.text(190, y, f"{float(row.data):.4g}", anchor="start", mono=True)
        scene.text(250, y, f"{float(row.grad):.4g}", anchor="start", mono=True, fill="second")
    return scene
