"""The card around an explorer: what paper keeps, the script that replaces it, and what that script reads."""

import json

from lesson_support.draw.cards import card


def framed(kind: str, body: str, config: dict) -> str:
    """The card of the explorer `kind`: `kind.css`, `kind.js`, and `config` in its `data-config`.

    `body` holds what a page without scripts shows.
    """
    return card(
        body,
        kind=kind,
        styles=(f"explorers/{kind}.css",),
        script=f"explorers/{kind}.js",
        attributes={
            "role": "group",
            "aria-label": f"{kind.capitalize()} explorer",
            "data-config": json.dumps(config),
        },
    )
