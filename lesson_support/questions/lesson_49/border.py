"""A call across the C border: does it read and write what it was meant to?"""

from __future__ import annotations

from lesson_support.questions.kinds import Function
from lesson_support.questions.lesson_49 import crossing_wrong
from lesson_support.questions.lesson_49.crossing import border_fault, cells, oracle, tensor

_SCAN = ["const float*", "const float*", "float*", "int64_t"]
_DECLARED = ["c_void_p", "c_void_p", "c_void_p", "c_int64"]


def cases(rng):
    a, b, h = tensor(0), tensor(64), tensor(128)
    fill = ["double*", "double", "int64_t"]
    filled = ["c_void_p", "c_double", "c_int64"]
    wide = tensor(0, dtype="float64")
    calls = [
        (["int64_t"], ["c_int64"], [8]),
        (["int64_t"], ["c_int32"], [8]),
        (["int64_t"], ["c_int64"], [-1]),
        (["float*", "float*", "int64_t"], ["c_void_p", "c_void_p", "c_int64"], [h, h, 8]),
        (["float", "float*", "int64_t"], ["c_float", "c_void_p", "c_int64"], [0.5, h, 8]),
        (["float", "float*", "int64_t"], ["c_float", "c_void_p", "c_int64"], [0.5, h, 9]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [h, 8]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [h, 9]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [h, -1]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [h, 0]),
        (["float*", "int64_t"], ["c_int32", "c_int64"], [h, 8]),
        (["float*", "int64_t"], ["c_int64", "c_int64"], [h, 8]),
        (["float*", "int64_t"], ["c_void_p"], [h, 8]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [h]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [wide, 8]),
        (["float*", "int64_t"], ["c_void_p", "c_int64"], [tensor(dtype="bfloat16"), 8]),
        (["double*", "int64_t"], ["c_void_p", "c_int64"], [wide, 8]),
        (["const double*", "double*", "int64_t"], ["c_void_p", "c_void_p", "c_int64"], [wide, wide, 8]),
        (fill, filled, [wide, 0.5, 8]),
        (fill, ["c_void_p", "c_float", "c_int64"], [wide, 0.5, 8]),
        (fill, filled, [tensor(0, (4, 2), (1, 4), "float64"), 0.5, 8]),
        (["float*", "int32_t", "int64_t"], ["c_void_p", "c_int32", "c_int64"], [h, 3, 8]),
        (["float*", "int32_t", "int64_t"], ["c_void_p", "c_int64", "c_int64"], [h, 3, 8]),
        (["const float*", "float", "int64_t"], ["c_void_p", "c_float", "c_int64"], [a, 0.5, 8]),
        (["const float*", "float", "int64_t"], ["c_void_p", "c_double", "c_int64"], [a, 0.5, 8]),
    ]
    scans = [
        [a, b, h, 8], [a, b, a, 8], [a, a, h, 8], [a, b, tensor(28), 8], [a, b, tensor(32), 8],
        [a, b, tensor(96), 8], [a, b, tensor(60), 1], [a, b, tensor(36), 7], [a, b, tensor(36), 8],
        [a, b, a, 0], [a, tensor(16), h, 8], [tensor(0, (8,), (2,)), b, h, 8],
        [tensor(0, (2, 4)), b, h, 8], [tensor(0, (2, 4), (1, 2)), b, h, 8],
        [tensor(0, (1, 8), (99, 1)), b, h, 8], [tensor(0, (8, 1), (1, 7)), b, h, 8],
        [tensor(0, (2, 4), (8, 1)), b, h, 4], [tensor(0, (0, 3), (5, 7)), b, h, 0],
        [tensor(0, (0, 3), (3, 1)), b, h, 1], [tensor(0, (), ()), b, h, 1], [tensor(0, (), ()), b, h, 2],
        [tensor(0, (1,), (0,)), b, h, 1], [tensor(0, (8,), (0,)), b, h, 8],
        [tensor(0, (2, 8)), tensor(64), tensor(128), 8], [tensor(0, (2, 8)), b, tensor(32), 8],
        [tensor(0, (2, 8)), b, tensor(32), 9], [a, tensor(dtype="float64", at=64), h, 9],
        [tensor(0, (8,), (2,), "int32"), b, h, 8], [tensor(0, (8,), (2,)), b, h, 9], [a, b, a, 9],
        [a, b, tensor(128, (2, 2, 2), (4, 2, 1)), 8], [a, b, tensor(128, (2, 2, 2), (2, 4, 1)), 8],
    ]  # fmt: skip
    calls += [(_SCAN, _DECLARED, passed) for passed in scans]
    two = ["c_void_p", "c_void_p", "c_int64"]
    calls += [
        (["float*", "const float*", "int64_t"], two, [tensor(28), a, 8]),
        (["const float*", "double*", "int64_t"], two, [tensor(40), wide, 8]),
        (["double*", "const float*", "int64_t"], two, [tensor(16, dtype="float64"), tensor(48), 8]),
        (["const double*", "double*", "int64_t"], two, [wide, tensor(40, dtype="float64"), 8]),
        (["const double*", "double*", "int64_t"], two, [wide, tensor(64, dtype="float64"), 8]),
        (["float*", "int32_t", "int64_t"], ["c_void_p", "c_int64"], [h, 8]),
    ]
    calls += [(_SCAN, _DECLARED[:3] + ["c_int32"], [a, b, h, 8]), (_SCAN, _DECLARED, [a, b, h])]
    for _ in range(25):
        passed = []
        for _ in range(3):
            shape = tuple(rng.choice((1, 2, 2, 4), int(rng.integers(1, 4))).tolist())
            x = tensor(int(rng.integers(0, 24)) * 4, shape)
            if rng.random() < 0.1:
                x["stride"] = tuple(reversed(x["stride"]))
            if rng.random() < 0.1:
                x["dtype"] = "int32"
            passed.append(x)
        least = min(cells(x) for x in passed)
        order, n = rng.permutation(3), int(rng.integers(-1, least + 2))
        kinds = [["const float*", "float*", "float*"][i] for i in order]
        calls.append((_SCAN, _DECLARED, [*passed, max(n, 0)]))
        calls.append((["double", *kinds, "int64_t"], ["c_double", *_DECLARED], [0.5, *passed, n]))
    return calls


QUESTION = Function(
    name="border_fault",
    points=4,
    difficulty="medium",
    minutes=20,
    signature="border_fault(prototype: list[str], argtypes: list[str], passed: list) -> str",
    example=(
        '>>> h = {"dtype": "float32", "shape": (2, 4), "stride": (4, 1), "at": 64}\n'
        '>>> border_fault(["float*", "int64_t"], ["c_void_p", "c_int64"], [h, 9])\n'
        "'bounds'"
    ),
    hints=(
        "Take the faults one after the other, each for all arguments, and return at the first. The first two "
        "need no tensor at all.",
        "Contiguity: walk the axes from the last, expecting stride 1, and multiply by each size; an axis of "
        "size 1 may have any stride, and a tensor without elements any strides. Overlap is about n elements "
        "from `at`, not about whole tensors.",
        "Two ranges of bytes [p, p + n·size) and [q, q + n·size) share one exactly if n > 0, p < q + n·size "
        "and q < p + n·size. It is a fault as soon as one of the two parameters has no const.",
    ),
    solution=border_fault,
    wrong={
        "const is only a comment": crossing_wrong.const_means_nothing,
        "writing in place over an input is allowed": crossing_wrong.in_place_is_fine,
        "an axis of size 1 has a right stride": crossing_wrong.strides_to_the_letter,
        "whole tensors are touched": crossing_wrong.whole_tensors_overlap,
        "Python's numbers have no width": crossing_wrong.numbers_have_no_width,
        "an address is a 64-bit number": crossing_wrong.addresses_are_numbers,
        "n counts rows": crossing_wrong.only_rows_count,
        "n elements end at index n": crossing_wrong.last_is_out,
        "a negative n does nothing": crossing_wrong.negative_is_nothing,
        "neighbours overlap": crossing_wrong.neighbours_overlap,
        "equal width is equal type": crossing_wrong.same_bytes_same_type,
        "the order of the faults does not matter": crossing_wrong.bounds_before_layout,
        "only equal addresses overlap": crossing_wrong.overlap_by_address,
        "two writers may overlap": crossing_wrong.writers_may_meet,
        "all elements have the size of the first": crossing_wrong.one_size,
        "n is checked where there is a tensor": crossing_wrong.bounds_of_tensors,
        "pointers come first": crossing_wrong.pointers_first,
        "ctypes compares its list with the prototype": crossing_wrong.ctypes_checks,
    },
    cases=cases,
    oracle=oracle,
)
