"""Two books, each built once: the sample book, whose lessons hold all that a lesson may, and the real one."""

from pathlib import Path

import pytest

from tests.book import samples


@pytest.fixture(scope="session")
def sample_book(tmp_path_factory) -> Path:
    return samples.sample_site(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def real_book(tmp_path_factory) -> Path:
    return samples.real_site(tmp_path_factory.getbasetemp())
