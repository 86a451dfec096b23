"""Mutated notebooks: damage to the bytes, to the structure, and to the code in the cells."""

import json
import random
from collections.abc import Iterator

LARGEST = 1 << 20  # bytes of one mutant
NAMES = ("cells", "cell_type", "source", "input", "id", "metadata", "worksheets", "nbformat", "outputs")
CHUNKS = (
    b"[" * 3000,
    b'{"a":' * 3000,
    b"\0",
    b"\xff\xfe",
    b'"',
    b"\\ud800",
    b"1e999",
    b"9" * 5000,
    b"NaN",
    b"]}",
)
WORDS = (
    "while",
    "None",
    "return",
    "(",
    ")",
    ":",
    "\n",
    "    ",
    "0",
    "*",
    "lambda",
    "'",
    "global",
    "@",
    "%",
    "!",
)


def mutants(content: bytes, seed: int, number: int) -> Iterator[bytes]:
    """`number` mutants of a notebook, the same for the same seed, none above `LARGEST` bytes."""
    rng = random.Random(seed)
    for i in range(number):
        mutate = (damaged, rebuilt, rewritten)[i % 3]
        changed = content
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            try:
                changed = mutate(changed, rng)
            except (ValueError, RecursionError):  # an earlier change left what cannot be written as JSON
                break
        yield changed[:LARGEST]


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The bytes, changed in one place."""
    if not content:
        return rng.randbytes(8)
    a, b = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    near = min(len(content), a + rng.choice((1, 2, 8, 64)))
    return rng.choice(
        (
            lambda: content[:a] + rng.randbytes(near - a) + content[near:],
            lambda: (
                content[:a] + bytes(each ^ 1 << rng.randrange(8) for each in content[a:near]) + content[near:]
            ),
            lambda: content[:a] + content[near:],
            lambda: content[:a] + content[b:],
            lambda: content[:b],
            lambda: content[a:],
            lambda: content[:b] + content[a:],
            lambda: content[:a] + rng.choice(CHUNKS) + content[a:],
            lambda: content.replace(*rng.sample([b'"', b"{", b"]", b":", b",", b"code", b"cells"], 2)),
            lambda: content.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-8-sig", "utf-32"))),
        )
    )()


def rebuilt(content: bytes, rng: random.Random) -> bytes:
    """The JSON tree, changed in one place."""
    tree = [json.loads(content)]
    places = list(_places(tree))
    holder, key = rng.choice(places)
    other, there = rng.choice(places)
    change = rng.randrange(6)
    if change == 0:
        holder[key] = _odd(rng)
    elif change == 1:
        del holder[key]
    elif change == 2:
        holder[key] = json.loads(json.dumps(other[there]))
    elif change == 3 and isinstance(holder, dict):
        holder[rng.choice(NAMES)] = holder.pop(key)
    elif change == 4 and isinstance(holder[key], list):
        rng.shuffle(holder[key])
    elif isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), json.loads(json.dumps(holder[key])))
    else:
        holder[rng.choice(NAMES)] = _odd(rng)
    return json.dumps(tree[0] if tree else None, ensure_ascii=rng.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )


def rewritten(content: bytes, rng: random.Random) -> bytes:
    """The code of one cell, changed in one place; the notebook stays a notebook."""
    notebook = json.loads(content)
    cell = rng.choice([cell for cell in notebook["cells"] if cell["cell_type"] == "code"])
    text = "".join(cell["source"])
    a = rng.randrange(len(text) + 1)
    b = min(len(text), a + rng.choice((1, 4, 30)))
    middle = rng.choice(("", rng.choice(WORDS), text[a:b] * 2, chr(rng.randrange(1, 0x3000))))
    cell["source"] = text[:a] + middle + text[b:]
    return json.dumps(notebook).encode()


def _places(tree) -> Iterator[tuple]:
    """(container, key) of everything in it."""
    keys = tree if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _odd(rng: random.Random):
    deep = []
    for _ in range(rng.choice((3, 100, 700))):
        deep = [deep]
    return rng.choice(
        (
            None,
            True,
            0,
            -1,
            10**400,
            float("nan"),
            "",
            "code",
            "\ud800",
            "x" * 10**4,
            [],
            {},
            [[]],
            deep,
            [None] * 999,
        )
        + ([{}], {"cells": {}}, {"cell_type": "code"}, ["a", 1], ["a\n", ["b"]], "\0", "while True: pass")
    )
