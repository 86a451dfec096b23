"""The sample book, built once: `sample_book` is its folder of pages, for tests of HTML and in a browser."""

from pathlib import Path

import pytest

from tests.book import samples


@pytest.fixture(scope="session")
def sample_book(tmp_path_factory) -> Path:
    folder = samples.write_book(
        tmp_path_factory.mktemp("book"),
        html_baseurl="https://example.org/book/",
        course_redirects={"lessons/01_former": f"lessons/{samples.FIRST}"},
    )
    samples.write_report(folder)
    built = samples.build(folder, "-W", "-n")
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "_build" / "html"
