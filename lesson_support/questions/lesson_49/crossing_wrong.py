"""Answers to `border_fault` that are wrong, each by one belief."""

from __future__ import annotations

from itertools import product

from lesson_support.questions.lesson_49.crossing import BYTES, border_fault, cells, tensor


def _changed(prototype, argtypes, passed, *, tensors=None, c=None, n=None, declared=None):
    """The answer to a call that is believed to be another one."""
    if len(prototype) != len(passed):
        return "count"
    passed = [tensors(x, passed[-1]) if tensors and isinstance(x, dict) else x for x in passed]
    if n and passed:
        passed[-1] = n(passed)
    return border_fault([c(each) for each in prototype] if c else prototype, declared or argtypes, passed)


def const_means_nothing(prototype, argtypes, passed):
    return _changed(prototype, argtypes, passed, c=lambda each: each.removeprefix("const "))


def in_place_is_fine(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    starts = [x["at"] for x in passed if isinstance(x, dict)]
    return "none" if found == "overlap" and len(set(starts)) < len(starts) else found


def strides_to_the_letter(prototype, argtypes, passed):
    def strict(x, n):
        fits = tuple(x["stride"]) == tensor(0, x["shape"])["stride"]
        return x if fits else {**x, "shape": (2, 2), "stride": (1, 2)}

    return _changed(prototype, argtypes, passed, tensors=strict)


def whole_tensors_overlap(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found != "none":
        return found
    spans = [(c.startswith("const"), x["at"], x["at"] + cells(x) * BYTES[x["dtype"]])
             for c, x in zip(prototype, passed, strict=True) if "*" in c]  # fmt: skip
    for i, (const, first, end) in enumerate(spans):
        for other_const, other, other_end in spans[:i]:
            if not (const and other_const) and first < other_end and other < end:
                return "overlap"
    return found


def numbers_have_no_width(prototype, argtypes, passed):
    widened = [each.replace("c_int32", "c_int64") for each in argtypes]
    return _changed([each.replace("int32_t", "int64_t") for each in prototype], widened, passed)


def addresses_are_numbers(prototype, argtypes, passed):
    same = len(prototype) == len(argtypes)
    fixed = [
        "c_void_p" if same and "*" in prototype[i] and each == "c_int64" else each
        for i, each in enumerate(argtypes)
    ]
    return border_fault(prototype, fixed, passed)


def only_rows_count(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found in ("count", "declaration", "dtype", "layout"):
        return found
    rows = [x["shape"][0] if x["shape"] else 1 for x in passed if isinstance(x, dict)]
    return "bounds" if any(passed[-1] > each for each in rows) else found


def last_is_out(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    full = any(isinstance(x, dict) and cells(x) == passed[-1] for x in passed)
    return "bounds" if found in ("overlap", "none") and full else found


def negative_is_nothing(prototype, argtypes, passed):
    return _changed(prototype, argtypes, passed, n=lambda all_passed: max(0, all_passed[-1]))


def neighbours_overlap(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found != "none" or passed[-1] == 0:
        return found
    grown = [{**x, "at": x["at"] - 4 * (i == 2)} if isinstance(x, dict) else x for i, x in enumerate(passed)]
    return border_fault(prototype, argtypes, grown)


def same_bytes_same_type(prototype, argtypes, passed):
    def cast(x, n):
        return {**x, "dtype": {"int32": "float32", "int64": "float64"}.get(x["dtype"], x["dtype"])}

    return _changed(prototype, argtypes, passed, tensors=cast)


def bounds_before_layout(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found == "layout" and any(isinstance(x, dict) and passed[-1] > cells(x) for x in passed):
        return "bounds"
    return found


def overlap_by_address(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found != "overlap":
        return found
    pointers = [(c, x["at"]) for c, x in zip(prototype, passed, strict=True) if "*" in c]
    written = [at for c, at in pointers if not c.startswith("const")]
    return found if any([at for _, at in pointers].count(each) > 1 for each in written) else "none"


def ctypes_checks(prototype, argtypes, passed):
    return "none" if len(argtypes) != len(prototype) else border_fault(prototype, argtypes, passed)


def writers_may_meet(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found != "overlap":
        return found
    pointers = [(i, c) for i, c in enumerate(prototype) if "*" in c]
    for (i, c), (j, other) in product(pointers, pointers):
        two = [c, other, "int64_t"], [argtypes[i], argtypes[j], "c_int64"], [passed[i], passed[j], passed[-1]]
        if "const" in c and "const" not in other and border_fault(*two) == "overlap":
            return found
    return "none"


def one_size(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    if found not in ("overlap", "none"):
        return found
    tensors = [(c, x) for c, x in zip(prototype, passed, strict=True) if "*" in c]
    size = BYTES[tensors[0][1]["dtype"]] if tensors else 0
    spans = [("const" in c, range(x["at"], x["at"] + size * passed[-1])) for c, x in tensors]
    for i, (const, one) in enumerate(spans):
        for other_const, other in spans[:i]:
            if not (const and other_const) and set(one) & set(other):
                return "overlap"
    return "none"


def bounds_of_tensors(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    return "none" if found == "bounds" and not any("*" in c for c in prototype) else found


def pointers_first(prototype, argtypes, passed):
    found = border_fault(prototype, argtypes, passed)
    first = next((i for i, c in enumerate(prototype) if "*" not in c), 0)
    return "none" if found in ("dtype", "layout", "bounds", "overlap") and first == 0 else found
