"""The benchmark of devices on a stand-in: every table is complete, every result is checked."""

import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch

from lesson_support import bench, measured
from lesson_support.bench import cuda, devices, links, paired, work
from lesson_support.errors import LessonError


class StandIn:
    """The processor in a device's place; it counts what was asked of it."""

    device = "cpu"

    def __init__(self):
        self.waits = self.entered = self.opened = 0

    def link(self):
        return "a link"

    def pinned(self, x):
        return x.clone()

    def synchronize(self):
        self.waits += 1

    def streams(self, count):
        self.opened += count
        return [f"stream {k}" for k in range(count)]

    def on(self, stream):
        self.entered += 1
        return nullcontext()

    def between_events(self, run, *, busy):
        run()
        return 1e-6 if busy else 2e-6


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(links, "BYTES", (1 << 10, 1 << 14))
    monkeypatch.setattr(links, "CELLS", 1 << 12)
    monkeypatch.setattr(work, "SIDES", (8, 32))
    monkeypatch.setattr(work, "LONGEST_ALONE", 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(work, "CHUNKS", 3)
    monkeypatch.setattr(work, "CHUNK_SIDE", 16)
    monkeypatch.setattr(work, "STEPS", 20)
    monkeypatch.setattr(work, "QUEUED", 20)
    for module in (links, work):
        monkeypatch.setattr(module, "ROUNDS", 3)


def test_every_table_can_be_published(small, tmp_path):
    results = devices.measure(StandIn())
    run = measured.record_run(results, tmp_path, device="stand-in", commit="none")
    records = measured.load_run(run)
    assert set(records) == {
        "devices/transfer",
        "devices/pinned",
        "devices/pin-first",
        "devices/bandwidth",
        "devices/launch",
        "devices/product",
        "devices/product-gain",
        "devices/overlap",
        "devices/stages",
        "devices/item",
    }
    rows = {name: len(record.result.rows) for name, record in records.items()}
    assert rows == {
        "devices/transfer": 2 * 2 * 2,
        "devices/pinned": 2 * 2,
        "devices/pin-first": 2,
        "devices/bandwidth": 1,
        "devices/launch": 4,
        "devices/product": (2 + 1) * 4,
        "devices/product-gain": (2 + 1) * 3,
        "devices/overlap": 5,
        "devices/stages": 3,
        "devices/item": 2 * 3,
    }
    assert all(row.n == 3 and row.median > 0 for each in records.values() for row in each.result.rows)
    beside = f"; beside {measured.this_processor()}; a link"
    assert all(each.result.shape.endswith(beside) for each in records.values())
    published = measured.publish(run, tmp_path / "published")
    assert published.name == "stand-in.json"


def test_the_first_row_of_the_overlap_is_one(small):
    first, *others = work.overlap(StandIn())["devices/overlap"]["rows"]
    assert (first["what"], first["median"], first["spread"]) == ("one stream", 1.0, [1.0, 1.0])
    assert [row["what"] for row in others][-1] == "two streams, pageable"


def test_streams_are_taken_in_turn_and_every_chunk_comes_back():
    rig, taken = StandIn(), []
    rig.on = lambda stream: taken.append(stream) or nullcontext()
    sources = [torch.full((2, 2), float(k)) for k in range(5)]
    results = [torch.empty(2, 2) for _ in sources]
    work.overlapped(rig, sources, results, lambda x: 2 * x, rig.streams(2))
    assert taken == ["stream 0", "stream 1", "stream 0", "stream 1", "stream 0"]
    assert all(torch.equal(result, 2 * source) for source, result in zip(sources, results, strict=True))
    assert rig.waits == 1


def test_the_processor_multiplies_on_one_thread_and_on_all(small, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    rows = work.products(StandIn())["devices/product-gain"]["rows"]
    assert sorted({(row["side"], row["threads"]) for row in rows}) == [(8, 1), (8, 2), (32, 2)]
    assert asked == [1, 2, 2, 2, 2, 2]  # and back to all after each


def test_streams_are_opened_once_for_each_case(small):
    rig = StandIn()
    work.overlap(rig)
    assert rig.opened == 1 + 2 + 3 + 4 + 2


def test_overlap_is_checked_against_the_processor(small, monkeypatch):
    whole = work.overlapped
    with pytest.raises(AssertionError, match="one stream"):
        rig = StandIn()
        rig.synchronize = lambda: None
        monkeypatch.setattr(
            work, "overlapped", lambda rig, a, b, f, s: whole(rig, [x + 1 for x in a], b, f, s)
        )
        work.overlap(rig)


def test_what_item_reads_is_checked(small, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "item", lambda x: 7.0)
    with pytest.raises(AssertionError, match="what was read, long kernels"):
        work.item(StandIn())


def test_bandwidth_counts_the_bytes_of_all_additions(small, monkeypatch):
    monkeypatch.setattr(links, "sampled", lambda calls, rounds: {"add": [1e-6] * 3})
    assert links.bandwidth(StandIn())["median"] == pytest.approx(
        links.ADDITIONS * 12 * links.CELLS / 1e3, rel=1e-3
    )


def test_a_copy_has_the_same_bits():
    x = torch.ones(3)
    paired.require_copy(x, x.clone(), "a copy")
    with pytest.raises(AssertionError, match="a copy: the copy differs"):
        paired.require_copy(x, x + 1e-6, "a copy")


@pytest.mark.parametrize(
    "told, link",
    [("5, 16\n", "PCIe 5.0 ×16"), ("[N/A], [N/A]\n", ""), ("", "")],
)
def test_the_link_is_as_the_driver_reports_it(monkeypatch, told, link):
    rig = object.__new__(cuda.Cuda)
    card = type("Card", (), {"uuid": "12"})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda: card)
    asked = []

    def run(command, **options):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, told)

    monkeypatch.setattr(subprocess, "run", run)
    assert rig.link() == link and asked[0][:2] == ["nvidia-smi", "--id=GPU-12"]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError()))
    assert rig.link() == ""


def test_each_benchmark_is_kept_before_the_next_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(bench, "_BENCHMARKS", {"first": "first", "second": "second"})
    figure = {"unit": "s", "median": 1, "spread": [1, 1], "n": 1}
    asked = []
    monkeypatch.setattr(measured, "provenance_here", lambda: asked.append("origin") or origin)
    origin = {"device": "d", "date": "2026-01-31", "commit": "c", "versions": {"torch": "2"}}

    class Module:
        def __init__(self, path):
            self.name = path.rpartition(".")[2]

        def measure(self):
            asked.append(self.name)
            if self.name == "second":
                raise RuntimeError
            return {self.name: figure}

    monkeypatch.setattr(bench, "import_module", Module)
    with pytest.raises(RuntimeError):
        bench.run_benchmarks(["first", "second"])
    (file,) = (tmp_path / "home" / "measurements").iterdir()
    records = measured.load_run(file)
    assert set(records) == {"first"} and asked == ["origin", "first", "second"]
    assert (records["first"].device, records["first"].date) == ("d", "2026-01-31")


def test_it_needs_numpy_and_torch_only():
    """A lent machine has them and little else: no command line, no notebook, no git, no metadata."""
    script = (
        "import sys\n"
        "for name in ('typer', 'rich', 'IPython', 'nbformat', 'matplotlib', 'threadpoolctl'):\n"
        "    sys.modules[name] = None\n"
        "from lesson_support import bench, errors\n"
        "try:\n"
        "    bench.run_benchmarks(['devices'])\n"
        "except errors.LessonError as error:\n"
        "    assert 'without CUDA' in str(error)\n"
    )
    environment = {"PATH": "", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "error"}
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_computes_something_else_is_not_timed(small):
    class Wrong(StandIn):
        def pinned(self, x):
            return x + 1 if x.numel() == 32 * 32 else x.clone()

    with pytest.raises(AssertionError, match="device, pinned transfers, n = 32"):
        work.products(Wrong())


def test_a_copy_that_does_not_arrive_is_not_timed(small, monkeypatch):
    monkeypatch.setattr(links, "_copied", lambda rig, target, source: target)
    with pytest.raises(AssertionError, match="pageable to the device, 1024 bytes"):
        links.transfers(StandIn())


def test_samples_are_taken_in_an_order_that_turns():
    called = []
    paired.sampled({name: (lambda name=name: called.append(name)) for name in "ab"}, 3)
    order = [name for name, before in zip(called, ["", *called], strict=False) if name != before]
    # both are called once, then settled, then sampled: a b, b a, a b
    assert "".join(order) == "ab" + "ab" + "ab" + "a" + "b"


def test_a_row_holds_the_median_and_its_interval():
    assert paired.row({"side": 1}, [3.0, 1.0, 2.0, 4.0]) == {
        "side": 1,
        "median": 2.5,
        "spread": [1.0, 4.0],
        "n": 4,
    }
    many = paired.row({}, [float(k) for k in range(1, 16)])
    assert (many["median"], many["n"]) == (8.0, 15) and 1 < many["spread"][0] < 8 < many["spread"][1] < 15
    assert paired.ratios([2.0, 6.0], [1.0, 3.0]) == [2.0, 2.0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_cuda_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))
    with pytest.raises(LessonError, match="benchmark devices got a machine without CUDA"):
        bench.run_benchmarks(["devices"])
    assert not (tmp_path / "home").exists()


def test_it_runs_only_when_it_is_named(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "home"))

    def stop(name):
        asked.append(name)
        raise KeyboardInterrupt if name == "stop" else LookupError

    monkeypatch.setattr(bench, "_BENCHMARKS", {"devices": "devices", "limits": "limits"})
    with pytest.raises(LookupError):
        bench.run_benchmarks([], progress=stop)
    assert asked == ["limits"] and "devices" in bench.benchmark_names()
