"""The few system calls that Python 3.11 does not offer: namespaces, mounts, capabilities. Linux only."""

import ctypes
import os
import platform

NEWNS, NEWUTS, NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
NEWUSER, NEWPID, NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
CAPSET = {"x86_64": 126, "aarch64": 91}
MOUNT_SETATTR = 442  # the same on every machine
RECURSIVE = 0x8000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _number(table: dict[str, int], what: str) -> int:
    if platform.machine() not in table:
        raise OSError(f"{what} is not known for {platform.machine()}")
    return table[platform.machine()]


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def enter(namespace: int, kind: int) -> None:
    """setns: children are born in this namespace again."""
    _checked(_libc.setns(namespace, kind), "setns")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str = "") -> None:
    encoded = [None if each is None else each.encode() for each in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def make_readonly(target: str) -> None:
    """This mount and all below it: read-only, without set-uid programs and without devices."""
    wanted = _MountAttr(set=RDONLY | NOSUID | NODEV)
    number, size = ctypes.c_long(MOUNT_SETATTR), ctypes.c_size_t(ctypes.sizeof(wanted))
    _checked(
        _libc.syscall(number, -100, target.encode(), RECURSIVE, ctypes.byref(wanted), size),
        f"mount_setattr {target}",
    )


def enter_root(folder: str) -> None:
    """Make `folder`, a mount, the root; the old root is gone."""
    os.chdir(folder)
    _checked(_libc.syscall(ctypes.c_long(_number(PIVOT_ROOT, "pivot_root")), b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/")


def prctl(option: int, value: int, pointer: ctypes.c_void_p | None = None) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), pointer, 0, 0), "prctl")


def drop_capabilities() -> None:
    """No capability is left, and no program started from here gets one."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)
    nothing = (ctypes.c_uint32 * 6)()
    number = ctypes.c_long(_number(CAPSET, "capset"))
    _checked(_libc.syscall(number, ctypes.byref(header), ctypes.byref(nothing)), "capset")
