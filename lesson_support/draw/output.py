"""Hand one bundle of faces to whatever runs the code: a notebook kernel, or a terminal."""

import os
import sys

Bundle = dict[str, object]


def in_kernel() -> bool:
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


def live() -> bool:
    """Whether a widget would find somebody: in a kernel, unless `LESSONS_STATIC` says nobody is there."""
    return in_kernel() and not os.environ.get("LESSONS_STATIC")


def emit(bundle: Bundle, metadata: Bundle | None = None) -> None:
    """Display the bundle as one output; outside a notebook, print its plain text."""
    ipython = sys.modules.get("IPython")
    if ipython and ipython.get_ipython() is not None:
        ipython.display.display(bundle, raw=True, metadata=metadata or {})
    else:
        print(bundle["text/plain"])
