"""`lessons run`: execute a notebook in a cold kernel and store what it now says differently."""

import contextlib
import copy
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import NotebookNode

from lesson_support.authoring.merging import merge_run
from lesson_support.authoring.notebooks import code_cells, read_notebook, tags, write_notebook
from lesson_support.errors import LessonError

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RunReport:
    """One run: how long it took, in all and by cell id, and which cells said something new."""

    path: Path
    seconds: float
    cell_seconds: dict[str, float]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    written: bool

    def slowest(self, count: int = 3) -> list[tuple[str, float]]:
        """The cells that took longest, with their seconds."""
        return sorted(self.cell_seconds.items(), key=lambda pair: -pair[1])[:count]

    def __str__(self) -> str:
        new = f"new outputs in {', '.join(self.changed)}" if self.changed else "every output as stored"
        slow = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.slowest())
        return f"{self.path.name}: {self.seconds:.1f} s, {new} (slowest: {slow})"


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel: the running interpreter, whatever a `python3` installed elsewhere points to."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def _environment(scratch: str) -> dict[str, str]:
    """The child's environment: strict as under the tests, away from a person's records and start-up files."""
    own = {"LESSONS_HOME": f"{scratch}/home", "IPYTHONDIR": f"{scratch}/ipython"}
    return {**os.environ, **own, "LESSONS_STRICT": "1", "LESSONS_STATIC": "1", "PYTHONHASHSEED": "0"}


@contextlib.contextmanager
def _cold_kernel(notebook: NotebookNode, folder: Path, timeout: float) -> Iterator[NotebookClient]:
    """A fresh kernel in `folder`, gone with all its children when the block ends, however it ends."""
    manager = AsyncKernelManager(kernel_spec_manager=_ThisInterpreter())
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=timeout,
        record_timing=False,
        coalesce_streams=True,
        shutdown_kernel="immediate",
    )
    with tempfile.TemporaryDirectory(prefix="lessons-run-", ignore_cleanup_errors=True) as scratch:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            with client.setup_kernel(cwd=str(folder), env=_environment(scratch), cleanup_kc=True, **quiet):
                yield client
        finally:  # an interrupt while the kernel starts comes before nbclient would end it
            if manager.has_kernel:
                run_sync(manager.shutdown_kernel)(now=True)


def run_notebook(
    path: Path, *, refresh: bool = False, timeout: float = 600, progress: Progress | None = None
) -> RunReport:
    """Execute the notebook at `path` in its folder and store new outputs; unchanged ones keep their bytes.

    `timeout` is in seconds a cell; `progress(done, total)` is called before the first cell and after each. A
    cell that fails unasked, one tagged `raises-exception` that does not fail, a dead kernel and a timeout are
    errors, and the file stays as it was. `refresh` also takes the new outputs of live measurements.
    """
    path = Path(path)
    stored = read_notebook(path)
    fresh = copy.deepcopy(stored)
    started = time.perf_counter()
    cell_seconds = _execute(fresh, path, timeout, progress or (lambda done, total: None))
    seconds = time.perf_counter() - started
    changed, kept = merge_run(stored, fresh, refresh=refresh)
    written = write_notebook(path, stored)
    return RunReport(path, seconds, cell_seconds, tuple(changed), tuple(kept), written)


def _execute(notebook: NotebookNode, path: Path, timeout: float, progress: Progress) -> dict[str, float]:
    """Run every cell of `notebook`, in place; the seconds each took."""
    total = len(code_cells(notebook))
    cell_seconds: dict[str, float] = {}
    progress(0, total)
    where = path.name
    try:
        with _cold_kernel(notebook, path.resolve().parent, timeout) as client:
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                where = f"{path.name}, cell {cell.id}"
                started = time.perf_counter()
                client.execute_cell(cell, index)
                cell_seconds[cell.id] = time.perf_counter() - started
                _expect_error(cell, where)
                progress(len(cell_seconds), total)
    except CellExecutionError as error:
        raise LessonError(f"{where}: {error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise LessonError(
            f"{where}: still running after {timeout:g} s, expected it to finish by then"
        ) from None
    except DeadKernelError:
        raise LessonError(f"{where}: the kernel died, expected it to outlive the cell") from None
    except (RuntimeError, TimeoutError) as error:
        raise LessonError(f"{where}: the kernel did not answer ({error})") from None
    return cell_seconds


def _expect_error(cell: NotebookNode, where: str) -> None:
    """A cell that promises an exception and raises none has lost its point."""
    failed = any(output.output_type == "error" for output in cell.outputs)
    if "raises-exception" in tags(cell) and not failed:
        raise LessonError(
            f"{where}: raised nothing, expected the exception that its tag raises-exception promises"
        )
