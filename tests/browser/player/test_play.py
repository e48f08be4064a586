"""Play: presentation time sets the frame, and the panes stay together."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

from tests.browser.helpers import App, step_clock_until, wait_for
from tests.browser.player.data import Open, data_of
from tests.fixtures.stores import READ_PATTERN_JS
from tests.fixtures.web.waits import wait_until

TICK_MS = 16
"""What an animation frame takes on the page's clock, which the tests here move by hand."""


def test_panes_never_show_different_frames_during_play(open_player: Open):
    root = open_player()
    mixed = root.evaluate(
        f"""async (el) => {{
          const read = {READ_PATTERN_JS};
          const mixed = [], seen = new Set();
          el.focus();
          el.dispatchEvent(new KeyboardEvent("keydown", {{key: " ", bubbles: true, composed: true}}));
          while (seen.size < 40) {{
            await new Promise(requestAnimationFrame);
            const found = el.xc.rects().map((rect) => read(el.xc.context(), rect)?.frame);
            if (new Set(found).size !== 1 || found[0] !== el.xc.painted) mixed.push([el.xc.painted, found]);
            for (const cursor of el.xc.cursors()) if (Math.abs(cursor - found[0]) > 0.1) mixed.push([cursor, found]);
            seen.add(found[0]);
          }}
          if (!el.xc.state().isPlaying) mixed.push("play has ended");
          return mixed;
        }}"""
    )
    assert mixed == []


@pytest.fixture
def page(clock_page: Page) -> Page:
    """A page on which time passes by `tick` alone, once stopped: the speed of the machine makes no difference.

    Each frame is decoded once `window.beforeDecode()` has ended, which a test may set.
    """
    clock_page.add_init_script(
        """
        const decode = window.createImageBitmap;
        window.decoding = 0;
        window.createImageBitmap = async (...given) => {
          await window.beforeDecode?.();
          window.decoding += 1;
          return decode(...given).finally(() => (window.decoding -= 1));
        };
        """
    )
    return clock_page


def tick(root: Locator) -> None:
    """One animation frame of the page's clock, and all that is decoded meanwhile."""
    root.page.clock.run_for(TICK_MS)
    wait_until(lambda: root.evaluate("window.decoding === 0"), "decoded frames")


def stop_time(root: Locator) -> None:
    root.page.clock.pause_at(3600)
    tick(root)


def start_play(root: Locator) -> None:
    root.evaluate("""el => el.dispatchEvent(new KeyboardEvent("keydown", {key: " ", bubbles: true, composed: true}))""")


def test_play_follows_presentation_time_where_frames_last_differently(mount_player: Open, app: App):
    durations = [0.02, 0.6, 0.04, 0.2] * 8
    pts = [sum(durations[:frame]) for frame in range(len(durations))]
    root = mount_player(data_of(app, "ia", ptsSeconds=pts, nReady=len(pts)))
    wait_for(root, "el.xc.state().loaded.some(([first, stop]) => first === 0 && stop >= 32)")
    stop_time(root)
    start_play(root)
    seen = []
    for n_ticks in range(1, 220):
        tick(root)
        seen.append((n_ticks * TICK_MS / 1000, root.evaluate("el => el.xc.painted")))
    tolerance = 1.5 * TICK_MS / 1000
    wrong = [
        (seconds, frame)
        for seconds, frame in seen
        if not pts[frame] - tolerance <= seconds <= pts[frame] + durations[frame] + tolerance
    ]
    assert wrong == [], "(seconds since the start, frame shown)"
    assert {1, 5, 9, 13} <= {frame for _, frame in seen}


def test_play_does_not_run_away_from_frames_that_the_network_has_not_brought(mount_player: Open, app: App):
    """Otherwise it would ask for the blocks after them as well, and all of them would come later."""
    root = mount_player(data_of(app, "i", ptsSeconds=[frame / 30 for frame in range(300)], nReady=300))
    wait_for(root, "el.xc.state().loaded.some(([first, stop]) => first === 0 && stop >= 16)")
    root.page.route("**/packs/**", lambda route: None)  # nothing arrives any more
    stop_time(root)
    start_play(root)
    ahead, painted, is_at_end = [], [], False
    # What was on its way arrives all the same, while this runs: the end is the last frame there is whenever play stands.
    while not is_at_end or painted[-1] != painted[-600 // TICK_MS]:
        tick(root)
        frame, shown, stop = root.evaluate("el => [el.xc.state().frame, el.xc.painted, el.xc.state().loaded[0][1]]")
        ahead.append(frame - shown)
        painted.append(shown)
        is_at_end = len(painted) >= 700 // TICK_MS and shown == stop - 1
        assert len(painted) < 10_000, f"play stands at {shown}, and {stop} frames are there"
    assert max(ahead) <= 5, "100 ms at 30 frames a second, and a tick"


def test_a_late_frame_of_a_slow_clip_is_no_stall(mount_player: Open, app: App):
    """Each frame lasts 600 ms and arrives 150 ms late. The clock continues, and the sign for waits of 400 ms stays hidden."""
    root = mount_player(data_of(app, "i", ptsSeconds=[0.6 * frame for frame in range(30)], nReady=30))
    stop_time(root)
    root.evaluate(
        """el => {
          let isFirst = true;
          const begun = new Promise((begin) => (window.begin = begin));
          window.beforeDecode = () => {
            const wait = isFirst ? null : begun.then(() => new Promise((done) => setTimeout(done, 750)));
            isFirst = false;
            return wait;
          };
          el.xc.seek(16);
        }"""
    )
    step_clock_until(root, "el.xc.painted === 16")
    root.evaluate("window.begin()")  # only now are the next frames decoded
    start_play(root)
    seen = []
    for _ in range(3300 // TICK_MS):
        tick(root)
        seen.append(root.evaluate("el => [el.xc.state().isLate, el.hasAttribute('data-loading')]"))
    n_late, n_signs = np.sum(seen, axis=0)
    assert n_late > 0 and n_signs == 0 and root.evaluate("el => el.xc.state().frame") == 16 + 5
