"""The face of a player in a running notebook: ipywidgets' sliders over the same drawings."""

from html import escape

from lesson_support.draw.cards import card
from lesson_support.draw.states import States


def widget_view(states: States, values: dict[str, list[str]], *, alt: str, pace: float) -> dict[str, object]:
    """The widget's entry for a display bundle; empty where ipywidgets is not installed."""
    try:
        import ipywidgets as widgets
    except ImportError:
        return {}
    sliders = [
        widgets.SelectionSlider(
            options=[(said, place) for place, said in enumerate(names)],
            description=name,
            continuous_update=True,
        )
        for name, names in values.items()
    ]
    stage = widgets.HTML()

    def draw(_change=None) -> None:
        state = 0
        for slider, names in zip(sliders, values.values(), strict=True):
            state = state * len(names) + slider.value
        said = states.captions[state]
        below = f'<p class="ecr-caption">{escape(said)}</p>' if said else ""
        stage.value = card(
            f'<div class="ecr-stage">{states.scenes[state].svg(alt)}</div>{below}', kind="drawing"
        )

    for slider in sliders:
        slider.observe(draw, "value")
    draw()
    controls = list(sliders)
    if len(sliders) == 1 and len(states) > 1:
        play = widgets.Play(min=0, max=len(states) - 1, interval=round(1000 * pace), show_repeat=False)
        widgets.jslink((play, "value"), (sliders[0], "index"))
        controls.insert(0, play)
    box = widgets.VBox([widgets.HBox(controls), stage])
    view = "application/vnd.jupyter.widget-view+json"
    return {view: box._repr_mimebundle_()[view]}
