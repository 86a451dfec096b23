"""What a submission's process can reach: namespaces of its own and a file tree that holds only libraries.

Built once, by the zygote: an empty tree into which the interpreter, the installed libraries and this package
(without its questions) are bound, read-only. Homes, the checkout, other submissions and the grader's files
are not in it. Each submission adds its own `/proc` and a `/tmp` of limited size.
"""

import os
import sys
import sysconfig
from pathlib import Path

from lesson_support import paths
from lesson_support.grading.sandbox import syscalls
from lesson_support.grading.sandbox.limits import Limits

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/nix/store", "/gnu/store")
KEPT = "/.kept"  # where the tree keeps what every submission gets back into its own /tmp
_kept: list[str] = []  # in the zygote, which its submissions are forked from
DEVICES = ("null", "zero", "full", "random", "urandom")
MEASURES = {
    "files": "a submission sees the interpreter and the libraries, read-only, and an empty /tmp of "
    "{files} MB of its own: no home, no checkout, no other submission, no question",
    "processes": "a submission has process numbers of its own: it sees no other process, and everything "
    "that it started ends with it",
    "network": "a submission has no network interface",
    "uid": "a submission runs under a user id of its own, without any privilege",
    "userns": "a submission runs in a user namespace without any privilege",
    "filter": "system calls that reach beyond a process (mounts, tracing, namespaces, sockets other than "
    "local ones) fail",
    "proc": "a submission's /proc shows its own processes only",
    "memory": "all processes of a submission together are stopped when they hold more than {memory} MB",
}
LACKING = {
    "uid": "a submission runs as the user who grades, and may do to this machine what that user may do",
    "files": "a submission can read every file that its user may read",
    "processes": "a submission sees the other processes of this machine",
    "network": "a submission can reach the network",
    "filter": "no filter of system calls is in force: this machine has none, or it is unknown here",
    "proc": "a submission has no /proc: this machine does not let it have one of its own",
    "memory": "memory is limited for each process, not for all processes of a submission together",
}


def enter_namespaces(as_user: bool) -> bool:
    """Leave the machine's namespaces; True where this needed a user namespace, which `as_user` takes in any
    case. OSError where they are refused."""
    flags = syscalls.NEWNS | syscalls.NEWPID | syscalls.NEWNET | syscalls.NEWIPC | syscalls.NEWUTS
    if os.geteuid() == 0 and not as_user:
        try:
            syscalls.unshare(flags)
            return False
        except OSError:
            pass
    user, group = os.geteuid(), os.getegid()
    syscalls.unshare(flags | syscalls.NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return True


def enter_tree(folder: str, hidden: list[str]) -> bool:
    """Build the tree in `folder`, an empty one, and make it the root; True where it has a /proc."""
    syscalls.mount("none", "/", flags=syscalls.REC | syscalls.PRIVATE)
    syscalls.mount("tmpfs", folder, "tmpfs", syscalls.NOSUID, "size=1m,mode=755")
    os.makedirs(f"{folder}/tmp")
    syscalls.mount("tmpfs", f"{folder}/tmp", "tmpfs", syscalls.NOSUID | syscalls.NODEV, "size=32m,mode=1777")
    shown = [source for source in _sources() if _show(source, folder)]
    for name in DEVICES:
        _show(f"/dev/{name}", folder, readonly=False)
    covered = [str(paths.PACKAGE / "questions"), *hidden]
    for each in covered:
        target = folder + os.path.realpath(each)
        if os.path.isdir(target):
            syscalls.mount("tmpfs", target, "tmpfs", syscalls.RDONLY, "size=4k,mode=755")
    for number, source in enumerate(each for each in shown if Path(each).is_relative_to("/tmp")):
        _keep(source, folder, number)
    for name in ("proc", "etc"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    os.symlink("/tmp", f"{folder}/dev/shm")
    Path(folder, "etc/passwd").write_text("root:x:0:0::/tmp:/bin/false\n")
    has_proc = _proc(f"{folder}/proc")
    # Only now: a mount point has to be made before its tree is closed.
    syscalls.mount("none", folder, flags=syscalls.REMOUNT | syscalls.BIND | syscalls.RDONLY | syscalls.NOSUID)
    syscalls.enter_root(folder)
    return has_proc


def enter_own_places(limits: Limits) -> None:
    """The part of the tree that each submission has for itself."""
    syscalls.unshare(syscalls.NEWNS | syscalls.NEWIPC)
    _proc("/proc")
    size = f"size={limits.file_bytes},nr_inodes=4096,mode=1777"
    syscalls.mount("tmpfs", "/tmp", "tmpfs", syscalls.NOSUID | syscalls.NODEV, size)
    for number, source in enumerate(_kept):
        os.makedirs(source)
        syscalls.mount(f"{KEPT}/{number}", source, flags=syscalls.BIND | syscalls.REC)
    os.chdir("/tmp")


def take_user(user: int) -> None:
    """Become `user`, for good, and belong to no group."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _sources() -> list[str]:
    """What to show: the system's libraries, the interpreter, its libraries, this package."""
    found = [*SYSTEM, *FILES, sys.base_prefix, sys.base_exec_prefix, sys.prefix, sys.exec_prefix]
    found += [sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [os.path.dirname(os.path.realpath(sys.executable)), str(paths.PACKAGE)]
    found += [os.path.realpath(each) for each in found]
    # Longest last, so that a folder in another one is bound into it, or is there already.
    return sorted({each for each in found if os.path.exists(each)}, key=len)


def _keep(source: str, folder: str, number: int) -> None:
    """Bind what lies in /tmp, as an environment of a temporary checkout does, at a second place, from where
    `enter_own_places` brings it into each submission's own /tmp."""
    if not os.path.isdir(source):
        raise OSError(f"{source} lies in /tmp, which a submission has for itself")
    place = f"{folder}{KEPT}/{number}"
    os.makedirs(place)
    syscalls.mount(folder + source, place, flags=syscalls.BIND | syscalls.REC)
    syscalls.make_readonly(place)
    _kept.append(source)


def _show(source: str, folder: str, readonly: bool = True) -> bool:
    """Make `source` part of the tree; whether that took a mount of its own."""
    target = folder + source
    if os.path.islink(source):
        if not os.path.lexists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(os.readlink(source), target)
        return False
    if os.path.exists(target):
        return False
    if os.path.isdir(source):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    syscalls.mount(source, target, flags=syscalls.BIND | syscalls.REC)
    if readonly:
        syscalls.make_readonly(target)
    return True


def _proc(target: str) -> bool:
    try:
        syscalls.mount("proc", target, "proc", syscalls.NOSUID | syscalls.NODEV)
    except OSError:
        return False
    return True
