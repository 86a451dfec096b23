"""Pages load what they use, from their own origin: our style and icons, the theme's, MathJax for formulas.

Font Awesome (1.5 MB of script, 0.3 MB of fonts), Thebe and source maps are neither loaded nor published.
"""

import importlib.util
import shutil
from pathlib import Path

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
    """Leave out files that nothing on our pages uses, and any that another host would have to send."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if not _is_unwanted(file)]


def _is_unwanted(file) -> bool:
    name = str(getattr(file, "filename", file) or "")
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
    _silence(static / "scripts" / "pydata-sphinx-theme.js")


def _silence(script: Path) -> None:
    """The theme reports each page's mode to the console; a reader's console is theirs."""
    if script.is_file():
        script.write_text(
            script.read_text(encoding="utf-8").replace("console.log(", "void("), encoding="utf-8"
        )


def setup(app):
    for name in _STATIC:
        app.add_css_file(name, priority=900)
    app.connect("config-inited", use_own_templates, priority=900)
    app.connect("html-page-context", drop_unused, priority=950)
    app.connect("build-finished", publish_static, priority=900)
    return SAFE
