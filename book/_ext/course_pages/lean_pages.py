"""Pages load what they use, from their own origin: our style and icons, the theme's, MathJax for formulas.

Font Awesome (1.5 MB of script, 0.3 MB of fonts), Thebe and source maps are neither loaded nor published.
"""

import importlib.util
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

from . import SAFE

HERE = Path(__file__).parent
_STATIC = ("course.css", "icons.css", "pages.css")
_UNUSED = ("sphinx_thebe", "sphinx_togglebutton", "sphinx_comments")  # Jupyter Book loads them unasked
_UNUSED_FILES = ("design-tabs.js", "togglebutton.css", "togglebutton.js", "sphinx-thebe.css")
_MATHJAX = ("tex-chtml.js", "output/chtml/fonts", "input/tex/extensions")
_UNPUBLISHED = (
    "vendor", "locales", "webpack-macros.html", "sbt-webpack-macros.html", "**/*.map", "**/*.LICENSE.txt",
    "images/logo_*", "design-tabs.js", "play-solid.svg", "plus.png", "minus.png", "file.png",
)  # fmt: skip


def use_own_templates(app, config):
    config.templates_path.insert(0, str(HERE / "templates"))
    config.mathjax_path = "mathjax/tex-chtml.js"
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith(_UNUSED)]


def drop_unused(app, pagename, templatename, context, doctree):
    """Leave out files that nothing on the page uses, and any that another host would have to send."""
    # Sphinx counts the formulas of the pages below in the table of contents as the page's own.
    formulas = app.env.get_domain("math").data["has_equations"].get(pagename, False)
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not _is_unwanted(file, formulas)]


def _is_unwanted(file, formulas: bool) -> bool:
    name = str(getattr(file, "filename", file) or "")
    if "mathjax" in name and not formulas:
        return True
    return "://" in name or name.rpartition("/")[2] in _UNUSED_FILES


def publish_static(app, exception):
    """After the build: MathJax without the parts that nothing loads, and no file that no page asks for."""
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    source = Path(package.submodule_search_locations[0]) / "static" / "mathjax"
    for part in _MATHJAX:
        target = static / "mathjax" / part
        if (source / part).is_dir():
            shutil.copytree(source / part, target, dirs_exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target)
    for pattern in _UNPUBLISHED:
        for found in list(static.glob(pattern)):
            shutil.rmtree(found) if found.is_dir() else found.unlink()
    # The theme reports each page's mode to the console; a reader's console is theirs.
    _mend(static / "scripts" / "pydata-sphinx-theme.js", "console.log(", "void(")
    # Coming from a search, Sphinx marks the words searched for, in the text of style sheets too.
    marked = '"button, select, textarea{}"'
    _mend(static / "sphinx_highlight.js", marked.format(""), marked.format(", style, script, nav, .ecr"))


def _mend(script: Path, old: str, new: str) -> None:
    """Replace a part of a published script; another version that lacks it ends the build."""
    text = script.read_text(encoding="utf-8")
    if new in text:  # mended by an earlier build that this one continues
        return
    if old not in text:
        raise ExtensionError(f"{script.name} has changed: expected {old} in it, to replace it by {new}")
    script.write_text(text.replace(old, new), encoding="utf-8")


def setup(app):
    for name in _STATIC:
        app.add_css_file(name, priority=900)
    app.connect("config-inited", use_own_templates, priority=900)
    app.connect("html-page-context", drop_unused, priority=950)
    app.connect("build-finished", publish_static, priority=900)
    return SAFE
