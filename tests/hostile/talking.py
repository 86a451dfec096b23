"""Notebooks that talk to the grader by themselves, and values that are no answers."""

from tests.hostile.notebooks import Hostile, one
from tests.hostile.questions import COUNTS, TESTS

CHANNEL = (
    "import gc, json, struct\n"
    "from lesson_support.grading.sandbox import wire\n"
    "channel = next(o for o in gc.get_objects() if type(o) is wire.Channel)\n"
    "def say(header, *blobs, lengths=None):\n"
    "    header = {'blobs': [len(b) for b in blobs], **header}\n"
    "    text = header if isinstance(header, bytes) else json.dumps(header).encode()\n"
    "    raw(struct.pack('!II', *(lengths or (len(text), sum(map(len, blobs))))) + text + b''.join(blobs))\n"
    "def raw(data):\n"
    "    channel.end.setblocking(True)\n"
    "    channel.end.sendall(data)\n"
    "    channel.end.setblocking(False)\n"
)


def says(line, told="answered with", status="protocol"):
    return one(f"def double(x):\n    {line}\n    return 2 * x", told, status, also=(CHANNEL,))


TALK = {
    "no message at all": says("raw(b'x' * 10000)"),
    "an answer to another question": says(
        "say({'type': 'returned', 'id': 7, 'value': None, 'printed': ''})", "answer to another question"
    ),
    "a huge length": says("say({}, lengths=(2**32 - 1, 2**32 - 1))", "a message of 8589934590 bytes"),
    "lengths that disagree": says("say({'blobs': [10**9]})", "blobs of other lengths"),
    "negative lengths": says("say({'blobs': [-5, 5]})", "blobs of other lengths"),
    "no JSON": says("raw(struct.pack('!II', 5, 0) + b'{{{{{')", "no JSON"),
    "no object": says("raw(struct.pack('!II', 2, 0) + b'[]')", "no JSON object"),
    "deep JSON": says("raw(struct.pack('!II', 10**6, 0) + b'[' * 10**6)", "no JSON"),
    "a call of a function that was never handed over": says(
        "say({'type': 'invoke', 'handle': 0, 'arguments': ['list', ['list'], ['dict']]})", "another question"
    ),
    "half a message": says("raw(b'ab'); channel.receive()", "no answer within", "timeout"),
    "a closed connection": says("channel.end.close()", "closed its connection|code 70", "died"),
    "writing to every descriptor": says(
        "import os\n    for n in range(3, 256):\n        try: os.write(n, b'y' * 999)\n"
        "        except OSError: pass"
    ),
    "answering twice": Hostile(
        (
            CHANNEL,
            "def double(x):\n    return 2 * x\n"
            "import threading, time\n"
            "send = wire.Channel.send\n"
            "def twice(self, header, blobs=()):\n"
            "    send(self, header, blobs)\n"
            "    send(self, header, blobs)\n"
            "wire.Channel.send = twice",
            COUNTS,
            TESTS,
        ),
        None,
        "protocol",
    ),
    "forged values": Hostile(
        (
            CHANNEL,
            "send = wire.Channel.send\n"
            "def forge(self, header, blobs=()):\n"
            "    if header['type'] == 'returned': header = {**header, 'value': FORGED}\n"
            "    send(self, header, blobs)\n"
            "wire.Channel.send = forge",
            "FORGED = ['list', ['ellipsis', 1], ['list', ['list'], ['dict']]]",
            "def double(x):\n    return 2 * x",
        ),
        (0, 0, 0),
        "protocol",
    ),
    "a patched worker": Hostile(
        (
            "import json, pickle\n"
            "from lesson_support.grading.sandbox import values, worker\n"
            "json.dumps = json.loads = pickle.dumps = lambda *a, **k: True\n"
            "worker.Worker.on_call = lambda self, request, blobs: (\n"
            "    {'type': 'returned', 'printed': '', 'status': 'correct', 'share': 1.0,\n"
            "     'value': ['list', True, request['arguments']]}, [])",
            "def double(x): return 0\ndef count(n): return 0\ndef test_count(count): pass",
        ),
        (0, 0, 0),
        None,
    ),
}

RETURNS = {
    "a gigabyte": ("np.zeros(1 << 27)", "MemoryError|too large|Unable to allocate"),
    "more than a message may hold": ("np.zeros(1 << 22)", "34 MB are too large"),
    "NaN": ("x * np.nan", "nan"),
    "an array of objects": ("np.array([object(), None])", "an array of object"),
    "an array of texts": ("np.array(['a'])", "an array of <U1"),
    "a structured array": ("np.zeros(2, 'i4,f4')", "an array of"),
    "a generator": ("(i for i in x)", "returned a generator"),
    "a ragged list": ("[[1.0], [1.0, 2.0]]", "expected an array, got list"),
    "a list that contains itself": ("(lambda l: l.append(l) or l)([])", "nested deeper"),
    "a deep list": ("eval('[' * 60 + ']' * 60)", "nested deeper"),
    "a very large integer": ("10 ** 100000", "more than 3000 digits"),
    "a large integer": ("10 ** 2000", "expected an array"),
    "text that is no Unicode": ("'\\ud800\\x1b[2J\\x00'", "expected an array"),
    "many dictionary keys": ("dict.fromkeys(range(5000))", "too many keys"),
    "a very long list": ("[0] * 1_000_000", "too many items"),
    "a list too long to be sent": ("[0.12345678] * 1_000_000", "too large"),
    "a tensor": ("torch.zeros(2)", "dtype float32|shape"),
    "an endless view of one number": ("torch.zeros(1).expand(10**9)", "too large"),
    "a sparse tensor": ("torch.eye(3).to_sparse()", "cannot travel"),
    "a tensor without memory": ("torch.zeros(3, device='meta')", "cannot travel"),
    "the function itself": ("double", "returned a function"),
    "a class": ("int", "returned a type"),
    "a 0-dimensional array": ("np.array(1.0)", "shape"),
    "an exception whose words fail": ("(_ for _ in ()).throw(Silent())", "cannot be shown"),
}
TALK["an escape sequence in its output"] = one(
    "def double(x):\n    print('\\x1b[2J\\ud800\\0')\n    raise ValueError('\\x1b[2J')", r"\\x1b\[2J.*\\x1b"
)
PROTOCOL = {"many dictionary keys", "a very long list", "an endless view of one number"}
SILENT = "import numpy as np, torch\nclass Silent(Exception):\n    def __str__(self): raise ValueError"
VALUES = {
    name: one(
        f"def double(x):\n    return {value}",
        told,
        "protocol" if name in PROTOCOL else "ok",
        also=(SILENT,),
    )
    for name, (value, told) in RETURNS.items()
}
