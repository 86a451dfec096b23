"""Players: one drawing in several states, stepped through by a slider, buttons or keys.

Everything is one inline SVG whose groups a small script toggles, so the page needs no kernel and no network.
In a running notebook the same call offers a widget beside it.
"""

import json
from collections.abc import Callable, Iterable
from html import escape
from itertools import product

from lesson_support.draw.cards import card, described
from lesson_support.draw.output import emit, live
from lesson_support.draw.states import State, States, merged
from lesson_support.errors import LessonError


def explore(
    draw_state: Callable[..., State], *, alt: str, caption: str | None = None, **axes: Iterable[object]
) -> None:
    """Display `draw_state(k=…)` for every value of one axis (`k=range(8)`), or of two.

    `draw_state` returns a Scene, or a Scene and the caption of that state; `caption` serves the states
    without one. Paper and pages without scripts show the first state.
    """
    states, values = _over_axes(draw_state, axes, caption)
    _present(states, values, alt, rest=0, pace=0.9)


def animate(frames: Iterable[State], *, alt: str, caption: str | None = None, pace: float = 0.9) -> None:
    """Display scenes one after the other, `pace` seconds each when played; nothing moves by itself.

    A frame is a Scene, or a Scene and its caption. Paper and pages without scripts show the last frame.
    """
    if not 0.1 <= pace <= 10:
        raise LessonError(f"animate() got pace {pace}; expected seconds per frame from 0.1 to 10")
    states = States.of(frames, caption)
    steps = {"step": [f"{k + 1} of {len(states)}" for k in range(len(states))]}
    _present(states, steps, alt, rest=len(states) - 1, pace=pace)


def player_html(
    states: States, values: dict[str, list[str]], *, alt: str, rest: int = 0, pace: float = 0.9
) -> str:
    """The static player; `values` names the axes and what the slider says at each place."""
    alt = described(alt)
    captions = "".join(
        f"<p{' data-on' if k == rest else ''}>{escape(said)}</p>" for k, said in enumerate(states.captions)
    )
    body = "\n".join(
        [
            f'<div class="ecr-stage">{merged(states, alt, rest)}</div>',
            f'<div class="ecr-captions">{captions}</div>' if any(states.captions) else "",
            '<div class="ecr-controls" hidden>',
            f'{_buttons()}<div class="ecr-axes">{_sliders(values)}</div></div>',
            '<p class="ecr-unseen ecr-live" aria-live="polite"></p>',
        ]
    )
    return card(
        body.replace("\n\n", "\n"),
        kind="player",
        styles=("player.css",),
        script="player.js",
        attributes={
            "role": "group",
            "aria-label": alt,
            "data-axes": " ".join(str(len(said)) for said in values.values()),
            "data-rest": str(rest),
            "data-pace": str(round(1000 * pace)),
        },
    )


def _over_axes(draw_state, axes, caption) -> tuple[States, dict[str, list[str]]]:
    lists = {name: list(values) for name, values in axes.items()}
    if len(lists) not in (1, 2) or not all(lists.values()):
        got = ", ".join(f"{name} ({len(values)} values)" for name, values in lists.items()) or "none"
        raise LessonError(f"explore() got the axes {got}; expected one or two, each with a value or more")
    states = (draw_state(**dict(zip(lists, chosen, strict=True))) for chosen in product(*lists.values()))
    return States.of(states, caption), {
        name: [str(value) for value in values] for name, values in lists.items()
    }


def _present(states: States, values: dict[str, list[str]], alt: str, *, rest: int, pace: float) -> None:
    bundle: dict[str, object] = {
        "text/html": player_html(states, values, alt=alt, rest=rest, pace=pace),
        "text/plain": described(alt),
    }
    if live():
        from lesson_support.draw.widget import widget_view

        bundle = {**widget_view(states, values, alt=alt, pace=pace), **bundle}
    emit(bundle)


def _buttons() -> str:
    shapes = {
        "Previous": "M12 2L4 8l8 6zM2 2h2v12H2z",
        "Play": "M4 2l10 6-10 6z",
        "Next": "M4 2l8 6-8 6zM12 2h2v12h-2z",
    }
    return "".join(
        f'<button type="button" class="ecr-{name.lower()}" aria-label="{name}">'
        f'<svg viewBox="0 0 16 16" aria-hidden="true"><path d="{shape}"/></svg></button>'
        for name, shape in shapes.items()
    )


def _sliders(values: dict[str, list[str]]) -> str:
    return "".join(
        f"<label><span>{escape(name)}</span>"
        f'<input type="range" min="0" max="{len(said) - 1}" value="0" '
        f'data-values="{escape(json.dumps(said))}">'
        f'<output style="min-width:{max(map(len, said))}ch"></output></label>'
        for name, said in values.items()
    )
