"""A pruned model on disk: its cuts as JSON and its weights, without a pickled class."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lesson_support.errors import LessonError
from lesson_support.pruning.report import Report
from lesson_support.pruning.structure.graph import ChannelGraph

VERSION = 1


def replay(model: nn.Module, example_inputs: Any, history: Mapping[str, Any]) -> nn.Module:
    """A copy of `model` with the cuts of `history` (`report.history`) made again, in the same order.

    A history of another version or form, and cuts that do not fit the model, are LessonErrors.
    """
    cuts = _cuts_of(history)
    model = copy.deepcopy(model)
    graph = ChannelGraph(model, example_inputs)
    for cut in cuts:
        graph.cut({cut["group"]: cut["channels"]})
    return model


def save_pruned(report: Report, file: str | Path) -> Path:
    """Write the cuts and the weights of `report.model` to `file`; `load_pruned` reads them."""
    if not isinstance(report, Report):
        raise LessonError(f"report is a {type(report).__name__}; expected the Report that prune returns")
    parameters = report.model.named_parameters()
    entry = {
        "version": VERSION,
        "history": json.dumps(report.history),
        "original": json.dumps(report.before.parameters),
        "frozen": json.dumps([name for name, each in parameters if not each.requires_grad]),
        "training": report.model.training,
        "weights": report.model.state_dict(),
    }
    torch.save(entry, file)
    return Path(file)


def load_pruned(file: str | Path, make_model: Callable[[], nn.Module], example_inputs: Any) -> nn.Module:
    """The model that `save_pruned` wrote: `make_model()`, as it was before pruning, cut and filled again.

    Only tensors and plain values are read (`torch.load` with weights_only). A file that is missing or broken,
    and a model of another architecture, are LessonErrors.
    """
    entry = _entry_of(Path(file))
    model = make_model()
    if not isinstance(model, nn.Module):
        raise LessonError(f"make_model gives a {type(model).__name__}; expected the model before pruning")
    found, expected = sum(each.numel() for each in model.parameters()), json.loads(entry["original"])
    if found != expected:
        raise LessonError(
            f"make_model gives a model of {found:,} parameters; expected {expected:,}, as before pruning"
        )
    model = replay(model, example_inputs, json.loads(entry["history"]))
    _fill(model, entry["weights"])
    frozen = set(json.loads(entry["frozen"]))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model.train(entry["training"])


def _entry_of(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise LessonError(f"file {str(file)!r} does not exist; expected one that save_pruned wrote")
    try:
        entry = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever torch, zip or pickle say about bytes that are not theirs
        raise LessonError(
            f"file {str(file)!r} cannot be read ({type(error).__name__}); expected one that save_pruned wrote"
        ) from error
    fields = {"version", "history", "original", "frozen", "training", "weights"}
    if not isinstance(entry, dict) or not fields <= entry.keys():
        raise LessonError(f"file {str(file)!r} holds something else; expected what save_pruned wrote")
    if entry["version"] != VERSION:
        raise LessonError(f"file {str(file)!r} has version {entry['version']!r}; expected {VERSION}")
    return entry


def _cuts_of(history: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not isinstance(history, Mapping) or not isinstance(history.get("cuts"), (list, tuple)):
        raise LessonError(f"history is a {type(history).__name__} without cuts; expected report.history")
    if history.get("version") != VERSION:
        raise LessonError(f"history has version {history.get('version')!r}; expected {VERSION}")
    for cut in history["cuts"]:
        if not isinstance(cut, Mapping) or not {"group", "channels"} <= cut.keys():
            raise LessonError(f"history holds the cut {cut!r}; expected a group and its channels")
    return list(history["cuts"])


def _fill(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        lines = str(error).strip().splitlines()
        raise LessonError(
            f"make_model gives another architecture: {lines[-1].strip()} expected the model that was pruned"
        ) from error
