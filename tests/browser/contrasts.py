"""Whether every visible text of an explorer can be read: its contrast with what it stands on."""

from lesson_support.draw.style import contrast

ENOUGH = 4.5


def weak_texts(page, *, at_least: int) -> list[tuple[str, str, str]]:
    """(what, ink, paper) of each text with too little contrast; `at_least` so many texts must be there."""
    pairs = page.evaluate(
        """() => {
            const paint = node => {
                const box = node.tagName === "text" && node.previousElementSibling;
                if (box) return getComputedStyle(box).fill;
                for (let e = node; e; e = e.parentElement) {
                    const colour = getComputedStyle(e).backgroundColor;
                    if (!colour.endsWith(", 0)")) return colour;
                }
            };
            const words = [...document.querySelectorAll(".ecr *")].filter(e => e.checkVisibility() &&
                [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.tagName !== "STYLE");
            const ink = e => getComputedStyle(e)[e.tagName === "text" ? "fill" : "color"];
            return words.map(e => [e.className + ": " + e.textContent, ink(e), paint(e)]);
        }"""
    )
    assert len(pairs) > at_least
    return [(what, ink, paper) for what, ink, paper in pairs if contrast(_hex(ink), _hex(paper)) < ENOUGH]


def _hex(css: str) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in css[4:-1].split(","))
