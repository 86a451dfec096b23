"""The network in Rust beside torch's: gradients, losses of training, logits, and what is refused."""

import copy
import ctypes
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.models import rust_calls as calls
from lesson_support.models.rust_mlp import PUBLISHED_SIZES, RustClassifier, torch_layers
from lesson_support.native import rust
from tests.package.test_rust_crate import needs_rustc

pytestmark = needs_rustc
SIZES = (20, 64, 48, 3)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(count, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 20, generator=generator)
    return x, (x[:, 0] * x[:, 1] + x[:, 2]).mul(2).floor().remainder(classes).long()


def pair(sizes=SIZES, seed=0, **options):
    torch.manual_seed(seed)
    module, network = torch_layers(sizes), RustClassifier(sizes, **options)
    for layer in module:
        if isinstance(layer, nn.BatchNorm1d):  # not what they begin with
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2.0)
    network.load(module)
    return module, network


def trained(module, x, y, order, rate, batch=128):
    """torch's losses, step by step."""
    optimiser, losses = torch.optim.Adam(module.parameters(), lr=rate), []
    module.train()
    for rows in order.split(batch):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(module(x[rows]), y[rows])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return torch.tensor(losses, dtype=torch.float64)


def fifty_batches(count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(50 * 128 // count + 1)])[
        : 50 * 128
    ]


@pytest.mark.parametrize("rows", [2, 5, 16, 100, 128])
def test_gradients_are_those_of_float64(rows):
    module, network = pair()
    x, y = data(rows)
    loss, gradients = network.differentiate(x, y)
    module = module.double()
    exact = nn.functional.cross_entropy(module(x.double()), y)
    exact.backward()
    expected = torch.cat([p.grad.flatten() for p in module.parameters()])
    assert loss == pytest.approx(exact.item(), rel=1e-6)
    # Normalising two samples leaves little but their signs: gradients are small differences.
    assert (gradients - expected).norm() <= (2e-2 if rows == 2 else 1e-5) * expected.norm()


def test_fifty_steps_follow_torch():
    (module, network), (x, y) = pair(), data(1000)
    order = fifty_batches(1000)
    ours, theirs = network.epoch(x, y, rate=1e-3, order=order), trained(module, x, y, order, 1e-3)
    assert ours.shape == (50,) and theirs[-5:].mean() < 0.9 * theirs[:5].mean()
    assert ((ours - theirs).abs() <= 1e-5 * theirs).all()
    module.eval()
    with torch.no_grad():
        torch.testing.assert_close(network.logits(x), module(x), rtol=1e-2, atol=1e-2)


def test_the_published_network_follows_torch_as_far_as_float32_goes():
    module, network = pair(PUBLISHED_SIZES)
    x, y = data(640, classes=2)
    order = fifty_batches(640)[: 12 * 128]
    small, alike = copy.deepcopy(module), RustClassifier(PUBLISHED_SIZES)
    alike.load(module)
    ours, theirs = alike.epoch(x, y, rate=1e-5, order=order), trained(small, x, y, order, 1e-5)
    assert ((ours - theirs).abs() <= 1e-5 * theirs).all()
    ours, theirs = network.epoch(x, y, rate=1e-3, order=order), trained(module, x, y, order, 1e-3)
    assert ((ours - theirs).abs()[:3] <= 1e-3 * theirs[:3]).all()  # then rounding takes over, torch's as well


def test_the_last_batch_may_be_smaller_and_order_may_repeat():
    (module, network), (x, y) = pair(), data(70)
    order = torch.arange(100) % 70
    ours = network.epoch(x, y, rate=1e-3, batch=40, order=order)
    torch.testing.assert_close(ours, trained(module, x, y, order, 1e-3, batch=40), rtol=1e-5, atol=0)
    torch.testing.assert_close(
        network.epoch(x[:40], y[:40], rate=0.0), network.epoch(x[:40], y[:40], rate=0.0)
    )


def test_logits_agree_in_every_way_to_ask():
    (module, network), (x, _) = pair(batch=32), data(101)
    module.eval()
    with torch.no_grad():
        expected = module(x)
    torch.testing.assert_close(network.logits(x), expected, rtol=1e-5, atol=1e-5)
    for i in (0, 50, 100):
        torch.testing.assert_close(network.single(x[i]), expected[i], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(network.single(x[i], folded=True), expected[i], rtol=1e-5, atol=1e-5)
    assert network.logits(x[:0]).shape == (0, 3)


def test_what_is_folded_does_not_go_stale():
    (_, network), (x, y) = pair(), data(64)
    before = network.single(x[0], folded=True)
    network.epoch(x, y, rate=1e-2)
    after = network.single(x[0], folded=True)
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, network.single(x[0]), rtol=1e-4, atol=1e-4)
    network.load(torch_layers(SIZES))
    torch.testing.assert_close(network.single(x[0], folded=True), network.single(x[0]), rtol=1e-4, atol=1e-4)


def test_weights_make_the_round_trip():
    (module, network), (x, y) = pair(), data(64)
    twin = torch_layers(SIZES)
    network.copy_to(twin)
    for name, value in module.state_dict().items():
        assert torch.equal(twin.state_dict()[name], value), name
    network.epoch(x, y, rate=1e-3)
    network.copy_to(twin)
    twin.eval()
    with torch.no_grad():
        torch.testing.assert_close(twin(x), network.logits(x), rtol=1e-5, atol=1e-5)
    assert network.parameter_count == sum(p.numel() for p in module.parameters())
    published = sum(p.numel() for p in torch_layers().parameters())
    assert RustClassifier().parameter_count == published == 1_991_682


def test_nan_goes_through():
    (_, network), (x, y) = pair(), data(40)
    x[3, 4] = torch.nan
    assert network.logits(x).isnan().any(dim=1).tolist() == [i == 3 for i in range(40)]
    assert network.single(x[3]).isnan().all() and network.single(x[3], folded=True).isnan().all()
    loss, gradients = network.differentiate(x, y)
    assert loss != loss and gradients.isnan().any()


def test_a_run_stops_early_and_repeats_itself():
    x, y = data(600, classes=2)
    runs = []
    for threads in (1, 1, 2):
        network = RustClassifier((20, 32, 2), threads=threads, seed=3)
        runs.append(
            network.fit((x[:500], y[:500]), (x[500:], y[500:]), epochs=40, batch=50, patience=3, seed=5)
        )
    assert runs[0] == runs[1] == runs[2] and 4 <= len(runs[0]) < 40
    best = float("inf")
    waited = 0
    for epoch in runs[0]:
        waited = 0 if epoch.validation_loss < best - 1e-3 else waited + 1
        best = min(best, epoch.validation_loss) if waited == 0 else best
        assert waited <= 3 and 0 <= epoch.validation_accuracy <= 1
    assert waited == 3 and runs[0][0].rate == 1e-3 and runs[0][1].rate < 1e-3
    other = RustClassifier((20, 32, 2), threads=1, seed=4)
    assert other.fit((x[:500], y[:500]), (x[500:], y[500:]), epochs=2, batch=50) != runs[0][:2]
    assert other.fit((x, y), (x, y), epochs=0, batch=50) == []


def test_python_threads_wait_for_each_other():
    (_, network), (x, _) = pair(), data(200)
    expected = network.logits(x)
    with ThreadPoolExecutor(4) as pool:
        for i, out in enumerate(pool.map(network.single, [x[i] for i in range(200)])):
            torch.testing.assert_close(out, expected[i], rtol=1e-5, atol=1e-5)


def test_what_does_not_fit_is_refused():
    (module, network), (x, y) = pair(batch=64), data(60)
    wide = torch.zeros(60, 40)[:, ::2]
    for call, reason in [
        (lambda: RustClassifier((20,)), r"sizes = \(20,\): expected two or more"),
        (lambda: RustClassifier((20, 0, 2)), "each of sizes is 0: expected a whole number from 1"),
        (lambda: RustClassifier((20, 2.5, 2)), "each of sizes is 2.5: expected a whole"),
        (lambda: RustClassifier((2**40, 2**40)), ".*expected a network that fits into memory"),
        (lambda: RustClassifier(SIZES, batch=1), "batch is 1: expected a whole number from 2"),
        (lambda: RustClassifier(SIZES, threads=5000), ".*threads = 5000: expected 1 to 1024"),
        (lambda: RustClassifier(SIZES, seed=-1), "seed is -1: expected a whole number from 0"),
        (lambda: network.load(torch_layers((20, 64, 3))), "module is not torch_layers"),
        (lambda: network.load(torch_layers(SIZES).double()), "0.weight is torch.float64 on cpu"),
        (lambda: network.load(nn.Sequential(nn.Linear(20, 3))), "module is not torch_layers"),
        (lambda: network.load(otherwise_normalised()), "module has a BatchNorm1d of other settings"),
        (lambda: network.epoch([1], y, rate=0.1), "x is a list: expected a tensor of torch.float32"),
        (lambda: network.epoch(x.double(), y, rate=0.1), "x is torch.float64 of shape"),
        (lambda: network.epoch(x[:, :7], y, rate=0.1), r"x is .* expected torch.float32 of shape \(60, 20\)"),
        (lambda: network.epoch(wide, y, rate=0.1), "x has strides .*: expected a contiguous tensor"),
        (lambda: network.epoch(x.to("meta"), y, rate=0.1), "x is torch.strided on meta"),
        (lambda: network.epoch(x, y[:5], rate=0.1), r"y is torch.int64 of shape \(5,\): expected .*\(60,\)"),
        (lambda: network.epoch(x, y.int(), rate=0.1), "y is torch.int32"),
        (lambda: network.epoch(x, y + 1, rate=0.1), ".*y holds class 3: expected 0 to 2"),
        (lambda: network.epoch(x, y - 9, rate=0.1), ".*y holds class -"),
        (lambda: network.epoch(x, y, rate=-1.0), "rate is -1.0: expected a finite number from 0"),
        (lambda: network.epoch(x, y, rate=float("nan")), "rate is nan"),
        (lambda: network.epoch(x, y, rate=0.1, batch=59), ".*batch = 59 of 60 samples: expected two or more"),
        (lambda: network.epoch(x[:0], y[:0], rate=0.1), ".*batch = 64 of 0 samples"),
        (lambda: network.epoch(x, y, rate=0.1, order=torch.tensor([0, 60])), ".*order names sample 60"),
        (
            lambda: network.epoch(x, y, rate=0.1, batch=30, order=torch.arange(61)[1:]),
            ".*order names sample 60",
        ),
        (lambda: network.epoch(x, y, rate=0.1, order=torch.tensor([0.0, 1.0])), "order is torch.float32"),
        (lambda: network.differentiate(*data(65)), ".*a batch of 65: expected at most 64 samples"),
        (lambda: network.differentiate(x[:1], y[:1]), ".*a batch of 1: expected two samples or more"),
        (lambda: network.fit((x, y), (x[:0], y[:0]), batch=30), ".*x holds 0 numbers for 0 classes"),
        (lambda: network.fit((x, y), (x, y), batch=30, patience=0), "patience is 0: expected a whole"),
        (lambda: network.single(x), r"x is .* of shape \(60, 20\): expected torch.float32 of shape \(20,\)"),
        (lambda: network.logits(x[0]), "x is .* expected torch.float32 of shape"),
    ]:
        with pytest.raises(LessonError, match=f"^(lessons_mlp_[a-z]+ does not take this: )?{reason}") as told:
            call()
        assert "\n" not in str(told.value)
    twin = torch_layers(SIZES)
    network.copy_to(twin)
    assert all(torch.equal(x, y) for x, y in zip(twin.parameters(), module.parameters(), strict=True))


def otherwise_normalised():
    module = torch_layers(SIZES)
    module[1].eps = 1e-3
    return module


def test_the_border_trusts_no_caller():
    (_, network), (x, _) = pair(), data(8)
    handle, out = network._handle, torch.zeros(3)
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    single = rust.function("lessons_mlp_single", ctypes.c_uint64, pointer, size, pointer, size)
    single(handle, x.data_ptr(), 20, out.data_ptr(), 3)
    for arguments, reason in [
        ((10**9, x.data_ptr(), 20, out.data_ptr(), 3), "handle 1000000000: expected one that"),
        ((handle, None, 20, out.data_ptr(), 3), "x is null: expected 20 values"),
        ((handle, x.data_ptr(), 20, None, 3), "out is null"),
        ((handle, x.data_ptr() + 1, 20, out.data_ptr(), 3), "x starts within a value"),
        (
            (handle, x.data_ptr(), 19, out.data_ptr(), 3),
            "x holds 19 numbers and out takes 3: expected 20 and 3",
        ),
        (
            (handle, x.data_ptr(), 2**62, out.data_ptr(), 3),
            "x holds 4611686018427387904 values: expected as many",
        ),
    ]:
        with pytest.raises(LessonError, match=f"^lessons_mlp_single does not take this: {reason}"):
            single(*arguments)
    with pytest.raises(LessonError, match="kind = 3: expected 0 to 2"):
        calls.read(handle, 3, 1)
    with pytest.raises(LessonError, match="count = 1: expected 4[0-9]+"):
        calls.read(handle, 0, 1)


def test_a_network_is_freed_once():
    network = RustClassifier(SIZES)
    handle = network._handle
    del network
    gc.collect()
    with pytest.raises(LessonError, match=f"handle {handle}: expected one that is not freed"):
        calls.free(handle)


def test_without_a_compiler_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("RUSTC", "no-such-compiler")
    monkeypatch.setattr(rust, "_loaded", {})
    rust.function.cache_clear()
    try:
        with pytest.raises(LessonError, match="^no Rust compiler: looked for no-such-compiler; install one"):
            RustClassifier(SIZES)
    finally:
        rust.function.cache_clear()
