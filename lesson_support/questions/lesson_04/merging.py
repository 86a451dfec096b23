"""Tests that tell merged heads from heads that only have the right shape."""

from __future__ import annotations

from lesson_support.questions.kinds import Tests


def merge_heads(x):
    """(batch, head, time, channel) to (batch, time, head * channel), the channels of a head side by side."""
    batch, head, time, channel = x.shape
    return x.transpose(1, 2).reshape(batch, time, head * channel)


def _only_reshaped(x):
    batch, head, time, channel = x.shape
    return x.reshape(batch, time, head * channel)


def _interleaved(x):
    return x.permute(0, 2, 3, 1).flatten(2)


def _single_squeezed(x):
    merged = merge_heads(x)
    return merged.squeeze(0) if len(x) == 1 else merged


def _layout_guessed(x):
    return merge_heads(x) if x.shape[1] != x.shape[2] else _only_reshaped(x)


def _single_precision(x):
    return merge_heads(x).float()


def _time_for_batch(x):
    batch, head, time, channel = x.shape
    return x.permute(2, 0, 1, 3).reshape(batch, time, head * channel)


def _pairs_of_tokens(x):
    merged = merge_heads(x)
    paired = merged.new_zeros(merged.shape)
    even = merged.shape[1] // 2 * 2
    paired[:, :even] = merged[:, :even]
    return paired


def _storage_read(x):
    batch, head, time, channel = x.shape
    size = (batch, time, head, channel)
    stride = (head * time * channel, channel, time * channel, 1)
    return x.as_strided(size, stride).reshape(batch, time, head * channel)


def _first_sample(x):
    return merge_heads(x[:1]).expand(len(x), -1, -1)


def _channels_before_tokens(x):
    return merge_heads(x).transpose(1, 2).reshape(merge_heads(x).shape)


def test_merge_heads(merge_heads) -> None:
    """Assertions that only the right order of the elements, in the right shape and dtype, passes."""
    import torch

    for shape in [(2, 3, 4, 5), (1, 2, 3, 4), (2, 3, 3, 2), (3, 2, 5, 1)]:
        x = torch.arange(torch.Size(shape).numel()).reshape(shape)
        for given in (x, x.double(), x.transpose(1, 2), x.transpose(2, 3)):
            expected = torch.cat(given.unbind(1), dim=-1)
            merged = merge_heads(given)
            assert merged.shape == expected.shape, merged.shape
            assert merged.dtype == given.dtype, merged.dtype
            assert torch.equal(merged, expected), shape


def _shape_only(merge_heads):
    import torch

    for batch, head, time, channel in [(2, 3, 4, 5), (1, 2, 3, 4), (2, 3, 3, 2)]:
        assert merge_heads(torch.ones(batch, head, time, channel)).shape == (batch, time, head * channel)


def _one_case(merge_heads):
    import torch

    x = torch.arange(120.0).reshape(2, 3, 4, 5)
    assert torch.equal(merge_heads(x), torch.cat(x.unbind(1), dim=-1))


def _one_sample(merge_heads):
    import torch

    for head, time in [(2, 3), (3, 3), (3, 5)]:
        x = torch.arange(head * time * 4).reshape(1, head, time, 4)
        assert torch.equal(merge_heads(x), torch.cat(x.unbind(1), dim=-1))


def _same_elements(merge_heads):
    import torch

    x = torch.arange(120).reshape(2, 3, 4, 5)
    assert merge_heads(x).flatten().sort().values.tolist() == list(range(120))


def _no_assertion(merge_heads):
    import torch

    x = torch.arange(120).reshape(2, 3, 4, 5)
    torch.equal(merge_heads(x), torch.cat(x.unbind(1), dim=-1))


def _reshape_expected(merge_heads):
    import torch

    x = torch.arange(120).reshape(2, 3, 4, 5)
    assert torch.equal(merge_heads(x), x.reshape(2, 4, 15))


QUESTION = Tests(
    name="test_merge_heads",
    points=3,
    difficulty="medium",
    minutes=12,
    signature="test_merge_heads(merge_heads) -> None",
    example=">>> x = torch.arange(8).reshape(1, 2, 2, 2)\n"
    ">>> merge_heads(x).tolist()\n"
    "[[[0, 1, 4, 5], [2, 3, 6, 7]]]\n"
    ">>> test_merge_heads(merge_heads)",
    hints=(
        "Values that are all different show every element in a wrong place; zeros, ones or a sum show none. "
        "Then ask which shapes let a wrong order look right.",
        "Compare shape, dtype and every element. Vary one thing at a time: several samples and a single one, "
        "as many heads as tokens, an odd number of tokens, integers and doubles, a transposed input.",
        "torch.cat(x.unbind(1), dim=-1) lays the heads side by side. Compare with it for shapes (2, 3, 4, "
        "5), (1, 2, 3, 4) and (2, 3, 3, 2), x made by arange, once as it is, once as x.double() and once as "
        "x.transpose(1, 2); assert the dtype too.",
    ),
    solution=test_merge_heads,
    wrong={
        "the right shape means the right order": _shape_only,
        "one shape stands for all": _one_case,
        "a batch of one is the simplest case, and enough": _one_sample,
        "nothing is lost, so nothing is misplaced": _same_elements,
        "comparing is asserting": _no_assertion,
        "a reshape is what the result should be": _reshape_expected,
    },
    right=merge_heads,
    mutants={
        "reshapes without a transpose": _only_reshaped,
        "lets the head run faster than the channel": _interleaved,
        "walks the channels before the tokens": _channels_before_tokens,
        "takes the time axis for the batch axis": _time_for_batch,
        "merges the first sample for the whole batch": _first_sample,
        "drops the batch axis of a single sample": _single_squeezed,
        "forgets the transpose where there are as many heads as tokens": _layout_guessed,
        "handles tokens in pairs and leaves an odd last one zero": _pairs_of_tokens,
        "returns float32 whatever comes in": _single_precision,
        "reads the storage as if its input were contiguous": _storage_read,
    },
)
