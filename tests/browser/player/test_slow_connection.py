"""Slow connections: previews while frames move, lossless pictures where they stand."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator

from tests.browser.helpers import FRAMES_JS, App, frames_shown, press, state, wait_for
from tests.browser.player.data import FOUR_PANES, Open
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp

LAST_OF_BLOCK = 261
"""Its exact bytes come after those of the 15 frames before it: an earlier one may be exact before its preview."""


def slow_down(root: Locator, kilobytes_per_second: float) -> None:
    """From now on the browser's line brings so much."""
    session = root.page.context.new_cdp_session(root.page)
    session.send("Network.enable")
    rate = 1000 * kilobytes_per_second
    limits = {"offline": False, "latency": 20, "downloadThroughput": rate, "uploadThroughput": rate}
    session.send("Network.emulateNetworkConditions", limits)


@pytest.fixture(scope="module")
def heavy_app(tmp_path_factory: pytest.TempPathFactory, start_app: StartApp) -> App:
    """Pictures as heavy as real ones, and more of them than are fetched ahead."""
    folder = tmp_path_factory.mktemp("heavy")
    store = build_store(folder, n_frames=300, frames_per_pack=150, size=(160, 160), noise=4, truths=())
    return App(start_app(store.root, "tests/browser/player_app.py"), store)


def wait_for_tier(root: Locator, frame: int, tier: str, then: str = "null") -> Any:
    """Wait until that frame is shown so, and the button says so; `then` as in `wait_for`."""
    is_exact = "" if tier == "lossless" else "!"
    says = f"el.querySelector('.tier').textContent === '{tier}'"
    return wait_for(root, f"el.xc.painted === {frame} && {is_exact}el.xc.state().isExact && {says}", then)


def test_on_a_slow_line_previews_are_played_and_the_frame_that_stands_is_exact(open_player: Open, heavy_app: App):
    root = open_player(f"panes={FOUR_PANES}", heavy_app.address)
    wait_for(root, "el.xc.state().isExact")
    assert root.locator(".tier").inner_text() == "lossless"
    slow_down(root, 700)
    root.evaluate(f"el => el.xc.seek({LAST_OF_BLOCK})")
    assert wait_for_tier(root, LAST_OF_BLOCK, "preview", then=FRAMES_JS) == [LAST_OF_BLOCK] * 4
    wait_for_tier(root, LAST_OF_BLOCK, "lossless")
    press(root, "Space")
    frames = wait_for(root, "el.xc.painted > 277 && !el.xc.state().isExact", then=FRAMES_JS)
    assert len(set(frames)) == 1
    press(root, "Space")
    wait_for(root, "!el.xc.state().isPlaying && el.xc.state().isExact")
    frame = state(root)["painted"]
    assert frames_shown(root) == [frame] * 4


def test_play_on_a_slow_line_never_steps_back(open_player: Open, heavy_app: App):
    root = open_player(f"panes={FOUR_PANES}", heavy_app.address)
    slow_down(root, 400)
    root.evaluate("el => el.xc.seek(111)")  # the last of its block, too
    wait_for_tier(root, 111, "preview")
    press(root, "Space")
    seen = root.evaluate(
        """async (el) => {
          const seen = [el.xc.painted];
          while (el.xc.painted < 150) {
            await new Promise(requestAnimationFrame);
            if (el.xc.painted !== seen.at(-1)) seen.push(el.xc.painted);
          }
          return seen;
        }"""
    )
    assert seen == sorted(seen)


def test_an_exact_frame_has_the_stored_codes_also_after_its_preview(open_player: Open, heavy_app: App):
    """The input is shown as it is stored, so that its pixels can be held against the pack's."""
    root = open_player("panes=input", heavy_app.address)
    slow_down(root, 300)
    root.evaluate("el => el.xc.seek(250)")
    preview, exact = (
        np.array(wait_for_tier(root, 250, tier, then="Array.from(el.xc.pictures()[0].codes.data)"), np.uint8).reshape(
            160, 160, 4
        )[..., :3]
        for tier in ("preview", "lossless")
    )
    stored = list(heavy_app.store.images(heavy_app.store.tracks(kind="input")[0]))[250]
    assert np.array_equal(exact, cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR_RGB))
    assert 0 < np.abs(preview.astype(int) - exact).mean() < 5


def test_who_wants_nothing_but_exact_pictures_waits_for_them(open_player: Open, heavy_app: App):
    root = open_player("panes=input", heavy_app.address)
    button = root.locator(".tier")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    slow_down(root, 300)
    seen: list[bool] = []
    for frame in (150, 290):
        root.evaluate("(el, frame) => el.xc.seek(frame)", frame)
        seen.append(wait_for(root, f"el.xc.painted === {frame}", then="el.xc.state().isExact"))
    assert seen == [True, True]
    button.click()
    root.evaluate("el => el.xc.seek(210)")
    wait_for_tier(root, 210, "preview")
