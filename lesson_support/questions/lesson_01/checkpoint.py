"""A checkpoint that stores what it names: views without their storages, tied weights once."""

from lesson_support.questions.kinds import Repair


def slim_checkpoint(state: dict) -> dict:
    """The same names and values in storages of their own; equal views of one storage stay one tensor."""
    copies = {}
    slim = {}
    for name, tensor in state.items():
        storage = tensor.untyped_storage()
        view = (storage.data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype)
        if view not in copies:
            copies[view] = tensor.clone()
        slim[name] = copies[view]
    return slim


def broken_slim_checkpoint(state: dict) -> dict:
    """The same names and values in storages of their own; equal views of one storage stay one tensor."""
    return {name: tensor.clone() for name, tensor in state.items()}


RIGHT = "the same values, the same ties, no byte that no entry needs, the originals untouched"


def build(buffers, views):
    """A state dict from its description: `{"w": "torch.arange(1000.)"}`, `{"head": "w[:10]"}`."""
    import torch

    made = {name: eval(text, {"torch": torch}) for name, text in buffers.items()}
    return {name: eval(text, {"torch": torch, **made}) for name, text in views.items()}


def _layout(tensor):
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _tied(state, same):
    names = sorted(state)
    return {(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if same(state[a], state[b])}


def _one_storage(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _spare_bytes(state, loaded):
    """Bytes in which the loaded storages exceed copies of the different views that they serve."""
    storages, views = {}, {}
    for name, tensor in loaded.items():
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        view = (_layout(state[name]), state[name].dtype) if name in state else name
        views.setdefault(storage.data_ptr(), {})[view] = tensor.numel() * tensor.element_size()
    return sum(max(0, size - sum(views[at].values())) for at, size in storages.items())


def probe(answer, buffers, views):
    """Call `answer` on a state, save what it returns, load it again, and say what is wrong."""
    import io

    import torch

    state = build(buffers, views)
    before = {name: (_layout(tensor), tensor.clone()) for name, tensor in state.items()}
    same_view = _tied(state, lambda a, b: _layout(a) == _layout(b) and a.dtype == b.dtype and a.numel() > 0)
    one_storage = _tied(state, _one_storage)
    result = answer(state)
    if not isinstance(result, dict) or any(not isinstance(each, torch.Tensor) for each in result.values()):
        return "what came back is no dict of tensors"
    if list(result) != list(before):
        return f"the names became {list(result)}"
    file = io.BytesIO()
    torch.save(result, file)
    file.seek(0)
    loaded = torch.load(file)
    shared = _tied({name: each for name, each in loaded.items() if each.numel()}, _one_storage)
    spare = _spare_bytes(state, loaded)
    faults = [f"{a} and {b} are no longer tied" for a, b in sorted(same_view - shared)]
    faults += [f"{a} and {b} are tied and were not" for a, b in sorted(shared - one_storage)]
    faults += [f"{spare} bytes are stored that no entry needs"] if spare > 0 else []
    for name, (layout, value) in before.items():
        if loaded[name].dtype != value.dtype or not torch.equal(loaded[name], value):
            faults.append(f"{name} has other values")
        if name not in state or _layout(state[name]) != layout or not torch.equal(state[name], value):
            faults.append(f"the original {name} was changed")
    return "; ".join(faults) or RIGHT


def oracle(buffers, views):
    """Nothing may be wrong."""
    return RIGHT


def show(buffers, views):
    lines = [f"{name} = {text}" for name, text in buffers.items()]
    lines.append("slim_checkpoint({" + ", ".join(f'"{name}": {text}' for name, text in views.items()) + "})")
    return "\n".join(lines)


def cases(rng):
    small, large = {"w": "torch.arange(6.)"}, {"w": "torch.arange(20000.)"}
    found = [
        (small, {"a": "w"}),
        (small, {"a": "w[:2]"}),
        (small, {"a": "w", "b": "w"}),
        (small, {"a": "w[:2]", "b": "w[:2]"}),
        (small, {"a": "w[:2]", "b": "w[:3]"}),
        (small, {"a": "w[:2]", "b": "w[::2][:2]"}),
        (small, {"a": "w[:2]", "b": "w[4:]"}),
        (small, {"a": "w[:0]"}),
        (small, {"a": "w[2]"}),
        (small, {"a": "w.view(2, 3)[:, 1]", "b": "w.view(2, 3)[:, 1]"}),
        (small, {"a": "w.view(2, 3)[:1].T", "b": "w[:3]"}),
        (small, {"a": "w[:2]", "b": "w.view(torch.int32)[:2]"}),
        (small, {"a": "w[1:2].expand(4)", "b": "w[1:2].expand(4)", "c": "w[:3]"}),
        ({"w": "torch.zeros(6)", "v": "torch.zeros(6)"}, {"a": "w", "b": "v"}),
        ({"w": "torch.ones(3)", "v": "torch.ones(9)"}, {"a": "w", "b": "v[:3]", "c": "w"}),
        (large, {"head": "w[:10]"}),
        (large, {"head": "w[:10]", "tail": "w[-10:]", "also_tail": "w[-10:]"}),
        ({"w": "torch.arange(400, dtype=torch.int64)"}, {"a": "w[7:9]", "b": "w[:400]"}),
    ]
    for _ in range(12):
        views = {}
        for name in "abcd"[: int(rng.integers(2, 5))]:
            start, length, step = int(rng.integers(0, 30)), int(rng.integers(1, 9)), int(rng.integers(1, 4))
            views[name] = f"{'wv'[int(rng.integers(2))]}[{start}:{start + length * step}:{step}]"
        views["tied"] = views["a"]
        size = int(rng.integers(60, 5000))
        found.append(
            ({"w": f"torch.arange({size}.)", "v": f"torch.arange({size}, dtype=torch.int16)"}, views)
        )
    return found


def _as_it_is(state):
    return dict(state)


def _contiguous(state):
    return {name: tensor.contiguous() for name, tensor in state.items()}


def _by_address(state):
    copies = {}
    return {name: copies.setdefault(tensor.data_ptr(), tensor.clone()) for name, tensor in state.items()}


def _by_object(state):
    copies = {}
    return {name: copies.setdefault(id(tensor), tensor.clone()) for name, tensor in state.items()}


def _without_dtype(state):
    copies = {}
    return {
        name: copies.setdefault(
            (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride()),
            tensor.clone(),
        )
        for name, tensor in state.items()
    }


def _by_value(state):
    copies = []
    for tensor in state.values():
        if not any(tensor.dtype == copy.dtype and tensor.equal(copy) for copy in copies):
            copies.append(tensor.clone())
    return {
        name: next(copy for copy in copies if tensor.dtype == copy.dtype and tensor.equal(copy))
        for name, tensor in state.items()
    }


def _in_place(state):
    for name, tensor in slim_checkpoint(state).items():
        state[name].set_(tensor)
    return state


def _whole_storages(state):
    copies = {}
    for tensor in state.values():
        key = tensor.untyped_storage().data_ptr()
        copies.setdefault(key, tensor.untyped_storage().clone())
    return {
        name: tensor.new_empty(0).set_(
            copies[tensor.untyped_storage().data_ptr()],
            tensor.storage_offset(),
            tensor.shape,
            tensor.stride(),
        )
        for name, tensor in state.items()
    }


QUESTION = Repair(
    name="slim_checkpoint",
    points=3,
    difficulty="hard",
    minutes=20,
    signature="slim_checkpoint(state: dict) -> dict",
    symptom="The file is small, but an embedding that the output layer shares is in it twice, and after "
    "loading they are two tensors: training one no longer moves the other.",
    example=">>> w = torch.arange(1000.)\n"
    '>>> slim = slim_checkpoint({"embedding": w[:10], "output": w[:10]})\n'
    '>>> slim["embedding"].untyped_storage().nbytes()\n'
    "40\n"
    '>>> slim["embedding"].data_ptr() == slim["output"].data_ptr()\n'
    "True",
    hints=(
        "The clone is right: it leaves the large storage behind. What goes wrong is how often it is made.",
        "Keep the copies in a dict and make one per view. Two entries are the same view when they read the "
        "same elements of the same storage; the address of the first element alone does not say that.",
        "Key the copies by (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, "
        "tensor.stride(), tensor.dtype); clone when the key is new, and put the copy under each name.",
    ),
    solution=slim_checkpoint,
    wrong={
        "torch.save stores only the elements of a view": _as_it_is,
        "contiguous() always copies": _contiguous,
        "equal addresses make equal views": _by_address,
        "a tie is two names for one Python object": _by_object,
        "the layout alone tells two views apart": _without_dtype,
        "equal values mean one tensor": _by_value,
        "a checkpoint function may change the model": _in_place,
        "copying the storage makes it smaller": _whole_storages,
    },
    cases=cases,
    oracle=oracle,
    probe=probe,
    show=show,
    broken=broken_slim_checkpoint,
)
