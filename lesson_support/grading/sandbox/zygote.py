"""The process from which every submission's process is forked: libraries imported, one thread, no secret.

`python -m lesson_support.grading.sandbox.zygote SOCKET ORDERS` is started by exec, with an environment of its
own and one descriptor, before the grader reads a question, a seed or a submission. It answers three
requests: `start`, which brings the socket of a new process, `stop`, and `bury`, which gives a process that
hung up a moment to end by itself.
"""

import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable

from lesson_support.grading import asking
from lesson_support.grading.sandbox import filtering, isolation, syscalls
from lesson_support.grading.sandbox.forking import USERS, Nursery
from lesson_support.grading.sandbox.limits import Limits, mapped_bytes

LIBRARIES = (
    "numpy",
    "torch",
    "matplotlib.pyplot",
    "IPython.core.interactiveshell",
    "lesson_support.claims",
    "lesson_support.classroom.opening",
    "lesson_support.classroom.prediction",
    "lesson_support.classroom.source",
    "lesson_support.draw",
    "lesson_support.tensors.layouts",
    "lesson_support.tensors.strided",
    "lesson_support.tensors.views",
)
PATIENCE = 1.0
FIRST_USER = 0x7000_0000  # above what systems and containers give away


def prepare(limits: Limits) -> Callable[[socket.socket], None]:
    """Import what notebooks import, once; the function that serves one submission."""
    for name in LIBRARIES:
        importlib.import_module(name)
    import torch

    from lesson_support.grading.sandbox.wire import Channel
    from lesson_support.grading.sandbox.worker import Worker, make_shell

    asking.KEPT_OUTPUT = limits.output_chars
    torch.set_num_threads(1)
    shell = make_shell()
    gc.collect()
    gc.freeze()  # the children share these pages

    def serve(end: socket.socket) -> None:
        Worker(Channel(end, limits.message_bytes), shell).serve()

    return serve


def isolate(folder: str, hidden: list[str], as_user: bool) -> tuple[list[str], int | None]:
    """Leave the machine for namespaces and a tree of libraries; the measures in force, and the first user id
    to give away. Returns in a new process, the first of its namespace."""
    first_user = _first_user()
    needed_user = isolation.enter_namespaces(as_user)
    child = os.fork()
    if child:
        _wait_as_a_shell_of(child)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
    has_proc = isolation.enter_tree(folder, hidden)
    in_force = ["files", "processes", "network", "userns" if needed_user else "uid"]
    lacking = []
    (in_force if has_proc else lacking).append("proc")
    (in_force if _succeeds(filtering.install_filter) else lacking).append("filter")
    (in_force if has_proc else lacking).append("memory")
    told = [isolation.MEASURES[name] for name in in_force] + [isolation.LACKING[name] for name in lacking]
    return told, None if needed_user else first_user


def expose(folder: str) -> tuple[list[str], int | None]:
    """No isolation: what is left are limits, and a user id where this is root."""
    told = [isolation.LACKING[name] for name in ("files", "processes", "network", "filter", "memory")]
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    first_user = _first_user()
    # A Python in a home that others cannot enter would not find its own modules.
    if os.geteuid() == 0 and _succeeds(lambda: _read_as(first_user)):
        return [isolation.MEASURES["uid"], *told], first_user
    return [isolation.LACKING["uid"], *told], None


def serve_requests(control: socket.socket, nursery: Nursery, serve) -> None:
    """Until the grader is gone."""
    while True:
        request, passed, *_ = socket.recv_fds(control, 64, 1)
        if request == b"start" and passed:
            with socket.socket(fileno=passed[0]) as end:
                nursery.start(end, [control], serve)
            control.send(b"started")
        elif request in (b"stop", b"bury"):
            control.send(b"ended: " + nursery.stop(PATIENCE if request == b"bury" else 0).encode())
        else:
            nursery.stop(0)
            return


def _wait_as_a_shell_of(child: int) -> None:
    os.closerange(3, 4096)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _first_user() -> int:
    """Two zygotes of one machine give away different users."""
    return FIRST_USER + os.getpid() % (1 << 20) * USERS


def _read_as(user: int) -> None:
    isolation.take_user(user)
    os.listdir(os.path.dirname(os.__file__))


def _succeeds(action: Callable[[], object]) -> bool:
    """Try `action` in a child that ends at once."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    orders = json.loads(sys.argv[2])
    limits, folder = Limits(**orders["limits"]), orders["folder"]
    try:
        if orders["isolate"]:
            measures, first_user = isolate(folder, orders["hidden"], orders["as_user"])
        else:
            measures, first_user = expose(folder)
        serve = prepare(limits)
        mapped = mapped_bytes()
    except Exception as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"[:400]}).encode())
        return
    nursery = Nursery(limits, mapped, isolated=orders["isolate"], first_user=first_user, folder=folder)
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    if threads != 1:
        control.send(json.dumps({"error": f"a zygote with {threads} threads cannot fork safely"}).encode())
        return
    control.send(json.dumps({"measures": measures}).encode())
    serve_requests(control, nursery, serve)


if __name__ == "__main__":
    main()
