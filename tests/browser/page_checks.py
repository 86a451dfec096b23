"""What is wrong with a page that is open in a browser: each function gives a list of problems."""

import gzip

from lesson_support.draw.style import contrast

MOST_BYTES = 1_500_000
PALEST, PALEST_LARGE = 4.5, 3.0


class Ear:
    """What a page says and asks for from now on: attach it before the page is opened."""

    def __init__(self, page):
        self.said: list[str] = []
        self.answers: list = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(f"script: {error}"))
        page.on("response", lambda answer: self.answers.append(answer))
        page.on("requestfailed", lambda request: self.said.append(f"failed: {request.url}"))

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def weight(self) -> int:
        """The gzipped size of all that was loaded."""
        return sum(len(gzip.compress(answer.body(), 6)) for answer in self.answers if answer.ok)

    def strangers(self, origin: str) -> list[str]:
        """Requests that left the page's origin."""
        asked = [answer.url for answer in self.answers]
        return [f"left the origin: {url}" for url in asked if not url.startswith((origin, "data:", "blob:"))]

    def too_heavy(self) -> list[str]:
        weight = self.weight()
        return [f"weighs {weight:,} bytes gzipped"] if weight > MOST_BYTES else []


def sideways(page) -> list[str]:
    """The page scrolls to the side; the elements that stick out name the cause."""
    return page.evaluate("""() => {
        const root = document.documentElement, width = root.clientWidth;
        if (root.scrollWidth <= width) return [];
        const hidden = e => { for (let p = e.parentElement; p && p !== root; p = p.parentElement)
            if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
        const wide = [...document.body.querySelectorAll("*")].filter(e =>
            e.getBoundingClientRect().right > width + 1 && !hidden(e));
        return [`is ${root.scrollWidth} px wide on ${width} px: ` +
            wide.slice(0, 3).map(e => e.tagName.toLowerCase() + "." + e.className).join(", ")];
    }""")


def nameless(page) -> list[str]:
    """What a screen reader needs: a language, a title, one h1, names of fields, buttons, links and images."""
    return page.evaluate("""() => {
        const found = [], tag = e => e.outerHTML.slice(0, 90).replace(/\\s+/g, " ");
        if (!document.documentElement.lang) found.push("no language");
        if (!document.title.trim()) found.push("no title");
        const seen = e => e.checkVisibility({ visibilityProperty: true });
        const tops = [...document.querySelectorAll("h1")].filter(seen);
        if (tops.length !== 1) found.push(`${tops.length} h1 headings`);
        let level = 0;
        for (const h of [...document.querySelectorAll("main :is(h1,h2,h3,h4,h5,h6)")].filter(seen)) {
            if (+h.tagName[1] > level + 1 && level) found.push("a heading skips a level: " + tag(h));
            level = +h.tagName[1];
        }
        const said = e => (e.getAttribute("aria-label") || e.title || e.textContent || "").trim()
            || document.getElementById(e.getAttribute("aria-labelledby"))
            || e.querySelector("img[alt]:not([alt='']), svg[aria-label]");
        for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
            if (seen(e) && !e.labels?.length && !e.getAttribute("aria-label") && !e.title
                && !e.getAttribute("aria-labelledby") && !(e.placeholder && e.type === "search"))
                found.push("a field without a label: " + tag(e));
        for (const e of document.querySelectorAll("button, summary, a[href]"))
            if (seen(e) && !e.closest("svg") && !said(e)) found.push("nothing to read out: " + tag(e));
        for (const e of document.querySelectorAll("img"))
            if (!e.alt.trim()) found.push("no alt text: " + tag(e));
        const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
        for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at)))
            found.push("an id twice: " + id);
        return found;
    }""")


def pale(page) -> list[str]:
    """Text whose contrast with what is behind it is below 4.5, or 3 where it is large."""
    pairs = page.evaluate("""() => {
        const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const read = css => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = css; pen.fillRect(0, 0, 1, 1);
            const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
        const over = (top, under) => [0, 1, 2].map(k => top[k] * top[3] + under[k] * (1 - top[3]));
        const memo = new Map();
        const paper = e => {
            if (!e) return read(getComputedStyle(document.documentElement).colorScheme.includes("dark") &&
                !document.documentElement.dataset.theme ? "canvas" : "white").slice(0, 3);
            if (!memo.has(e)) {
                const own = read(getComputedStyle(e).backgroundColor);
                memo.set(e, own[3] === 1 ? own.slice(0, 3) : over(own, paper(e.parentElement)));
            }
            return memo.get(e);
        };
        const hex = c => "#" + c.map(v => Math.round(v).toString(16).padStart(2, "0")).join("");
        const skip = "style, script, noscript, mjx-assistive-mml, svg, .headerlink, .claim-link, :disabled";
        const found = new Map();
        for (const e of document.body.querySelectorAll("*")) {
            if (e.closest(skip) || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
            if (!e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
            if (!e.getClientRects().length) continue;
            const style = getComputedStyle(e), size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 600);
            const behind = paper(e), ink = over(read(style.color), behind);
            const key = [hex(ink), hex(behind), large].join();
            if (!found.has(key)) found.set(key, [hex(ink), hex(behind), large,
                (e.className + ": " + e.textContent.trim()).slice(0, 70)]);
        }
        return [...found.values()];
    }""")
    return [
        f"{contrast(ink, paper):.1f}:1, {ink} on {paper}, {what}"
        for ink, paper, large, what in pairs
        if contrast(ink, paper) < (PALEST_LARGE if large else PALEST)
    ]


def stuck(page) -> list[str]:
    """Players and predictions that the keyboard does not move."""
    problems = []
    for number, player in enumerate(page.locator(".ecr-player").all()):
        player.evaluate("e => { const fold = e.closest('details'); if (fold) fold.open = true; }")
        slider = player.locator("input[type=range]").first
        before = slider.input_value()
        slider.focus()
        page.keyboard.press("End" if before != slider.get_attribute("max") else "Home")
        if slider.input_value() == before:
            problems.append(f"player {number} stays at {before}")
    for number, form in enumerate(page.locator("form.lesson-predict").all()):
        choice = form.locator("input[type=radio]")
        choice.first.focus()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowDown")
        shown = [why.is_visible() for why in form.locator(".why").all()]
        if shown[:2] != [False, True] or any(shown[2:]):
            problems.append(f"prediction {number} does not show the explanation of the second choice")
    return problems


def unfit_for_paper(page) -> list[str]:
    """On paper: answers are open, the right explanation is there, nothing to navigate with, no dark page."""
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    problems = page.evaluate("""() => {
        const seen = e => e.checkVisibility({ visibilityProperty: true }), found = [];
        for (const e of document.querySelectorAll(".bd-article details"))
            if (!e.open && !e.matches(".above-input"))
                found.push("folded: " + e.textContent.trim().slice(0, 50));
        for (const e of document.querySelectorAll(".lesson-predict .right .why"))
            if (!seen(e)) found.push("a prediction without its answer");
        const tools = "nav, [role=search], .prev-next-area, .filter-box, .ecr button";
        for (const e of document.querySelectorAll(tools))
            // The cells of an explorer's grid are buttons, and what there is to read.
            if (seen(e) && e.getBoundingClientRect().height && !e.matches(".st-matrix button"))
                found.push("to navigate with: " + e.outerHTML.slice(0, 60));
        const paper = getComputedStyle(document.body).backgroundColor;
        if (!/rgba\\(.*, 0\\)|255, 255, 255/.test(paper)) found.push("paper is " + paper);
        return found;
    }""")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    return problems
