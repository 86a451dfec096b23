"""`python -m tests` itself: what it counts as failed, and that a broken or empty tier cannot pass."""

import pytest

import tests.__main__ as runner


@pytest.fixture
def tier(tmp_path, monkeypatch):
    """Run one tier over a test file with this text."""
    monkeypatch.setattr(runner, "REPORTS", tmp_path)
    monkeypatch.delenv("CI", raising=False)

    def run(text):
        file = tmp_path / "test_sample.py"
        file.write_text(text)
        done = runner.Tier("1 sample", [str(file), "-p", "no:xdist", f"--rootdir={tmp_path}"], minutes=1)
        runner.run(done)
        return done

    return run


def counts(tier):
    return tier.passed, tier.failed, tier.skipped


def test_passes_failures_and_skips_are_counted(tier):
    text = (
        "import pytest\ndef test_a(): assert True\ndef test_b(): assert False\n"
        "@pytest.mark.skip(reason='no such thing here')\ndef test_c(): assert False\n"
    )
    assert counts(tier(text)) == (1, 1, 1)


def test_under_ci_a_skip_is_a_failure(tier, monkeypatch):
    monkeypatch.setenv("CI", "true")
    assert counts(tier("import pytest\ndef test_c(): pytest.skip('no browser')\n")) == (0, 1, 0)


@pytest.mark.parametrize("text", ["", "import no_such_module_at_all\n", "raise SystemExit(0)\n"])
def test_a_tier_that_runs_nothing_fails(tier, text):
    assert tier(text).failed >= 1


def test_each_tier_has_a_home_of_its_own(tier):
    text = (
        "import os, pathlib\ndef test_home():\n"
        "    home = pathlib.Path(os.environ['LESSONS_HOME'])\n    assert home.is_dir()\n"
    )
    assert counts(tier(text)) == (1, 0, 0)


def test_the_summary_closes_with_the_counts_and_marks_what_is_over_budget():
    slow = runner.Tier("2 notebooks", [], minutes=0.1, passed=3, failed=1, seconds=7.0)
    slow.notebooks = {"lessons/01_tensor_mechanics": 46.0, "lessons/02_gemm": 4.0}
    lines = runner.summary([slow]).splitlines()
    assert lines[-1] == "3 passed, 1 failed, 0 skipped"
    assert sum(line.endswith("over") for line in lines) == 2
    assert any(line.startswith("mean") and "25.0" in line for line in lines)


def test_without_lessons_the_summary_says_so(monkeypatch):
    monkeypatch.setattr(runner, "notebooks", list)
    assert "no lesson is written yet" in runner.summary([])
    assert [tier.name[0] for tier in runner.tiers(quick=False)] == ["1", "3", "4", "5"]
