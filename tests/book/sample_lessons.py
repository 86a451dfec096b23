"""Two lessons and an exercise that use everything a lesson may hold, written cell by cell."""

import base64

from nbformat import v4

from lesson_support import catalog
from lesson_support.classroom.prediction import prediction_html
from lesson_support.draw import figures

FIRST, SECOND = catalog.lesson_entry(1).stem, catalog.lesson_entry(2).stem
HOOK = "You save ten rows of a large tensor and the file holds all of them: the rows share one storage."
ALT = "Two lines over tensor size: the copy grows, the view stays flat."
VIEW_FAILS = "view size is not compatible with input tensor's size and stride"

CLAIMS = """verify("transpose-is-free", "a transpose moves no data",
       x.T.data_ptr() == x.data_ptr(),
       unless={"after .contiguous()": x.T.contiguous().data_ptr() == x.data_ptr()})
verify.faster("blas-vs-python", "BLAS beats the loop", fast, slow, at_least=50,
              unless={"one row": (one, two)})
print("a line that reaches beyond the edge of a telephone's screen, as real lessons have many")"""
CLAIMED = """x.T has strides (1, 3)
✔ a transpose moves no data (not so after .contiguous())
✔ BLAS beats the loop: at least 50× (measured 812×), not so one row (measured 1.1×)
and that is all
"""
JUDGE = """verify.verdict("transpose-moves-no-data", "holds when", when="the tensor is dense",
               evidence=x.is_contiguous())"""
STATED = "A transpose moves no data; only the strides change."
JUDGED = f"⚖ holds when the tensor is dense: “{STATED}” (transpose-moves-no-data)\n"
TRACEBACK = f"""this cell, line 1:
    x.T.view(6)
RuntimeError: {VIEW_FAILS} (at least one dimension spans across two contiguous subspaces)"""
WHY = """`view` only describes the same memory anew, and these strides cannot be described so. Call
[`reshape`](#storage), which copies.

A second paragraph."""
WIDE = "\n".join(
    ["| " + " | ".join(f"operation {n}" for n in range(9)) + " |", "|" + "---|" * 9]
    + ["| " + " | ".join(f"`stride_{row}_{n}`" for n in range(9)) + " |" for row in range(3)]
)
HOOD = f"""## What `as_strided` computes

The address is

$$a = o + \\sum_k i_k s_k$$

where $s_k$ is the stride.

{WIDE}"""
CAMERA = """<details>
<summary>Production notes</summary>

**Title** Ten numbers, forty megabytes

**Alternatives**

- What a tensor really is
- One storage, many tensors

{hook}

| cell | on screen | say | visual |
|---|---|---|---|
| `storage` | the heading | A tensor is a window. | grid |
| `transpose` | the claims | No byte moves. | strides |

**Editor** Cut after the claims.

**Pause** after the prediction.

</details>"""
REVIEW = """## Questions

<details><summary>What is a stride?</summary>

Steps in `storage`.

</details>"""
QUESTION = "How many bytes does `torch.save(w[:10], f)` write for a float32 `w` of ten million numbers?"
RIGHT = "about 40 million"
OPTIONS = {
    "about 40": "That counts ten numbers, but a view keeps the whole storage and so does the file.",
    RIGHT: "The file holds the storage that the view refers to.",
    "about 1,600": "That is the size after a clone, which has a storage of its own.",
}


def markdown(id: str, block: str, source: str, tags=(), **lesson):
    return _cell(v4.new_markdown_cell(source), id, block, tags, lesson)


def code(id: str, block: str, source: str, *outputs, tags=(), **lesson):
    return _cell(v4.new_code_cell(source, outputs=list(outputs)), id, block, tags, lesson)


def _cell(cell, id: str, block: str, tags, lesson: dict):
    cell["id"] = id
    cell.metadata["lesson"] = {"block": block, **lesson}
    if tags:
        cell.metadata["tags"] = list(tags)
    return cell


def printed(text: str):
    return v4.new_output("stream", name="stdout", text=text)


def raised(name: str, message: str, traceback: str):
    return v4.new_output("error", ename=name, evalue=message, traceback=traceback.splitlines())


def shown(html: str, text: str):
    return v4.new_output("display_data", {"text/html": html, "text/plain": text})


def picture(alt: str | None = ALT):
    """A figure as `draw.show` stores it; `alt=None` forgets the alt text."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from lesson_support import draw

    draw.use_style()
    figure, axes = plt.subplots()
    axes.plot([1, 2, 4, 8], [1, 2, 4, 8], label="copy")
    axes.plot([1, 2, 4, 8], [1, 1, 1, 1], label="view")
    axes.set(xlabel="size, MB", ylabel="memory, MB", title="A view costs nothing")
    axes.legend()
    image, width = figures.png(figure)
    plt.close(figure)
    data = {"image/png": base64.b64encode(image).decode(), "text/plain": alt or "Figure"}
    said = {"width": width, **({"alt": alt} if alt else {})}
    return v4.new_output("display_data", data, metadata={"image/png": said})


def drawing():
    scene = figures.Scene(320, 90)
    for column in range(8):
        scene.rect(8 + 38 * column, 24, 36, 36, fill="accent-soft", stroke="accent")
    alt = "Eight cells of memory in a row."
    return shown(figures.scene_html(scene, alt=alt), alt)


def lesson_one() -> list:
    entry = catalog.lesson_entry(1)
    size, view = "40,001,605 bytes\n", "A tensor is a window on a storage: `x.stride()` says how far apart."
    return [
        markdown("title", "opening", f"# {entry.label} · {entry.title}"),
        code("open", "opening", "from lesson_support import lesson\n\nlesson(1)", tags=["remove-cell"]),
        markdown("hook", "opening", HOOK),
        markdown("camera", "camera", CAMERA.format(hook=HOOK), tags=["remove-cell"]),
        code(
            "guess",
            "opening",
            f"predict({QUESTION!r}, {OPTIONS!r}, answer={RIGHT!r})",
            shown(prediction_html(QUESTION, OPTIONS, RIGHT), QUESTION),
        ),
        markdown("storage", "build", f"## Storage\n\n{view}"),
        code("save-size", "build", "print(size_of(w[:10]))", printed(size), tags=["hide-output"]),
        code("transpose", "build", CLAIMS, printed(CLAIMED)),
        code("settle", "build", JUDGE, printed(JUDGED)),
        code(
            "bad-view",
            "build",
            "x.T.view(6)",
            raised("RuntimeError", VIEW_FAILS, TRACEBACK),
            tags=["raises-exception"],
            symptom="view fails after a transpose",
        ),
        markdown("bad-view-why", "build", WHY),
        code("plot", "build", "draw.show(figure, alt=ALT)", picture(), tags=["hide-input"]),
        markdown("strided", "hood", HOOD),
        code("scene", "hood", "draw.show(scene, alt=ALT)", drawing()),
        markdown(
            "exercise", "challenge", f"## The exercise\n\nTen points: [exercise](../exercises/{FIRST}.ipynb)."
        ),
        markdown("review", "challenge", REVIEW),
        markdown(
            "references", "challenge", "## References\n\n- [Internals](https://example.org/x): the layout."
        ),
    ]


def lesson_two() -> list:
    entry = catalog.lesson_entry(2)
    asked = f"Sooner. See [a claim of lesson 01]({FIRST}.ipynb#claim-transpose-is-free)."
    return [
        markdown("title", "opening", f"# {entry.label} · {entry.title}"),
        code("open", "opening", "from lesson_support import lesson\n\nlesson(2)", tags=["remove-cell"]),
        markdown("hook", "opening", asked),
        markdown("camera", "camera", CAMERA.format(hook="Sooner."), tags=["remove-cell"]),
        markdown("storage", "build", "Text without a heading."),
        markdown("loops", "build", "## Storage"),
        code(
            "transpose",
            "build",
            "raise ValueError('x')",
            raised("ValueError", "x", "ValueError: x"),
            tags=["raises-exception"],
            error={"meaning": "The letter `x` came.", "fix": "Pass a number."},
        ),
        markdown("after", "build", "Text."),
    ]


def exercise_one() -> list:
    entry = catalog.lesson_entry(1)
    return [
        markdown("title", "exercise", f"# Exercise {entry.label} · {entry.title}"),
        code("offset", "exercise", "def offset_of(index, strides):\n    ...  # YOUR CODE"),
    ]
