"""One visual language for the course: data figures (PNG), structural drawings (SVG), players and explorers.

Names resolve on first use, so that importing this package loads neither torch nor Matplotlib.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "PALETTE": "style",
    "use_style": "style",
    "show": "figures",
    "Scene": "canvas",
    "explore": "player",
    "animate": "player",
    "memory": "memory_figure",
    "timeline": "timeline_figure",
    "segments": "segments_figure",
    "strides_explorer": "explorers.strides",
    "strides_html": "explorers.strides",
    "tape_explorer": "explorers.tape",
    "tape_html": "explorers.tape",
    "tiles_explorer": "explorers.tiles",
    "tiles_html": "explorers.tiles",
    "trees_explorer": "explorers.trees",
    "trees_html": "explorers.trees",
    "svg_file": "standalone",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
