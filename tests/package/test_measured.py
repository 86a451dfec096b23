"""Published measurements: written, merged, read and shown; and everything that may not be published."""

import copy
import json
import os
import re
import subprocess
import sys

import pytest

import lesson_support
from lesson_support import measured, paths
from lesson_support.errors import LessonError
from lesson_support.measured import recording

SCAN = {
    "unit": "GB/s",
    "shape": "batch 8, channel 512, float32",
    "columns": ["backend", "time"],
    "rows": [
        {"backend": "loop", "time": 1024, "median": 3.14159, "spread": [3.1, 3.2], "n": 15},
        {"backend": "C++", "time": 65536, "median": 18250.4, "spread": [18000, 18300.25], "n": 9},
    ],
}
RATIO = {"unit": "×", "median": 812, "spread": [790.5, 830], "n": 15}
RESULTS = {"scan/forward": SCAN, "claims/blas-vs-python": RATIO}
VERSIONS = {"python": "3.11.7", "torch": "2.13.0"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The place of what is published, empty."""
    place = tmp_path / "published"
    place.mkdir()
    monkeypatch.setattr(measured, "FOLDER", place)
    return place


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def record(results, runs, device="NVIDIA H200", date="2026-01-31", commit="0123456789ab"):
    return measured.record_run(results, runs, device=device, date=date, commit=commit, versions=VERSIONS)


@pytest.fixture
def published(folder, runs):
    """Two devices: the newer has the scan only."""
    measured.publish(record(RESULTS, runs, date="2026-01-30"), folder)
    newer = {"scan/forward": {**SCAN, "unit": "TB/s"}}
    measured.publish(record(newer, runs, device="Intel(R) Xeon(R) CPU @ 2.70GHz", date="2026-02-01"), folder)
    return folder


# --- what is in the package


def test_nothing_is_published_that_was_not_measured():
    """Every device file of the package loads; so far there may be none."""
    for slug in measured.devices():
        assert measured.load_device(slug).records


def test_the_folder_is_the_packages_own():
    assert paths.PACKAGE / "measured" == measured.FOLDER


# --- recording


def test_a_run_is_written_with_its_provenance(runs):
    file = record(RESULTS, runs)
    assert file == runs / "2026-01-31-nvidia-h200.json"
    assert json.loads(file.read_text()) == {
        "device": "NVIDIA H200",
        "slug": "nvidia-h200",
        "date": "2026-01-31",
        "commit": "0123456789ab",
        "versions": VERSIONS,
        "results": RESULTS,
    }
    assert [each.name for each in runs.iterdir()] == [file.name]


def test_provenance_is_read_from_this_machine(runs):
    run = json.loads(measured.record_run({"a": RATIO}, runs).read_text())
    import scipy
    import torch

    assert run["versions"]["torch"] == torch.__version__
    assert run["versions"]["scipy"] == scipy.__version__, "a peer that a benchmark measures"
    assert run["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])
    assert run["device"] and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", run["slug"])
    assert re.fullmatch(r"release .+|[0-9a-f]{12}( \+ changes)?", run["commit"])


def test_one_provenance_is_one_file(runs):
    first = record({"a": RATIO, "b": RATIO}, runs)
    second = record({"b": {**RATIO, "median": 800}, "c": RATIO}, runs)
    assert second == first
    results = json.loads(first.read_text())["results"]
    assert list(results) == ["a", "b", "c"] and results["b"]["median"] == 800


def test_another_commit_is_another_file(runs):
    first = record({"a": RATIO}, runs)
    before = first.read_bytes()
    second = record({"b": RATIO}, runs, commit="fedcba987654")
    assert second.name == "2026-01-31-nvidia-h200.2.json" and first.read_bytes() == before
    assert record({"c": RATIO}, runs, commit="fedcba987654") == second


def test_commit_and_changes(tmp_path, monkeypatch):
    package = tmp_path / "repository" / "package"
    (package / "measured").mkdir(parents=True)
    (package / "a.py").write_text("1")
    monkeypatch.setattr(paths, "PACKAGE", package)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert recording.this_commit() == f"release {lesson_support.__version__}"

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=package, check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("commit", "-m", "first")
    assert re.fullmatch("[0-9a-f]{12}", recording.this_commit())
    (package / "measured" / "nvidia-h200.json").write_text("{}")
    assert re.fullmatch("[0-9a-f]{12}", recording.this_commit())
    (package / "a.py").write_text("2")
    assert re.fullmatch(r"[0-9a-f]{12} \+ changes", recording.this_commit())


@pytest.mark.parametrize(
    "device, slug",
    [
        ("NVIDIA H200", "nvidia-h200"),
        ("Intel(R) Xeon(R) CPU @ 2.70GHz", "intel-xeon-cpu-2-70ghz"),
        ("AMD EPYC(TM) 9B14 ", "amd-epyc-9b14"),
    ],
)
def test_a_device_has_a_slug(device, slug):
    from lesson_support.measured.schema import device_slug

    assert device_slug(device) == slug


# --- what may not be recorded or published

NAN, INFINITY = float("nan"), float("inf")
INCOMPLETE = [
    ({"unit": None}, "unit is None: expected one line of text"),
    ({"unit": ""}, "unit is ''"),
    ({"median": NAN}, "median is nan: expected a finite number"),
    ({"median": INFINITY}, "median is inf: expected a finite number"),
    ({"median": "812"}, "median is '812': expected a finite number"),
    ({"median": True}, "median is True: expected a finite number"),
    ({"spread": [NAN, 830]}, "spread is [nan, 830]: expected [low, high]"),
    ({"spread": [790, INFINITY]}, "expected [low, high]"),
    ({"spread": [830, 790]}, "spread is [830, 790]: expected [low, high] with low <= high"),
    ({"spread": 5}, "spread is 5"),
    ({"spread": [790, 812, 830]}, "expected [low, high]"),
    ({"spread": [813, 830]}, "the median 812 is outside the spread 813 to 830"),
    ({"spread": [790, 811]}, "the median 812 is outside the spread 790 to 811"),
    ({"n": 0}, "n is 0: expected the number of samples, 1 or more"),
    ({"n": 1.5}, "n is 1.5"),
    ({"n": True}, "n is True"),
    ({"shape": 3}, "shape is 3"),
    ({"mean": 3}, "has the unknown key 'mean': expected unit, median, spread, n, shape"),
]


@pytest.mark.parametrize("change, said", INCOMPLETE, ids=[str(n) for n in range(len(INCOMPLETE))])
def test_an_unfit_figure_is_refused(runs, change, said):
    with pytest.raises(LessonError, match=re.escape(said)) as error:
        record({"a/b": {**RATIO, **change}}, runs)
    assert "result a/b" in str(error.value)
    assert not runs.exists()


@pytest.mark.parametrize("key", ["unit", "median", "spread", "n"])
def test_a_figure_without_its_parts_is_refused(runs, key):
    with pytest.raises(LessonError, match=f"result a has no '{key}': expected"):
        record({"a": {name: value for name, value in RATIO.items() if name != key}}, runs)


def _table(change):
    table = copy.deepcopy(SCAN)
    change(table)
    return table


UNFIT_TABLES = [
    (lambda t: t.pop("unit"), "has no 'unit'"),
    (lambda t: t.pop("columns"), "has no 'columns'"),
    (lambda t: t.pop("rows"), "has no 'rows'"),
    (lambda t: t["rows"].clear(), "rows is []: expected a list of at least one row"),
    (lambda t: t["columns"].append("channel"), "row 1 has no 'channel': expected a text or a finite number"),
    (lambda t: t["columns"].pop(), "row 1 has the unknown key 'time'"),
    (
        lambda t: t["columns"].append("n"),
        "expected a list of 1 or more different items, each a column's name",
    ),
    (lambda t: t["columns"].append("time"), "different items"),
    (lambda t: t["rows"][1].pop("n"), "row 2 has no 'n': expected the number of samples"),
    (lambda t: t["rows"][1].pop("spread"), "row 2 has no 'spread'"),
    (lambda t: t["rows"][1].update(median=NAN), "row 2: median is nan"),
    (lambda t: t["rows"][1].update(median=1), "row 2: the median 1 is outside the spread"),
    (lambda t: t["rows"][1].update(backend=None), "row 2: backend is None"),
    (
        lambda t: t["rows"][1].update(backend="loop", time=1024),
        "row 2 has the labels ('loop', 1024) of an earlier row",
    ),
    (lambda t: t["rows"].append(3), "row 3 is int: expected a table"),
    (lambda t: t.update(median=3), "has the unknown key 'median'"),
]


@pytest.mark.parametrize("change, said", UNFIT_TABLES, ids=[str(n) for n in range(len(UNFIT_TABLES))])
def test_an_unfit_table_is_refused(runs, change, said):
    with pytest.raises(LessonError, match=re.escape(said)):
        record({"scan": _table(change)}, runs)
    assert not runs.exists()


@pytest.mark.parametrize(
    "results", [{}, None, [RATIO], {"": RATIO}, {"Scan": RATIO}, {3: RATIO}, {"a/": RATIO}, {"a": 3}]
)
def test_results_have_names(runs, results):
    with pytest.raises(LessonError, match=r"^this run.*(no results|not usable|is int)"):
        record(results, runs)


@pytest.mark.parametrize("result", [SCAN, {**RATIO, "unit": "ms"}])
def test_a_claim_is_one_ratio(runs, result):
    with pytest.raises(LessonError, match="claims/a is in .*: expected one ratio with the unit ×"):
        record({"claims/a": result}, runs)


@pytest.mark.parametrize(
    "options", [{"date": "31.1.2026"}, {"date": "20260131"}, {"commit": " "}, {"device": "\n"}]
)
def test_provenance_is_well_formed(runs, options):
    with pytest.raises(LessonError, match=f"^this run: {next(iter(options))} is"):
        record(RESULTS, runs, **options)


def test_a_run_must_be_read_back_by_publish(folder, runs):
    file = record(RESULTS, runs)
    good = json.loads(file.read_text())
    for key in good:
        file.write_text(json.dumps({name: value for name, value in good.items() if name != key}))
        with pytest.raises(LessonError, match=f"has no '{key}'"):
            measured.publish(file, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "change, said",
    [
        (
            {"slug": "nvidia-h100"},
            "the slug 'nvidia-h100' does not belong to 'NVIDIA H200': expected nvidia-h200",
        ),
        ({"versions": {}}, "versions is {}: expected names of packages and their versions"),
        ({"versions": {"torch": 2}}, "versions is {'torch': 2}"),
        ({"results": {}}, "results is {}"),
        ({"date": 3}, "date is 3: expected a date such as 2026-01-31"),
        ({"results": {"a": {"unit": "ms", "median": 3}}}, "result a has no 'spread'"),
        ({"host": "name"}, "has the unknown key 'host'"),
    ],
)
def test_a_run_changed_by_hand_is_refused(folder, runs, change, said):
    file = record(RESULTS, runs)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(LessonError, match=re.escape(said)) as error:
        measured.publish(file, folder)
    assert str(file) in str(error.value) and list(folder.iterdir()) == []


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_has_no_infinity(folder, runs, constant):
    file = record({"a": RATIO}, runs)
    file.write_text(file.read_text().replace("812", constant))
    with pytest.raises(LessonError, match=f"not valid JSON: {constant} is not a finite number"):
        measured.publish(file, folder)


@pytest.mark.parametrize(
    "text, said", [("{", "is not valid JSON"), ("[]", "holds list: expected a JSON table")]
)
def test_a_run_that_is_no_json(folder, runs, text, said):
    file = record(RESULTS, runs)
    file.write_text(text)
    with pytest.raises(LessonError, match=said):
        measured.publish(file, folder)


def test_a_run_that_is_not_there(folder, runs):
    with pytest.raises(LessonError, match="cannot read .*: expected a JSON file"):
        measured.publish(runs / "none.json", folder)


# --- publishing


def test_what_is_published_comes_back(published):
    assert measured.devices() == ("intel-xeon-cpu-2-70ghz", "nvidia-h200")
    device = measured.load_device("nvidia-h200")
    assert (device.device, device.slug, set(device.records)) == ("NVIDIA H200", "nvidia-h200", set(RESULTS))
    found = device.records["scan/forward"]
    assert found.result.unit == "GB/s" and found.result.columns == ("backend", "time")
    assert found.result.shape == SCAN["shape"]
    row = found.result.rows[1]
    assert (row.labels, row.median, row.low, row.high, row.n) == (("C++", 65536), 18250.4, 18000, 18300.25, 9)
    assert (found.date, found.commit, found.versions) == ("2026-01-30", "0123456789ab", VERSIONS)
    assert device.records["claims/blas-vs-python"].result.median == 812


def test_a_table_has_no_single_median(published):
    with pytest.raises(LessonError, match="a table of 2 rows has no single median"):
        _ = measured.result("scan/forward").result.median


def test_publishing_twice_changes_nothing(folder, runs):
    run = record(RESULTS, runs)
    file = measured.publish(run, folder)
    before = file.read_bytes()
    assert measured.publish(run, folder) == file and file.read_bytes() == before
    assert before.endswith(b"}\n") and "×".encode() in before


def test_a_result_replaces_its_namesake_and_leaves_the_rest(folder, runs):
    measured.publish(record({"a": RATIO, "b": RATIO}, runs, date="2026-01-01", commit="one"), folder)
    newer = {"b": {**RATIO, "median": 800}, "c": RATIO}
    file = measured.publish(record(newer, runs, date="2026-02-01", commit="two"), folder)
    records = measured.load_device("nvidia-h200").records
    assert {name: each.commit for name, each in records.items()} == {"a": "one", "b": "two", "c": "two"}
    assert records["b"].result.median == 800
    last = dict.fromkeys("abc", RATIO)
    measured.publish(record(last, runs, date="2026-03-01", commit="three"), folder)
    assert [run["commit"] for run in json.loads(file.read_text())["runs"]] == ["three"]


def test_runs_stand_in_the_order_of_their_dates(folder, runs):
    for name, date in (("a", "2026-02-01"), ("b", "2026-03-01"), ("c", "2026-01-01")):
        file = measured.publish(record({name: RATIO}, runs, date=date), folder)
    dates = [run["date"] for run in json.loads(file.read_text())["runs"]]
    assert dates == ["2026-01-01", "2026-02-01", "2026-03-01"]


def test_two_devices_with_one_slug_do_not_mix(folder, runs):
    file = measured.publish(record({"a": RATIO}, runs), folder)
    before = file.read_bytes()
    other = record({"b": RATIO}, runs, device="nvidia h200", date="2026-02-02")
    with pytest.raises(
        LessonError, match="was measured on 'nvidia h200': expected the device of .*nvidia-h200.json"
    ):
        measured.publish(other, folder)
    assert file.read_bytes() == before


def test_a_damaged_file_is_not_overwritten(folder, runs):
    file = folder / "nvidia-h200.json"
    file.write_text('{"device": "NVIDIA H200"')
    with pytest.raises(LessonError, match="not valid JSON"):
        measured.publish(record({"a": RATIO}, runs), folder)
    assert file.read_text() == '{"device": "NVIDIA H200"'


def test_a_crash_leaves_the_old_file(folder, runs, monkeypatch):
    file = measured.publish(record({"a": RATIO}, runs), folder)
    before = file.read_bytes()
    run = record({"b": RATIO}, runs, date="2026-02-01")

    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(LessonError, match=r"cannot write .*nvidia-h200.json \(Permission denied\)"):
        measured.publish(run, folder)
    assert file.read_bytes() == before and [each.name for each in folder.iterdir()] == [file.name]


def test_a_folder_that_cannot_be_made(runs, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LessonError, match="cannot create .* for recorded measurements"):
        record({"a": RATIO}, blocked / "runs")
    run = record({"a": RATIO}, runs)
    with pytest.raises(LessonError, match="cannot create .* for published measurements"):
        measured.publish(run, blocked / "published")


# --- reading


def test_the_newest_wins(published):
    assert measured.result("scan/forward").slug == "intel-xeon-cpu-2-70ghz"
    assert measured.result("scan/forward", "nvidia-h200").result.unit == "GB/s"
    assert measured.result("claims/blas-vs-python").slug == "nvidia-h200"


def test_what_is_not_published(published):
    with pytest.raises(LessonError, match="^nothing is published for scan yet$"):
        measured.result("scan")
    with pytest.raises(LessonError, match="^nothing is published for claims/a on nvidia-h200 yet$"):
        measured.result("claims/a", "nvidia-h200")
    assert measured.newest("scan") is None


@pytest.mark.parametrize("read", [measured.result, measured.show])
def test_an_unknown_device_lists_the_known_ones(published, read):
    with pytest.raises(LessonError) as error:
        read("scan/forward", "nvidia-h100")
    assert str(error.value) == (
        "nothing is published for the device 'nvidia-h100': expected one of: "
        "intel-xeon-cpu-2-70ghz, nvidia-h200; did you mean nvidia-h200?"
    )


def test_no_device_at_all(folder):
    assert measured.devices() == ()
    with pytest.raises(LessonError, match="'nvidia-h200': expected one of: none yet$"):
        measured.show("scan", "nvidia-h200")


def _rewrite(file, change):
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda c: c.update(slug="nvidia-h100"), "does not belong to"),
        (lambda c: c.update(device="NVIDIA H100", slug="nvidia-h100"), "expected it in nvidia-h100.json"),
        (lambda c: c.update(runs=[]), "runs is []"),
        (lambda c: c.pop("runs"), "has no 'runs'"),
        (lambda c: c["runs"].append(c["runs"][0]), "run 2: scan/forward is in an earlier run too"),
        (lambda c: c["runs"][0].pop("commit"), "run 1 has no 'commit'"),
        (
            lambda c: c["runs"][0]["results"]["scan/forward"].pop("unit"),
            "run 1, result scan/forward has no 'unit'",
        ),
    ],
)
def test_a_file_changed_by_hand_is_refused(published, change, said):
    file = published / "nvidia-h200.json"
    _rewrite(file, change)
    with pytest.raises(LessonError, match=re.escape(said)) as error:
        measured.load_device("nvidia-h200")
    assert str(file) in str(error.value)


# --- showing


def test_provenance_is_one_line(published):
    line = measured.provenance(measured.result("scan/forward", "nvidia-h200"))
    assert line == (
        "measured on NVIDIA H200 with python 3.11.7, torch 2.13.0; 2026-01-30, commit 0123456789ab"
    )


def test_a_table_is_printed(published, capsys):
    assert measured.show("scan/forward", "nvidia-h200") is None
    assert capsys.readouterr().out == (
        "scan/forward: batch 8, channel 512, float32\n"
        "backend  time    median, GB/s            spread   n\n"
        "loop     1,024           3.14      3.10 to 3.20  15\n"
        "C++      65,536        18,250  18,000 to 18,300   9\n"
        "measured on NVIDIA H200 with python 3.11.7, torch 2.13.0; 2026-01-30, commit 0123456789ab\n"
    )


def test_a_figure_is_printed(published, capsys):
    measured.show("claims/blas-vs-python")
    assert capsys.readouterr().out.splitlines()[:3] == [
        "claims/blas-vs-python",
        "median, ×      spread   n",
        "      812  790 to 830  15",
    ]


@pytest.mark.parametrize(
    "value, written",
    [
        (0, "0.00"),
        (1, "1.00"),
        (0.5, "0.500"),
        (0.01234, "0.0123"),
        (1.2e-7, "1.20e-07"),
        (12.34, "12.3"),
        (99.96, "100"),
        (100.4, "100"),
        (1234567.8, "1,234,568"),
        (-3.14159, "-3.14"),
    ],
)
def test_figures_have_three_digits(folder, runs, value, written, capsys):
    measured.publish(
        record({"a": {"unit": "s", "median": value, "spread": [value, value], "n": 1}}, runs), folder
    )
    measured.show("a")
    assert capsys.readouterr().out.splitlines()[2].split() == [written, written, "to", written, "1"]


def test_nothing_published_is_one_sentence(folder, capsys):
    measured.show("scan/forward")
    assert capsys.readouterr().out == "nothing is published for scan/forward yet\n"


def test_nothing_published_on_a_device(published, capsys):
    measured.show("claims/other", "nvidia-h200")
    assert capsys.readouterr().out == "nothing is published for claims/other on nvidia-h200 yet\n"


def test_a_notebook_gets_html_with_a_text_twin(published, monkeypatch):
    import IPython

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append((bundle, raw)))
    measured.show("scan/forward", "nvidia-h200")
    [(bundle, raw)] = shown
    assert raw and set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"].startswith("scan/forward: batch 8")
    page = bundle["text/html"]
    assert '<th scope="col">median, GB/s</th>' in page and "<td>18,250</td>" in page
    assert page.index("</table>") < page.index("measured on NVIDIA H200")


def test_html_is_escaped(folder, runs):
    from lesson_support.measured.tables import html_table

    table = _table(lambda t: t["rows"][0].update(backend="<b>&"))
    measured.publish(record({"a": table}, runs), folder)
    page = html_table(measured.result("a"))
    assert "&lt;b&gt;&amp;" in page and "<b>" not in page


def test_reading_needs_no_torch(tmp_path):
    code = "from lesson_support.claims import measured; measured.show('a')"
    code += "; import sys; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == ["nothing is published for a yet", "False"]
