"""What an answer combined is written down as it happened, and read again without trusting it."""

import pytest

from lesson_support.kernels.associative.recorded import MOST, Recorder, grouped, replay, scanned


def loop(combine, x):
    y = x[:1]
    for element in x[1:]:
        y.append(combine(y[-1], element))
    return y


def test_a_loop_is_recorded_combine_by_combine():
    assert scanned(loop, 4) == {"pairs": [(0, 1), (4, 2), (5, 3)], "prefixes": [0, 4, 5, 6], "kept": True}
    made = replay(4, [(0, 1), (4, 2), (5, 3)])
    assert [each.elements for each in made[4:]] == [(0, 1), (0, 1, 2), (0, 1, 2, 3)]
    assert [each.depth for each in made] == [0, 0, 0, 0, 1, 2, 3]
    assert str(made[5]) == "x0 ∘ x1 ∘ x2"


def test_depth_is_the_longest_chain_and_not_the_number_of_combines():
    made = replay(4, [(0, 1), (2, 3), (4, 5), (4, 2)])
    assert [each.depth for each in made[4:]] == [1, 1, 2, 2]


def test_order_and_repetition_are_kept():
    assert replay(3, [(2, 0), (3, 3)])[-1].elements == (2, 0, 2, 0)


def test_a_changed_list_is_noticed():
    def sorts(combine, x):
        x.reverse()
        return x

    assert scanned(sorts, 2) == {"pairs": [], "prefixes": [1, 0], "kept": False}
    assert scanned(sorts, 1)["kept"]


def test_an_operator_is_asked_along_the_grouping():
    def answer(combine):
        return lambda left, right: (left[0] and right[0], combine(left[1], right[1]))

    assert grouped(answer, [True, True, False], (0, (1, 2))) == {
        "flag": False,
        "pairs": [(1, 2), (0, 3)],
        "value": 4,
    }
    assert grouped(answer, [True, True, False], ((0, 1), 2))["pairs"] == [(0, 1), (3, 2)]
    assert grouped(answer, [True, True], (0, 1))["flag"] is True


def test_a_flag_comes_back_as_a_bool():
    found = grouped(lambda combine: lambda left, right: (1, left[1]), [False, False], (0, 1))
    assert found["flag"] is True


@pytest.mark.parametrize(
    "answer, told",
    [
        (lambda combine, x: [combine(x[0], 1)], "right is 1: expected an element"),
        (lambda combine, x: [combine("x0", x[0])], "left is 'x0'"),
        (lambda combine, x: [x[0] + x[1]], "unsupported operand"),
        (lambda combine, x: [x[0], 7], "result 1 is 7"),
        (lambda combine, x: x[0], "the result is a Element: expected a list of 2 prefixes"),
        (lambda combine, x: None, "the result is a NoneType"),
    ],
)
def test_what_is_no_element_is_refused(answer, told):
    with pytest.raises(TypeError, match=told):
        scanned(answer, 2)


@pytest.mark.parametrize("returned", [7, (True,), [True, 7]])
def test_an_operator_returns_a_pair(returned):
    with pytest.raises(TypeError, match=r"expected a tuple \(flag, value\)"):
        grouped(lambda combine: lambda left, right: returned, [True, False], (0, 1))


def test_an_endless_answer_is_stopped():
    def endless(combine, x):
        while True:
            combine(x[0], x[0])

    with pytest.raises(RuntimeError, match=f"stopped after {MOST * 4} combines of 3 elements"):
        scanned(endless, 3)


@pytest.mark.parametrize("pair", [(0, 2), (-1, 0), (0, True), (0, 1.0), ("0", 1)])
def test_a_forged_record_is_refused(pair):
    with pytest.raises(ValueError, match="expected earlier results"):
        replay(2, [pair])


def test_a_record_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match="expected at most"):
        replay(1, [(0, 0)] * (2 * MOST + 1))
    assert len(replay(2, [(0, 1)] * 3 * MOST)) == 2 + 3 * MOST


def test_combining_with_itself_does_not_grow_the_recorder():
    recorder = Recorder(1)
    assert recorder.numbers([recorder.combine(*recorder.elements * 2)]) == [1]
