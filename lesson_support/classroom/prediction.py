"""`predict`: choose before you read on.

One piece of HTML serves the book and the notebook: radio buttons whose explanations a style rule reveals, so
it needs no server, no script and no widget manager, and a keyboard or a screen reader operates it like any
other form.
"""

import hashlib
import re
from html import escape

from lesson_support.draw.style import theme_css
from lesson_support.errors import LessonError

_STYLE = """
.lesson-predict{border:1px solid var(--line);border-radius:8px;padding:.2em 1em 1em;margin:1em 0}
.lesson-predict fieldset{border:0;padding:0;margin:0;min-width:0}
.lesson-predict legend{font-size:1em;font-weight:600;padding:.4em 0;margin:0}
.lesson-predict label{display:block;padding:.45em 0;cursor:pointer}
.lesson-predict input{margin:0 .6em 0 0}
.lesson-predict .why{display:none;margin:.1em 0 .6em 1.7em;padding-left:.8em;border-left:3px solid}
.lesson-predict .choice:has(input:checked) .why{display:block}
.lesson-predict .right .why{border-color:var(--good)}
.lesson-predict .wrong .why{border-color:var(--bad)}
@media print{.lesson-predict .right .why{display:block}}
"""


def _inline(text: str) -> str:
    """Escape `text`; what stands between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def predict(question: str, options: dict[str, str], *, answer: str) -> None:
    """Ask `question`; `options` maps three or four choices to their explanations, `answer` is the right one.

    A wrong option stands for a misconception that people really have, and its explanation says where it
    breaks. Too few options, an answer that is no option, an option without an explanation: each is an error.
    """
    if not question.strip():
        raise LessonError("predict got an empty question")
    if not isinstance(options, dict) or not 3 <= len(options) <= 4:
        came = f"{len(options)} options" if isinstance(options, (dict, list)) else type(options).__name__
        raise LessonError(f"predict got {came}: expected a dict of three or four options to explanations")
    for option, why in options.items():
        if not isinstance(why, str) or len(why.split()) < 4:
            raise LessonError(f"the option {option!r} has no explanation: expected a sentence")
    if answer not in options:
        raise LessonError(f"the answer {answer!r} is none of the options {list(options)}")
    from IPython.display import display

    display(
        {"text/plain": _plain(question, options), "text/html": prediction_html(question, options, answer)},
        raw=True,
    )


def _plain(question: str, options: dict[str, str]) -> str:
    return "\n".join([question, *(f"( ) {option}" for option in options)])


def prediction_html(question: str, options: dict[str, str], answer: str) -> str:
    """The form; its field name derives from the content, so that output is the same at every run."""
    name = "predict-" + hashlib.sha256(repr((question, options)).encode()).hexdigest()[:10]
    parts = [f'<form class="ecr lesson-predict"><style>{theme_css()}{_STYLE}</style>']
    parts.append(f"<fieldset><legend>{_inline(question)}</legend>")
    for position, (option, why) in enumerate(options.items()):
        right = option == answer
        mark = "<strong>✔ Yes.</strong>" if right else "<strong>✘ No.</strong>"
        parts.append(
            f'<div class="choice {"right" if right else "wrong"}">'
            f'<label><input type="radio" name="{name}" value="{position}"/>{_inline(option)}</label>'
            f'<div class="why" role="note">{mark} {_inline(why)}</div></div>'
        )
    parts.append("</fieldset></form>")
    return "".join(parts)
