"""Players in Chromium: slider, buttons, keys, captions, calm, paper, and no script at all."""

import pytest

from lesson_support.draw import Scene
from lesson_support.draw.player import player_html
from lesson_support.draw.states import States

pytestmark = pytest.mark.browser

ALT = "a dot that moves through four places"
PHONE = {"viewport": {"width": 390, "height": 800}}


def _scene(place: int, width: float = 320) -> Scene:
    scene = Scene(width, 60)
    scene.line(20, 30, 300, 30)
    scene.circle(40 + 60 * place, 30, 12, fill="accent")
    scene.text(40, 52, f"place {place}", anchor="start")
    return scene


def _player(*, rest: int = 0, pace: float = 0.1, width: float = 320) -> str:
    states = States.of([(_scene(place, width), f"The dot is at {place}.") for place in range(4)], None)
    return player_html(states, {"k": ["0", "1", "2", "3"]}, alt=ALT, rest=rest, pace=pace)


@pytest.fixture
def shown(page, serve, tmp_path):
    """`shown(html, …)` opens a page of these cards."""

    def show(*cards: str, root: str = 'data-theme="light"'):
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>t</title>'
        head += '<link rel="icon" href="data:,">'
        text = f'<!doctype html><html lang="en" {root}>{head}<body>{"".join(cards)}'
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        page.goto(serve(tmp_path) + "page.html")
        return page

    return show


def _visible(root) -> list[str]:
    """The texts of the drawing that a reader sees."""
    return [text.text_content() for text in root.locator("svg text").all() if text.is_visible()]


def _state(page, player: int = 0) -> int:
    """The one state that shows, agreed by drawing, caption, slider and spoken value."""
    root = page.locator(".ecr-player").nth(player)
    drawing = [text for text in _visible(root) if text.startswith("place")]
    captions = [p.text_content() for p in root.locator(".ecr-captions p").all() if p.is_visible()]
    slider = root.get_by_role("slider")
    place = int(slider.input_value())
    assert drawing == [f"place {place}"]
    assert captions == [f"The dot is at {place}."]
    assert slider.get_attribute("aria-valuetext") == str(place) == root.locator("output").text_content()
    return place


def test_buttons_step_and_stop_at_the_ends(shown):
    page = shown(_player())
    previous, following = page.get_by_label("Previous"), page.get_by_label("Next")
    assert _state(page) == 0 and previous.is_disabled()
    for expected in (1, 2, 3):
        following.click()
        assert _state(page) == expected
    assert following.is_disabled()
    previous.click()
    assert _state(page) == 2


def test_every_key_does_what_it_says(shown):
    page = shown(_player())
    page.get_by_role("slider").focus()
    for key, expected in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 3), ("Home", 0)]:
        page.keyboard.press(key)
        assert _state(page) == expected, key
    page.get_by_label("Next").focus()
    for key, expected in [("ArrowRight", 1), ("End", 3), ("ArrowLeft", 2), ("Home", 0)]:
        page.keyboard.press(key)
        assert _state(page) == expected, f"{key} on a button"


def test_the_focus_survives_a_button_that_becomes_disabled(shown):
    page = shown(_player())
    page.get_by_label("Next").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert _state(page) == 2


def test_space_plays_to_the_end_and_again_from_the_start(shown):
    page = shown(_player())
    page.get_by_role("slider").focus()
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('input').value === '3'")
    page.get_by_label("Play").wait_for()
    assert _state(page) == 3
    page.get_by_label("Play").click()
    assert int(page.get_by_role("slider").input_value()) < 3
    page.wait_for_function("document.querySelector('input').value === '3'")


def test_nothing_moves_before_a_reader_asks_and_pause_holds(shown):
    page = shown(_player(pace=0.3))
    page.wait_for_timeout(500)
    assert _state(page) == 0
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('input').value === '1'")
    page.get_by_label("Pause").click()
    held = _state(page)
    page.wait_for_timeout(500)
    assert _state(page) == held


def test_a_step_is_spoken_and_playing_is_not(shown):
    page = shown(_player())
    live = page.locator("[aria-live=polite]")
    assert live.text_content() == ""
    page.get_by_label("Next").click()
    assert live.text_content() == "The dot is at 1."
    page.get_by_label("Play").click()
    page.wait_for_function("document.querySelector('input').value === '2'")
    assert live.text_content() == "The dot is at 1."


def test_twins_on_one_page_move_apart_and_start_once(shown):
    page = shown(_player(pace=0.3), _player(pace=0.3), _player(rest=3, pace=0.3))
    page.locator(".ecr-player").nth(1).get_by_label("Next").focus()
    page.keyboard.press("ArrowRight")
    assert [_state(page, k) for k in range(3)] == [0, 1, 0]
    assert page.evaluate("document.querySelectorAll('[id]').length") == 0
    # Started twice, a player would go on playing after its pause.
    page.get_by_role("slider").first.focus()
    page.keyboard.press(" ")
    page.get_by_label("Pause").click()
    page.wait_for_timeout(450)
    assert [_state(page, k) for k in range(3)] == [0, 1, 0]


def test_two_axes_reach_every_pair(shown):
    scenes = []
    for i in range(2):
        for j in range(3):
            scene = Scene(100, 40)
            scene.text(50, 20, f"pair {i} {j}")
            scenes.append(scene)
    html = player_html(
        States.of(scenes, None), {"i": ["a", "b"], "j": ["x", "y", "z"]}, alt="all pairs of i and j"
    )
    page = shown(html)
    first, second = page.get_by_role("slider").all()
    root = page.locator(".ecr-player")
    assert _visible(root) == ["pair 0 0"]
    second.focus()
    page.keyboard.press("End")
    first.focus()
    page.keyboard.press("ArrowRight")
    assert _visible(root) == ["pair 1 2"]
    assert [output.text_content() for output in page.locator("output").all()] == ["b", "z"]
    page.get_by_label("Previous").click()
    assert _visible(root) == ["pair 1 1"]


@pytest.mark.parametrize("page", [{"reduced_motion": "reduce"}], indirect=True)
def test_readers_who_want_calm_get_steps_only(shown):
    page = shown(_player())
    assert not page.locator(".ecr-play").is_visible()
    page.get_by_role("slider").focus()
    page.keyboard.press(" ")
    page.wait_for_timeout(400)
    assert _state(page) == 1


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
@pytest.mark.parametrize("rest", [0, 3])
def test_without_scripts_the_resting_state_is_whole(shown, rest):
    page = shown(_player(rest=rest))
    root = page.locator(".ecr-player")
    assert _visible(root) == [f"place {rest}"]
    assert [p.text_content() for p in root.locator(".ecr-captions p").all() if p.is_visible()] == [
        f"The dot is at {rest}."
    ]
    assert not page.get_by_role("slider").is_visible()


def test_paper_shows_the_resting_state_without_controls(shown):
    page = shown(_player(rest=3))
    assert _state(page) == 0
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert _visible(page.locator(".ecr-player")) == ["place 3"]
    assert not page.get_by_role("slider").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert _state(page) == 0


@pytest.mark.parametrize("page", [PHONE], indirect=True)
@pytest.mark.parametrize("width", [320, 900])
def test_a_phone_scrolls_the_drawing_and_never_the_page(shown, width):
    page = shown(_player(width=width))
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    stage = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.querySelector('.ecr-stage'))")
    assert (stage[0] > stage[1]) == (width == 900)
    drawn = page.evaluate("document.querySelector('svg').getBoundingClientRect().width")
    assert 13 * drawn / width >= 10.99, "the smallest text is too small on a phone"


HOSTS = [
    ('data-theme="light"', "", "no-preference", False),
    ('data-theme="light"', "", "dark", False),
    ('data-theme="dark"', "", "light", True),
    ("", 'data-jp-theme-light="false"', "light", True),
    ("", 'data-jp-theme-light="true"', "dark", False),
    ("", 'data-vscode-theme-kind="vscode-dark"', "light", True),
    ('theme="dark"', "", "light", True),
    ("", "", "dark", True),
    ("", "", "light", False),
    ('data-content_root="./"', "", "dark", False),
]


@pytest.mark.parametrize(("root", "body", "system", "dark"), HOSTS)
def test_colours_follow_the_page_and_then_the_system(page, root, body, system, dark):
    page.emulate_media(color_scheme=system)
    page.set_content(f"<!doctype html><html {root}><body {body}>{_player()}")
    paper = page.evaluate("getComputedStyle(document.querySelector('.ecr')).backgroundColor")
    assert paper == ("rgb(20, 24, 30)" if dark else "rgb(255, 255, 255)")
    fill = page.evaluate("getComputedStyle(document.querySelector('circle')).fill")
    assert fill == ("rgb(118, 165, 248)" if dark else "rgb(26, 107, 208)")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("<script>console.error('a complaint')</script>", "console: a complaint"),
        ("<script>throw new Error('a fault')</script>", "script: a fault"),
        ('<img src="http://127.0.0.2:9/x.png">', "request: http://127.0.0.2:9/x.png"),
        ('<script src="https://cdn.invalid/x.js"></script>', "request: https://cdn.invalid/x.js"),
    ],
)
def test_the_watch_sees_what_it_is_there_for(browser, watch, content, problem):
    context = browser.new_context()
    context.route(lambda url: not url.startswith("about:"), lambda route: route.fulfill(status=200, body=""))
    page = context.new_page()
    seen = watch(page)
    page.set_content(content)
    page.wait_for_timeout(100)
    context.close()
    assert problem in seen.problems
