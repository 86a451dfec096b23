"""Training, accuracy and re-estimated BatchNorm: what each changes, and what it must leave alone."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lesson_support.data import batches, digits_split
from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN
from lesson_support.training import accuracy, reestimate_batchnorm, refuse_stale, train_classifier


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data(count=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 8, 8, generator=generator), torch.arange(count) % 10


def small(seed=0, width=2):
    torch.manual_seed(seed)
    return SmallCNN(width=width)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_digits_are_learned():
    split, model = digits_split(), small(width=8)
    untrained = accuracy(model, *split.test)
    losses = train_classifier(model, *split.train, epochs=5)
    assert len(losses) == 5 and losses[-1] < 0.15 < 1 < losses[0]
    assert accuracy(model, *split.test) > 0.95 > 0.3 > untrained


def test_the_same_seed_gives_the_same_run():
    x, y = data()
    runs = []
    for seed in (0, 0, 1):
        model = small()
        torch.rand(seed)  # the global generator plays no part
        runs.append((train_classifier(model, x, y, epochs=3, batch=8, seed=seed), state(model)))
    assert runs[0][0] == runs[1][0] and all(torch.equal(runs[0][1][k], runs[1][1][k]) for k in runs[0][1])
    assert runs[0][0] != runs[2][0]


def test_a_loss_is_the_mean_over_the_samples_of_an_epoch():
    x, y = data(10)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    still = torch.optim.SGD(model.parameters(), lr=0.0)
    expected = cross_entropy(model(x), y).item()
    losses = train_classifier(model, x, y, epochs=2, batch=4, optimizer=still)
    assert losses == pytest.approx((expected, expected), rel=1e-5)


def test_an_optimizer_of_ones_own_keeps_its_rate_and_takes_the_steps():
    x, y = data(8)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train_classifier(model, x, y, epochs=3, batch=8, lr=5.0, optimizer=optimizer)
    assert optimizer.param_groups[0]["lr"] == 0.1
    for _ in range(3):
        twin.zero_grad()
        cross_entropy(twin(x), y).backward()
        with torch.no_grad():
            for each in twin.parameters():
                each -= 0.1 * each.grad
    for mine, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_the_rate_rises_to_lr_and_falls_to_nearly_nothing(monkeypatch):
    rates, step = [], torch.optim.AdamW.step

    def noted(self, *args, **options):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    train_classifier(small(), *data(20), epochs=10, batch=10, lr=0.5)
    assert len(rates) == 20 and max(rates) == 0.5 == rates[1]
    assert rates[0] == 0.25 and rates[2:] == sorted(rates[2:], reverse=True) and 0 < rates[-1] < 0.02


def test_frozen_parameters_stay_and_modes_return():
    model = small()
    model.conv1.weight.requires_grad_(False)
    model.bn2.eval()
    before, modes = state(model), [each.training for each in model.modules()]
    train_classifier(model, *data(), epochs=1, batch=5)
    assert torch.equal(model.conv1.weight, before["conv1.weight"])
    assert not torch.equal(model.conv2.weight, before["conv2.weight"])
    assert [each.training for each in model.modules()] == modes
    assert not torch.equal(model.bn1.running_mean, before["bn1.running_mean"])  # trained in training mode
    model.eval()
    train_classifier(model, *data(), epochs=1, batch=5)
    assert not model.training


def test_progress_hears_of_every_epoch():
    heard = []
    losses = train_classifier(small(), *data(), epochs=3, progress=lambda *each: heard.append(each))
    assert heard == [(number, 3, loss) for number, loss in enumerate(losses, 1)]


def test_a_rest_of_one_sample_is_left_out_and_a_batch_of_one_is_not():
    sizes = []
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    x, y = data(9)
    for given, expected in (({"batch": 4}, [4, 4]), ({"batch": 1}, [1] * 9), ({"batch": 64}, [9])):
        train_classifier(model, x, y, epochs=1, **given)
        assert sizes == expected
        sizes.clear()
    train_classifier(model, x[:1], y[:1], epochs=1)
    train_classifier(model, batches(x, y, 4), epochs=1)
    assert sizes == [1, 4, 4, 1]


def test_batches_of_pairs_train_alike():
    x, y = data()
    one, two = small(), small()
    first = train_classifier(one, x, y, epochs=2, batch=5, seed=3)
    pairs = batches(x, y, 5, torch.Generator().manual_seed(3))
    assert train_classifier(two, pairs, epochs=2) == first and same(two, state(one))


def test_accuracy_is_the_share_of_largest_logits_in_eval_mode():
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(64, 10))
    model[1].train()
    x, y = data(30)
    logits = x.flatten(1) @ model[2].weight.T + model[2].bias
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, y, strict=True))
    for batch in (256, 7, 1):
        assert accuracy(model, x, y, batch=batch) == right / 30
    assert model.training and model[1].training
    assert accuracy(model, x, logits.argmax(1)) == 1.0
    with pytest.raises(LessonError, match="x has no samples"):
        accuracy(model, x[:0], y[:0])


def test_running_statistics_become_the_mean_over_the_batches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3, momentum=0.3)).eval()
    xs = data(24)[0].split(8)
    with torch.no_grad():
        seen = [model[0](x) for x in xs]
    model[1].running_mean.fill_(9.0), model[1].running_var.fill_(9.0)
    weights = [each.clone() for each in model.parameters()]
    assert reestimate_batchnorm(model, xs) == 1
    mean = torch.stack([each.mean((0, 2, 3)) for each in seen]).mean(0)
    variance = torch.stack([each.transpose(0, 1).flatten(1).var(1) for each in seen]).mean(0)
    torch.testing.assert_close(model[1].running_mean, mean)
    torch.testing.assert_close(model[1].running_var, variance)
    assert model[1].momentum == 0.3 and not model.training and not model[1].training
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), weights, strict=True))
    assert all(each.grad is None for each in model.parameters())


def test_labels_are_not_read_and_dropout_is_off():
    model = nn.Sequential(nn.Dropout(0.5), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    x, y = data()
    assert reestimate_batchnorm(model, [(x, None)]) == 1
    first = state(model)
    assert reestimate_batchnorm(model, batches(x, y, 20)) == 1 and same(model, first)
    assert all(each.training for each in model.modules())


def test_a_model_without_running_statistics_is_left_alone():
    def never():
        raise AssertionError("no batch is needed")
        yield

    assert reestimate_batchnorm(nn.Sequential(nn.Conv2d(1, 2, 3)), never()) == 0
    untracked = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False))
    assert reestimate_batchnorm(untracked, never()) == 0


@pytest.mark.parametrize(
    "given, error",
    [
        ([], (LessonError, "batches is empty")),
        ([torch.ones(4, 1, 8, 8), {"x": 1}], (LessonError, "batches gave dict")),
        ([torch.ones(4, 1, 8, 8), torch.ones(4, 3, 8, 8)], (RuntimeError, "to have 1 channels")),
    ],
)
def test_a_failed_estimate_leaves_the_old_statistics(given, error):
    model = small()
    train_classifier(model, *data(), epochs=1)
    model.bn1.eval()
    before, modes = state(model), [each.training for each in model.modules()]
    with pytest.raises(error[0], match=error[1]):
        reestimate_batchnorm(model, given)
    assert same(model, before) and [each.training for each in model.modules()] == modes
    assert model.bn1.momentum == model.bn3.momentum == 0.1


def test_an_optimizer_of_other_parameters_is_refused():
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    refuse_stale(optimizer, model)
    model.conv1.weight = nn.Parameter(model.conv1.weight[:, :1].clone())
    for check in (
        lambda: refuse_stale(optimizer, model),
        lambda: train_classifier(model, *data(), epochs=1, optimizer=optimizer),
    ):
        with pytest.raises(
            LessonError, match="holds 1 tensors that are no trainable .* and lacks 1 that are"
        ):
            check()
    partial = torch.optim.SGD([model.conv1.weight], lr=0.1)
    with pytest.raises(LessonError, match="holds 0 tensors .* lacks 15 that are"):
        refuse_stale(partial, model)
    model.fc2.requires_grad_(False)
    with pytest.raises(LessonError, match="holds 2 tensors .* lacks 0 that are"):
        refuse_stale(torch.optim.SGD(model.parameters(), lr=0.1), model)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"epochs": 1, "batch": 0}, "batch = 0"),
        ({"epochs": 1, "x": torch.ones(0, 1, 8, 8), "y": torch.ones(0)}, "no samples or no y"),
        ({"epochs": 1, "x": [], "y": None}, "no samples or no y"),
        ({"epochs": 1, "x": iter([1]), "y": None}, "no samples or no y"),
        ({"epochs": 1, "y": None}, "no samples or no y"),
        ({"epochs": 1, "y": torch.ones(3)}, "x has 4 samples and y 3"),
    ],
)
def test_bad_input_is_named(given, message):
    arguments = {"x": torch.ones(4, 1, 8, 8), "y": torch.zeros(4, dtype=torch.int64)} | given
    with pytest.raises(LessonError, match=message):
        train_classifier(small(), arguments.pop("x"), arguments.pop("y"), **arguments)


def test_a_model_with_nothing_to_train_is_named():
    with pytest.raises(LessonError, match="model has no trainable parameters"):
        train_classifier(small().requires_grad_(False), *data(), epochs=1)
