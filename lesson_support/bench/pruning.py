"""Pruning on digits: methods and controls at equal shares of channels and of MACs, and the library's own."""

from functools import partial

from lesson_support.bench.pruning_library import IMPORTANCES, NAME, library_pruned
from lesson_support.bench.pruning_runs import (
    CNN,
    RESNET,
    RIGHT,
    SEEDS,
    STAGES,
    Figures,
    Network,
    Trained,
    trained,
)
from lesson_support.bench.threads import with_threads
from lesson_support.pruning import count
from lesson_support.pruning.scenarios.methods import METHODS

SCOPES = ("local", "global")
RATIOS = (0.3, 0.5, 0.7)
MACS = (0.5, 0.25, 0.1)
RESNET_MACS = (0.5, 0.25)
RESNET_METHODS = (
    "coverage", "wanda", "magnitude", "taylor", "random", "coverage-inverted", "wanda-inverted",
)  # fmt: skip
RESNET_LIBRARY = ("library magnitude", "library LAMP", "library Taylor")


def measure() -> dict:
    """Tables by name, median and extremes over the seeds; counts, so that another run finds them again."""
    with with_threads(1):
        results = _base() | _compared(
            CNN, {"ratio": RATIOS, "macs": MACS}, tuple(METHODS), tuple(IMPORTANCES)
        )
        results |= _compared(RESNET, {"macs": RESNET_MACS}, RESNET_METHODS, RESNET_LIBRARY)
    return results


def _base() -> dict:
    found = Figures(("network",))
    for network in (CNN, RESNET):
        for seed in SEEDS:
            ready = trained(network, seed)
            found.add(network.name, value=100 * ready.score(ready.model))
    return {"pruning/base": found.table(RIGHT, f"before pruning; {_described(CNN)}; {_described(RESNET)}")}


def _described(network: Network) -> str:
    ready = trained(network, SEEDS[0])
    parameters = sum(each.numel() for each in ready.model.parameters())
    return (
        f"{type(ready.model).__name__}, {parameters:,} parameters, {network.epochs} epochs on "
        f"{len(ready.split.train[0]):,} digits"
    )


def _compared(network: Network, amounts: dict, methods: tuple[str, ...], library: tuple[str, ...]) -> dict:
    """One table for each scope and amount; what was left of MACs and parameters; the scopes' differences."""
    rights = {
        (scope, kind, amount): Figures(("stage", "method"))
        for scope in SCOPES
        for kind, each in amounts.items()
        for amount in each
    }
    left = {kind: Figures(("scope", "asked", "method")) for kind in ("MACs", "parameters", "channels")}
    gap = Figures(("MACs left", "stage", "method"))
    for seed in SEEDS:
        ready, scores = trained(network, seed), {}
        for case in rights:
            runs = {name: partial(_ours, ready, name, *case) for name in methods}
            if case[1] == "macs":
                runs |= {name: partial(_theirs, ready, name, *case) for name in library}
            for name, run in runs.items():
                found = run()
                if found is None:
                    continue
                scores[name, case], shares = found
                _note(rights[case], scores[name, case], name)
                for kind, value in shares.items():
                    left[kind].add(case[0], _asked(*case[1:]), name, value=100 * value)
            if case[0] == "local":
                _note_new(rights[case], ready, *case)
        _note_gaps(gap, scores)
    return _tables(network, rights, left, gap)


def _ours(ready: Trained, name: str, scope: str, kind: str, amount: float) -> tuple[dict, dict]:
    report = ready.pruned(name, scope=scope, **{kind: amount})
    shares = {
        "MACs": report.after.macs / report.before.macs,
        "parameters": report.after.parameters / report.before.parameters,
        "channels": 1 - report.achieved["channels"],
    }
    return ready.stages_of(report), shares


def _theirs(ready: Trained, name: str, scope: str, kind: str, amount: float) -> tuple[dict, dict] | None:
    model = library_pruned(name, ready, amount, scope)
    if model is None:
        return None
    before, after = (count(each, ready.split.test[0][:1]) for each in (ready.model, model))
    shares = {"MACs": after.macs / before.macs, "parameters": after.parameters / before.parameters}
    return ready.stages(model), shares


def _note(figures: Figures, scores: dict[str, float], name: str) -> None:
    for stage, value in scores.items():
        figures.add(stage, name, value=100 * value)


def _note_new(figures: Figures, ready: Trained, scope: str, kind: str, amount: float) -> None:
    """New weights in the pruned shape (all methods leave the same one): what training alone would give."""
    model = ready.pruned("random", scope=scope, **{kind: amount}).model
    for epochs in (ready.network.tuning, ready.network.epochs + ready.network.tuning):
        figures.add("fine-tuned", f"new weights, {epochs} epochs", value=100 * ready.anew(model, epochs))


def _note_gaps(gap: Figures, scores: dict) -> None:
    """Points that global pruning is ahead of local, seed by seed."""
    for (name, (scope, kind, amount)), found in scores.items():
        other = scores.get((name, ("local", kind, amount)))
        if scope == "global" and kind == "macs" and other:
            for stage in STAGES:
                gap.add(_asked(kind, amount), stage, name, value=100 * (found[stage] - other[stage]))


def _asked(kind: str, amount: float) -> str:
    return f"{amount:.0%} of the {'channels gone' if kind == 'ratio' else 'MACs left'}"


def _tables(network: Network, rights: dict, left: dict[str, Figures], gap: Figures) -> dict:
    n = f"median, lowest and highest of {len(SEEDS)} seeds"
    about = f"{_described(network)}, fine-tuned for {network.tuning}, {n}; library is {NAME}"
    tables = {}
    for (scope, kind, amount), figures in rights.items():
        key = f"{'channels' if kind == 'ratio' else 'macs'}-{100 * amount:.0f}"
        tables[f"pruning/{network.name}/{scope}/{key}"] = figures.table(
            RIGHT, f"{_asked(kind, amount)}, {scope}; {about}", {"stage": STAGES}
        )
    for kind, figures in left.items():
        shape = f"what was left when so much was asked; {about}"
        tables[f"pruning/{network.name}/{kind.lower()}-left"] = figures.table(
            f"% of the {kind}", shape, {"scope": SCOPES}
        )
    tables[f"pruning/{network.name}/global-minus-local"] = gap.table(
        "points, global minus local", f"at equal MACs, seed by seed; {about}", {"stage": STAGES}
    )
    return tables
