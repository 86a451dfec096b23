"""Reports: they say what the run did, load nothing, hide nothing behind a margin, and look the same twice."""

import re
import zlib
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib as mpl
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from lesson_support.draw.style import PALETTE, use_style
from lesson_support.errors import LessonError
from lesson_support.models import SmallCNN
from lesson_support.pruning.latency import Latency, LatencyRow
from lesson_support.pruning.report import GroupReport, Report, StepReport
from lesson_support.pruning.reports import charts, report_html, report_pdf
from lesson_support.pruning.reports.blocks import activity_blocks
from lesson_support.pruning.reports.contents import report_document, trajectory
from lesson_support.pruning.reports.document import Document, Paragraph, Section, Table
from lesson_support.pruning.reports.fitting import column_widths, text_width, wrapped
from lesson_support.pruning.structure.counting import count

LONG = "x" * 400 + " $and$ words " * 30
VOID = {"meta", "link", "br", "img", "input", "hr"}


@pytest.fixture
def report():
    before, after = (count(SmallCNN(width=width), torch.zeros(1, 1, 8, 8)) for width in (8, 6))
    groups = tuple(
        GroupReport(layer.name, (layer.name,), layer.channels_out, new.channels_out, problems=("tied <i>",))
        for layer, new in zip(before.layers, after.layers, strict=True)
        if layer.macs
    )
    groups += (GroupReport("fc2", ("fc2",), 10, 10, skipped_because="its <b>channels</b> & outputs"),)
    steps = (
        StepReport(1, 0.2, 0.18, 0.3, 0.31, accuracy=0.9, repaired=0.95),
        StepReport(2, 0.4, 0.36, 0.5, 0.52, accuracy=0.7),
    )
    accuracy = {"original": 0.991, "pruned": 0.7, "re-estimated": 0.853, "fine-tuned": 0.987}
    rows = (LatencyRow("original", 8, 2.0, 1.0, 1.0, 1.0), LatencyRow("pruned", 8, 1.25, 1.61, 1.52, 1.75))
    settings = {
        "importance": "<Wanda>",
        "asked": "channels",
        "ratio": 0.4,
        "per_layer": {"fc1": 0.1},
        "note": LONG,
    }
    latency = Latency(rows, "original", 9, 1, "cpu")
    return Report(SmallCNN(), before, after, groups, steps, accuracy, latency, {}, settings)


@pytest.fixture
def statistics():
    sums = {"conv1": [1.0], "conv2": [0.0, 0.0, 3.0], "fc1": [1.0, 2.0, 3.0], "fc2": [0.0, 5.0]}
    found = {
        name: SimpleNamespace(count=2, absolute=torch.tensor(each, dtype=torch.float64))
        for name, each in sums.items()
    }
    return SimpleNamespace(names=tuple(found), of=found.__getitem__)


class Page(HTMLParser):
    """The tags of a page, closed in order, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.tags, self.ids, self.text, self.addresses = [], [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.ids += [value for name, value in attributes if name == "id"]
        self.addresses += [
            v for name, v in attributes if name in ("src", "href", "xlink:href", "action", "data")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture
def page(report, statistics):
    return Page(report_html.page(report_document(report, statistics=statistics)))


def test_a_page_is_whole_and_loads_nothing(report, statistics, page):
    html = report_html.page(report_document(report, statistics=statistics))
    assert html == report_html.page(report_document(report, statistics=statistics))
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object"} and "@import" not in html
    assert all(each.startswith("#") and each[1:] in page.ids for each in page.addresses)
    assert set(re.findall(r"url\((.*?)\)", html)) <= {f"#{each}" for each in page.ids}
    assert len(page.ids) == len(set(page.ids))
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


def test_what_a_name_holds_is_text_and_no_markup(page):
    assert not {"b", "i", "wanda"} & {tag for tag, _ in page.tags}
    text = " ".join(page.text)
    assert "SmallCNN pruned by <Wanda>" in text
    assert "its <b>channels</b> & outputs" in text and "tied <i>" in text


def test_every_part_of_a_page_is_escaped():
    bad = "<b>&amp; {}</b>"
    table = Table((bad.format("head"),), ((bad.format("cell"),),), caption=bad.format("caption"))
    sections = (Section(bad.format("section"), (Paragraph(bad.format("text")), table)),)
    facts = ((bad.format("what"), bad.format("figure")),)
    page = Page(report_html.page(Document(bad.format("title"), bad.format("below"), facts, sections)))
    assert "b" not in {tag for tag, _ in page.tags}
    for part in ("title", "below", "what", "figure", "section", "text", "head", "cell", "caption"):
        assert bad.format(part) in page.text


def test_a_page_says_what_was_asked_and_what_came(report, page):
    text = " | ".join(each.strip() for each in page.text if each.strip())
    removed = 1 - report.after.macs / report.before.macs
    assert f"{removed:.1%}" in text and f"{report.after.parameters:,}" in text
    assert "channels | 40.0%" in text  # asked of the channels, of nothing else
    assert "parameters | 40.0%" not in text and "MACs | 40.0%" not in text
    assert "re-estimated | 85.3% | -13.8" in text
    assert "2 | 40.0% | 36.0% | 50.0% | 52.0% | 70.0%" in text and "90.0% | 95.0%" in text
    assert "1.61 | 1.52 to 1.75" in text and "median of 9 interleaved rounds" in text
    assert "6 of 8" in text and "all 10" in text and "fc1: 0.1" in text and "torch-pruning" in text


def test_colours_follow_the_page_and_drawings_have_words(report, statistics):
    html = report_html.page(report_document(report, statistics=statistics))
    body = html[html.index("<main") :]
    assert not re.search(r"#[0-9a-f]{6}\b", body)
    assert "var(--accent)" in body and "var(--ink)" in body and "DejaVu" not in body
    drawings = re.findall(r"<svg ([^>]*)>", body)
    assert len(drawings) == 4 and all(re.search(r'aria-label="[^"]{20,}"', each) for each in drawings)
    assert not any(re.search(r"\b(width|height)=", each) for each in drawings)  # as wide as its column
    assert "prefers-color-scheme:dark" in html


def test_parts_that_were_not_measured_are_left_out(report):
    report.latency, report.accuracy = None, {}
    titles = [section.title for section in report_document(report).sections]
    assert not {"Latency", "Accuracy against MACs", "What the calibration data say"} & set(titles)
    assert "MACs left" in report_html.page(report_document(report))
    report.groups = tuple(GroupReport("a", ("a",), 4, 2) for _ in range(1))
    assert "None: every group" in report_html.page(report_document(report))


def test_the_trajectory_runs_over_cuts_and_repairs_to_the_last_stage(report):
    left = report.after.macs / report.before.macs
    way = trajectory(report)
    assert way[:4] == [(1.0, 0.991), (0.69, 0.9), (0.69, 0.95), (0.48, 0.7)]
    assert way[4:] == [(left, 0.7), (left, 0.853), (left, 0.987)]


def test_histograms_leave_the_image_out_and_count_the_dead(statistics):
    text, chart = activity_blocks(statistics)
    assert "conv1" not in chart.alt and "3 of 3 layers" in text.text
    assert "conv2 has 3 inputs, 2 never active" in chart.alt and "fc1 has 3 inputs, 0 never" in chart.alt
    figure = Figure()
    chart.draw(figure)
    titles = [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes]
    assert titles[0] == "into conv2: 3 inputs, 2 never active"
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert sum(heights) == 3 and heights[-1] == 2


def test_labels_at_one_place_are_moved_apart():
    placed = charts._spread([("a", 90.0), ("b", 99.0), ("c", 98.5)], apart=9)
    assert [text for text, *_ in placed] == ["b", "c", "a"]
    assert [old for _, old, _ in placed] == [99.0, 98.5, 90.0]
    heights = [new for *_, new in placed]
    assert all(high - low >= 9 for high, low in zip(heights, heights[1:], strict=False))


def laid_out(document):
    with mpl.rc_context():
        use_style()
        mpl.rcParams["figure.constrained_layout.use"] = False
        pages = report_pdf.lay_out(document)
        for page in pages:
            FigureCanvasAgg(page).draw()
        return pages


def texts_of(page):
    return [each for each in (*page.artists, *page.texts) if isinstance(each, Text)]


def test_no_text_of_a_pdf_leaves_its_page(report, statistics):
    pages = laid_out(report_document(report, statistics=statistics))
    assert len(pages) >= 2
    for page in pages:
        renderer = page.canvas.get_renderer()
        width, height = page.bbox.width, page.bbox.height
        boxes = [axes.get_tightbbox(renderer) for axes in page.axes]
        boxes += [text.get_window_extent(renderer) for text in texts_of(page)]
        for box in boxes:
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height


def test_columns_of_a_pdf_do_not_run_into_each_other(report):
    for page in laid_out(report_document(report)):
        renderer = page.canvas.get_renderer()
        boxes = [text.get_window_extent(renderer) for text in texts_of(page) if text.get_text().strip()]
        for number, one in enumerate(boxes):
            for other in boxes[:number]:
                across = min(one.x1, other.x1) - max(one.x0, other.x0)
                down = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert across <= 1 or down <= 3  # pixels; lines of one paragraph touch by a hair


def test_every_word_of_a_document_is_on_some_page_in_order():
    rows = tuple((f"row{number}", f"value{number}") for number in range(180))
    sections = (Section("One", (Paragraph(" ".join(f"w{n}" for n in range(900))), Table(("a", "b"), rows))),)
    pages = laid_out(Document("A title", "below it", (("fact", "7"),), sections))
    for page in pages:
        boxes = [each.get_window_extent(page.canvas.get_renderer()) for each in texts_of(page)]
        footer = sorted(box.y1 for box in boxes)[1]
        assert all(box.y0 > footer for box in boxes if box.y1 > footer) and footer > 0
        assert sum(box.y1 <= footer for box in boxes) == 2 and min(box.y0 for box in boxes) > 0
    said = [text.get_text() for page in pages for text in texts_of(page)]
    words = " ".join(said).split()
    for word in (*(f"w{n}" for n in range(900)), *(f"row{n}" for n in range(180)), "7"):
        assert words.count(word) == 1, word
    assert [each for each in said if re.fullmatch(r"\d+ of \d+", each)] == [
        f"{n} of {len(pages)}" for n in range(1, len(pages) + 1)
    ]
    assert said.count("a") == len(
        [page for page in pages if any(t.get_text().startswith("row") for t in texts_of(page))]
    )


def drawn(file):
    """What the pages of a PDF draw: numbers as floats, everything else as bytes."""

    def token(word):
        try:
            return float(word)
        except ValueError:
            return word

    streams = re.findall(rb"FlateDecode.*?stream\r?\n(.*?)\r?\nendstream", file.read_bytes(), re.DOTALL)
    return [token(word) for stream in streams for word in zlib.decompress(stream).split()]


def test_files_are_written_and_the_same_twice(report, tmp_path):
    one, two = report.to_html(tmp_path / "deep" / "a.html"), report.to_html(tmp_path / "b.html")
    assert one.read_bytes() == two.read_bytes() and one.read_text(encoding="utf-8").startswith(
        "<!doctype html>"
    )
    one, two = report.to_pdf(tmp_path / "a.pdf"), report.to_pdf(tmp_path / "b.pdf")
    assert one.read_bytes().startswith(b"%PDF")
    tokens, again = drawn(one), drawn(two)
    numbers = [isinstance(each, float) for each in tokens]
    assert numbers == [isinstance(each, float) for each in again] and sum(numbers) > 1000
    # Matplotlib's positions differ in the last digit now and then, where half of it is to be rounded.
    assert all(a == b or (n and abs(a - b) < 1e-6) for a, b, n in zip(tokens, again, numbers, strict=True))


def test_a_place_that_cannot_be_written_is_named(report, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(LessonError, match="cannot create .*for a report"):
        report.to_html(tmp_path / "file" / "a.html")
    with pytest.raises(LessonError, match="cannot write .*folder.pdf"):
        report.to_pdf(tmp_path / "folder.pdf")


@pytest.mark.parametrize(
    "text", ["", "one", "some words of several lengths " * 8, "y" * 200, f"a {'z' * 90} b"]
)
def test_lines_fit_and_lose_nothing(text):
    lines = wrapped(text, 1.2, 10)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line, 10) <= 1.2 for line in lines) and lines
    assert all(line.strip() for line in lines) or lines == [""]


@pytest.mark.parametrize(
    "cells", [("short", "1"), ("y" * 300, "1"), ("many words " * 40, "many words " * 40)]
)
def test_columns_share_what_room_there_is(cells):
    widths = column_widths(Table(("head", "second"), (cells,)), room=6.0, gap=0.2, size=9)
    assert sum(widths) + 0.2 <= 6.0 + 1e-9 and min(widths) > 0
    assert widths[1] >= text_width("second", 9, bold=True)


def test_a_row_of_another_length_is_refused():
    with pytest.raises(LessonError, match="a table row has 1 cells: expected 2"):
        Table(("a", "b"), (("1",),))


def test_palette_colours_are_all_known_to_the_page():
    assert len(set(PALETTE.values())) == len(PALETTE)  # else a colour would have two roles
