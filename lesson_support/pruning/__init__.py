"""Structured pruning: which channels of a network can go, which should, and what is left afterwards.

torch-pruning finds the layers that must shrink together; the scores, the choice of channels, the counting
and the report are here. Names resolve on first use, so that importing this package loads neither torch nor
torch-pruning.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "ActivationStatistics": "importance.statistics",
    "ChannelGraph": "structure.graph",
    "Coverage": "importance.importances",
    "Hybrid": "importance.hybrid",
    "Magnitude": "importance.importances",
    "Random": "importance.importances",
    "Report": "report",
    "Taylor": "importance.taylor",
    "Wanda": "importance.importances",
    "count": "structure.counting",
    "coverage": "importance.metrics",
    "load_pruned": "history",
    "measure_latency": "latency",
    "prune": "pipeline",
    "replay": "history",
    "save_pruned": "history",
    "wanda_norm": "importance.metrics",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
