"""One submission's processes: fork them, watch them, end all of them."""

import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path

from lesson_support.grading.sandbox import isolation, syscalls
from lesson_support.grading.sandbox.filtering import install_filter
from lesson_support.grading.sandbox.limits import Limits, confine, held_bytes

WATCH = 0.05  # seconds between two looks at the memory
USERS = 128  # user ids for each zygote


class Nursery:
    """Forks for one zygote, one submission at a time. `first_user` is the first user id it may give away,
    None where it may give none."""

    def __init__(
        self, limits: Limits, mapped: int, *, isolated: bool, first_user: int | None, folder: str
    ) -> None:
        self.limits, self.mapped, self.isolated = limits, mapped, isolated
        self.first_user, self.scratch = first_user, Path(folder, "scratch")
        self.started = 0
        self.child: int | None = None
        if isolated:
            self.own = os.pidfd_open(os.getpid())

    @property
    def user(self) -> int | None:
        return None if self.first_user is None else self.first_user + self.started % USERS

    def start(self, end: socket.socket, others: list[socket.socket], serve) -> None:
        """Fork; in the new process `others` are closed and `serve(end)` runs."""
        self.started += 1
        self.told, tell = os.pipe()
        if self.isolated:
            # Back to this process's own numbers first: a namespace can be left only from there.
            syscalls.enter(self.own, syscalls.NEWPID)
            syscalls.unshare(syscalls.NEWPID)
        else:
            self.scratch.mkdir()
            self.scratch.chmod(0o777)
        self.child = os.fork()
        if self.child == 0:
            try:
                for other in others:
                    other.close()
                os.close(self.told)
                if self.isolated:
                    os.close(self.own)
                    self._watch_over(end, tell, serve)
                else:
                    os.close(tell)
                    self._work(end, serve)
            finally:
                os._exit(70)
        os.close(tell)

    def stop(self, patience: float) -> str:
        """End everything that the last start began, after `patience` seconds for it to end by itself; in
        a few words what had become of it, nothing if it was alive."""
        if self.child is None:
            return ""
        ended, status = self._wait(patience)
        if not ended:
            os.kill(self.child, signal.SIGKILL)
            if not self.isolated:
                self._end_group()
            _, status = os.waitpid(self.child, 0)
        elif not self.isolated:
            self._end_group()
        fate = os.read(self.told, 64).decode()
        os.close(self.told)
        self.child = None
        if not self.isolated:
            fate = _words(status) if ended else ""
            _end_orphans()
            shutil.rmtree(self.scratch, ignore_errors=True)
        return fate

    def _watch_over(self, end: socket.socket, tell: int, serve) -> None:
        """Be process 1 of the submission's own numbers: when it ends, the kernel ends the others."""
        isolation.enter_own_places(self.limits)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        worker = os.fork()
        if worker == 0:
            os.close(tell)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            self._work(end, serve)
            return
        end.close()
        syscalls.drop_capabilities()
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # nobody looks into this process
        shared = held_bytes("self")
        while True:
            signal.sigtimedwait([signal.SIGCHLD], WATCH)
            for process, status in _ended_children():
                if process == worker:
                    os.write(tell, _words(status).encode())
                    os._exit(0)
            others = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
            if len(others) > self.limits.processes:  # the kernel's own limit does not bind every user
                os.write(tell, b"had too many processes")
                os._exit(0)
            if sum(max(0, held_bytes(name) - shared) for name in others) > self.limits.memory_bytes:
                os.write(tell, b"held too much memory")
                os._exit(0)

    def _work(self, end: socket.socket, serve) -> None:
        os.setsid()
        if not self.isolated:
            os.chdir(self.scratch)
        if self.user is not None:
            isolation.take_user(self.user)
        confine(self.limits, self.mapped)
        if self.isolated:
            syscalls.drop_capabilities()
            with contextlib.suppress(OSError):  # the zygote found this out before, and said so
                install_filter()
        serve(end)

    def _wait(self, patience: float) -> tuple[int, int]:
        until = time.monotonic() + patience
        while True:
            ended, status = os.waitpid(self.child, os.WNOHANG)
            if ended or time.monotonic() >= until:
                return ended, status
            time.sleep(0.002)

    def _end_group(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self.child, signal.SIGKILL)
        if self.user is None:
            return
        killer = os.fork()
        if killer == 0:
            try:
                isolation.take_user(self.user)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(killer, 0)


def _ended_children():
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            return
        yield process, status


def _end_orphans() -> None:
    """What left its group comes to this process, where the system sends orphans to it: end it too."""
    for _ in range(1000):
        try:
            children = Path("/proc/thread-self/children").read_text().split()
        except OSError:
            return
        if not children:
            return
        for child in children:
            os.kill(int(child), signal.SIGKILL)
            os.waitpid(int(child), 0)


def _words(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return (
        f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended its process with code {code}"
    )
