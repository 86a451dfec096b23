"""What one submission may use, and how a process is held to it."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Seconds are of wall-clock time. `memory_bytes` comes on top of what the libraries map; it bounds one
    process's address space and, together, what all processes of a submission hold. `file_bytes` bounds one
    file and everything written together, `output_chars` what is kept of the output of one call,
    `message_bytes` one value that crosses between the grader and the submission."""

    call_seconds: float = 10.0
    cell_seconds: float = 30.0
    notebook_seconds: float = 120.0
    memory_bytes: int = 1024 * MIB
    processes: int = 16
    file_bytes: int = 64 * MIB
    output_chars: int = 400
    message_bytes: int = 64 * MIB

    def __str__(self) -> str:
        """One sentence for a report."""
        return (
            f"a call may take {self.call_seconds:g} s, a cell {self.cell_seconds:g} s, a notebook "
            f"{self.notebook_seconds:g} s; a process may map {self.memory_bytes // MIB} MB beyond the "
            f"libraries, write {self.file_bytes // MIB} MB and hand over {self.message_bytes // MIB} MB; a "
            f"submission may have {self.processes} processes, and {self.output_chars} characters of a call's "
            "output are kept"
        )


def confine(limits: Limits, mapped: int) -> None:
    """Hold this process and what it starts to the limits; `mapped` bytes of address space come for free."""
    import resource

    wanted = {
        "AS": mapped + limits.memory_bytes,
        "NPROC": limits.processes,
        "FSIZE": limits.file_bytes,
        "NOFILE": 256,
        "CORE": 0,
        "CPU": int(limits.notebook_seconds) + 5,
        "MEMLOCK": MIB,
    }
    for name, value in wanted.items():
        which = getattr(resource, f"RLIMIT_{name}")
        _, hard = resource.getrlimit(which)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def mapped_bytes() -> int:
    """The address space that this process has mapped; a guess of 4 GB where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 4096 * MIB
    return pages * os.sysconf("SC_PAGE_SIZE")


def held_bytes(process: str) -> int:
    """Memory that is a process's own or shared with other processes, without files; 0 once it is gone."""
    try:
        lines = Path("/proc", process, "status").read_text().splitlines()
    except (OSError, ValueError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
