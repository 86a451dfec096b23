"""What importances have in common: a group comes in, one score a channel goes out; the lowest are removed.

Unless `normalise` is false a group's scores have a mean size of 1, so that groups of any scale compare under
global pruning. Constant, tied or NaN scores are handed on as they are: `scores.score_problems` names them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from lesson_support.errors import LessonError
from lesson_support.pruning.importance.scores import to_mean_one
from lesson_support.pruning.structure.groups import root_channels, root_name

Needs = Literal["nothing", "activations", "labels"]

_BATCHES = {"activations": "x or (x, y)", "labels": "(x, y)"}


class Importance:
    """Scores of a group's channels, 1-D, float64, on the CPU; None for a group it has nothing to say about.

    `prepare` measures what `needs` names. `adaptive` asks the pipeline to prepare again before every step.
    Without that, `cut` keeps the scores of the first step for the channels that are left: several steps then
    remove, by one global order, what one step does.
    """

    needs: Needs = "nothing"

    def __init__(self, *, adaptive: bool = False, normalise: bool = True):
        self.adaptive, self.normalise = adaptive, normalise
        self._last: dict[str, Tensor] = {}
        self._kept: dict[str, Tensor] = {}

    def prepare(self, model: nn.Module, data: Iterable | None = None) -> None:
        """Measure `model` on `data`, batches of x or (x, y); scores kept from before are forgotten."""
        if self.needs != "nothing" and data is None:
            raise LessonError(
                f"data is None: {self} needs {self.needs}, expected batches of {_BATCHES[self.needs]}"
            )
        if isinstance(data, Tensor | nn.Module):
            raise LessonError(
                f"data is a {type(data).__name__}: expected an iterable of batches, such as [x]"
            )
        self._last, self._kept = {}, {}
        self._measure(model, data)

    def cut(self, name: str, kept: Sequence[int] | Tensor) -> None:
        """Channels `kept` of the group of root layer `name` are left: go on with the scores they had.

        From here on every group has the scores it was last given, until `prepare` is called again.
        """
        self._kept = self._last | self._kept
        if name not in self._kept:
            raise LessonError(f"name is {name!r}: expected the root layer of a group that {self} has scored")
        kept, channels = torch.as_tensor(kept, dtype=torch.long), len(self._kept[name])
        if kept.ndim != 1 or not len(kept) or kept.min() < 0 or kept.max() >= channels:
            raise LessonError(
                f"kept is {kept.tolist()}: expected one or more channels of {name}, 0 to {channels - 1}"
            )
        self._kept[name] = self._kept[name][kept]

    @torch.no_grad()
    def __call__(self, group: Any) -> Tensor | None:
        """One score for each channel of `group`, in its order."""
        name, idxs = root_name(group), list(group[0].idxs)
        channels = root_channels(group)
        if name in self._kept:
            if len(self._kept[name]) != channels:
                raise LessonError(
                    f"group of {name} has {channels} channels: expected {len(self._kept[name])}, "
                    f"for which {self} keeps scores"
                )
            return self._kept[name][idxs]
        scores = self._scores(group)
        if scores is None:
            return None
        scores = scores.double().cpu()
        if len(scores) != len(idxs):
            raise LessonError(
                f"scores of {name} are {len(scores)}: expected {len(idxs)}, one for each channel"
            )
        if self.normalise:
            scores = to_mean_one(scores)
        if idxs == list(range(channels)):
            self._last[name] = scores
        return scores.clone()

    def _measure(self, model: nn.Module, data: Iterable | None) -> None:
        """Nothing to measure unless a subclass says so."""

    def _scores(self, group: Any) -> Tensor | None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<importance {self}>"
