"""The order in which a backward pass may visit the nodes of a graph that nobody numbered."""

from lesson_support.questions.kinds import Function


def backward_order(parents: dict[str, list[str]], end: str) -> list[str]:
    """`end` and all that it was computed from, each node after every node that read it."""
    readers, waiting = {end: 0}, [end]
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in readers:
                readers[parent] = 0
                waiting.append(parent)
            readers[parent] += 1
    order, ready = [], [end]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in parents[node]:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return order


RIGHT = "every node once, and each after all that read it"
DEEP = 3000


def probe(answer, parents, end):
    """Call `answer` and say what is wrong with its order; several orders are right."""
    order = answer({name: list(read) for name, read in parents.items()}, end)
    if not isinstance(order, list) or not all(isinstance(each, str) for each in order):
        return "what came back is no list of names"
    needed, waiting = {end}, [end]
    while waiting:
        fresh = set(parents[waiting.pop()]) - needed
        needed |= fresh
        waiting += fresh
    for name in order:
        if name not in needed:
            return f"{name} is in the list, and {end} was not computed from it"
        if order.count(name) > 1 and len(order) < 200:
            return f"{name} is visited {order.count(name)} times"
    if len(set(order)) < len(order):
        return "a node is visited more than once"
    if missing := sorted(needed - set(order)):
        return f"{missing[0]} is missing"
    place = {name: k for k, name in enumerate(order)}
    for name in order:
        for parent in parents[name]:
            if place[parent] < place[name]:
                return f"{parent} comes before {name}, which read it"
    return RIGHT


def oracle(parents, end):
    """Nothing may be wrong."""
    return RIGHT


def show(parents, end):
    if len(parents) < 60:
        return f"backward_order({parents}, {end!r})"
    read = '[f"n{k - 1}"] * 2' if len(parents["n1"]) == 2 else '[f"n{k - 1}"]'
    return f'backward_order({{"n0": [], **{{f"n{{k}}": {read} for k in range(1, {len(parents)})}}}}, {end!r})'


def cases(rng):
    found = [
        ({"x": []}, "x"),
        ({"x": [], "y": ["x"]}, "y"),
        ({"x": [], "y": ["x"]}, "x"),
        ({"x": [], "y": ["x", "x"]}, "y"),
        ({"y": ["x"], "x": []}, "y"),
        ({"x": [], "p": ["x", "x"], "y": ["p", "x"]}, "y"),
        ({"x": [], "p": ["x", "x"], "y": ["x", "p"]}, "y"),
        ({"y": ["x", "p"], "x": [], "p": ["x", "x"]}, "y"),
        ({"a": [], "b": [], "s": ["a", "b"], "t": ["s"], "y": ["s", "t"]}, "y"),
        ({"a": [], "b": [], "s": ["a", "b"], "t": ["s"], "y": ["t", "s"]}, "y"),
        ({"x": [], "p": ["x"], "q": ["x"], "y": ["p", "q"]}, "y"),
        ({"x": [], "p": ["x"], "q": ["p"], "r": ["q"], "y": ["p", "r"]}, "y"),
        ({"x": [], "p": ["x"], "q": ["p"], "r": ["q"], "y": ["r", "p"]}, "y"),
        ({"x": [], "p": ["x"], "y": ["x"]}, "y"),
        ({"x": [], "p": ["x"], "q": ["p", "x"], "y": ["x"]}, "y"),
        ({"x": [], "p": ["x"], "y": ["p"], "other": ["p", "x"]}, "y"),
        ({"x": [], "z": [], "y": ["x"], "other": ["z"]}, "y"),
    ]
    for count in rng.integers(4, 12, size=14).tolist():
        found.append(_drawn(rng, count))
    found.append(({"n0": [], **{f"n{k}": [f"n{k - 1}"] * 2 for k in range(1, 60)}}, "n59"))
    found.append(({"n0": [], **{f"n{k}": [f"n{k - 1}"] for k in range(1, DEEP)}}, f"n{DEEP - 1}"))
    return found


def _drawn(rng, count):
    """A random graph; neither the names nor the order of the dict tells when a node was made."""
    names = [f"n{k}" for k in rng.permutation(count).tolist()]
    parents = {names[0]: []}
    for k in range(1, count):
        parents[names[k]] = [names[j] for j in rng.integers(max(0, k - 4), k, size=2).tolist()]
    shuffled = {names[k]: parents[names[k]] for k in rng.permutation(count).tolist()}
    return shuffled, names[int(rng.integers(count - 2, count))]


def _depth_first(parents, end):
    seen, order, waiting = {end}, [], [end]
    while waiting:
        node = waiting.pop()
        order.append(node)
        for parent in parents[node]:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return order


def _breadth_first(parents, end):
    order = [end]
    for node in order:
        order += [parent for parent in dict.fromkeys(parents[node]) if parent not in order]
    return order


def _recursive(parents, end):
    seen, order = set(), []

    def visit(node):
        if node not in seen:
            seen.add(node)
            for parent in parents[node]:
                visit(parent)
            order.append(node)

    visit(end)
    return order[::-1]


def _postorder_forward(parents, end):
    return backward_order(parents, end)[::-1]


def _all_readers(parents, end):
    """Waits for readers that the end does not depend on; an answer that waits for ever gives up instead."""
    readers = dict.fromkeys(parents, 0)
    for read in parents.values():
        for parent in read:
            readers[parent] += 1
    order, ready = [], [end]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in parents[node]:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return order


def _readers_once(parents, end):
    """Counts a node that reads twice once, and delivers twice."""
    readers = {}
    for node in backward_order(parents, end):
        for parent in set(parents[node]):
            readers[parent] = readers.get(parent, 0) + 1
    order, ready = [], [end]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in parents[node]:
            readers[parent] -= 1
            if readers[parent] == 0:
                ready.append(parent)
    return order


def _whole_dict(parents, end):
    order = []
    for last in [end, *parents]:
        if last not in order:
            order += [node for node in backward_order(parents, last) if node not in order]
    return order


def _dict_order(parents, end):
    needed = set(backward_order(parents, end))
    return [name for name in reversed(parents) if name in needed]


def _by_shortest_way(parents, end):
    distance, waiting = {end: 0}, [end]
    for node in waiting:
        for parent in parents[node]:
            if parent not in distance:
                distance[parent] = distance[node] + 1
                waiting.append(parent)
    return sorted(distance, key=distance.get)


def _every_visit(parents, end):
    order, waiting = [], [end]
    while waiting and len(order) < 20_000:
        node = waiting.pop(0)
        order.append(node)
        waiting += parents[node]
    return order


QUESTION = Function(
    name="backward_order",
    points=3,
    difficulty="hard",
    minutes=18,
    signature="backward_order(parents: dict[str, list[str]], end: str) -> list[str]",
    example='>>> graph = {"x": [], "p": ["x", "x"], "y": ["x", "p"]}\n'
    '>>> backward_order(graph, "y")\n'
    "['y', 'p', 'x']",
    hints=(
        "x must wait until everybody who read it has been visited. How can you tell, when you come past x, "
        "whether somebody is still missing?",
        "Two walks. The first finds the nodes that matter and counts for each how often it is read by them, "
        "twice where one node reads it twice. The second visits a node when its count has come down to 0. "
        "(A depth-first walk that notes a node after all its parents works too, on an explicit stack: turn "
        "the list at the end.)",
        "readers = {end: 0}; walk from end, and for every parent of a node met for the first time add 1 to "
        "readers[parent]. Then ready = [end]; pop a node, append it to the order, subtract 1 for each of its "
        "parents, and push a parent whose count is 0. Use lists, not recursion: a graph may be 3,000 deep.",
    ),
    solution=backward_order,
    wrong={
        "depth first, on arrival": _depth_first,
        "breadth first": _breadth_first,
        "graphs are shallow enough for recursion": _recursive,
        "a topological order, in whichever direction": _postorder_forward,
        "every reader in the graph will deliver": _all_readers,
        "a reader counts once": _readers_once,
        "the graph has no other ends": _whole_dict,
        "a dict is in the order of making": _dict_order,
        "the nearest to the end come first": _by_shortest_way,
        "a node is visited once for each path": _every_visit,
    },
    cases=cases,
    oracle=oracle,
    probe=probe,
    show=show,
)
