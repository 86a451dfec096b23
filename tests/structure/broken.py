"""A miniature lesson that keeps every rule, and one way to break each."""

import base64
import copy
from collections.abc import Callable
from io import BytesIO
from types import SimpleNamespace

from nbformat import NotebookNode, from_dict, v4
from PIL import Image

from lesson_support.authoring.notebooks import NOTEBOOK_METADATA, WIDGET_VIEW
from lesson_support.claims import Claim

LESSON = SimpleNamespace(
    number=7, label="07", slug="row_major", stem="07_row_major", title="Rows in a line", length="short"
)
CLAIMS = {
    name: Claim(id=name, text="rows are contiguous", source="a blog", denominator="none", lessons=lessons)
    for name, lessons in {"rows-are-fast": (7, 9), "columns-are-slow": (3,)}.items()
}
HOOK = (
    "Six columns, one buffer of forty-eight numbers, and a loop that reads every sixth of them: the loop "
    "returns a column although no column was ever stored. Where does the computer keep what nobody wrote?"
)
CAMERA = f"""<details>
<summary>Camera</summary>

**Title** Rows in a line

**Alternatives**

- The column nobody stored
- Forty-eight numbers, one line

{HOOK}

| cell | on screen | say | visual |
|---|---|---|---|
| `row-1` | the buffer | Each row follows the last. | strip |
| `layout` | the drawing | The column skips. | arrows |

**Editor** cut after the drawing.

**Pause** before the answer.
</details>"""
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven"]


def code(name: str, block: str, source: str, *outputs: dict, tags: tuple[str, ...] = ()) -> NotebookNode:
    metadata = {"lesson": {"block": block}} | ({"tags": list(tags)} if tags else {})
    if "raises-exception" in tags:
        metadata["lesson"]["error"] = {"meaning": "The index lies outside.", "fix": "Count from zero."}
    return from_dict(
        v4.new_code_cell(source, id=name, metadata=metadata, outputs=list(map(from_dict, outputs)))
    )


def text(name: str, block: str, source: str, *tags: str) -> NotebookNode:
    metadata = {"lesson": {"block": block}} | ({"tags": list(tags)} if tags else {})
    return v4.new_markdown_cell(source, id=name, metadata=from_dict(metadata))


def printed(words: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": words}


def shown(**data: str) -> dict:
    return {
        "output_type": "display_data",
        "data": {k.replace("_", "/", 1): v for k, v in data.items()},
        "metadata": {},
    }


def png(colour: int = 0, size: int = 8, alt: str = "eight bars of equal height") -> dict:
    buffer = BytesIO()
    Image.new("RGB", (size, size), (colour, 90, 90)).save(buffer, "PNG")
    output = shown(image_png=base64.b64encode(buffer.getvalue()).decode(), text_plain=alt)
    return output | {"metadata": {"image/png": {"alt": alt}}}


def failure(words: str = "index 48 is out of bounds") -> dict:
    return {
        "output_type": "error",
        "ename": "IndexError",
        "evalue": words,
        "traceback": [f"IndexError: {words}"],
    }


def details(count: int) -> str:
    return "\n\n".join(
        f"Which element stands in row {NAMES[i]}, column {NAMES[i + 1]}?\n\n"
        "<details>\n<summary>Answer</summary>\n\n"
        f"Element {7 * i + 1}, because $6 \\cdot {i} + {i + 1} = {7 * i + 1}$.\n"
        "</details>"
        for i in range(count)
    )


def walk(row: int) -> str:
    """About 140 words on one row of a matrix with six columns; every number in them is right."""
    first = 6 * row
    steps = " ".join(
        f"Column {NAMES[column]} of this row is element {first + column}; the column's next entry is element "
        f"{first + 6 + column}."
        for column in range(6)
    )
    return (
        f"## Where row {NAMES[row]} lies\n\n"
        f"Row {NAMES[row]} begins at element {first} and ends at element {first + 5}. {steps}\n\n"
        f"The numbers {first} to {first + 5} are neighbours in the buffer, so row {NAMES[row]} is one slice, "
        "while a column that crosses it takes a single one of these six elements and leaves five behind."
    )


def steps(row: int) -> str:
    """Twelve lines of code about one row."""
    lines = [f"# row {row}", f"first = {6 * row}"]
    return "\n".join(lines + [f"cell_{i} = buffer[first + {i % 6}]" for i in range(9)] + ["print(cell_0)"])


def good_lesson() -> NotebookNode:
    """A short lesson that no rule objects to."""
    predict = (
        'predict("Which elements form column two?", {"2, 8, 14": "Six apart.", "12 to 17": "That is row two."'
        ', "2, 3, 4": "Those are neighbours in row zero."}, answer="2, 8, 14")'
    )
    cells = [
        text("title", "opening", "# 07 · Rows in a line"),
        code(
            "lesson",
            "opening",
            "from lesson_support import lesson\n\nlesson(7)",
            shown(text_plain="Lesson 07"),
            tags=("remove-cell",),
        ),
        text("hook", "opening", HOOK),
        text("retrieval", "opening", f"Two questions on lesson 1.\n\n{details(2)}"),
        code(
            "guess",
            "opening",
            predict,
            shown(text_html="<form></form>", text_plain="Which?"),
            tags=("hide-input",),
        ),
        text("camera", "camera", CAMERA, "remove-cell"),
        code("answer", "build", "print([2, 8, 14])", printed("[2, 8, 14]\n"), tags=("hide-output",)),
    ]
    for row in range(8):
        cells.append(text(f"about-{row}", "build", walk(row)))
        cells.append(code(f"row-{row}", "build", steps(row), printed(f"{6 * row}\n")))
    cells += [
        text("after-rows", "build", "Eight numbers, six apart: the first column, printed row by row."),
        code(
            "layout",
            "build",
            "draw.layout(buffer)",
            shown(text_html="<svg></svg>", text_plain="a strip of boxes"),
        ),
        text(
            "after-layout",
            "build",
            "The strip shows forty-eight boxes in a line; the arrows jump over five each.",
        ),
        code("bars", "build", "plot(1)", png(), tags=("hide-input",)),
        text("after-bars", "build", "All bars have one height since every row holds six elements."),
        code("bars-timed", "build", "plot(2)", png(9), tags=("hide-input", "measured-figure")),
        text("after-timed", "build", "The right bar belongs to the column."),
        code("outside", "build", "buffer[48]", failure(), tags=("raises-exception",)),
        text(
            "after-error",
            "build",
            "The line names the index and says that it lies beyond the last element, 47.",
        ),
        code(
            "claims", "build", "verify('rows-adjacent', 'x', a, unless={'y': b})", printed("✔ x (not so y)\n")
        ),
        text("after-claims", "build", "The counterexample reads a column."),
        text(
            "formula",
            "hood",
            "## From index pair to address\n\n$$k = 6 i + j$$\n\nSolve for $i$: divide by six.",
        ),
        code("timed", "hood", "elapsed()", printed("(measured 3 ms)\n"), tags=("nbval-ignore-output",)),
        code(
            "more-claims",
            "hood",
            "verify('b-two', 'x', a, unless=u)\nverify.faster('c-three', 'x', f, g, at_least=2)",
        ),
        code(
            "settled", "hood", "verify.verdict('rows-are-fast', 'holds', evidence=fast)", printed("⚖ holds\n")
        ),
        text(
            "exercise",
            "challenge",
            "## Your turn with strides\n\nWrite `offset_of` for any stride. Full marks need every case "
            "right: ten points, about 25 minutes, in [the exercise](../exercises/07_row_major.ipynb).",
        ),
        text("review", "challenge", f"## Five questions on the buffer\n\n{details(5)}"),
        text(
            "references",
            "challenge",
            "## Where to read on\n\n"
            + "\n".join(f"- [Text {n}](https://example.org/{n}): the layout in case {n}." for n in range(3)),
        ),
    ]
    notebook = v4.new_notebook(cells=cells, metadata=from_dict(copy.deepcopy(NOTEBOOK_METADATA)))
    return number_cells(notebook)


def number_cells(notebook: NotebookNode) -> NotebookNode:
    """Execution counts from top to bottom, as a run leaves them."""
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
    return notebook


class Draft:
    """The good lesson on its way to a broken one: cells by id."""

    def __init__(self) -> None:
        self.notebook = good_lesson()
        self.lesson = SimpleNamespace(**vars(LESSON))
        self.claims = dict(CLAIMS)

    def __getitem__(self, name: str) -> NotebookNode:
        return next(cell for cell in self.notebook.cells if cell.id == name)

    def drop(self, *names: str) -> None:
        self.notebook.cells = [cell for cell in self.notebook.cells if cell.id not in names]
        number_cells(self.notebook)

    def replace(self, name: str, old: str, new: str) -> None:
        assert old in self[name].source, f"{name} does not hold {old!r}"
        self[name].source = self[name].source.replace(old, new)

    def insert(self, before: str, *cells: NotebookNode) -> None:
        place = self.notebook.cells.index(self[before])
        self.notebook.cells[place:place] = cells
        number_cells(self.notebook)

    def outputs(self, name: str, *outputs: dict) -> None:
        self[name].outputs = [from_dict(output) for output in outputs]

    def tag(self, name: str, *tags: str) -> None:
        self[name].metadata["tags"] = list(tags)

    def block(self, name: str, block: str) -> None:
        self[name].metadata["lesson"]["block"] = block


BREAKS: list[tuple[str, str, Callable[[Draft], object]]] = []


def breaks(rule: str, *variants: tuple[str, Callable[[Draft], object]]) -> None:
    """Enter ways to break `rule`."""
    BREAKS.extend((rule, name, change) for name, change in variants)


def _said(words: str) -> Callable[[Draft], None]:
    return lambda d: d.outputs("row-0", printed(words))


breaks(
    "title",
    ("another title", lambda d: d.replace("title", "Rows in a line", "Rows and lines")),
    ("no number", lambda d: d.replace("title", "07 · ", "")),
    ("a second title", lambda d: d.replace("formula", "## From", "# From")),
)
breaks(
    "lesson-call",
    ("another number", lambda d: d.replace("lesson", "lesson(7)", "lesson(8)")),
    ("more than the call", lambda d: d.replace("lesson", "lesson(7)", "lesson(7)\nimport torch")),
    ("shown in the book", lambda d: d.tag("lesson")),
)
breaks(
    "hook",
    ("missing", lambda d: d["hook"].update(id="hooked")),
    ("in another block", lambda d: d.block("hook", "build") or d.insert("answer", *_taken(d, "hook"))),
)


def _taken(draft: Draft, name: str) -> list[NotebookNode]:
    cell = draft[name]
    draft.drop(name)
    return [cell]


def _long_hook(draft: Draft) -> None:
    for name in ("hook", "camera"):
        draft.replace(name, HOOK, f"{HOOK} {' '.join(NAMES * 6)}")


breaks("hook", ("too long", _long_hook))
breaks(
    "retrieval",
    ("missing", lambda d: d.drop("retrieval")),
    ("one question", lambda d: setattr(d["retrieval"], "source", details(1))),
    ("after the prediction", lambda d: d.insert("camera", *_taken(d, "retrieval"))),
)
breaks("retrieval-numbers", ("a later lesson", lambda d: d.replace("retrieval", "lesson 1", "lesson 9")))


def _in_build(draft: Draft) -> None:
    draft.block("guess", "build")
    draft.insert("answer", *_taken(draft, "guess"))


def _four_guesses(draft: Draft) -> None:
    for number in range(3):
        again = copy.deepcopy(draft["guess"])
        again.id = f"guess-{number + 2}"
        answer = copy.deepcopy(draft["answer"])
        answer.id = f"answer-{number + 2}"
        again.metadata.lesson.block = answer.metadata.lesson.block = "hood"
        draft.insert("exercise", again, answer)


breaks(
    "predictions-asked",
    ("none", lambda d: d.drop("guess")),
    ("four", _four_guesses),
    ("first in the build", _in_build),
)
breaks(
    "prediction-options",
    ("two options", lambda d: d.replace("guess", ', "2, 3, 4": "Those are neighbours in row zero."', "")),
    ("unexplained", lambda d: d.replace("guess", "That is row two.", "")),
    ("an answer that is no option", lambda d: d.replace("guess", 'answer="2, 8, 14"', 'answer="2, 8"')),
)
breaks("prediction-answered", ("answer in the open", lambda d: d.tag("answer")))
breaks(
    "first-output",
    ("a long introduction", lambda d: d.insert("hook", text("intro", "opening", " ".join(NAMES * 9)))),
)
breaks(
    "block-named",
    ("no block", lambda d: d["after-rows"].metadata.pop("lesson")),
    ("an unknown block", lambda d: d.block("after-rows", "building")),
)
breaks(
    "block-order",
    (
        "no hood",
        lambda d: [d.block(name, "build") for name in ("formula", "timed", "more-claims")] and _no_hood(d),
    ),
    ("hood before build", lambda d: d.block("about-0", "hood")),
)


def _no_hood(draft: Draft) -> None:
    draft.block("settled", "challenge")
    for name in ("timed", "more-claims"):
        draft.insert("exercise", *_taken(draft, name))
        draft.block(name, "challenge")


breaks(
    "camera-place",
    ("missing", lambda d: d.drop("camera")),
    ("inside the opening", lambda d: d.insert("guess", *_taken(d, "camera"))),
    ("after a cell of the build", lambda d: d.insert("about-0", *_taken(d, "camera"))),
    ("shown in the book", lambda d: d.tag("camera")),
)
breaks(
    "camera-parts",
    ("no pause", lambda d: d.replace("camera", "**Pause** before the answer.", "")),
    ("not collapsed", lambda d: setattr(d["camera"], "source", CAMERA.replace("<details>", ""))),
    ("one alternative", lambda d: d.replace("camera", "- Forty-eight numbers, one line\n", "")),
)
breaks("camera-hook", ("other words", lambda d: d.replace("camera", "although no column", "but no column")))
breaks(
    "camera-shots",
    ("a cell that is not there", lambda d: d.replace("camera", "`layout`", "`lay-out`")),
    ("no table", lambda d: setattr(d["camera"], "source", CAMERA.replace("`", ""))),
)
breaks(
    "cell-ids",
    ("random", lambda d: d["after-rows"].update(id="3fa9c01e")),
    ("capitals", lambda d: d["after-rows"].update(id="After-rows")),
    ("twice", lambda d: d["after-rows"].update(id="about-0")),
)
breaks(
    "metadata",
    ("of an editor", lambda d: d["bars"].metadata.update(scrolled=True)),
    ("widget state", lambda d: d.notebook.metadata.update(widgets={})),
    ("unknown in lesson", lambda d: d["bars"].metadata.lesson.update(author="x")),
)
breaks(
    "known-tags",
    ("misspelt", lambda d: d.tag("answer", "hide-output", "hide-ouput")),
    ("a skipped cell", lambda d: d.tag("row-1", "nbval-skip")),
)
breaks(
    "heading-content",
    ("a block's name", lambda d: d.replace("formula", "## From index pair to address", "## Under the hood")),
    ("summary", lambda d: d.replace("about-3", "## Where row three lies", "### Summary")),
)
breaks(
    "word-count",
    ("too few", lambda d: [setattr(d[f"about-{row}"], "source", "Short.") for row in range(4)]),
    ("too many", lambda d: setattr(d["about-3"], "source", "word " * 900)),
)
breaks(
    "code-on-page",
    ("too little", lambda d: [setattr(d[f"row-{row}"], "source", "print(0)") for row in range(4)]),
    ("hidden", lambda d: [d.tag(f"row-{row}", "hide-input") for row in range(4)]),
    ("too much", lambda d: setattr(d["more-claims"], "source", d["more-claims"].source + "\nx = 1" * 220)),
)
breaks("step-length", ("31 lines", lambda d: setattr(d["row-2"], "source", "x = 1\n" * 31)))
breaks("code-width", ("89 characters", lambda d: setattr(d["row-2"], "source", "x = " + "1" * 85)))
breaks("output-explained", ("code after output", lambda d: d.drop("after-rows")))
breaks("halfway", ("no middle", lambda d: vars(d.lesson).update(length="long") or _lengthen(d)))


def _lengthen(draft: Draft) -> None:
    draft["about-3"].source += "\n\n" + "word " * 2600


breaks("notebook-size", ("700 KB", lambda d: d.outputs("row-0", printed("long " * 150_000))))
breaks(
    "claim-count",
    ("two", lambda d: d.replace("more-claims", "verify('b-two', 'x', a, unless=u)\n", "")),
    (
        "eight",
        lambda d: setattr(
            d["more-claims"], "source", "\n".join(f"verify('c-{i}', 'x', a)" for i in range(8))
        ),
    ),
)
breaks(
    "claim-ids",
    ("computed", lambda d: d.replace("claims", "'rows-adjacent'", "name")),
    ("no slug", lambda d: d.replace("claims", "rows-adjacent", "Rows adjacent")),
    ("twice", lambda d: d.replace("claims", "rows-adjacent", "b-two")),
)
breaks(
    "verdict-known",
    ("no such claim", lambda d: _verdict(d, "rows-are-slow")),
    ("of another lesson", lambda d: _verdict(d, "columns-are-slow")),
    ("twice", lambda d: _verdict(d, "rows-are-fast")),
)


def _verdict(draft: Draft, claim: str) -> None:
    draft["more-claims"].source += f"\nverify.verdict('{claim}', 'refuted', evidence=x)"


breaks("verdict-given", ("missing", lambda d: d.drop("settled")))
breaks(
    "figure-count",
    ("two", lambda d: d.drop("bars")),
    ("seven", lambda d: d.outputs("bars", *[png()] * 5)),
)
breaks("structure-shown", ("plots only", lambda d: _plots_only(d)))


def _plots_only(draft: Draft) -> None:
    draft.outputs("layout", png(7))
    draft.tag("layout", "hide-input")


breaks(
    "figure-described",
    ("no alt text", lambda d: d.outputs("layout", shown(text_html="<svg></svg>"))),
    ("a placeholder", lambda d: d.outputs("bars", png(alt="<Figure size 640x480 with 1 Axes>"))),
    ("not in the metadata", lambda d: d["bars"].outputs[0].update(metadata={})),
)
breaks(
    "figure-size",
    (
        "a heavy drawing",
        lambda d: d.outputs("layout", shown(text_html="<svg>" + "x" * 150_000, text_plain="a strip")),
    ),
    ("a heavy plot", lambda d: d.outputs("bars", _heavy_png())),
)


def _heavy_png() -> dict:
    output = png()
    output["data"]["image/png"] = base64.b64encode(
        base64.b64decode(output["data"]["image/png"]) + bytes(60_000)
    ).decode()
    return output


breaks("plot-code-hidden", ("plot code shown", lambda d: d.tag("bars")))
breaks(
    "html-self-contained",
    (
        "a script",
        lambda d: d.outputs(
            "guess", shown(text_html='<script src="https://x.org/a.js">', text_plain="Which?")
        ),
    ),
    (
        "a font",
        lambda d: d.outputs("guess", shown(text_html="<style>@import 'x'</style>", text_plain="Which?")),
    ),
)
breaks(
    "executed",
    ("never", lambda d: d["bars"].update(execution_count=None)),
    ("out of order", lambda d: d["bars"].update(execution_count=3)),
)
breaks(
    "ignored-cells",
    ("four", lambda d: [d.tag(f"row-{row}", "nbval-ignore-output") for row in range(3)]),
)
breaks(
    "no-nbval-comment",
    ("ignored by comment", lambda d: d.replace("row-3", "# row 3", "# NBVAL_IGNORE_OUTPUT")),
)
breaks(
    "no-redraw",
    ("cleared", lambda d: d.replace("row-3", "# row 3", "clear_output(wait=True)")),
    ("updated", lambda d: d.replace("row-3", "# row 3", "display(x, display_id='a')")),
)
breaks(
    "no-stderr", ("noise", lambda d: d.outputs("row-0", printed("0\n"), printed("slow import\n", "stderr")))
)
breaks("unexpected-error", ("unannounced", lambda d: d.tag("outside")))
breaks(
    "deliberate-error",
    ("no error", lambda d: d.outputs("outside", printed("fine\n"))),
    ("unexplained", lambda d: d.drop("after-error")),
)
breaks(
    "error-indexed",
    ("no entry", lambda d: d["outside"].metadata["lesson"].pop("error")),
    ("no fix", lambda d: d["outside"].metadata["lesson"]["error"].pop("fix")),
    ("empty", lambda d: d["outside"].metadata["lesson"]["error"].update(fix=" ")),
)
breaks(
    "machine-path",
    ("home", _said("File /home/ada/lessons/x.py\n")),
    ("windows", _said("C:\\Users\\ada\\x.py\n")),
    ("site-packages", _said("/usr/lib/python3/site-packages/torch/nn.py\n")),
    ("temporary", lambda d: d.outputs("outside", failure("no file /tmp/x1/a"))),
    ("in code", lambda d: d.replace("row-3", "# row 3", "open('/root/x')")),
)
breaks(
    "address", ("of an object", _said("<object at 0x7f12ab34cd56>\n")), ("bare", _said("0x55d0aa112233\n"))
)
breaks("colour-codes", ("red", _said("\x1b[31mred\x1b[0m\n")))
breaks("timestamp", ("clock", _said("done 12:31:07\n")), ("iso", _said("2026-01-02T10:11\n")))
breaks("warning", ("a category", _said("UserWarning: deprecated\n")))
breaks("progress-bar", ("tqdm", _said(" 42%|████      | 42/100\n")), ("returning", _said("1\r2\n")))
breaks(
    "widget-view",
    (
        "a slider",
        lambda d: d["layout"].outputs[0].data.update({WIDGET_VIEW: {"model_id": "a"}}),
    ),
)
breaks(
    "exercise",
    ("missing", lambda d: d.drop("exercise")),
    ("another notebook", lambda d: d.replace("exercise", "07_row_major", "08_row_major")),
    ("no points", lambda d: d.replace("exercise", "ten points", "ten marks")),
    ("no minutes", lambda d: d.replace("exercise", "25 minutes", "an evening")),
)
breaks(
    "review",
    ("missing", lambda d: d["review"].update(id="reviewed")),
    ("four questions", lambda d: setattr(d["review"], "source", details(4))),
)
breaks(
    "references",
    ("missing", lambda d: d.drop("references")),
    (
        "two",
        lambda d: d.replace("references", "- [Text 2](https://example.org/2): the layout in case 2.", ""),
    ),
    ("no link", lambda d: d.replace("references", "[Text 2](https://example.org/2)", "Text 2")),
)
