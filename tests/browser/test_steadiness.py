"""Nothing moves by itself: from the first picture on, panes, scrubber, strip, controls and plots stay where they are."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page

from tests.browser.helpers import App, choose_in_pane, drawn, focus, open_page, point, press, state, wait_for
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp

RECORDER = """
(() => {
  const roots = () => [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".xc")).filter(Boolean);
  const box = (one) => {
    const {x, y, width, height} = one.getBoundingClientRect();
    return [x, y + document.querySelector("[data-testid=stMain]").scrollTop, width, height].map(Math.round).join(" ");
  };
  const parts = {stage: ".stage", scrubber: ".slider", strip: ".strip", controls: ".controls", plots: ".charts",
    buttons: ".transport button", panels: "[aria-controls=panel]"};
  window.moves = [];
  window.places = {};
  let root = null;
  const look = () => {
    requestAnimationFrame(look);
    if (!root?.isConnected) root = roots()[0] ?? null;
    if (!root?.xc || root.xc.painted < 0) return;
    const now = {panes: root.xc.stage.layout.rects.filter(Boolean).map(({x, y, width, height}) => [x, y, width, height].join(" ")).join()};
    for (const [name, selector] of Object.entries(parts)) {
      now[name] = [...root.querySelectorAll(selector)].filter((one) => one.offsetWidth).map(box).join();
    }
    for (const [name, place] of Object.entries(now)) {
      const before = window.places[name];
      if (before && before !== place) window.moves.push(`${name}: ${before} -> ${place}`);
    }
    window.places = now;
  };
  look();
})();
"""
"""Keeps the places of the player's parts in every animation frame from the first picture on, and each change of one."""


SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shift += one.value; })
  .observe({type: "layout-shift", buffered: true});
"""
GOOD_SHIFT = 0.1
"""The limit of a good Cumulative Layout Shift (web.dev); it was 0.34 before elements had their places."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough",), n_frames=48)
    return App(dashboard(store.root), store)


def moves(page: Page) -> list[str]:
    """What has moved since the last call."""
    drawn(page)
    return page.evaluate("() => window.moves.splice(0)")


def draw_region(page: Page, root: Locator) -> None:
    page.keyboard.down("Shift")
    page.mouse.move(*point(root, 2, 0.3, 0.3))
    page.mouse.down()
    page.mouse.move(*point(root, 2, 0.6, 0.6), steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")


@pytest.mark.parametrize(("ms_of_scripts", "n_fetched"), [(200, 1), (4000, 0)])
def test_the_text_font_takes_nothing_from_the_first_picture_of_a_slow_line(
    page: Page, app: App, ms_of_scripts: int, n_fetched: int
):
    page.add_init_script(f"performance.getEntriesByType = () => [{{responseEnd: {ms_of_scripts}}}]")
    fonts: list[str] = []
    page.on("request", lambda request: fonts.append(request.url) if "SourceSans" in request.url else None)
    open_page(page, app)
    drawn(page)
    assert len(fonts) == n_fetched, fonts


def test_from_the_first_picture_on_nothing_moves_by_itself_or_while_one_works(page: Page, app: App):
    page.add_init_script(RECORDER + SHIFTS)
    root = open_page(page, app)
    wait_for(root, "el.xc.cursors().length > 2 && el.querySelector('.chart')")
    assert not moves(page), "when the plots come"
    assert page.evaluate("window.shift") < GOOD_SHIFT, "what comes one after the other has its place before"
    for key, what in {"d": "the difference", "e": "the energy", "p": "the probe", "z": "zoom"}.items():
        press(root, key)
        assert not moves(page), f"{what} on"
        press(root, key)
        assert not moves(page), f"{what} off"
    page.keyboard.down("q")
    assert not moves(page), "flicker"
    page.keyboard.up("q")
    draw_region(page, root)
    wait_for(
        root, "el.xc.state().view.region && /region|pixel|block/.test(el.querySelector('[data-id=energy]').textContent)"
    )
    assert not moves(page), "a region"
    page.keyboard.press("Escape")
    page.mouse.click(*point(root, 2, 0.4, 0.4))
    assert not moves(page), "a pinned probe"
    focus(root)
    page.keyboard.press("Space")
    wait_for(root, "el.xc.painted >= 30")
    page.keyboard.press("Space")
    assert not moves(page), "playing"
    before = page.evaluate("window.places")
    press(root, "w")
    assert state(root)["view"]["wipe"]
    press(root, "w")
    drawn(page)
    assert page.evaluate("window.places") == before, "after a wipe, which fills the height, all is back in its place"
    moves(page)
    choose_in_pane(root, "B", "baseline")
    wait_for(root, "new Set(el.xc.stage.panes.filter((one) => one.letter).map((one) => one.title)).size === 1")
    wait_for(root, "!el.xc.state().isLate")
    assert not moves(page), "another B"
