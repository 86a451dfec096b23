"""Tests that tell the least active channels from the most active, the silent, the loud before the ReLU."""

from __future__ import annotations

from lesson_support.questions.kinds import Tests


def channels_to_remove(x, gamma, beta, count):
    """The `count` channels of x (sample, channel, height, width) whose relu(γ·x + β) has the lowest mean.

    Of equal ones it takes the last; their order has no meaning.
    """
    return _lowest(_fired(x, gamma, beta).mean((0, 2, 3)), count)


def _fired(x, gamma, beta):
    return (gamma[:, None, None] * x + beta[:, None, None]).relu()


def _lowest(scores, count):
    """Of equal scores the last ones, and the highest index first."""
    last_first = scores.flip(0).argsort(stable=True)[:count]
    return (len(scores) - 1 - last_first).sort(descending=True).values


def _inverted(x, gamma, beta, count):
    return _lowest(1 / (_fired(x, gamma, beta).mean((0, 2, 3)) + 1e-8), count)


def _inverted_but_for_the_silent(x, gamma, beta, count):
    import torch

    coverage = _fired(x, gamma, beta).mean((0, 2, 3))
    return _lowest(torch.where(coverage > 0, 1 / coverage, coverage), count)


def _by_gamma(x, gamma, beta, count):
    return _lowest(gamma.abs(), count)


def _before_the_relu(x, gamma, beta, count):
    return _lowest((gamma[:, None, None] * x + beta[:, None, None]).abs().mean((0, 2, 3)), count)


def _relu_of_the_mean(x, gamma, beta, count):
    return _lowest((gamma * x.mean((0, 2, 3)) + beta).relu(), count)


def _sign_of_gamma(x, gamma, beta, count):
    return channels_to_remove(x, gamma.abs(), beta, count)


def _first_sample(x, gamma, beta, count):
    return channels_to_remove(x[:1], gamma, beta, count)


def _top_row(x, gamma, beta, count):
    return channels_to_remove(x[:, :, :1], gamma, beta, count)


def _over_its_peak(x, gamma, beta, count):
    fired = _fired(x, gamma, beta)
    return (fired.mean((0, 2, 3)) / fired.amax((0, 2, 3))).argsort()[:count]


def _spread(x, gamma, beta, count):
    return _lowest(_fired(x, gamma, beta).transpose(0, 1).flatten(1).std(1), count)


def _mean_square(x, gamma, beta, count):
    return _lowest((_fired(x, gamma, beta) ** 2).mean((0, 2, 3)), count)


def _how_often(x, gamma, beta, count):
    return _lowest((_fired(x, gamma, beta) > 0).double().mean((0, 2, 3)), count)


def _ranks(x, gamma, beta, count):
    return _fired(x, gamma, beta).mean((0, 2, 3)).argsort().argsort()[:count]


def _up_to_a_threshold(x, gamma, beta, count):
    scores = _fired(x, gamma, beta).mean((0, 2, 3))
    return (scores <= scores.sort().values[max(count - 1, 0)]).nonzero().flatten()[: None if count else 0]


def _none_where_tied(x, gamma, beta, count):
    found = _up_to_a_threshold(x, gamma, beta, count)
    return found if len(found) == count else found[:0]


def test_channels_to_remove(channels_to_remove) -> None:
    """Assertions that only the channels of the lowest mean pass, in any order."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 5, 4, 4, generator=generator)

    def removed(x, gamma, beta, count):
        found = channels_to_remove(x, torch.tensor(gamma), torch.tensor(beta), count).tolist()
        assert len(found) == len(set(found)) == count, found
        return set(found)

    ones = [1.0] * 5
    assert removed(x, [1.0, 0, 1, 0, 1], [0.0] * 5, 2) == {1, 3}
    assert removed(x, ones, [0.0, 2, -50, 1, -1.5], 1) == {2}
    for step in range(5):
        beta = torch.tensor([-2.0, -1, 0, 1, 2]).roll(step)
        for count in range(5):
            expected = set(beta.argsort()[:count].tolist())
            assert removed(x, ones, beta.tolist(), count) == expected, (step, count)
    assert removed(x, [1.0, 1, 0, 1, 1], [-1.0, -1, 3, -1, 0], 4) == {0, 1, 3, 4}
    assert removed(x.abs(), [1.0, -1, 1, 1, 1], [0.1] * 5, 1) == {1}
    assert removed(x, [0.0] * 5, [0.0] * 5, 2) <= set(range(5))
    rare = torch.zeros(6, 2, 4, 4) - 1
    rare[3, 0, 2] = 40
    for steady, least in ((0.1, 1), (2.0, 0)):
        rare[:, 1] = steady
        assert removed(rare, [1.0, 1], [0.0, 0], 1) == {least}, steady


def _dead_only(channels_to_remove):
    import torch

    x = torch.randn(6, 4, 3, 3)
    found = channels_to_remove(x, torch.tensor([1.0, 0, 1, 0]), torch.zeros(4), 2)
    assert set(found.tolist()) == {1, 3}


def _count_only(channels_to_remove):
    import torch

    for count in range(4):
        found = channels_to_remove(torch.randn(6, 4, 3, 3), torch.ones(4), torch.zeros(4), count)
        assert len(set(found.tolist())) == count


def _first_of_the_tied(channels_to_remove):
    import torch

    found = channels_to_remove(torch.ones(2, 4, 3, 3), torch.ones(4), torch.zeros(4), 2)
    assert set(found.tolist()) == {0, 1}


def _weakest_first(channels_to_remove):
    import torch

    beta = torch.tensor([2.0, -2.0, 1.0, -1.0])
    found = channels_to_remove(torch.randn(6, 4, 3, 3), torch.ones(4), beta, 2)
    assert found.tolist() == [1, 3]


def _small_gammas(channels_to_remove):
    import torch

    x, gamma = torch.randn(9, 4, 5, 5), torch.tensor([3.0, 0.1, 2.0, 1.0])
    for count, expected in ((1, {1}), (2, {1, 3})):
        assert set(channels_to_remove(x, gamma, torch.zeros(4), count).tolist()) == expected


def _no_assertion(channels_to_remove):
    import torch

    found = channels_to_remove(torch.randn(6, 4, 3, 3), torch.tensor([1.0, 0, 1, 0]), torch.zeros(4), 2)
    set(found.tolist()).issuperset({1, 3})


QUESTION = Tests(
    name="test_channels_to_remove",
    points=4,
    difficulty="hard",
    minutes=25,
    signature="test_channels_to_remove(channels_to_remove) -> None",
    example=">>> x = torch.tensor([1.0, 2.0, -3.0]).reshape(1, 3, 1, 1)\n"
    ">>> channels_to_remove(x, torch.ones(3), torch.zeros(3), 1)\n"
    "tensor([2])\n"
    ">>> test_channels_to_remove(channels_to_remove)",
    hints=(
        "Silence some channels in ways that look different from outside, at changing places, and remove "
        "exactly that many. Then ask which wrong score would also find them.",
        "A score may treat silence as a special case and still be upside down, so make channels that are "
        "faint. γ = 0 with β = 3 is loud, γ = 1 with β = −50 is silent, a negative γ turns an input round. "
        "Let one channel fire rarely and strongly, in one sample and off the first row. Ask for none, and "
        "for two of several equal ones, of which any two are right. Compare sets.",
        "With x = torch.randn(6, 5, 4, 4): γ = 1, 0, 1, 0, 1 removes {1, 3}; γ all 1 and β = −2, −1, 0, 1, 2 "
        "rolled by 0 to 4 removes the lowest of β for every count from 0; γ = 1, 1, 0, 1, 1 with β = −1, −1, "
        "3, −1, 0 removes all but 2 for count 4; x.abs() with γ = 1, −1, 1, 1, 1 and β = 0.1 removes {1}; γ "
        "and β all 0 removes any two. Last, x of −1 with one row of 40 in sample 3 against a channel of 0.1, "
        "then against one of 2.",
    ),
    solution=test_channels_to_remove,
    wrong={
        "who finds the dead ranks the living": _dead_only,
        "the right number is the right channels": _count_only,
        "ties go to the first": _first_of_the_tied,
        "the weakest comes first in the answer": _weakest_first,
        "the activation is as large as γ": _small_gammas,
        "comparing is asserting": _no_assertion,
    },
    right=channels_to_remove,
    mutants={
        "ranks by 1 / (mean + ε)": _inverted,
        "ranks by 1 / mean, and by 0 where the mean is 0": _inverted_but_for_the_silent,
        "ranks by the size of γ": _by_gamma,
        "ranks by the mean of |γ·x + β|": _before_the_relu,
        "takes the mean before the ReLU": _relu_of_the_mean,
        "loses the sign of γ": _sign_of_gamma,
        "looks at the first sample only": _first_sample,
        "looks at the first row of each sample only": _top_row,
        "divides each mean by the channel's own peak": _over_its_peak,
        "ranks by the spread of the activations": _spread,
        "ranks by the mean square": _mean_square,
        "ranks by how often a channel fires": _how_often,
        "takes ranks for positions": _ranks,
        "removes everything up to the threshold": _up_to_a_threshold,
        "removes nothing where channels are tied": _none_where_tied,
    },
)
