"""Traps of torch-pruning 1.6.1: each test shows the library in it, then this package beside it.

Where a newer library no longer falls in, the first half of its test fails, and the guard can go.
"""

import copy
import warnings
from importlib.metadata import version

import pytest
import torch
import torch_pruning as tp
from torch import nn
from torch.nn.functional import cross_entropy

from lesson_support.errors import LessonError
from lesson_support.pruning.history import replay
from lesson_support.pruning.importance.importances import Coverage, Magnitude
from lesson_support.pruning.importance.taylor import Taylor
from lesson_support.pruning.pipeline import prune
from lesson_support.pruning.structure.graph import ChannelGraph
from tests.package.pruning.networks import Fused, Shortcut, constant, make, shuffled

X = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(16) % 10


def cnn() -> nn.Module:
    return make("cnn")[0]


def library_graph(model: nn.Module, x: torch.Tensor = X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tp.DependencyGraph().build_dependency(model, (x,))


def library_prune(model: nn.Module, importance, x: torch.Tensor = X, **settings) -> nn.Module:
    """The library's pruner, one step, its classifier left alone."""
    settings = {"ignored_layers": [model.fc2]} | settings if hasattr(model, "fc2") else settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tp.pruner.BasePruner(model, (x,), importance, **settings).step()
    return model


def size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def removed(report) -> int:
    return sum(len(group.removed) for group in report.groups)


def first_group(model: nn.Module):
    return whole_group(library_graph(model), model.conv1)


def whole_group(graph, layer: nn.Conv2d):
    return graph.get_pruning_group(layer, tp.prune_conv_out_channels, list(range(layer.out_channels)))


def with_gradients(model: nn.Module) -> nn.Module:
    cross_entropy(model(X), Y).backward()
    return model


def test_01_taylor_reads_the_batchnorm():
    model = with_gradients(cnn())
    norms_only = tp.importance.GroupTaylorImportance(target_types=[nn.modules.batchnorm._BatchNorm])
    assert norms_only(first_group(model)) is None

    ours = Taylor(normalise=False)
    ours.prepare(model, [(X, Y)])
    whole = ours(first_group(model))
    ours._terms.pop("bn1")
    without = ours(first_group(model))
    terms = model.bn1.weight * model.bn1.weight.grad, model.bn1.bias * model.bn1.bias.grad
    assert torch.allclose(whole - without, sum(term.abs() for term in terms).double(), rtol=1e-3, atol=1e-7)


def test_02_gradients_of_all_samples_count():
    model, importance = cnn(), tp.importance.GroupHessianImportance()
    last = None
    for loss in cross_entropy(model(X), Y, reduction="none"):
        model.zero_grad()
        loss.backward(retain_graph=True)
        importance.accumulate_grad(model)
        last = model.conv1.weight.grad.pow(2).clone()
    assert torch.equal(importance._accu_grad[model.conv1.weight], last)

    def scores(batches):
        ours = Taylor(normalise=False)
        ours.prepare(model, batches)
        return ours(first_group(model))

    together = scores([(X, Y)])
    assert torch.allclose(scores([(X[:8], Y[:8]), (X[8:], Y[8:])]), together, rtol=1e-4)
    assert not torch.allclose(scores([(X[8:], Y[8:])]), together, rtol=1e-2)


def test_03_activations_behind_a_flatten_are_one_score_a_channel():
    model = cnn()
    importance = tp.importance.ActivationImportance()
    graph = library_graph(model)
    with importance.compute_importance(model):
        model(X)
    group = whole_group(graph, model.conv3)
    assert model.fc1.in_features > model.conv3.out_channels
    assert len(importance(group)) != model.conv3.out_channels

    with pytest.raises(LessonError, match="for the group conv3; expected a tensor of 32"):
        prune(model, X, importance, ratio=0.5)
    ours = Coverage()
    ours.prepare(model, [X])
    assert len(ours(group)) == model.conv3.out_channels
    report = prune(model, X, Coverage(), ratio=0.5, scope="local", data=[X])
    assert report.model.conv3.out_channels == model.conv3.out_channels // 2


@pytest.mark.parametrize("scores", [constant, lambda group: torch.full_like(constant(group), float("nan"))])
def test_04_ties_and_nan_are_never_silently_nothing(scores):
    model = cnn()
    theirs = library_prune(copy.deepcopy(model), scores, pruning_ratio=0.5, global_pruning=True)
    assert size(theirs) == size(model)

    report = prune(model, X, scores, ratio=0.5)
    if torch.isnan(scores(first_group(model))).any():
        assert removed(report) == 0
        assert sum("not finite" in reason for reason in report.skipped.values()) == 4
    else:
        assert report.achieved["channels"] == 0.5
        assert all(0 < group.after < group.before for group in report.groups[:-1])
        assert "all 8 scores are equal" in str(report)


def test_05_global_and_local_are_the_only_scopes():
    """isomorphic=True without global_pruning cuts by places in the scores of several layers together.

    Some layers are passed over, of others the number of channels and the weights no longer agree.
    """
    model, x = make("resnet")
    cut = library_prune(model, shuffled, x, pruning_ratio=0.3, isomorphic=True, ignored_layers=[model.fc])
    layers = {name: each for name, each in cut.named_modules() if isinstance(each, nn.Conv2d)}
    before = {name: each for name, each in make("resnet")[0].named_modules() if name in layers}
    assert any(layers[name].weight.shape[0] == before[name].weight.shape[0] for name in layers)
    assert any(each.out_channels != each.weight.shape[0] for each in layers.values())

    model, x = make("resnet")
    with pytest.raises(LessonError, match="scope is 'isomorphic'"):
        prune(model, x, shuffled, ratio=0.3, scope="isomorphic")
    for scope in ("local", "global"):
        report = prune(model, x, shuffled, ratio=0.3, scope=scope)
        assert report.achieved["channels"] == pytest.approx(0.3, abs=0.02)
        for each in report.model.modules():
            assert not isinstance(each, nn.Conv2d) or each.out_channels == each.weight.shape[0]


def test_06_types_are_ignored_and_the_classifier_is_never_cut():
    model = cnn()
    cut = library_prune(copy.deepcopy(model), shuffled, pruning_ratio=0.5, ignored_layers=[nn.Linear])
    assert cut(X).shape == (16, 5)

    report = prune(model, X, shuffled, ratio=0.5, scope="local", ignore=[nn.Linear])
    assert report.model.fc1.out_features == model.fc1.out_features
    assert report.model(X).shape == (16, 10)
    assert prune(model, X, shuffled, ratio=0.5).model(X).shape == (16, 10)


def test_07_modes_and_frozen_parameters_stay():
    model = cnn().train()
    model.conv2.requires_grad_(False)
    theirs = library_prune(copy.deepcopy(model), shuffled, pruning_ratio=0.5)
    assert not theirs.training and theirs.conv2.weight.requires_grad

    report = prune(model, X, shuffled, ratio=0.5)
    assert report.model.training and not report.model.conv2.weight.requires_grad
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(LessonError):
        report.check_optimizer(optimizer)


def test_08_one_example_as_a_tensor_is_an_example():
    class Wants4D(nn.Module):
        """Takes what the library hands it: without a batch axis, if it has unpacked the batch."""

        def __init__(self):
            super().__init__()
            self.conv, self.out, self.seen = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 1), []

        def forward(self, x):
            self.seen.append(x.ndim)
            return self.out(self.conv(x).relu())

    model = Wants4D()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tp.DependencyGraph().build_dependency(model, X[:1])
    assert model.seen == [3]

    model = Wants4D()
    ChannelGraph(model, X[:1])
    assert set(model.seen) == {4}


def test_09_the_number_that_goes_is_the_nearest():
    """round_to=8 takes 16 channels at a ratio of 0.3 down to 8, not to 11."""
    model = nn.Sequential(nn.Conv2d(1, 16, 1), nn.ReLU(), nn.Conv2d(16, 4, 1))
    theirs = copy.deepcopy(model)
    library_prune(theirs, shuffled, pruning_ratio=0.3, round_to=8, ignored_layers=[theirs[2]])
    assert theirs[0].out_channels == 8
    assert prune(model, X, shuffled, ratio=0.3).model[0].out_channels == 11
    assert prune(model, X, shuffled, ratio=0.3, floor=0.75).model[0].out_channels == 12


def test_10_there_is_no_step_too_many():
    model = cnn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner = tp.pruner.BasePruner(model, (X,), shuffled, pruning_ratio=0.5, ignored_layers=[model.fc2])
        pruner.step()
    before = size(model)
    with pytest.warns(UserWarning, match="exceed the maximum iterative steps"):
        pruner.step()
    assert size(model) == before
    assert not hasattr(prune(cnn(), X, shuffled, ratio=0.5), "step")


def test_11_a_run_leaves_nothing_for_the_next():
    """The library's default dictionaries are the same objects in every pruner."""
    model = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(8, 2, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruners = [tp.pruner.BasePruner(copy.deepcopy(model), (X,), shuffled) for _ in range(2)]
    assert pruners[0].out_channel_groups is pruners[1].out_channel_groups
    assert pruners[0].model[1] in pruners[1].out_channel_groups
    pruners[0].out_channel_groups.clear()
    pruners[0].in_channel_groups.clear()

    first = prune(model, X, shuffled, ratio=0.5).groups
    prune(cnn(), X, shuffled, ratio=0.5)
    assert prune(model, X, shuffled, ratio=0.5).groups == first


def test_12_a_pruned_network_is_built_again_from_its_history():
    model = cnn()
    report = prune(model, X, shuffled, ratio=0.5)
    with pytest.raises(RuntimeError, match="size mismatch"):
        cnn().load_state_dict(report.model.state_dict())
    assert torch.equal(replay(model, X, report.history)(X), report.model(X))


def test_12b_a_cut_is_written_down_once():
    """group.prune(idxs=…) of the library writes two entries, the second with all channels of the group."""
    model = cnn()
    graph = library_graph(model)
    next(graph.get_all_groups(ignored_layers=[model.fc2])).prune(idxs=[0])
    assert [len(entry[2]) for entry in graph.pruning_history()] == [1, 16]
    cuts = prune(cnn(), X, shuffled, ratio=0.5, scope="local").history["cuts"]
    assert [(cut["group"], len(cut["channels"])) for cut in cuts] == [
        ("conv1", 4),
        ("conv2", 8),
        ("conv3", 16),
        ("fc1", 8),
    ]


def test_13_heads_go_whole_and_their_number_follows():
    """Cut by the old number of heads, the rest runs and computes something else."""
    model, x = make("fused attention")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = copy.deepcopy(model)
        pruner = tp.pruner.BasePruner(
            theirs,
            (x,),
            shuffled,
            num_heads={theirs.attention.qkv: 4},
            prune_num_heads=True,
            prune_head_dims=False,
            head_pruning_ratio=0.5,
            pruning_ratio=0.5,
            ignored_layers=[theirs.head, theirs.embed],
        )
        pruner.step()
    assert theirs.attention.qkv.out_features == 36 and theirs.attention.num_heads == 4
    stale = theirs(x)
    theirs.attention.num_heads = pruner.num_heads[theirs.attention.qkv]
    assert theirs.attention.num_heads == 2 and not torch.allclose(stale, theirs(x), atol=1e-4)

    report = prune(model, x, shuffled, ratio=0.5, scope="local")
    assert isinstance(report.model, Fused) and report.model.attention.num_heads == 2


def test_14_taylor_without_labels_says_so():
    model = cnn()
    with pytest.raises(AttributeError):
        tp.importance.GroupTaylorImportance()(first_group(model))
    with pytest.raises(LessonError, match="needs labels"):
        prune(model, X, Taylor(), ratio=0.5)
    with pytest.raises(LessonError, match="needs labels, expected"):
        prune(model, X, Taylor(), ratio=0.5, data=[X])
    with pytest.raises(LessonError, match="no batches"):
        prune(model, X, Taylor(), ratio=0.5, data=[])


def test_15_two_runs_are_bit_equal():
    magnitude = tp.importance.GroupMagnitudeImportance()
    outputs = [library_prune(cnn(), magnitude, pruning_ratio=0.5)(X) for _ in "ab"]
    assert torch.equal(*outputs)
    for importance in (Magnitude, Coverage):
        outputs = [prune(cnn(), X, importance(), ratio=0.5, data=[X], steps=2).model(X) for _ in "ab"]
        assert torch.equal(*outputs)


class Split(nn.Module):
    """The two halves of a layer's channels are read by two layers."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 6, 1), nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        first, second = self.a(x).relu().chunk(2, 1)
        return self.b(first) + self.c(second)


class Flipped(nn.Module):
    """The channels are turned round on the way, which runs at every width."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 6, 1), nn.Conv2d(6, 4, 1)

    def forward(self, x):
        return self.b(self.a(x).relu().flip(1))


class Permuted(nn.Module):
    """Flattened with the channels last, read as if they came first."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 6, 1), nn.Linear(6 * 64, 4)

    def forward(self, x):
        return self.b(self.a(x).relu().permute(0, 2, 3, 1).flatten(1))


@pytest.mark.parametrize("network", [Split, Flipped, Permuted])
def test_16_a_group_that_is_read_wrongly_is_left_alone(network):
    """The library cuts the wrong columns; the cut network runs, and disagrees with the silent channel."""
    torch.manual_seed(0)
    model = network().eval()
    silent, cut = copy.deepcopy(model), copy.deepcopy(model)
    with torch.no_grad():
        silent.a.weight[0], silent.a.bias[0] = 0, 0
    library_graph(cut).get_pruning_group(cut.a, tp.prune_conv_out_channels, [0]).prune()
    if network is Split:
        with torch.no_grad():
            parts = cut.a(X).relu().split([cut.b.in_channels, cut.c.in_channels], 1)
            output = cut.b(parts[0]) + cut.c(parts[1])
    else:
        output = cut(X)
    assert not torch.allclose(output, silent(X), atol=1e-3)

    report = prune(model, X, shuffled, ratio=0.5)
    assert removed(report) == 0
    reason = (
        "split into parts" if network is Split else "b reads other channels of it than torch-pruning says"
    )
    assert reason in report.skipped["a"]
    assert torch.equal(report.model(X), model(X))


def test_17_a_frozen_layer_stays_in_its_group():
    """The library follows gradients: a frozen first layer has none, and its sum with another layer breaks."""
    model, x = Shortcut(), torch.rand(1, 3, 4, 4)
    model.a.requires_grad_(False)
    theirs = copy.deepcopy(model)
    library_prune(theirs, shuffled, x, pruning_ratio=0.5, ignored_layers=[theirs.c])
    with pytest.raises(RuntimeError, match="must match"):
        theirs(x)
    report = prune(model, x, shuffled, ratio=0.5)
    assert report.model(x).shape == (1, 4) and report.model.a.out_channels == 4


def test_the_version_is_read_from_the_metadata():
    """`__version__` of the release 1.6.1 says 1.6.0."""
    if version("torch-pruning") == "1.6.1":
        assert tp.__version__ == "1.6.0"
