"""What a reader reads in a markdown cell: its words, paragraphs, headings, and what of it is not prose."""

import re
from collections.abc import Iterator

# A place where something that is not prose stood; no sequence of words runs across it.
GAP = "\x00"

_FENCE = re.compile(
    r"^(?P<fence>`{3,}|~{3,}|:{3,})(?P<info>[^\n]*)\n.*?(^(?P=fence)[`~:]*\s*$|\Z)", re.M | re.S
)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)
_FORMULA = re.compile(
    r"\$\$.+?\$\$|\\\[.+?\\\]|\\begin\{(\w+\*?)\}.+?\\end\{\1\}|(?<![\\$])\$[^$\n]+?\$", re.S
)
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)")
_BARE_LINK = re.compile(r"<?https?://[^\s>)]+>?")
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z][^<>]*>", re.S)
_DETAILS = re.compile(r"<details\b[^>]*>(.*?)</details>", re.S | re.I)
_SUMMARY = re.compile(r"<summary\b[^>]*>(.*?)</summary>", re.S | re.I)
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$", re.M)
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_WORD = re.compile(r"[^\W\d_][\w'’]*(?:-[\w'’]+)*|\d[\w.,%]*")


def without_code(markdown: str, *, formulas: bool = False) -> str:
    """`markdown` with a gap for each fence and code span, and each formula unless `formulas` keeps them."""
    for pattern in (_FENCE, _CODE) if formulas else (_FENCE, _FORMULA, _CODE):
        markdown = pattern.sub(GAP, markdown)
    return markdown


def has_link(markdown: str) -> bool:
    return bool(_LINK.search(markdown) or _BARE_LINK.search(markdown))


def links(markdown: str) -> list[str]:
    """The targets of all links, in order."""
    found = [match[0] for match in _LINK.finditer(without_code(markdown))]
    return [link[link.index("](") + 2 : -1] for link in found] + _BARE_LINK.findall(_LINK.sub("", markdown))


def prose(markdown: str, *, link_text: bool = True) -> str:
    """The running text: no code, formula, link target, HTML tag; without `link_text` no linked words."""
    text = without_code(markdown)
    text = _LINK.sub(lambda match: match[1] if link_text else GAP, text)
    return _TAG.sub("\n", _BARE_LINK.sub(GAP, text))


def words(markdown: str) -> list[str]:
    """The words of the running text, as they stand."""
    return _WORD.findall(prose(markdown))


def normal_words(text: str) -> list[str]:
    """Words in lower case, without what typography adds."""
    return [word.lower().replace("’", "'").rstrip(".,%") for word in _WORD.findall(text)]


def collapsed(markdown: str) -> list[str]:
    """The bodies of the `<details>` in `markdown`, summaries included."""
    return [match[1] for match in _DETAILS.finditer(markdown)]


def visible(markdown: str) -> str:
    """`markdown` as the page first shows it: of each `<details>` only the summary."""

    def closed(match: re.Match) -> str:
        summary = _SUMMARY.search(match[1])
        return summary[1] if summary else ""

    return _DETAILS.sub(closed, markdown)


def headings(markdown: str) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    return [(len(match[1]), match[2]) for match in _HEADING.finditer(_FENCE.sub("", markdown))]


def paragraphs(markdown: str) -> Iterator[str]:
    """Each paragraph, heading, list item and table row of `markdown`, fences left out, as markdown."""
    part: list[str] = []
    for line in [*_FENCE.sub("", markdown).splitlines(), ""]:
        alone = bool(_HEADING.match(line)) or line.lstrip().startswith("|")
        if part and (not line.strip() or alone or _ITEM.match(line)):
            yield "\n".join(part)
            part = []
        if alone:
            yield line
        elif line.strip():
            part.append(line)


def lists(markdown: str) -> list[list[str]]:
    """The lists of `markdown`: for each, its top items without their bullets."""
    found: list[list[str]] = []
    inside = False
    for line in _FENCE.sub("", markdown).splitlines():
        item = _ITEM.match(line)
        if item and not line.startswith(("  ", "\t")):
            if not inside:
                found.append([])
            found[-1].append(line[item.end() :])
            inside = True
        elif inside and item is None and line.strip() and not line.startswith((" ", "\t")):
            inside = False
    return found


def slug(text: str, limit: int = 48) -> str:
    """`text` as a readable name of lower-case words and hyphens; empty where it holds no letter or digit."""
    plain = _LINK.sub(r"\1", text).replace("`", "")
    pieces = re.findall(r"[a-z0-9]+", plain.lower().replace("’", "").replace("'", ""))
    while pieces and len("-".join(pieces)) > limit:
        pieces.pop()
    return "-".join(pieces)
