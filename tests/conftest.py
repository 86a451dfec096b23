"""What every test gets: a home and a cache of its own, and no thread fights with its neighbour's."""

import os

import pytest


def pytest_collection_modifyitems(config, items):
    """Leave the full products to `make test-full`; deselected, because a skip means a lack."""
    if os.environ.get("LESSONS_FULL"):
        return
    full = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=full)
    items[:] = [item for item in items if item not in full]


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """Compiled libraries survive from test to test, never from run to run."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def sample_book(tmp_path_factory):
    """The built sample book, whose lessons hold all that a lesson may."""
    from tests.book import samples

    return samples.sample_site(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def real_book(tmp_path_factory):
    """The built book of this checkout."""
    from tests.book import samples

    return samples.real_site(tmp_path_factory.getbasetemp())


@pytest.fixture(autouse=True)
def own_places(tmp_path, shared_cache, monkeypatch):
    """Nothing a test does touches the records of the person who runs it."""
    monkeypatch.setenv("LESSONS_HOME", str(tmp_path / "lessons-home"))
    monkeypatch.setenv("LESSONS_CACHE", str(shared_cache))
    monkeypatch.delenv("LESSONS_STRICT", raising=False)
    monkeypatch.delenv("LESSONS_STATIC", raising=False)
