"""What has to be copied so that a program starts: a file, what it needs, and what that needs."""

from __future__ import annotations

from lesson_support.questions.kinds import Function


def shipped(files: dict, start: list[str], provided: list[str]) -> tuple[int, list[str]]:
    """The bytes that must go along with `start`, and the names that nobody has."""
    total, missing, seen, waiting = 0, [], set(provided), list(start)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in files:
            missing.append(name)
        elif isinstance(files[name], str):
            waiting.append(files[name])
        else:
            size, needs = files[name]
            total += size
            waiting += needs
    return total, sorted(missing)


def oracle(files, start, provided):
    """The names reached grow until they grow no more; then they are counted."""
    reached = {name for name in start if name not in provided}
    while True:
        more = set(reached)
        for name in reached:
            entry = files.get(name)
            if entry is not None:
                more |= {entry} if isinstance(entry, str) else set(entry[1])
        more -= set(provided)
        if more == reached:
            break
        reached = more
    sizes = [files[name][0] for name in reached if not isinstance(files.get(name, ""), str)]
    return sum(sizes), sorted(name for name in reached if name not in files)


def cases(rng):
    one = {"app": (5, [])}
    chain = {"app": (5, ["a"]), "a": (7, ["b"]), "b": (11, [])}
    diamond = {"app": (5, ["a", "b"]), "a": (7, ["c"]), "b": (11, ["c"]), "c": (13, [])}
    circle = {"app": (5, ["a"]), "a": (7, ["b"]), "b": (11, ["a"])}
    link = {"app": (5, ["a"]), "a": "a.1", "a.1": (7, [])}
    links = {"app": (5, ["a", "a.1"]), "a": "a.1", "a.1": "a.1.2", "a.1.2": (7, ["b"]), "b": (11, [])}
    found = [
        (one, ["app"], []),
        (one, [], []),
        (one, ["app", "app"], []),
        (one, ["tool"], []),
        (one, ["app"], ["app"]),
        ({"app": (5, ["c"])}, ["app"], ["c"]),
        ({"app": (5, ["c"])}, ["app"], []),
        ({"app": (5, ["c", "b", "c"])}, ["app"], []),
        ({"app": (5, []), "other": (7, [])}, ["app"], []),
        ({"app": (0, ["a"]), "a": (7, [])}, ["app"], []),
        (chain, ["app"], []),
        (chain, ["app"], ["a"]),
        (chain, ["app", "b"], ["a"]),
        (chain, ["a", "b"], []),
        (diamond, ["app"], []),
        (diamond, ["app"], ["b"]),
        (circle, ["app"], []),
        ({"app": (5, ["app"])}, ["app"], []),
        (link, ["app"], []),
        (link, ["app"], ["a"]),
        (link, ["app"], ["a.1"]),
        (link, ["a", "a.1"], []),
        (links, ["app"], []),
        ({"app": (5, ["a"]), "a": "a.1"}, ["app"], []),
        ({"a": (7, []), "b": (7, []), "app": (7, ["a", "b"])}, ["app"], []),
    ]
    names = list("abcdefgh")
    for _ in range(15):
        files = {}
        for name in names[: int(rng.integers(3, 8))]:
            if rng.random() < 0.2:
                files[name] = str(rng.choice([each for each in names if each > name]))
            else:
                needs = [str(each) for each in rng.choice(names, int(rng.integers(0, 4)))]
                files[name] = (int(rng.integers(1, 50)), needs)
        start = [str(each) for each in rng.choice(names, 2)]
        found.append((files, start, [str(each) for each in rng.choice(names, int(rng.integers(0, 3)))]))
    return found


def _only_direct(files, start, provided):
    reached = {*start, *(need for name in start if name in files for need in files[name][1])} - set(provided)
    return sum(files[n][0] for n in reached if n in files), sorted(n for n in reached if n not in files)


def _every_visit(files, start, provided):
    def visit(name, above):
        if name in provided or name in above or name not in files:
            return 0
        entry = files[name]
        if isinstance(entry, str):
            return visit(entry, {*above, name})
        return entry[0] + sum(visit(each, {*above, name}) for each in entry[1])

    return sum(visit(name, set()) for name in start), oracle(files, start, provided)[1]


def _everything(files, start, provided):
    sizes = [entry[0] for name, entry in files.items() if not isinstance(entry, str) and name not in provided]
    return sum(sizes), oracle(files, start, provided)[1]


def _through_provided(files, start, provided):
    total, missing = oracle(files, start, [])
    there = [name for name in provided if not isinstance(files.get(name, ""), str)]
    return total - sum(files[name][0] for name in there), [name for name in missing if name not in provided]


def _links_are_files(files, start, provided):
    flat = {}
    for name, entry in files.items():
        seen = set()
        while isinstance(entry, str) and entry in files and entry not in seen:
            seen.add(entry)
            entry = files[entry]
        flat[name] = (0, []) if isinstance(entry, str) else entry
    return oracle(flat, start, provided)


def _nothing_missing(files, start, provided):
    return oracle(files, start, provided)[0], []


def _missing_is_provided_too(files, start, provided):
    total, missing = oracle(files, start, provided)
    absent = {name for name in provided if name not in files}
    return total, sorted({*missing, *absent})


def _libraries_only(files, start, provided):
    total, missing = oracle(files, start, provided)
    own = {name for name in start if name in files and not isinstance(files[name], str)} - set(provided)
    return total - sum(files[name][0] for name in own), missing


def show(files, start, provided):
    return f"shipped({files}, {start}, {provided})"


QUESTION = Function(
    name="shipped",
    points=3,
    difficulty="easy",
    minutes=12,
    signature="shipped(files: dict, start: list[str], provided: list[str]) -> tuple[int, list[str]]",
    example=">>> files = {\n"
    "...     'program': (600, ['libtorch.so', 'libc.so.6']),\n"
    "...     'libtorch.so': (8, ['libtorch_cpu.so', 'libgomp.so']),\n"
    "...     'libtorch_cpu.so': (434_000, ['libgomp.so', 'libm.so.6']),\n"
    "...     'libgomp.so': 'libgomp.so.1',\n"
    "...     'libgomp.so.1': (250, []),\n"
    "... }\n"
    ">>> shipped(files, ['program'], ['libc.so.6'])\n"
    "(434858, ['libm.so.6'])",
    hints=(
        "Two libraries may need the same third one, and two may need each other. What stops the walk?",
        "Keep the names still to look at in a list and those already met in a set. Whatever the target "
        "provides counts as met before you start, so neither it nor its needs are followed.",
        "Take a name from the list; if it is met, go on; else mark it. Not in files: it is missing. A "
        "string: put that name on the list. A pair: add its bytes, put its needs on the list. At the end "
        "sort the missing names.",
    ),
    solution=shipped,
    wrong={
        "what the program names is all it needs": _only_direct,
        "a library is shipped once for each that needs it": _every_visit,
        "every file there is goes along": _everything,
        "the needs of a provided library must be shipped": _through_provided,
        "a link is another copy of its file": _links_are_files,
        "what is not there is not needed": _nothing_missing,
        "what the target provides must be among the files": _missing_is_provided_too,
        "only libraries count": _libraries_only,
    },
    cases=cases,
    oracle=oracle,
    show=show,
)
