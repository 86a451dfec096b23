"""Notebooks that attack the grader or break in its hands: what each hands in, and what it must get.

`scores` are those of double (4 points), count (3) and test_count (3). Every attack also bounds itself.
"""

from dataclasses import dataclass

from tests.hostile.questions import COUNTS, DOUBLES, HONEST, SECRET, TESTS

FULL = (4, 3, 3)
NOTHING = (0, 0, 0)


@dataclass(frozen=True)
class Hostile:
    """`told` is a regular expression that the grade's note and the results' texts must contain."""

    cells: tuple[str, ...]
    scores: tuple[float, float, float]
    status: str = "ok"
    told: str = ""


def one(source, told="", status="ok", score=0, also=()):
    """An attack through the answer to the first question; the other answers are honest."""
    return Hostile((*also, source, COUNTS, TESTS), (score, 3, 3), status, told)


HANGS = {
    "a function that never ends": one(
        "def double(x):\n    while True: pass", "no answer within 1.5 s", "timeout"
    ),
    "a function that never ends and cannot be interrupted": one(
        "import signal\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"
        "def double(x):\n"
        "    while True:\n"
        "        try:\n"
        "            while True: pass\n"
        "        except BaseException: pass",
        "no answer within 1.5 s",
        "timeout",
    ),
    "a cell that never ends": Hostile(
        (DOUBLES, "while True: pass", COUNTS, TESTS), FULL, "timeout", "the cell c2: stopped"
    ),
    "a cell that never ends in C": Hostile(
        (*HONEST, "sum(iter(int, 1))"), FULL, "timeout", "the cell c4: stopped"
    ),
    "cells and answers that all hang": Hostile(
        ("while True: pass", "def double(x):\n    while True: pass", "while True: pass", COUNTS, TESTS),
        (0, 3, 3),
        "timeout",
        "the cell c1: stopped.*the cell c3: stopped",
    ),
    "a test that never ends": Hostile(
        (DOUBLES, COUNTS, "def test_count(count):\n    while True: count(1)"), (4, 3, 0), "timeout"
    ),
    "a sleep as long as the whole notebook may take": one(
        "import time\ndef double(x):\n    time.sleep(600)", "no answer", "timeout"
    ),
}
BROKEN = {
    "an exception after the definition": Hostile(
        (DOUBLES + "\n1 / 0", COUNTS, TESTS), FULL, "ok", "the cell c1: ZeroDivisionError"
    ),
    "a syntax error": Hostile(
        (DOUBLES + "\ndef broken(:", COUNTS, TESTS), (0, 3, 3), "missing", "SyntaxError.*attempted: double"
    ),
    "cells in another order, one of them twice": Hostile((TESTS, DOUBLES, COUNTS, DOUBLES), FULL),
    "a deleted cell": Hostile((DOUBLES, TESTS), (4, 0, 3), "missing", "not attempted: count"),
    "a warning on stderr": Hostile(
        ("import sys, warnings\nwarnings.warn('loud')\nprint('loud', file=sys.stderr)", *HONEST), FULL
    ),
    "SystemExit, KeyboardInterrupt and GeneratorExit": Hostile(
        (
            "raise SystemExit(3)",
            "raise KeyboardInterrupt",
            "def double(x):\n    raise KeyboardInterrupt",
            "def count(n):\n    raise SystemExit",
            "def test_count(count):\n    raise GeneratorExit",
        ),
        NOTHING,
        "ok",
        "c2: KeyboardInterrupt.*KeyboardInterrupt.*SystemExit.*GeneratorExit",
    ),
    "recursion without end": one(
        "import sys\nsys.setrecursionlimit(10**9)\ndef double(x):\n    return double(x)", "", "died"
    ),
    "magics and asserts removed from every function": Hostile(
        (
            "import ast, builtins\n"
            "old = builtins.compile\n"
            "def compile(source, *rest, **more):\n"
            "    if isinstance(source, ast.AST):\n"
            "        for each in ast.walk(source):\n"
            "            if hasattr(each, 'body') and isinstance(each.body, list):\n"
            "                kept = [s for s in each.body if not isinstance(s, ast.Assert)]\n"
            "                each.body = kept or [ast.Pass()]\n"
            "        ast.fix_missing_locations(source)\n"
            "    return old(source, *rest, **more)\n"
            "builtins.compile = compile\n"
            "%time x = 1",
            "def double(x):\n    return x",
            COUNTS,
            TESTS,
        ),
        (0, 3, 0),
    ),
}
LIES = {
    "comparisons redefined, wrong answers": Hostile(
        (
            "import numpy as np, torch\n"
            "yes = lambda *a, **k: True\n"
            "for name in ('allclose', 'isclose', 'array_equal', 'all', 'argwhere'): setattr(np, name, yes)\n"
            "np.testing.assert_allclose = yes\n"
            "torch.equal = torch.allclose = torch.testing.assert_close = yes",
            "def double(x):\n    return x",
            "def count(n):\n    return n",
            "def test_count(count):\n    pass",
        ),
        NOTHING,
    ),
    "builtins redefined, honest answers": Hostile(
        (
            *HONEST,
            "import builtins\n"
            "for name in ('open', 'len', 'print', 'isinstance', 'sorted', 'sum', 'getattr', 'callable'):\n"
            "    setattr(builtins, name, lambda *a, **k: True)",
        ),
        FULL,
        "died",  # IPython does not survive it: what the cell defines is lost, and nothing else
        "the cell c4",
    ),
    "equal to everything": one(
        "class Equal:\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = None\n"
        "    def __array__(self, *a, **k): raise ValueError\n"
        "def double(x):\n    return Equal()",
        "returned a Equal",
    ),
    "a lying array": one(
        "import numpy as np\n"
        "class Liar(np.ndarray):\n"
        "    def __eq__(self, other): return np.ones(self.shape, bool)\n"
        "    def __array_function__(self, *a): return True\n"
        "    def __array_ufunc__(self, *a, **k): return np.ones(self.shape, bool)\n"
        "def double(x):\n    return np.zeros(x.shape).view(Liar) - 0",
    ),
    "lying numbers, texts and dicts": Hostile(
        (
            "class N(int):\n    __eq__ = lambda s, o: True\n    __int__ = __index__ = lambda s: 1\n"
            "    __hash__ = int.__hash__\n    __repr__ = lambda s: '8'",
            "def double(x):\n    return {'a': 1}",
            "def count(n):\n    return N(-5)",
            TESTS,
        ),
        (0, 0, 3),
    ),
    "a test that passes once and then always fails": Hostile(
        (
            DOUBLES,
            COUNTS,
            "calls = []\ndef test_count(count):\n    calls.append(1)\n    assert len(calls) == 1",
        ),
        (4, 3, 0),
        "ok",
        "a correct implementation",
    ),
    "a test that reads the implementation": Hostile(
        (
            DOUBLES,
            COUNTS,
            "import inspect\n"
            "def test_count(count):\n"
            "    text = inspect.getsource(count) + repr(vars(count)) + repr(count.__closure__)\n"
            "    assert '+ 2' not in text and 'adds' not in text and 'return n' not in text",
        ),
        (4, 3, 0),
        "ok",
        "3 of 3 wrong implementations pass",
    ),
    "an implementation called with what would take for ever": Hostile(
        (DOUBLES, COUNTS, "def test_count(count):\n    count([[0] * 5000] * 30)"),
        (4, 3, 0),
        "ok",
        "too large",
    ),
}
DEATHS = {
    "os._exit in a function": one(
        "import os\ndef double(x):\n    os._exit(0)", "ended its process with code 0", "died"
    ),
    "os._exit in a cell": Hostile(
        (DOUBLES, "import os\nos._exit(0)", COUNTS, TESTS), FULL, "died", "the cell c2: ended its process"
    ),
    "SIGKILL to itself": one(
        "import os\ndef double(x):\n    os.kill(os.getpid(), 9)", "was killed by SIGKILL", "died"
    ),
    "SIGKILL to its group": one("import os\ndef double(x):\n    os.killpg(0, 9)", "SIGKILL", "died"),
    "SIGKILL to its parent": one(
        "import os, time\n"
        "def double(x):\n"
        "    try: os.kill(os.getppid(), 9)\n"
        "    except PermissionError: pass\n"
        "    return 2 * x",
        score=4,
    ),
    "SIGKILL to everybody": one(
        "import os\n"
        "def double(x):\n"
        "    for number in range(2, 3000):\n"
        "        try:\n"
        "            if number != os.getpid(): os.kill(number, 9)\n"
        "        except OSError: pass\n"
        "    try: os.kill(-1, 9)\n"
        "    except OSError: pass\n"
        "    return 2 * x",
        score=4,
    ),
    "its own exit code and an exception in a thread": Hostile(
        ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()", *HONEST), FULL
    ),
    "a death in every cell": Hostile(
        ("import os\nos._exit(1)",) * 12, NOTHING, "died", "10 of its processes ended or hung"
    ),
}
FLOODS = {
    "a fork bomb in a function": one(
        "import os, time\n"
        "def double(x):\n"
        "    made = 0\n"
        "    for _ in range(400):\n"
        "        try:\n"
        "            if os.fork() == 0:\n"
        "                time.sleep(30)\n"
        "                os._exit(0)\n"
        "            made += 1\n"
        "        except OSError: pass\n"
        "    return 2 * x if made <= 16 else made",
        score=4,
    ),
    "a fork bomb in a cell": Hostile(
        (
            "import os, time\n"
            "until = time.monotonic() + 4\n"
            "made = 0\n"
            "while made < 300 and time.monotonic() < until:\n"
            "    try:\n"
            "        os.fork()\n"
            "        made += 1\n"
            "    except OSError: made += 1",
            *HONEST,
        ),
        None,
        None,
    ),
    "threads that never end": Hostile(
        (
            "import threading, time\n"
            "def spin():\n"
            "    until = time.monotonic() + 60\n"
            "    while time.monotonic() < until:\n"
            "        try: time.sleep(0.001)\n"
            "        except BaseException: pass\n"
            "for _ in range(4): threading.Thread(target=spin).start()",
            *HONEST,
        ),
        FULL,
    ),
    "a daemon that leaves its session": one(
        "import os, time\n"
        "def double(x):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            time.sleep(60)\n"
        "        os._exit(0)\n"
        "    return 2 * x",
        score=4,
    ),
    "the last words of a process": Hostile(
        (
            *HONEST,
            "import atexit, os, time\n"
            "class Last:\n"
            "    def __del__(self): time.sleep(60)\n"
            "last = Last()\n"
            "atexit.register(time.sleep, 60)\n"
            "atexit.register(os._exit, 0)",
        ),
        FULL,
    ),
    "4 GB in one piece": one("def double(x):\n    return bytearray(4 << 30)", "MemoryError"),
    "4 GB as an array": one(
        "import numpy as np\ndef double(x):\n    return np.ones(1 << 29)", "MemoryError|Unable to allocate"
    ),
    "4 GB as a tensor": one("import torch\ndef double(x):\n    return torch.ones(1 << 30)", "RuntimeError"),
    "3 GB in ten processes": one(
        "import os, time\n"
        "def double(x):\n"
        "    for _ in range(10):\n"
        "        if os.fork() == 0:\n"
        "            kept = b'x' * (300 << 20)\n"
        "            time.sleep(30)\n"
        "            os._exit(0)\n"
        "    time.sleep(30)",
        "held too much memory",
        "died",
    ),
    "10 GB of output": one(
        "import os\n"
        "def double(x):\n"
        "    line = 'x' * (1 << 20)\n"
        "    for _ in range(3400):\n"
        "        print(line)\n"
        "        os.write(1, line.encode())\n"
        "    return 2 * x",
        score=4,
    ),
    "a full disk": one(
        "def double(x):\n"
        "    for i in range(300):\n"
        "        with open(f'/tmp/{i}', 'wb') as file: file.write(bytes(1 << 20))\n"
        "    return 2 * x",
        "No space left",
    ),
    "one large file": one(
        "def double(x):\n    open('/tmp/x', 'wb').write(bytes(300 << 20))\n    return 2 * x",
        "File too large|No space left",
    ),
    "very many files": one(
        "def double(x):\n    for i in range(20000): open(f'/tmp/{i}', 'w').close()\n    return 2 * x",
        "No space left",
    ),
    "limits raised again": one(
        "import resource\n"
        "def double(x):\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))\n"
        "    return 2 * x",
        "not allowed to raise",
    ),
}
SEARCH = (
    "import gc, os\n"
    "def reads(path):\n"
    "    try:\n"
    "        with open(path, 'rb') as file: return file.read(1 << 20)\n"
    "    except OSError: return b''\n"
    f"def seen(content): return b''.join([{SECRET[:5].encode()!r}, {SECRET[5:].encode()!r}]) in content\n"
)
SPIES = {
    "the environment and /proc": one(
        SEARCH
        + "def double(x):\n"
        + "    found = [seen(repr(dict(os.environ)).encode())]\n"
        + "    for number in ['self', *range(1, 3000)]:\n"
        + "        found += [seen(reads(f'/proc/{number}/{name}')) for name in ('environ', 'cmdline')]\n"
        + "        if number in ('self', os.getpid()): continue\n"
        + "        found.append(bool(reads(f'/proc/{number}/maps')))\n"
        + "    return 'found' if any(found) else 2 * x",
        score=4,
    ),
    "every object of this process": one(
        SEARCH
        + "def double(x):\n"
        + "    gc.unfreeze()\n"
        + "    for each in gc.get_objects():\n"
        + "        if type(each).__name__ in ('Function', 'Tests', 'Result', 'Sandbox', 'Session'):\n"
        + "            return 'a question'\n"
        + "        if isinstance(each, (dict, list, tuple)) and len(each) < 50:\n"
        + "            for part in each.values() if isinstance(each, dict) else each:\n"
        + "                if isinstance(part, str) and seen(part.encode('utf-8', 'replace')):\n"
        + "                    return 'the secret'\n"
        + "    return 2 * x",
        score=4,
    ),
    "the solutions": Hostile(
        (
            "from lesson_support.questions.lesson_01.offsets import offset_of",
            "import os, lesson_support\n"
            "package = os.path.dirname(lesson_support.__file__)\n"
            "found = []\n"
            "for folder, below, names in os.walk('/'):\n"
            "    libraries = {'usr', 'proc', 'lib', 'lib64', 'site-packages', 'python3.11'}\n"
            "    below[:] = [name for name in below if name not in libraries]\n"
            "    found += [name for name in names if name.endswith(('.ipynb', '.csv', '.sqlite'))]\n"
            "shelf = os.listdir(package + '/questions')",
            "def double(x):\n    return str((found, shelf)) if found or shelf else 2 * x",
            COUNTS,
            TESTS,
        ),
        FULL,
        "ok",
        "the cell c1: ModuleNotFoundError",
    ),
    "a network": one(
        "import socket\n"
        "def double(x):\n"
        "    for family in (socket.AF_INET, socket.AF_INET6, 40, 38, 16):\n"
        "        try: socket.socket(family, socket.SOCK_STREAM)\n"
        "        except OSError: continue\n"
        "        return f'a socket of family {family}'\n"
        "    return 2 * x",
        score=4,
    ),
    "namespaces, mounts and tracing": one(
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def double(x):\n"
        "    done = [libc.unshare(0x10000000), libc.mount(b'x', b'/tmp', b'tmpfs', 0, None),\n"
        "            libc.ptrace(16, os.getppid(), 0, 0), libc.setns(0, 0),\n"
        "            libc.shmget(0, 1 << 20, 0o1600), libc.memfd_create(b'x', 0), libc.setuid(0)]\n"
        "    return 2 * x if os.getuid() == 0 or done == [-1] * 7 else done",
        score=4,
    ),
    "descriptors of others": one(
        "import os, stat\n"
        "def double(x):\n"
        "    kinds = []\n"
        "    for number in range(3, 256):\n"
        "        try: kinds.append(stat.S_IFMT(os.fstat(number).st_mode) == stat.S_IFSOCK)\n"
        "        except OSError: pass\n"
        "    return 2 * x if kinds == [True] else kinds",
        score=4,
    ),
}
GROUPS = (HANGS, BROKEN, LIES, DEATHS, FLOODS, SPIES)
