"""Nine Rust programs, and what the compiler says about each; the programs stand in the exercise itself."""

from __future__ import annotations

from lesson_support.questions.kinds import Diagnose

# The error with which rustc refuses each program of the exercise, None where it compiles. A test asks the
# compiler again wherever there is one.
RECORDED_WITH = "rustc 1.95.0"
RECORDED = {
    "a": "E0382",
    "b": None,
    "c": "E0373",
    "d": "E0502",
    "e": "E0499",
    "f": None,
    "g": "E0277",
    "h": None,
    "i": None,
}
MEANING = {
    None: "compiles",
    "E0382": "moved",
    "E0499": "borrowed",
    "E0502": "borrowed",
    "E0373": "outlives",
    "E0277": "not Send",
}


def rustc_says() -> dict[str, str]:
    """For each program what rustc makes of it."""
    return {
        "a": "moved",
        "b": "compiles",
        "c": "outlives",
        "d": "borrowed",
        "e": "borrowed",
        "f": "compiles",
        "g": "not Send",
        "h": "compiles",
        "i": "compiles",
    }


def expected() -> dict[str, str]:
    """The compiler's own answers, as they were recorded."""
    return {name: MEANING[code] for name, code in RECORDED.items()}


_RIGHT = rustc_says()

QUESTION = Diagnose(
    name="rustc_says",
    points=2,
    difficulty="easy",
    minutes=10,
    signature="rustc_says() -> dict[str, str]",
    example=">>> sorted(rustc_says())\n['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']",
    hints=(
        "Write down for each program who owns the vector at each line, and which references to it are still "
        "used further down. What a comment or a caller promises does not count.",
        "References end at their last use, not at the brace. An index is a number to the compiler: two "
        "different ones do not make two different vectors. A thread of std::thread::spawn may run longer "
        "than any function.",
        "Four programs compile. One of them never gets past a line when it runs, and the compiler does not "
        "mind: lock() borrows its mutex for reading.",
    ),
    solution=rustc_says,
    wrong={
        "threads that share a vector need a lock": {**_RIGHT, "b": "borrowed", "f": "borrowed"},
        "different elements are different borrows": {**_RIGHT, "e": "compiles"},
        "a borrow lasts to the end of its block": {**_RIGHT, "h": "borrowed"},
        "a lock that is taken twice is a borrow taken twice": {**_RIGHT, "i": "borrowed"},
        "a counted reference may be handed to a thread": {**_RIGHT, "g": "compiles"},
        "the compiler sees that the thread is joined": {**_RIGHT, "c": "compiles"},
        "move copies the vector": {**_RIGHT, "a": "compiles"},
        "a shared borrow may be pushed through": {**_RIGHT, "d": "compiles"},
        "nothing with threads compiles": dict.fromkeys(_RIGHT, "borrowed"),
    },
    expected=expected,
)
