"""Seeks: every pane shows exactly the frame asked for, whatever else is on its way."""

from __future__ import annotations

import random
import urllib.parse

from playwright.sync_api import Page

from tests.browser.helpers import App, shown, wait_for
from tests.browser.player.data import FOUR_PANES, N_FRAMES, Open, data_of
from tests.fixtures.stores import READ_PATTERN_JS

N_SEEKS = 500
N_STEPS = 75
UNDER_WAY_JS = """
window.underWay = 0;
const owners = [[window, "fetch"], [window, "createImageBitmap"], [Blob.prototype, "arrayBuffer"],
  [Response.prototype, "arrayBuffer"], [ReadableStreamDefaultReader.prototype, "read"]];
for (const [owner, name] of owners) {
  const work = owner[name];
  owner[name] = function (...given) {
    window.underWay += 1;
    return work.apply(this, given).finally(() => (window.underWay -= 1));
  };
}
"""
"""Counts what is being fetched, read or decoded, as `underWay`."""


def test_500_random_seeks_show_exactly_the_asked_frame_in_all_panes(open_player: Open):
    root = open_player()
    frames = random.Random(1).choices(range(N_FRAMES), k=N_SEEKS)
    wrong = root.evaluate(
        f"""async (el, frames) => {{
          const read = {READ_PATTERN_JS};
          const wrong = [];
          for (const frame of frames) {{
            const paints = el.xc.paints;
            el.xc.seek(frame);
            while (el.xc.painted !== frame || el.xc.paints === paints) await new Promise(requestAnimationFrame);
            const found = el.xc.rects().map((rect) => read(el.xc.context(), rect));
            if (found.length !== 4 || found.some((one) => one?.frame !== frame)) wrong.push([frame, found]);
            if (new Set(found.map((one) => one?.number)).size !== 4) wrong.push([frame, found]);
            for (const cursor of el.xc.cursors()) if (Math.abs(cursor - frame) > 0.1) wrong.push([frame, cursor]);
          }}
          return wrong;
        }}""",
        frames,
    )
    assert wrong == []


def test_a_held_key_shows_each_frame_from_what_is_loaded_ahead(open_player: Open):
    """All frames are in memory, so none waits for the network; `make bench-player` measures how soon each is shown."""
    root = open_player()
    wait_for(root, f"el.xc.state().loaded.some(([first, stop]) => first === 0 && stop > {N_STEPS})")
    root.page.route("**/packs/*", lambda route: route.abort())
    errors = root.evaluate(
        """async (el, steps) => {
          for (let frame = 1; frame <= steps; frame += 1) {
            el.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", repeat: frame > 1, bubbles: true, composed: true}));
            while (el.xc.painted !== frame) await new Promise(requestAnimationFrame);
          }
          return el.xc.state().errors;
        }""",
        N_STEPS,
    )
    assert errors == [None] * 4


def test_seeks_faster_than_frames_come_end_on_the_last_one(page: Page, open_player: Open):
    page.add_init_script(UNDER_WAY_JS)
    root = open_player()
    frames = random.Random(2).choices(range(N_FRAMES), k=60)
    older = root.evaluate(
        """async (el, frames) => {
          const last = frames.at(-1), older = [];
          frames.forEach((frame) => el.xc.seek(frame));
          while (el.xc.painted !== last) await new Promise(requestAnimationFrame);
          while (window.underWay > 0) {
            await new Promise(requestAnimationFrame);
            if (el.xc.painted !== last) older.push(el.xc.painted);
          }
          return older;
        }""",
        frames,
    )
    assert older == [], "an older frame came after a newer one"
    assert {one["frame"] for one in shown(root) if one} == {frames[-1]}


def test_a_far_seek_calls_off_what_was_fetched_for_another_place(mount_player: Open, app: App):
    root = mount_player(data_of(app, "iab"))
    # Held from that frame on: the player goes on to load the rest of the clip.
    hold = "(window.held = [], el.xc.seek(60))"
    wait_for(root, "el.xc.state().loaded.some(([first, stop]) => first === 0 && stop >= 80)", hold)
    wait_for(root, "el.xc.painted === 60 && window.held.length >= 3")
    n_aborted = root.evaluate(
        """async (el) => {
          const before = [...window.held];
          el.xc.seek(250);
          await new Promise(requestAnimationFrame);
          return [before.length, before.filter(({signal}) => signal?.aborted).length];
        }"""
    )
    assert n_aborted[0] == n_aborted[1], "while the frame asked for is still on its way"


def test_every_pane_has_the_colours_of_its_domain(open_player: Open):
    root = open_player("panes=input,EA,A2")
    colours = root.evaluate(
        """el => el.xc.rects().map((rect) => {
          const {data} = el.xc.context().getImageData(rect.x + rect.width / 2, rect.y + rect.height / 2, 1, 1);
          return [...data].slice(0, 3);
        })"""
    )
    assert len(set(colours[1])) == 3, "an energy is drawn with a colour map"
    assert len(set(colours[2])) == 1, "reshading is grey"
    assert root.locator(".pane-head .legend").count() == 2


def test_titles_are_text_whatever_they_hold(open_player: Open):
    title = "<img src=x onerror=window.bad=1><b>bold</b>"
    root = open_player(f"panes={FOUR_PANES}&title=" + urllib.parse.quote(title))
    assert root.get_by_text(title, exact=True).is_visible()
    assert root.locator("img").count() == 0
    assert root.page.evaluate("window.bad === undefined")
