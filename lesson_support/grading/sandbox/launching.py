"""The grader's hold on its zygote: start it, ask it for a process, end that process, end it."""

import json
import os
import platform
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.grading.sandbox.limits import MIB, Limits
from lesson_support.grading.sandbox.wire import Channel

START_SECONDS = 120.0
ANSWER_SECONDS = 30.0
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "USER": "answer",
    "LOGNAME": "answer",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TRITON_INTERPRET": "1",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "IPYTHONDIR": "/tmp/ipython",
    "LESSONS_HOME": "/tmp/lessons/home",
    "LESSONS_CACHE": "/tmp/lessons/cache",
    "LESSONS_STATIC": "1",
}


class Broken(LessonError):
    """The zygote does not do what it is asked to do."""


class Zygote:
    """`start` gives a channel to a new process; `stop` ends it and says what had become of it."""

    def __init__(
        self, limits: Limits, isolate: bool, hidden: Sequence[Path] = (), as_user: bool = False
    ) -> None:
        self.limits = limits
        self.broken = False
        self.folder = tempfile.TemporaryDirectory(prefix="lessons-grade-", ignore_cleanup_errors=True)
        os.chmod(self.folder.name, 0o755)
        self.control, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        orders = {
            "limits": asdict(limits),
            "folder": self.folder.name,
            "isolate": isolate,
            "as_user": as_user,
            "hidden": [str(Path(each).resolve()) for each in hidden],
        }
        environment = dict(ENVIRONMENT)
        if not isolate:
            environment |= dict.fromkeys(("HOME", "TMPDIR"), self.folder.name)
        with other:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-s", "-W", "ignore"),
                    *("-m", f"{__package__}.zygote", str(other.fileno()), json.dumps(orders)),
                ],
                pass_fds=[other.fileno()],
                env=environment,
                cwd=paths.PACKAGE.parent,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            told = json.loads(self._answer(START_SECONDS) or b'{"error": "it ended before it was ready"}')
            if "error" in told:
                raise LessonError(
                    f"this machine ({platform.system()} {platform.release()}) cannot isolate a submission "
                    f"({told['error']}): expected Linux with namespaces; `unsafe` grades without protection"
                    if isolate
                    else f"no process for submissions could be started ({told['error']})"
                )
        except BaseException:
            self.close()
            raise
        sizes = {"files": limits.file_bytes // MIB, "memory": limits.memory_bytes // MIB}
        self.measures = (*(each.format(**sizes) for each in told["measures"]), str(limits))

    def start(self) -> Channel:
        """A new process, which serves this channel."""
        mine, other = socket.socketpair()
        try:
            with other:
                socket.send_fds(self.control, [b"start"], [other.fileno()])
            if self._answer(ANSWER_SECONDS) != b"started":
                raise OSError("the process that starts them does not answer")
        except OSError as error:
            mine.close()
            self.broken = True
            raise Broken(f"no process for a submission could be started ({error})") from None
        return Channel(mine, self.limits.message_bytes)

    def stop(self, hung_up: bool = False) -> str:
        """End everything that belongs to the last process; what had become of it if it hung up, in words."""
        try:
            self.control.send(b"bury" if hung_up else b"stop")
            answer = self._answer(ANSWER_SECONDS)
        except OSError:
            answer = b""
        self.broken = not answer.startswith(b"ended: ")
        return answer.decode().removeprefix("ended: ")

    def close(self) -> None:
        """The zygote ends with its connection, and takes everything with it."""
        self.control.close()
        try:
            self.process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def _answer(self, seconds: float) -> bytes:
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return b""
        try:
            return self.control.recv(1 << 16)
        except ConnectionError:
            return b""
