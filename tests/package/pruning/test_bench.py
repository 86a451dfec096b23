"""The pruning benchmarks on small settings: complete, fair between methods, and kept."""

import pytest
import torch
from torch import nn

from lesson_support import bench, measured
from lesson_support.bench import pruning, pruning_library, pruning_runs, pruning_speed, pruning_steps
from lesson_support.bench.pruning_runs import Figures, Network, trained
from lesson_support.models import SmallCNN
from lesson_support.pruning import count
from lesson_support.pruning.latency import Latency, LatencyRow

TINY = Network("cnn", lambda: SmallCNN(width=4), epochs=2, tuning=1, batch=64)
STAGES = {"pruned", "re-estimated", "fine-tuned"}


@pytest.fixture(scope="module")
def ready():
    return trained(TINY, 0)


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    other = Network("resnet", TINY.build, epochs=1, tuning=1, batch=64)
    settings = {"CNN": TINY, "RESNET": other, "SEEDS": (0, 1), "RATIOS": (0.3,), "MACS": (0.4,)}
    settings |= {"RESNET_MACS": (0.5,), "RESNET_METHODS": ("magnitude",), "RESNET_LIBRARY": ()}
    settings |= {"METHODS": ("wanda", "random"), "IMPORTANCES": ("library magnitude",)}
    for name, value in settings.items():
        monkeypatch.setattr(pruning, name, value)
    settings = {"CNN": TINY, "SEEDS": (0,), "STEPS": (1, 2), "EPOCHS": 2, "STEPPED": ("magnitude", "random")}
    for name, value in {**settings, "SIZES": (8, 64), "MEASURED": ("wanda",)}.items():
        monkeypatch.setattr(pruning_steps, name, value)


def test_a_run_is_kept_with_all_its_tables(small):
    records = measured.load_run(bench.run_benchmarks(["pruning", "pruning_steps"]))
    assert set(records) == {
        "pruning/base",
        *(
            f"pruning/cnn/{scope}/{key}"
            for scope in ("local", "global")
            for key in ("channels-30", "macs-40")
        ),
        *(f"pruning/resnet/{scope}/macs-50" for scope in ("local", "global")),
        *(
            f"pruning/{name}/{kind}-left"
            for name in ("cnn", "resnet")
            for kind in ("macs", "parameters", "channels")
        ),
        *(f"pruning/{name}/global-minus-local" for name in ("cnn", "resnet")),
        *(
            f"pruning/steps/{key}/{name}"
            for key in ("channels-50", "macs-5")
            for name in ("magnitude", "random")
        ),
        "pruning/calibration/accuracy",
        "pruning/calibration/rank-correlation",
    }
    local = {row.labels: row for row in records["pruning/cnn/local/macs-40"].result.rows}
    assert {name for _, name in local} == {
        "wanda", "random", "library magnitude", "new weights, 1 epochs", "new weights, 3 epochs",
    }  # fmt: skip
    assert {stage for stage, name in local if name == "wanda"} == STAGES
    assert all(row.n == 2 and 0 <= row.low <= row.high <= 100 for row in local.values())
    assert [stage for stage, _ in local][:: len(local) - 1] == ["pruned", "fine-tuned"]
    ratios = {
        name for _, name in (row.labels for row in records["pruning/cnn/local/channels-30"].result.rows)
    }
    assert "library magnitude" not in ratios and "wanda" in ratios
    left = {row.labels: row for row in records["pruning/cnn/macs-left"].result.rows}
    assert all(
        20 < row.low <= row.high <= 40 for labels, row in left.items() if "40% of the MACs left" in labels
    )
    steps = {row.labels for row in records["pruning/steps/macs-5/magnitude"].result.rows}
    assert (2, pruning_steps.ANEW, 1, 1, "fine-tuned") in steps and (
        1,
        pruning_steps.ONCE,
        0,
        1,
        "pruned",
    ) in steps
    assert all(between + after in (1, 2) for _, _, between, after, _ in steps)
    random = {row.labels[1] for row in records["pruning/steps/macs-5/random"].result.rows}
    assert random == {pruning_steps.ONCE}


def test_threads_are_one_and_come_back(small, monkeypatch):
    seen = []
    for name in ("_base", "_compared"):
        monkeypatch.setattr(pruning, name, lambda *given: seen.append(torch.get_num_threads()) or {})
    for name in ("schedules", "calibration"):
        monkeypatch.setattr(pruning_steps, name, lambda: seen.append(torch.get_num_threads()) or {})
    torch.set_num_threads(2)
    try:
        pruning.measure()
        pruning_steps.measure()
        assert torch.get_num_threads() == 2 and set(seen) == {1} and len(seen) == 5
    finally:
        torch.set_num_threads(1)


def test_a_trained_network_is_never_changed(ready):
    before = {name: each.clone() for name, each in ready.model.state_dict().items()}
    report = ready.pruned("wanda", ratio=0.3, scope="local")
    ready.stages(report.model)
    pruning_library.library_pruned("library Taylor", ready, 0.5, "global")
    assert all(torch.equal(before[name], each) for name, each in ready.model.state_dict().items())
    assert trained(TINY, 0) is ready


def test_stages_come_in_order_and_equal_cuts_are_run_once(ready, monkeypatch):
    one, two = (ready.pruned("magnitude", ratio=0.5, scope="local", steps=steps) for steps in (1, 2))
    first = ready.stages_of(one)
    assert list(first) == ["pruned", "re-estimated", "fine-tuned"]
    monkeypatch.setattr(type(ready), "stages", lambda *given: pytest.fail("run a second time"))
    assert ready.stages_of(two) == first
    with pytest.raises(pytest.fail.Exception):
        ready.stages_of(two, tuning=3)


def test_stages_without_tuning_stop_before_it(ready):
    report = ready.pruned("random", ratio=0.3, scope="local")
    assert list(ready.stages(report.model, 0)) == ["pruned", "re-estimated"]


def test_new_weights_owe_nothing_to_the_old(ready):
    model = ready.pruned("wanda", ratio=0.5, scope="local").model
    other = ready.pruned("random", ratio=0.5, scope="local").model
    ready.known.clear()
    score = ready.anew(model, 1)
    ready.known.clear()
    assert ready.anew(other, 1) == score  # the same widths, whatever weights were in them


@pytest.mark.parametrize("scope", ["local", "global"])
@pytest.mark.parametrize("name", pruning_library.IMPORTANCES)
def test_the_library_is_brought_as_close_to_the_macs_as_its_channels_allow(ready, name, scope):
    example = ready.split.test[0][:1]
    whole = count(ready.model, example).macs
    model = pruning_library.library_pruned(name, ready, 0.5, scope)
    left = count(model, example).macs / whole
    assert 0.3 < left <= 0.5  # a channel of a network of width 4 is a large step
    assert model(ready.split.test[0][:3]).shape == (3, 10)


def test_what_the_library_cannot_reach_is_left_out(ready):
    assert pruning_library.library_pruned("library BN scale", ready, 1e-6, "local") is None


def test_a_table_has_the_median_and_both_ends():
    figures = Figures(("stage", "method"))
    for stage, name, value in (("b", "x", 3), ("a", "x", 1), ("b", "x", 9), ("b", "y", 2), ("b", "x", 4)):
        figures.add(stage, name, value=value)
    table = figures.table("%", "words", {"stage": ("a", "b")})
    assert table["rows"] == [
        {"stage": "a", "method": "x", "median": 1, "spread": [1, 1], "n": 1},
        {"stage": "b", "method": "x", "median": 4, "spread": [3, 9], "n": 3},
        {"stage": "b", "method": "y", "median": 2, "spread": [2, 2], "n": 1},
    ]
    assert (table["unit"], table["shape"], table["columns"]) == ("%", "words", ["stage", "method"])


def test_gaps_are_taken_seed_by_seed_at_equal_macs():
    gap = Figures(("MACs left", "stage", "method"))
    stages = {"pruned": 0.5, "re-estimated": 0.6, "fine-tuned": 0.9}
    scores = {
        ("wanda", ("local", "macs", 0.5)): stages,
        ("wanda", ("global", "macs", 0.5)): {stage: value + 0.05 for stage, value in stages.items()},
        ("wanda", ("global", "ratio", 0.5)): stages,
        ("taylor", ("global", "macs", 0.5)): stages,
    }
    pruning._note_gaps(gap, scores)
    assert {labels[2] for labels in gap.values} == {"wanda"} and len(gap.values) == 3
    assert all(abs(value - 5) < 1e-9 for values in gap.values.values() for value in values)


def test_every_arm_of_the_schedules_trains_for_as_long():
    for name in pruning_steps.STEPPED:
        arms = pruning_steps._arms(name)
        assert len(set(arms)) == len(arms)
        for steps, _, between, after in arms:
            assert after >= 1 and between in (0, steps - 1)
            assert between + after == pruning_steps.EPOCHS or steps == 1


def test_rank_correlation_knows_order_alone():
    values = torch.tensor([3.0, 1.0, 2.0, 8.0])
    assert abs(pruning_steps.spearman(values, values.exp()) - 1) < 1e-12
    assert abs(pruning_steps.spearman(values, -values) + 1) < 1e-12
    from scipy.stats import spearmanr

    left, right = torch.tensor([1.0, 2.0, 2.0, 4.0, 0.0]), torch.tensor([5.0, 1.0, 1.0, 7.0, 2.0])
    assert abs(pruning_steps.spearman(left, right) - spearmanr(left, right).statistic) < 1e-12


def test_more_images_agree_better_with_all(ready):
    x, y = ready.split.train
    whole = pruning_steps.scores_of(ready, "wanda", pruning_steps.batches(x, y, 64))
    assert set(whole) == {"conv1", "conv2", "conv3", "fc1"}
    few, most = (
        pruning_steps._mean_spearman(whole, pruning_steps.scores_of(ready, "wanda", [(x[:n], y[:n])]))
        for n in (2, 1000)
    )
    assert few < most and most > 0.95


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(pruning_speed, "SIDE", 32)
    monkeypatch.setattr(pruning_speed, "BATCHES", 1)
    monkeypatch.setattr(pruning_speed, "BATCH", 2)
    monkeypatch.setattr(pruning_speed, "MACS", (0.5,))
    monkeypatch.setattr(pruning_speed, "SIZES", {"resnet50": (1,), "cnn": (1, 2)})
    monkeypatch.setattr(
        pruning_speed, "resnet50", lambda: nn.Sequential(SmallCNN(channels=3, width=4, image=32))
    )
    peaks = iter([100e3, 101e3, 102e3, 140e3, 131e3, 152e3, *[200e3] * 6, *map(float, range(1, 20))])
    monkeypatch.setattr(pruning_speed, "_printed", lambda program: next(peaks))
    monkeypatch.setattr(pruning_speed, "_PER_MB", 1e3)


def test_a_run_for_speed_is_complete(quick, monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    records = measured.load_run(bench.run_benchmarks(["pruning_speed"]))
    assert {name for name in records if "latency" not in name} == {
        f"pruning_speed/{name}" for name in ("memory", "statistics", "scoring", "first-call")
    }
    latency = records["pruning_speed/latency/cnn/one-thread"].result
    assert [row.labels for row in latency.rows] == [("50% of the MACs", 1), ("50% of the MACs", 2)]
    first, *others = records["pruning_speed/statistics"].result.rows
    assert first.labels == ("forward alone",) and first.median == first.low == first.high == 1
    assert [row.labels[0] for row in others] == [
        f"with statistics for {name}" for name in pruning_speed.NEEDS
    ]
    memory = {row.labels[0]: row for row in records["pruning_speed/memory"].result.rows}
    assert (memory["Wanda"].low, memory["Wanda"].median, memory["Wanda"].high) == (30, 40, 50)
    assert records["pruning_speed/first-call"].result.median == 3


def test_times_are_multiples_of_the_first(monkeypatch):
    from lesson_support.timing import Standing

    found = {"a": Standing(1.0, 1.0, 1.0, 1.0, 9), "b": Standing(2.0, 0.5, 0.4, 0.8, 9)}
    monkeypatch.setattr(pruning_speed.timing, "compare", lambda ways, **options: found)
    table = pruning_speed._times({"a": None, "b": None}, "words")
    assert table["unit"] == "× the time of a"
    assert table["rows"][1] == {"what": "b", "median": 2.0, "spread": [1.25, 2.5], "n": 9}


def test_speeds_leave_the_base_out():
    rows = (LatencyRow("original", 1, 2.0, 1, 1, 1), LatencyRow("50%", 1, 1.0, 2.0, 1.5, 2.5))
    table = pruning_speed._latency(Latency(rows, "original", 7, 1, "cpu"), SmallCNN(width=4))
    assert table["rows"] == [{"model": "50%", "batch": 1, "median": 2.0, "spread": [1.5, 2.5], "n": 7}]
    assert "SmallCNN" in table["shape"] and "1 thread" in table["shape"]


def test_programs_for_processes_of_their_own_run(monkeypatch):
    program = pruning_speed._FIRST.format(side=16).replace("resnet50().eval()", "torch.nn.Conv2d(3, 2, 3)")
    assert pruning_speed._printed(program) > 0
    assert compile(pruning_speed._PEAK.format(needs=("square",)), "peak", "exec")


def test_seeds_are_five_and_methods_have_their_controls():
    assert pruning_runs.SEEDS == (0, 1, 2, 3, 4)
    for methods in (tuple(pruning.METHODS), pruning.RESNET_METHODS):
        assert {"random", "coverage-inverted", "wanda-inverted"} <= set(methods)
