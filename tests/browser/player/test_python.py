"""Python and the player: reports, seeks from the page, reruns, and a choice of other panes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.helpers import App, press, repainted, seek, shown, state, wait_for
from tests.browser.player.data import FOUR_PANES, Open, data_of


def test_python_hears_where_the_viewer_has_settled_and_not_of_play(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&frame=5")
    page = root.page
    assert state(root)["painted"] == 5
    page.get_by_text("position frame=5 speed=1.0 reruns=1").wait_for()
    # In one go: on a busy machine five presses take longer than the player waits.
    root.evaluate(
        """(el) => {
          for (let i = 0; i < 5; i++) el.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, composed: true}));
        }"""
    )
    page.get_by_text("position frame=10 speed=1.0 reruns=2").wait_for()
    root.press(" ")
    wait_for(root, "el.xc.painted >= 40")  # a second of play, five times what the player waits
    root.press(" ")
    settled = state(root)["frame"]
    # Had anything been reported while it played, this would be a later run.
    page.get_by_text(f"position frame={settled} speed=1.0 reruns=3").wait_for()


def test_the_page_can_seek_and_a_rerun_alone_moves_nothing(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&seek=77")
    root.evaluate("el => el.xc.seek(12)")
    root.page.get_by_text("position frame=12").wait_for()
    root.page.get_by_role("button", name="seek from the page").click()
    wait_for(root, "el.xc.painted === 77")
    root.evaluate("el => el.xc.seek(40)")
    position = root.page.get_by_text("position frame=40")
    n_reruns = int(position.inner_text().split("reruns=")[1])
    root.page.get_by_role("button", name="seek from the page").click()
    root.page.get_by_text(f"reruns={n_reruns + 1}").wait_for()
    repainted(root)
    assert state(root)["painted"] == 40, "the page asks for the same frame as before, so for nothing new"


def test_rendering_again_leaves_one_player_and_one_listener(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&seek=9")
    page = root.page
    for scheme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=scheme)  # Streamlit renders the component again
        wait_for(root, f"el.dataset.theme === '{scheme}'")
    page.get_by_role("button", name="seek from the page").click()
    wait_for(root, "el.xc.painted === 9")
    assert page.locator(".xc").count() == 1
    assert press(root, "ArrowRight")["frame"] == 10
    assert shown(root)[0] == {"frame": 10, "number": 1}


def test_another_choice_of_panes_keeps_the_frame(open_player: Open):
    root = open_player("panes=input,A,B")
    seek(root, 42)
    numbers = [one and one["number"] for one in shown(root)]
    root.page.get_by_role("button", name="swap A and B").click()
    wait_for(root, "el.querySelector('.pane-head:nth-child(3) .badge').textContent === 'B'")
    wait_for(root, "!el.xc.state().isLate")
    assert shown(root) == [{"frame": 42, "number": numbers[index]} for index in (0, 2, 1)]


@pytest.mark.parametrize("clip", ["a clip", "another clip"])
def test_no_picture_stands_under_a_wrong_heading_while_the_right_one_is_late(mount_player: Open, app: App, clip: str):
    root = mount_player(data_of(app, "iab"))
    seek(root, 42)
    before = shown(root)
    after = data_of(app, "iBb", clip=clip, start={"frame": 42, "speed": 1.0})
    root.page.evaluate("data => { window.held = []; window.update(data); }", after)
    wait_for(root, "window.held.length > 0")
    # The tracks that stay keep their pictures; those of another clip are gone with it, until they are shown again.
    assert shown(root) == ([before[0], None, before[2]] if clip == "a clip" else [None] * 3)
    root.evaluate("() => window.release()")
    wait_for(root, "!el.xc.state().isLate && el.xc.painted === 42")
    now = shown(root)
    assert [now[0], now[2]] == [before[0], before[2]]
    assert now[1] and now[1]["frame"] == 42 and now[1] != before[1]


def test_a_press_of_a_button_is_not_lost_where_the_player_is_about_to_report(open_player: Open):
    root = open_player("panes=input,A,B")
    for turn in range(3):
        root.evaluate(SEEK_AND_PRESS_JS, {"frame": 42 + turn, "atMs": 199})
        wait_for(root, f"el.querySelector('.pane-head:nth-child(3) .badge').textContent === '{'AB'[(turn + 1) % 2]}'")
        wait_for(root, "!el.xc.state().isLate")


SEEK_AND_PRESS_JS = """
async (el, {frame, atMs}) => {
  el.xc.seek(frame);
  while (el.xc.painted !== frame) await new Promise(requestAnimationFrame);
  const until = performance.now() + atMs;
  await new Promise((resolve) => setTimeout(resolve, until - performance.now() - 10));
  while (performance.now() < until) {}
  [...document.querySelectorAll("button")].find((one) => one.innerText === "swap A and B").click();
}
"""
"""Press the button `atMs` after the picture of a seek, of which the player reports after 200 ms."""


PRESS_AT_REPORT_JS = """
({isFirst}) => {
  const later = window.setTimeout;
  const press = () => [...document.querySelectorAll("button")].find((one) => one.innerText === "swap A and B").click();
  window.setTimeout = (act, ms, ...given) => {
    if (ms !== 200) return later(act, ms, ...given);
    return later(() => {
      if (isFirst) press();
      act();
      if (!isFirst) press();
    }, ms);
  };
}
"""
"""Press the button in the tick in which the player reports, 200 ms after a seek, before or after the report."""


@pytest.mark.parametrize("is_first", [True, False])
def test_a_press_in_the_tick_of_a_report_redraws_the_whole_page(open_player: Open, is_first: bool):
    """Streamlit's browser sends both as one request, of the fragment alone."""
    root = open_player("panes=input,A,B")
    root.page.evaluate(PRESS_AT_REPORT_JS, {"isFirst": is_first})
    seek(root, 42)
    wait_for(root, "el.querySelector('.pane-head:nth-child(3) .badge').textContent === 'B'")
    root.page.get_by_text("position frame=42 ").wait_for()


def test_panes_come_back_where_they_were_before_while_the_player_reports(open_player: Open):
    """Streamlit names the data it has sent before; the browser must not forget them between request and answer."""
    root = open_player("panes=input,A,B")
    badge = "el.querySelector('.pane-head:nth-child(3) .badge').textContent"
    frame = 40
    for at_ms in (205, 215, 225, 240, 260):
        root.page.get_by_role("button", name="swap A and B").click()
        wait_for(root, f"{badge} === 'B'")
        frame += 1
        root.evaluate("(el, frame) => el.xc.seek(frame)", frame)
        root.page.get_by_text(f"position frame={frame} ").wait_for()  # a run that names what is shown now
        frame += 1
        root.evaluate(SEEK_AND_PRESS_JS, {"frame": frame, "atMs": at_ms})
        wait_for(root, f"{badge} === 'A'")
        root.page.get_by_text(f"position frame={frame} ").wait_for()


def test_seeks_in_the_panes_before_do_not_hold_back_those_of_now(mount_player: Open, app: App):
    root = mount_player(data_of(app, "ab"))
    root.evaluate(
        """async (el) => {
          window.held = [];
          el.xc.seek(150);
          el.xc.seek(250);
        }"""
    )
    wait_for(root, "window.held.length >= 4")
    root.page.evaluate(
        "data => { window.before = window.held; window.held = null; window.update(data); }",
        data_of(app, "AB", clip="another clip"),
    )
    wait_for(root, "el.xc.painted === 0 && !el.xc.state().isLate")
    assert {one and one["frame"] for one in shown(root)} == {0}


def test_an_outdated_cleanup_is_ignored_and_the_last_one_ends_everything(page: Page, app: App):
    page.goto(f"{app.address}/web/ui/player.css")
    counts = page.evaluate(
        """async () => {
          const {mount} = await import("/web/player/compare_page.mjs");
          const parentElement = document.body.appendChild(document.createElement("div")).attachShadow({mode: "open"});
          const data = {clip: "a", title: "", width: 8, height: 8, ptsSeconds: [0, 1, 2], nReady: 3, panes: [],
            charts: [], speeds: [1], start: {frame: 0, speed: 1}, command: {seq: 0, frame: 0, speed: 1}};
          const count = () => parentElement.querySelectorAll(".xc").length;
          const first = mount({data, parentElement, setStateValue() {}});
          const second = mount({data: {...data}, parentElement, setStateValue() {}});
          const counts = [count()];
          first();
          counts.push(count());
          const root = parentElement.querySelector(".xc");
          second();
          counts.push(count());
          const paints = root.xc.paints;
          root.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, composed: true}));
          for (let i = 0; i < 3; i += 1) await new Promise(requestAnimationFrame);
          return [...counts, root.xc.paints - paints];
        }"""
    )
    assert counts == [1, 1, 0, 0]


OWN_BUTTONS = [
    "copy a link to this frame (S)",
    "fill the screen with the player (Shift F)",
    "help: what this is, keys and gestures (?)",
]
"""Names of the buttons of a player without parts: without a timeline there is no frame to find."""


def test_a_page_may_leave_out_any_part(page: Page, app: App):
    page.goto(f"{app.address}/web/ui/player.css")
    page.evaluate(
        """async (data) => {
          const {mountPlayer} = await import("/web/player/player.mjs");
          const parentElement = document.body.appendChild(document.createElement("div")).attachShadow({mode: "open"});
          mountPlayer({data, parentElement, setStateValue() {}}, () => []);
        }""",
        data_of(app, "ab"),
    )
    root = page.locator(".xc")
    wait_for(root, "el.xc.painted === 0 && !el.xc.state().isLate")
    root.focus()
    assert press(root, "ArrowRight")["frame"] == 1
    assert press(root, "w")["view"]["wipe"] is None, "the key of a part that is not there does nothing"
    assert root.get_by_role("slider").count() == 0
    names = [button.get_attribute("aria-label") for button in root.get_by_role("button").all()]
    assert names == OWN_BUTTONS


def test_a_player_put_back_goes_on_where_it_was_unless_told_otherwise(mount_player: Open, app: App):
    """Streamlit may replace it before Python knows: Python then says the same start as before."""
    data = data_of(app, "ia")
    root = mount_player(data)
    root.focus()
    for key in "]", "2", "ArrowRight":
        root.press(key)
    root.evaluate("el => el.xc.seek(7)")
    wait_for(root, "el.xc.painted === 7")
    before = state(root)["view"]
    root.page.evaluate("data => { window.end(); window.update(data); }", data)
    wait_for(root, "el.xc.painted === 7")
    assert state(root)["view"] == before
    elsewhere = {**data, "start": {"frame": 3, "speed": 1.0, "look": {"solo": "i"}}}
    root.page.evaluate("data => { window.end(); window.update(data); }", elsewhere)
    wait_for(root, "el.xc.painted === 3")
    assert state(root)["view"]["solo"] == "i"
