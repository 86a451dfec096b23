"""ActivationStatistics against a loop over recorded inputs; what it leaves behind; coverage by hand."""

import math
import weakref

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lesson_support.data import batches
from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN, SmallViT, resnet18
from lesson_support.pruning import ActivationStatistics, coverage, wanda_norm
from lesson_support.pruning.importance import reductions, statistics
from lesson_support.pruning.importance.metrics import METRICS, NEEDS
from lesson_support.pruning.importance.reductions import QUANTITIES, channel_sums
from lesson_support.pruning.importance.statistics import ChannelStatistics


def images(count, channels=1, size=8, seed=0):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def slow(x, dim, threshold):
    """(count, quantities) of one activation, value by value in float64."""
    columns = x.detach().double().movedim(dim, -1).reshape(-1, x.shape[dim]).T
    sums = {
        "total": [math.fsum(column.tolist()) for column in columns],
        "absolute": [math.fsum(map(abs, column.tolist())) for column in columns],
        "square": [math.fsum(each * each for each in column.tolist()) for column in columns],
        "active": [sum(each > threshold for each in column.tolist()) for column in columns],
        "peak": [max(column.tolist()) for column in columns],
    }
    return columns.shape[1], {name: torch.tensor(value).double() for name, value in sums.items()}


def recorded(model, xs):
    """Layer name -> copies of what it reads, batch by batch."""
    found, handles = {}, []
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):

            def keep(module, args, name=name):
                found.setdefault(name, []).append(args[0].clone())

            handles.append(module.register_forward_pre_hook(keep))
    with torch.no_grad():
        for x in xs:
            model(x)
    for handle in handles:
        handle.remove()
    return found


def close(got, expected):
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, expected, rtol=2e-6, atol=1e-5)


NETWORKS = {
    "cnn": lambda: SmallCNN(width=2),
    "resnet": lambda: resnet18(10, 1, 2, "small"),
    "vit": lambda: SmallViT(width=8, depth=1, heads=2),
}


@pytest.mark.parametrize("threshold", [0.0, 0.3])
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_quantity_is_that_of_a_loop_over_what_was_read(kind, threshold):
    torch.manual_seed(1)
    model = NETWORKS[kind]().eval()
    xs = images(5).split(2)
    expected = recorded(model, xs)
    stats = ActivationStatistics(model, xs, threshold=threshold)
    assert stats.batches == 3 and set(stats.names) == set(expected)
    for name, inputs in expected.items():
        dim = 1 if inputs[0].ndim == 4 else inputs[0].ndim - 1
        count, sums = slow(torch.cat(inputs), dim, threshold)
        got = stats.of(name)
        assert got.count == count
        for quantity in QUANTITIES:
            close(getattr(got, quantity), sums[quantity])


def _strided():
    return images(4, 6, 5)[::2, ::2, :, 1:]


LAYOUTS = {
    "planes": (images(3, 5, 4), 1),
    "channels last": (images(3, 5, 4).to(memory_format=torch.channels_last), 1),
    "gaps": (_strided(), 1),
    "one place": (images(3, 5, 1), 1),
    "unbatched": (images(1, 5, 4)[0], 0),
    "sequence": (torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(2)), 1),
    "volume": (torch.randn(2, 3, 2, 3, 2, generator=torch.Generator().manual_seed(3)), 1),
    "features": (images(6, 1, 3).flatten(1), 1),
    "tokens": (images(2, 4, 3).flatten(2), 2),
    "tokens turned": (images(2, 4, 3).flatten(2).transpose(1, 2), 2),
    "positive": (images(3, 5, 4).abs(), 1),
    "positive features": (images(6, 1, 3).flatten(1).abs(), 1),
    "double": (images(3, 5, 4).double(), 1),
    "half": (images(3, 5, 4).bfloat16(), 1),
}


@pytest.mark.parametrize("part", [1, 7, 40, 1 << 18])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_reduced_alike_in_parts_of_any_size(layout, part, monkeypatch):
    monkeypatch.setattr(reductions, "_PART", part)
    monkeypatch.setattr(reductions, "_LEAST_ROWS", 1)
    x, dim = LAYOUTS[layout]
    _, expected = slow(x, dim, 0.1)
    before = x.clone()
    for needs in (QUANTITIES, *([each] for each in QUANTITIES)):
        got = channel_sums(x, dim, needs, 0.1)
        assert set(got) == set(needs)
        for quantity, value in got.items():
            close(value, expected[quantity])
    assert torch.equal(x, before)


class Biggest(TorchDispatchMode):
    """The most elements of a tensor made inside, views of `x` left out."""

    def __init__(self, x):
        super().__init__()
        self.owner, self.most = x.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for each in tree_leaves(out):
            if isinstance(each, torch.Tensor) and each.untyped_storage().data_ptr() != self.owner:
                self.most = max(self.most, each.untyped_storage().nbytes() // each.element_size())
        return out


WIDE = {
    "planes": (images(4, 32, 64), 1, 1 << 13),
    "places": (images(4, 64, 64).flatten(2).transpose(1, 2).contiguous(), 2, 1 << 13),
    "wide": (images(64, 16, 64).reshape(1024, 4096), 1, 64 * 4096),
}


@pytest.mark.parametrize("case", WIDE)
def test_no_temporary_is_larger_than_a_part(case, monkeypatch):
    x, dim, most = WIDE[case]
    monkeypatch.setattr(reductions, "_PART", 1 << 13)
    with Biggest(x) as seen:
        channel_sums(x, dim, QUANTITIES, 0.0)
    assert 0 < seen.most <= most <= x.numel() // 16


def test_sums_do_not_grow_with_the_batches_and_no_activation_stays():
    model, alive = SmallCNN(width=2), []
    model.conv2.register_forward_pre_hook(lambda module, args: alive.append(weakref.ref(args[0])))
    # When the last layer reads, the second one's input is gone: nothing is held until the batch is over.
    gone = []
    model.fc2.register_forward_pre_hook(lambda module, args: gone.append(alive[-1]() is None))

    def held(stats):
        sizes = [[value.nbytes for value in sums.values()] for sums in stats._sums.values()]
        return sum(sum(each) for each in sizes)

    one, many = (ActivationStatistics(model, images(n).split(1)) for n in (1, 9))
    assert held(one) == held(many) > 0
    assert len(alive) == 10 and gone == [True] * 10
    assert not many._seen


def test_a_shared_input_is_reduced_once_and_counts_for_each_reader(monkeypatch):
    calls = []
    monkeypatch.setattr(
        statistics, "channel_sums", lambda x, *rest: calls.append(x.shape) or channel_sums(x, *rest)
    )
    stats = ActivationStatistics(resnet18(10, 1, 2, "small"), images(2).split(1))
    # 21 layers, three of which stand on a shortcut and read what the block reads.
    assert len(stats.names) == 21 and len(calls) == 2 * 18
    close(stats.of("layer2.0.downsample.0").square, stats.of("layer2.0.conv1").square)
    assert stats.of("layer2.0.downsample.0").count == 2 * 64
    calls.clear()
    stats = ActivationStatistics(SmallViT(width=8, depth=1, heads=2), images(2).split(2))
    assert len(stats.names) == 8 and len(calls) == 6  # q, k and v read one


class Rewriting(nn.Module):
    """Two readers of one tensor that changes in place between them; one of them is called twice."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.also = self.two

    def forward(self, x):
        x = x * 1
        first = self.one(x)
        x.relu_()
        return self.also(self.two(x)) + first


def test_an_input_changed_in_place_is_reduced_again_and_a_second_call_adds():
    torch.manual_seed(0)
    model, x = Rewriting(), torch.randn(5, 4)
    stats = ActivationStatistics(model, [x])
    close(stats.of("one").total, x.double().sum(0))
    with torch.no_grad():
        second = model.two(x.relu())
    both = torch.cat([x.relu(), second]).double()
    assert stats.of("two").count == 10
    close(stats.of("two").square, both.square().sum(0))
    assert torch.equal(stats.of("also").peak, stats.of("two").peak)


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("places", [1, 2, 3])
def test_convolutions_over_any_number_of_places_have_their_channels_measured(places, batched):
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[places - 1](3, 2, 2)
    x = torch.randn(*([2] if batched else []), 3, *[4, 3, 5][:places])
    got = ActivationStatistics(nn.Sequential(conv), [x]).of("0")
    count, expected = slow(x, int(batched), 0.0)
    assert got.count == count
    for quantity in QUANTITIES:
        close(getattr(got, quantity), expected[quantity])


def test_sums_of_two_readers_are_not_one_tensor():
    stats = ActivationStatistics(SmallViT(width=8, depth=1, heads=2), images(4).split(2))
    q, k = (stats.of(f"layers.0.attention.{each}") for each in "qk")
    q.total.zero_()
    assert k.total.abs().sum() > 0
    single = ActivationStatistics(SmallCNN(width=2), [images(2)]).of("conv2")
    single.total.zero_()
    assert single.absolute.sum() > 0


class Careful(nn.Module):
    """Dropout and BatchNorm, and an error on demand."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)
        self.drop, self.fc = nn.Dropout(0.5), nn.Linear(3, 2)
        self.unused = nn.Linear(2, 2)
        self.fails = False

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x))).mean((2, 3))
        if self.fails:
            raise RuntimeError("on demand")
        return self.fc(x)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(fails):
    model = Careful().train()
    model.norm.eval()
    model.fails = fails
    before, modes = state(model), [module.training for module in model.modules()]
    if fails:
        with pytest.raises(RuntimeError, match="on demand"):
            ActivationStatistics(model, images(4).split(2))
    else:
        stats = ActivationStatistics(model, images(4).split(2))
        again = ActivationStatistics(model, images(4).split(2))
        assert torch.equal(stats.of("fc").total, again.of("fc").total)  # dropout was off
        assert not stats.of("fc").total.requires_grad
    assert [module.training for module in model.modules()] == modes
    assert all(not module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())


def test_batches_may_be_x_or_pairs_and_no_more_are_drawn_than_read():
    model, x = SmallCNN(width=2), images(6)
    y = torch.zeros(6, dtype=torch.int64)
    drawn = []

    def source():
        for pair in batches(x, y, 2):
            drawn.append(pair)
            yield pair

    stats = ActivationStatistics(model, source(), max_batches=2)
    assert len(drawn) == stats.batches == 2 and stats.of("conv1").count == 4 * 64
    close(stats.of("fc2").total, ActivationStatistics(model, x[:4].split(2)).of("fc2").total)
    close(stats.of("fc2").total, ActivationStatistics(model, [[x[:4], y[:4]]]).of("fc2").total)


def test_a_value_that_is_not_finite_names_the_first_layer_and_the_batch():
    model, bad = SmallCNN(width=2), images(2)
    bad[1, 0, 3, 3] = math.nan
    with pytest.raises(LessonError, match="'conv1' reads NaN or inf in 1 of 1 channels, in batch 2"):
        ActivationStatistics(model, [images(2), bad])
    with torch.no_grad():
        model.bn2.bias[1] = math.inf
    for needs in (None, "peak", "square"):
        with pytest.raises(LessonError, match="'conv3' reads NaN or inf in 1 of 4 channels, in batch 1"):
            ActivationStatistics(model, [images(2)], needs=needs)
    assert all(not module._forward_pre_hooks for module in model.modules())


def test_layers_and_needs_restrict_the_work():
    model = SmallCNN(width=2)
    x = [images(2)]
    assert ActivationStatistics(model, x, layers=["fc2", model.conv2]).names == ("conv2", "fc2")
    assert ActivationStatistics(model, x, layers="conv*").names == ("conv1", "conv2", "conv3")
    stats = ActivationStatistics(model, x, needs="square").of("fc1")
    assert stats.square is not None
    assert all(getattr(stats, each) is None for each in QUANTITIES if each != "square")
    for metric, needs in NEEDS.items():
        part = ActivationStatistics(model, x, needs=needs).of("conv3")
        whole = ActivationStatistics(model, x).of("conv3")
        torch.testing.assert_close(coverage(part, metric), coverage(whole, metric))


WRONG = {
    "no batches": ({"batches": []}, "batches is empty"),
    "no tensor": ({"batches": [{"x": 1}]}, "batches gave dict"),
    "empty pair": ({"batches": [()]}, "batches gave tuple"),
    "max_batches 0": ({"max_batches": 0}, "max_batches = 0"),
    "max_batches 1.5": ({"max_batches": 1.5}, "max_batches = 1.5"),
    "no such need": ({"needs": ["total", "mean"]}, "needs = .*'mean'.*expected some of total"),
    "no needs": ({"needs": ()}, "needs = "),
    "no such layer": ({"layers": ["conv11"]}, "layers.*'conv11'.*conv1"),
    "a BatchNorm": ({"layers": ["bn1"]}, "layers holds 'bn1': expected convolutions"),
    "a stranger": ({"layers": [nn.Linear(2, 2)]}, "layers holds a Linear"),
    "no layers": ({"layers": []}, "layers is empty"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_named(wrong):
    given, message = WRONG[wrong]
    model = SmallCNN(width=2)
    arguments = {"batches": [images(2)]} | given
    with pytest.raises(LessonError, match=message):
        ActivationStatistics(model, arguments.pop("batches"), **arguments)
    assert all(not module._forward_pre_hooks for module in model.modules())


def test_asking_for_what_was_not_measured_is_an_error():
    stats = ActivationStatistics(Careful(), [images(2)])
    with pytest.raises(LessonError, match="'unused' read nothing"):
        stats.of("unused")
    with pytest.raises(LessonError, match="'conf' was not measured.*did you mean conv"):
        stats.of("conf")
    with pytest.raises(LessonError, match="no convolution and no Linear"):
        ActivationStatistics(nn.Sequential(nn.BatchNorm2d(1)), [images(2)])


def made(x, threshold=0.0):
    count, sums = slow(x, 1, threshold)
    return ChannelStatistics(count, **sums)


def test_coverage_by_hand():
    stats = made(torch.tensor([[0.0, 2.0, 1.0], [0.0, 2.0, 0.0], [0.0, 2.0, 3.0], [0.0, 2.0, 0.0]]))
    expected = {
        "frequency": [0.0, 1.0, 0.5],
        "mean_absolute": [0.0, 2.0, 1.0],
        "normalised_mean": [0.0, 2 / 3, 1 / 3],
        "combined": [0.0, (2 / 3) ** 0.5, (1 / 6) ** 0.5],
    }
    assert set(expected) == set(METRICS)
    for metric, values in expected.items():
        torch.testing.assert_close(coverage(stats, metric), torch.tensor(values).double())
    torch.testing.assert_close(wanda_norm(stats), torch.tensor([0.0, 4.0, 10**0.5]).double())


def test_negative_values_give_no_negative_and_no_undefined_score():
    mixed = made(torch.tensor([[-3.0, 1.0], [1.0, 1.0]]))
    assert coverage(mixed, "normalised_mean").tolist() == [0.0, 1.0]
    assert coverage(mixed, "combined").tolist() == [0.0, 1.0]
    assert coverage(mixed, "mean_absolute").tolist() == [2.0, 1.0]
    for x in (torch.full((2, 3), -1.0), torch.zeros(2, 3)):
        for metric in ("normalised_mean", "combined", "frequency"):
            assert coverage(made(x), metric).tolist() == [0.0] * 3


def test_a_metric_says_what_it_lacks():
    with pytest.raises(LessonError, match="metric = 'mean': expected one of normalised_mean"):
        coverage(made(torch.ones(2, 2)), "mean")
    with pytest.raises(LessonError, match="no 'active'"):
        coverage(ChannelStatistics(1, total=torch.ones(1), peak=torch.ones(1)), "combined")
    with pytest.raises(LessonError, match="no 'square'"):
        wanda_norm(ChannelStatistics(1, total=torch.ones(1)))
