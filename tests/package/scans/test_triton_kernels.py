"""The Triton kernels compute what their references say, and move no byte more than they must."""

import mmap

import pytest
import torch

pytest.importorskip("triton")

from lesson_support.errors import LessonError
from lesson_support.kernels import elementwise, rounding, softmax, traffic, transposing
from lesson_support.kernels.running import power_of_two

FLOATS = [torch.float32, torch.bfloat16, torch.float16]
UNIT = {torch.float32: 2.0**-24, torch.bfloat16: 2.0**-8, torch.float16: 2.0**-11}
SOFTMAXES = {
    "three passes": softmax.softmax_three_passes,
    "online": softmax.softmax_online,
    "fused": softmax.softmax_fused,
}
SMALLEST = {torch.float32: 1e-37, torch.bfloat16: 1e-37, torch.float16: 2.0**-24}


def drawn(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def check_close(got, exact, allowed, dtype):
    """One rounding to dtype, and float32 arithmetic that is off by `allowed` at most."""
    assert got.dtype == dtype and got.shape == exact.shape
    out = 0 if dtype == torch.float32 else UNIT[dtype]
    bound = (1 + out) * allowed + out * exact.abs() + SMALLEST[dtype]
    assert ((got.double() - exact).abs() <= bound).all()


# ------------------------------------------------------------------- widening and narrowing


def test_every_bfloat16_survives_widening_and_narrowing():
    import triton
    import triton.language as tl

    @triton.jit
    def there_and_back(x_ptr, wide_ptr, out_ptr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        wide = rounding.widened(tl.load(x_ptr + i))
        tl.store(wide_ptr + i, wide)
        tl.store(out_ptr + i, rounding.narrowed(wide, tl.bfloat16))

    x = torch.arange(-(2**15), 2**15).to(torch.int16).view(torch.bfloat16)
    wide, out = torch.empty(2**16), torch.empty(2**16, dtype=torch.bfloat16)
    there_and_back[(1,)](x, wide, out, BLOCK=2**16)
    assert torch.equal(wide.view(torch.int32), x.float().view(torch.int32))
    numbers = ~x.isnan()
    assert torch.equal(out.view(torch.int16)[numbers], x.view(torch.int16)[numbers])
    assert out[~numbers].isnan().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrowing_rounds_to_nearest_even(dtype):
    import triton
    import triton.language as tl

    @triton.jit
    def narrow(x_ptr, out_ptr, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(out_ptr + i, rounding.narrowed(tl.load(x_ptr + i), out_ptr.dtype.element_ty))

    half = 2.0**-8 if dtype == torch.bfloat16 else 2.0**-11
    ties = torch.tensor([1 + half, 1 + 3 * half, -1 - half, 2 - half, 1 + half + 2.0**-23, 0.0, -0.0, 1e-40])
    x = torch.cat([ties, drawn(2**12 - 8)])
    out = torch.empty(2**12, dtype=dtype)
    narrow[(1,)](x, out, BLOCK=2**12)
    assert torch.equal(out.view(torch.int16), x.to(dtype).view(torch.int16))
    # Adding to these would carry into the exponent or the sign.
    nans = torch.tensor([0x7F800001, 0x7FFFFFFF, -1, 0x7FC00000], dtype=torch.int32).view(torch.float32)
    out = torch.zeros(4, dtype=dtype)
    narrow[(1,)](nans, out, BLOCK=4)
    assert out.isnan().all()


# ------------------------------------------------------------------- vector addition


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(0,), (1,), (1023,), (1024,), (1025,), (3, 5, 211), ()])
def test_vector_add(shape, dtype):
    a, b = drawn(*shape, dtype=dtype), drawn(*shape, dtype=dtype, seed=1)
    assert torch.equal(elementwise.vector_add(a, b), elementwise.vector_add_reference(a, b))


def test_vector_add_moves_each_byte_once():
    a, b, out = drawn(2500), drawn(2500, seed=1), torch.empty(2500)
    with traffic.count(a=a, b=b, out=out) as seen:
        assert elementwise.vector_add(a, b, out=out) is out
    assert [seen[name].moved for name in ("a", "b", "out")] == [10_000] * 3
    assert seen.ratio == 1 and not seen.outside and list(seen) == ["a", "b", "out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x: (x, x[:4]), r"a has shape \(8,\) and b \(4,\)"),
        (lambda x: (x, x.half()), "b has dtype torch.float16 and a torch.float32"),
        (lambda x: (x[::2], x[::2]), r"a has strides \(2,\): expected a contiguous tensor"),
        (lambda x: (x, x.tolist()), "b is a list: expected a tensor"),
        (lambda x: (x.int(), x.int()), "a has dtype torch.int32: expected float32, bfloat16 or float16"),
        (lambda x: (x.to("meta"), x), "a is on meta: expected a CUDA tensor, or a CPU tensor"),
        (lambda x: (x, x, x[:4]), r"out is \(4,\) torch.float32"),
        (lambda x: (x, x.clone().requires_grad_()), "b requires gradients, which no kernel here computes"),
    ],
)
def test_vector_add_names_what_is_wrong(arguments, message):
    with pytest.raises(LessonError, match=message):
        elementwise.vector_add(*arguments(torch.rand(8)))


# ------------------------------------------------------------------- bias and GELU


def exact_gelu(z, approximate):
    if approximate == "none":
        return 0.5 * z * (1 + torch.erf(z / 2**0.5))
    return 0.5 * z * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (z + 0.044715 * z**3)))


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(0, 5), (1, 1), (7, 130), (2, 3, 257), (300, 3), (5,)])
def test_bias_gelu(shape, dtype, approximate):
    x, bias = 3 * drawn(*shape, dtype=dtype), drawn(shape[-1], dtype=dtype, seed=1)
    got = elementwise.bias_gelu(x, bias, approximate)
    z = x.double() + bias.double()
    # gelu has a slope of at most 1.13; the product 1 + erf cancels where z is negative.
    check_close(got, exact_gelu(z, approximate), 16 * 2.0**-24 * (1 + z.abs()), dtype)
    if dtype == torch.float32:
        torch.testing.assert_close(
            got, elementwise.bias_gelu_reference(x, bias, approximate), atol=2e-6, rtol=0
        )


def test_gelu_goes_to_its_limits():
    x = torch.tensor([[-40.0, -1e30, 40.0, 1e30, 0.0, float("nan")]])
    for approximate in ("none", "tanh"):
        got = elementwise.bias_gelu(x.clamp(-1e10, 1e10), torch.zeros(6), approximate)
        assert got[0, :5].abs().tolist() == [0.0, 0.0, 40.0, 1e10, 0.0] and got[0, 5].isnan()


def test_bias_gelu_reads_the_bias_once_a_tile():
    x, bias, out = drawn(33, 300), drawn(300), torch.empty(33, 300)
    with traffic.count(x=x, bias=bias, out=out) as seen:
        elementwise.bias_gelu(x, bias, out=out)
    assert (seen["x"].ratio, seen["out"].ratio, seen["bias"].ratio) == (1, 1, 5)  # 8 rows a tile
    assert not seen.outside and seen["x"].moved == seen["x"].size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda x: (x, x[0, :3]), r"bias has shape \(3,\) and x \(4, 8\): expected x's last size"),
        (lambda x: (x, x), r"bias has shape \(4, 8\): expected 1 dimension"),
        (lambda x: (x, x[:, 0]), r"bias has strides \(8,\)"),
        (lambda x: (x.t(), x[0, :4]), r"x has strides \(1, 8\)"),
        (lambda x: (x, x[0].half()), "bias has dtype torch.float16 and x torch.float32"),
        (lambda x: (x, x[0], "sigmoid"), "approximate is 'sigmoid': expected 'none' or 'tanh'"),
        (lambda x: (x[0, 0], x[0, :1]), "expected x's last size"),
    ],
)
def test_bias_gelu_names_what_is_wrong(arguments, message):
    with pytest.raises(LessonError, match=message):
        elementwise.bias_gelu(*arguments(torch.rand(4, 8)))


# ------------------------------------------------------------------- softmax


@pytest.mark.parametrize("name", SOFTMAXES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (1, 1), (5, 7), (4, 64), (3, 65), (2, 1500)])
def test_softmax(name, shape, dtype):
    x = 5 * drawn(*shape, dtype=dtype)
    got = SOFTMAXES[name](x)
    exact = x.double().softmax(-1)
    # exp turns the rounding of x − max into a relative error of |x − max| units; the sum adds a few.
    reach = (x.double().amax(-1, keepdim=True) - x.double()) if x.numel() else x.double()
    check_close(got, exact, (32 + 2 * reach) * 2.0**-24 * exact, dtype)


@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmax_of_strange_rows(name):
    inf = float("inf")
    rows = [
        [1e30, -1e30, 0.0],
        [-inf, 1.0, -inf],
        [-inf, -inf, 2.0],
        [-1e38, -1e38, -1e38],
        [3e38, 3e38, 3e38],
    ]
    x = torch.tensor(rows)
    with_block = {} if name == "fused" else {"block": 1}
    for layout in (x, x.t().contiguous().t(), torch.stack([x, x], 2)[:, :, 0]):
        assert torch.equal(SOFTMAXES[name](layout, **with_block), x.softmax(-1))


@pytest.mark.parametrize("name", SOFTMAXES)
def test_softmax_of_rows_without_an_answer_is_nan(name):
    inf, nan = float("inf"), float("nan")
    x = torch.tensor([[-inf, -inf, -inf], [1.0, inf, 2.0], [1.0, nan, 2.0]])
    assert x.softmax(-1).isnan().all()
    assert SOFTMAXES[name](x).isnan().all()


@pytest.mark.parametrize("block", [1, 2, 16, 64, 4096])
@pytest.mark.parametrize("name", ["three passes", "online"])
def test_softmax_walks_in_blocks(name, block):
    x = 5 * drawn(3, 65)
    got = SOFTMAXES[name](x, block=block)
    torch.testing.assert_close(got, x.softmax(-1), atol=0, rtol=8e-6)


def test_online_softmax_rescales_when_the_maximum_rises():
    x = torch.linspace(-300, 300, 200).reshape(1, -1)
    got = softmax.softmax_online(torch.cat([x, x.flip(1)]), block=16)
    torch.testing.assert_close(got, torch.cat([x, x.flip(1)]).softmax(-1), atol=1e-37, rtol=8e-5)


@pytest.mark.parametrize(
    ("name", "ratio", "reads"), [("three passes", 2.0, 3), ("online", 1.5, 2), ("fused", 1.0, 1)]
)
@pytest.mark.parametrize("n", [1, 100, 1500])
def test_softmax_traffic(name, ratio, reads, n):
    x, out = drawn(3, n), torch.empty(3, n)
    with traffic.count(x=x, out=out) as seen:
        assert SOFTMAXES[name](x, out=out) is out
    assert (seen["x"].ratio, seen["out"].ratio, seen.ratio) == (reads, 1, ratio)
    assert seen["x"].read_once == seen["x"].size and seen["out"].written_once == seen["out"].size
    assert not seen.outside and list(seen) == ["x", "out"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: softmax.softmax_fused(x[0]), r"x has shape \(8,\): expected 2 dimension"),
        (
            lambda x: softmax.softmax_fused(x.new_empty(1, 16_385)),
            "rows of 16385 elements: expected at most 16384",
        ),
        (lambda x: softmax.softmax_online(x, block=48), "block is 48: expected a power of two"),
        (lambda x: softmax.softmax_three_passes(x, block=0), "block is 0: expected a power of two"),
        (lambda x: softmax.softmax_online(x.double()), "x has dtype torch.float64"),
        (lambda x: softmax.softmax_online(x, out=x[:1]), r"out is \(1, 8\)"),
        (lambda x: softmax.softmax_online(x, out=x.t().contiguous().t()), "with strides"),
    ],
)
def test_softmax_names_what_is_wrong(call, message):
    with pytest.raises(LessonError, match=message):
        call(torch.rand(2, 8))


# ------------------------------------------------------------------- transposing


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.uint8, torch.bool, torch.float64])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (1, 70), (70, 1), (32, 32), (33, 95)])
def test_transpose(shape, dtype):
    x = (100 * drawn(*shape)).to(dtype)
    got = transposing.transpose(x)
    assert got.is_contiguous() and torch.equal(got, transposing.transpose_reference(x))


def test_transpose_takes_rows_apart_from_each_other():
    x = drawn(40, 100)[:, 20:59]
    assert torch.equal(transposing.transpose(x, tile=(8, 64)), x.t())


def test_bits_of_a_nan_survive_transposing():
    x = torch.tensor([[0x7F81, 0x7FC1]], dtype=torch.int16).view(torch.bfloat16)
    assert transposing.transpose(x).view(torch.int16).flatten().tolist() == [0x7F81, 0x7FC1]


@pytest.mark.parametrize(
    ("tile", "wasted"), [((32, 32), 1.0), ((8, 128), 1.0), ((1, 1024), 8.0), ((4, 64), 2.0)]
)
def test_the_tile_decides_how_full_sectors_are(tile, wasted):
    x, out = drawn(64, 128), torch.empty(128, 64)
    with traffic.count(x=x, out=out) as seen:
        assert transposing.transpose(x, tile, out=out) is out
    assert (seen.ratio, seen["x"].sector_ratio, seen["out"].sector_ratio) == (1, 1, wasted)
    assert not seen.outside


def test_offsets_do_not_overflow_32_bits():
    step = 2**30 + 64  # two rows further on is beyond 2**31
    reserve_nothing = getattr(mmap, "MAP_NORESERVE", 0x4000)  # the name came with Python 3.13
    memory = mmap.mmap(-1, 3 * step, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | reserve_nothing)
    x = torch.frombuffer(memory, dtype=torch.uint8).as_strided((3, 2), (step, 1))
    x.copy_(torch.tensor([[1, 2], [3, 4], [5, 6]]))
    assert transposing.transpose(x).tolist() == [[1, 3, 5], [2, 4, 6]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: transposing.transpose(x.t()), r"x has strides \(1, 8\): expected contiguous rows"),
        (lambda x: transposing.transpose(x[0]), "expected 2 dimension"),
        (
            lambda x: transposing.transpose(x.to(torch.complex64)),
            "dtype torch.complex64: expected a real dtype",
        ),
        (lambda x: transposing.transpose(x, tile=(3, 32)), r"tile is \(3, 32\): expected two powers of two"),
        (lambda x: transposing.transpose(x, out=x), r"out is \(4, 8\)"),
        (lambda x: transposing.transpose(x[:, :4].contiguous(), out=x[:, :4]), "with strides"),
        (lambda x: transposing.transpose(x[:1, :1], out=x[:1, :1]), "out shares the memory of x"),
    ],
)
def test_transpose_names_what_is_wrong(call, message):
    with pytest.raises(LessonError, match=message):
        call(torch.rand(4, 8))


def test_power_of_two():
    assert [power_of_two(n) for n in (0, 1, 2, 3, 4, 5, 1024, 1025)] == [1, 1, 2, 4, 4, 8, 1024, 2048]
