"""`lesson(n)`: the first line of every notebook."""

import os
import platform
import random
import sys
from importlib.util import find_spec

from lesson_support import catalog
from lesson_support.classroom.card import card_html, card_line
from lesson_support.classroom.tracebacks import install_tracebacks
from lesson_support.errors import LessonError


def lesson(number: int, *, card: bool = True) -> None:
    """Open lesson `number`: show its card and put the process into the state every reader shares.

    Seeds are fixed to the lesson's number, torch computes on one thread (two lessons tested side by side must
    not slow each other down), figures take the course's style, tracebacks keep to the reader's own lines, and
    Triton interprets its kernels where there is no GPU. A lesson that needs Triton or a compiler and does not
    find it says so here.
    """
    entry = catalog.lesson_entry(number)
    _prepare_triton(entry)
    _expect_compiler(entry)
    _fix_randomness(number)
    from lesson_support import draw

    draw.use_style()
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        shell = None
    else:
        shell = get_ipython()
    if shell is None:
        if card:
            print(card_line(entry))
        return
    install_tracebacks(shell)
    if card:
        display({"text/plain": card_line(entry), "text/html": card_html(entry)}, raw=True)


def _prepare_triton(entry: catalog.Lesson) -> None:
    if find_spec("triton") is None:
        if "triton" in entry.needs:
            raise LessonError(
                f"lesson {entry.label} needs Triton, which is not installed and has builds for Linux only "
                f"(this is {platform.system()}): read its page, or run it on Linux, in WSL or in Colab"
            )
        return
    if "TRITON_INTERPRET" in os.environ:
        return
    import torch

    if torch.cuda.is_available():
        return
    if "triton" in sys.modules:
        raise LessonError(
            f"lesson({entry.number}) came after triton was imported: expected it in the first cell of a "
            "fresh kernel, because Triton reads TRITON_INTERPRET when it is imported"
        )
    os.environ["TRITON_INTERPRET"] = "1"


def _expect_compiler(entry: catalog.Lesson) -> None:
    if "compiler" not in entry.needs:
        return
    from lesson_support.native import toolchain

    try:
        toolchain.compiler()
    except LessonError as reason:
        raise LessonError(
            f"lesson {entry.label} builds C++ operators, and this machine cannot: {reason}; its page "
            "holds every output"
        ) from None


def _fix_randomness(number: int) -> None:
    import numpy
    import torch

    random.seed(number)
    numpy.random.seed(number)
    torch.manual_seed(number)
    torch.set_num_threads(1)
    torch.set_printoptions(precision=4, sci_mode=False, linewidth=88)
    numpy.set_printoptions(precision=4, suppress=True, linewidth=88)
