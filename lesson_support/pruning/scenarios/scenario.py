"""Scenarios: which network is pruned how much, by which methods, on which data; read from TOML files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesson_support import paths
from lesson_support.errors import LessonError
from lesson_support.pruning.scenarios.methods import METHODS
from lesson_support.records import (
    TEXT,
    Field,
    check_record,
    did_you_mean,
    is_number,
    list_of,
    one_of,
    read_toml,
    whole,
)

FOLDER = paths.PACKAGE / "pruning" / "scenarios"
MODELS = ("small_cnn", "resnet18", "resnet50")
SOURCES = ("digits", "cifar", "imagenet")

_SHARE = Field("a share above 0 and below 1", lambda value: is_number(value) and 0 < value < 1)
_RATE = Field("a learning rate above 0", lambda value: is_number(value) and value > 0)
_FIELDS = {
    "title": TEXT,
    "model": one_of(*MODELS),
    "scope": one_of("local", "global"),
    "methods": list_of(one_of(*METHODS), low=1),
}
_OPTIONAL = {"ratio": _SHARE, "macs": _SHARE, "steps": whole(1, 20)}
_PLAN = {"width": whole(1, 512), "calibration": whole(1, 1_000_000), "batch": whole(2, 4096)}
_PLAN_OPTIONAL = {
    "train_epochs": whole(1, 1000),
    "lr": _RATE,
    "tune_epochs": whole(0, 1000),
    "tune_lr": _RATE,
    "latency": list_of(whole(1, 4096)),
}


@dataclass(frozen=True)
class Plan:
    """What a scenario does on one source of data; without `train_epochs` it needs weights."""

    width: int
    calibration: int
    batch: int
    train_epochs: int = 0
    lr: float = 2e-3
    tune_epochs: int = 0
    tune_lr: float = 5e-4
    latency: tuple[int, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """A network, an amount (`ratio` of the channels or `macs` left), methods; `plans` by source of data."""

    name: str
    title: str
    model: str
    scope: str
    methods: tuple[str, ...]
    plans: Mapping[str, Plan]
    ratio: float | None = None
    macs: float | None = None
    steps: int = 1

    @property
    def amount(self) -> dict[str, float]:
        """The keyword that `prune` takes."""
        return {"ratio": self.ratio} if self.macs is None else {"macs": self.macs}

    def plan(self, source: str) -> Plan:
        """What to do on that source; a LessonError where the scenario does not say."""
        if source not in self.plans:
            raise LessonError(
                f"scenario {self.name} has no table [{source}]: expected data from {', '.join(self.plans)}"
            )
        return self.plans[source]


def shipped() -> tuple[str, ...]:
    """The names of the scenarios that come with the course."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


def read_scenario(config: str | Path) -> Scenario:
    """The scenario of a TOML file, or the shipped one of that name; a mistake is named with its place."""
    file = Path(config)
    if file.suffix != ".toml":
        names = shipped()
        if str(config) not in names:
            close = did_you_mean(str(config), names)
            raise LessonError(
                f"there is no scenario {str(config)!r}: expected a .toml file or one of "
                f"{', '.join(names)}{close}"
            )
        file = FOLDER / f"{config}.toml"
    return _scenario(read_toml(file), file)


def _scenario(content: dict[str, Any], file: Path) -> Scenario:
    tables = {name: content.pop(name) for name in SOURCES if name in content}
    _check(content, _FIELDS, str(file), _OPTIONAL, also=SOURCES)
    if ("ratio" in content) == ("macs" in content):
        came = "both ratio and macs" if "ratio" in content else "neither ratio nor macs"
        raise LessonError(f"{file} has {came}: expected exactly one of them")
    if not tables:
        raise LessonError(f"{file} has no table of a source: expected one or more of {', '.join(SOURCES)}")
    plans = {}
    for name, table in tables.items():
        _check(table, _PLAN, f"{file}, [{name}]", _PLAN_OPTIONAL)
        plans[name] = Plan(**{**table, "latency": tuple(table.get("latency", ()))})
    content["methods"] = tuple(content["methods"])
    return Scenario(name=file.stem, plans=plans, **content)


def _check(record: object, fields: dict, where: str, optional: dict, also: tuple[str, ...] = ()) -> None:
    every = [*fields, *optional, *also]
    for key in record if isinstance(record, dict) else ():
        if key not in every:
            close = did_you_mean(key, every)
            raise LessonError(f"{where} has the unknown key {key!r}: expected {', '.join(every)}{close}")
    check_record(record, fields, where, optional)
