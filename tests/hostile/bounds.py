"""A sandbox that cannot harm the machine of the tests, whatever it fails to stop."""

import resource

from lesson_support.grading.sandbox import Limits, Sandbox


def bounded_sandbox(limits: Limits) -> Sandbox:
    """Its processes inherit a bound on memory and on the size of files; this process keeps its own."""
    wanted = {resource.RLIMIT_AS: 6 << 30, resource.RLIMIT_FSIZE: 512 << 20}
    before = {which: resource.getrlimit(which) for which in wanted}
    for which, value in wanted.items():
        resource.setrlimit(which, (value, before[which][1]))
    try:
        return Sandbox(limits=limits)
    finally:
        for which, pair in before.items():
            resource.setrlimit(which, pair)
