"""The player in a real browser: every pane shows the frame asked for, and nothing else moves."""

from __future__ import annotations

import random
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, Route

from cache.store import Store
from tests.conftest import StartApp, opened_in
from tests.fixtures.stores import READ_PATTERN_JS, build_store

N_FRAMES = 300
N_SEEKS = 500
FOUR_PANES = "input,A,B,A2"
Open = Callable[..., Locator]


@dataclass(frozen=True)
class App:
    """A running player_app and the store behind it."""

    address: str
    store: Store


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, start_app: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), n_frames=N_FRAMES, frames_per_pack=100)
    return App(start_app(store.root, "tests/browser/player_app.py"), store)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new browser: what is loaded, and when, is tested here."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        yield from opened_in(context)


@pytest.fixture
def open_player(page: Page, app: App) -> Open:
    """open_player(query, address) -> the player's root element, its first frame painted and its plots drawn."""

    def open_(query: str = f"panes={FOUR_PANES}", address: str = "") -> Locator:
        page.goto(f"{address or app.address}/?{query}")
        root = page.locator(".xc")
        root.wait_for()
        wait_for(root, "el.xc.painted >= 0 && el.xc.cursors().length > 0")
        return root

    return open_


def wait_for(root: Locator, condition: str, timeout_ms: int = 20_000) -> None:
    """Wait until a condition on the player's root `el` holds, looking at every animation frame."""
    is_met = root.evaluate(
        f"""async (el) => {{
          const until = performance.now() + {timeout_ms};
          while (performance.now() < until) {{
            if ({condition}) return true;
            await new Promise(requestAnimationFrame);
          }}
          return false;
        }}"""
    )
    assert is_met, f"not within {timeout_ms} ms: {condition}; the player: {root.evaluate('el => el.xc.state()')}"


def state(root: Locator) -> dict[str, Any]:
    return root.evaluate("el => el.xc.state()")


def shown(root: Locator) -> list[dict[str, int] | None]:
    """What the pixels of each visible pane say: the frame and the track."""
    return root.evaluate(
        f"el => el.xc.rects().filter(Boolean).map((rect) => ({READ_PATTERN_JS})(el.xc.context(), rect))"
    )


def wait_for_numbers(root: Locator, numbers: list[int]) -> None:
    """Wait until the visible panes show the pictures of these tracks."""
    found = f"el.xc.rects().filter(Boolean).map((rect) => ({READ_PATTERN_JS})(el.xc.context(), rect)?.number)"
    wait_for(root, f"JSON.stringify({found}) === JSON.stringify({numbers})")


def press(root: Locator, key: str) -> dict[str, Any]:
    root.focus()
    root.press(key)
    wait_for(root, "!el.xc.state().isLate && el.xc.painted === el.xc.state().frame")
    return state(root)


@pytest.fixture
def mount_player(page: Page, app: App) -> Open:
    """mount_player(data) -> the root of a player without Streamlit; `update(data)` renders it again, `end()` ends it.

    `window.held` = [] holds from then on what is fetched of packs, as [{url, signal, go()}].
    """

    def mount(data: dict[str, Any]) -> Locator:
        page.goto(f"{app.address}/web/player/player.css")
        page.evaluate(
            """async (data) => {
              const {mount} = await import("/web/player/compare_page.mjs");
              const fetched = window.fetch;
              window.fetch = async (url, options) => {
                const {signal} = options ?? {};
                if (window.held && String(url).includes("/packs/")) {
                  await new Promise((go, stop) => {
                    window.held.push({url, signal, go});
                    signal?.addEventListener("abort", () => stop(signal.reason));
                  });
                }
                return fetched(url, options);
              };
              window.release = () => {
                const {held} = window;
                window.held = null;
                for (const {go} of held) go();
              };
              document.body.replaceChildren();
              const parentElement = document.body.appendChild(document.createElement("div")).attachShadow({mode: "open"});
              window.reported = [];
              const setStateValue = (name, value) => window.reported.push(value);
              window.update = (data) => (window.end = mount({data, parentElement, setStateValue}));
              window.update(data);
            }""",
            data,
        )
        root = page.locator(".xc")
        wait_for(root, "el.xc.painted >= 0")
        return root

    return mount


def data_of(app: App, panes: str, **changes: Any) -> dict[str, Any]:
    """What Python would send for these panes: i input, a b predictions, A B readouts of the two methods."""
    names = {("input", ""): "i"}
    for method, letter in (("baseline", "a"), ("consistency", "b")):
        names |= {("prediction", method): letter, ("readout", method): letter.upper()}
    tracks = {names.get((track.head.kind, track.head.method)): track for track in app.store.tracks()}
    return {
        "clip": "a clip",
        "title": "a clip",
        "width": 64,
        "height": 64,
        "ptsSeconds": [frame / 30 for frame in range(N_FRAMES)],
        "nReady": N_FRAMES,
        "panes": [
            {
                "id": name,
                "letter": "",
                "title": name,
                "detail": "",
                "row": 0,
                "column": column,
                "key": tracks[name].head.key,
                "isComplete": True,
                "domain": dict(tracks[name].head.domain),
                "packs": [
                    {
                        "url": f"/packs/{tracks[name].head.key}-{pack.sha256}.pack",
                        "start": pack.start,
                        "n_frames": pack.n_frames,
                    }
                    for pack in tracks[name].packs
                ],
            }
            for column, name in enumerate(panes)
        ],
        "charts": [],
        "speeds": [0.5, 1.0, 2.0],
        "start": {"frame": 0, "speed": 1.0},
        "command": {"seq": 0, "frame": 0, "speed": 1.0},
        **changes,
    }


def a_chart(title: str, height: float = 1.0) -> dict[str, Any]:
    trace = {"type": "scatter", "mode": "lines", "name": "curve", "y": [height] * N_FRAMES}
    return {"id": title, "title": title, "figure": {"data": [trace], "layout": {}}}


# Frames


def test_500_random_seeks_show_exactly_the_asked_frame_in_all_panes(open_player: Open):
    root = open_player()
    frames = random.Random(1).choices(range(N_FRAMES), k=N_SEEKS)
    result = root.evaluate(
        f"""async (el, frames) => {{
          const read = {READ_PATTERN_JS};
          const wrong = [], milliseconds = [];
          for (const frame of frames) {{
            const paints = el.xc.paints, start = performance.now();
            el.xc.seek(frame);
            while (el.xc.painted !== frame || el.xc.paints === paints) await new Promise(requestAnimationFrame);
            milliseconds.push(el.xc.paintedAtMs - start);
            const found = el.xc.rects().map((rect) => read(el.xc.context(), rect));
            if (found.length !== 4 || found.some((one) => one?.frame !== frame)) wrong.push([frame, found]);
            if (new Set(found.map((one) => one?.number)).size !== 4) wrong.push([frame, found]);
            for (const cursor of el.xc.cursors()) if (Math.abs(cursor - frame) > 0.1) wrong.push([frame, cursor]);
          }}
          return {{wrong, milliseconds}};
        }}""",
        frames,
    )
    p50, p95 = np.percentile(result["milliseconds"], [50, 95])
    print(f"{N_SEEKS} random seeks: median {p50:.1f} ms, p95 {p95:.1f} ms from asked to painted")
    assert result["wrong"] == []


def test_a_held_key_shows_each_frame_soon(open_player: Open):
    root = open_player()
    milliseconds = root.evaluate(
        """async (el) => {
          const milliseconds = [];
          for (let frame = 1; frame <= 100; frame += 1) {
            const start = performance.now();
            el.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", repeat: frame > 1}));
            while (el.xc.painted !== frame) await new Promise(requestAnimationFrame);
            milliseconds.push(el.xc.paintedAtMs - start);
          }
          return milliseconds;
        }"""
    )
    p50, p95 = np.percentile(milliseconds, [50, 95])
    print(f"100 steps: median {p50:.1f} ms, p95 {p95:.1f} ms from the key to the picture")
    assert p95 <= 250, "the aim is 50 ms; a busy machine gets five times that"


def test_seeks_faster_than_frames_come_end_on_the_last_one(open_player: Open):
    root = open_player()
    frames = random.Random(2).choices(range(N_FRAMES), k=60)
    root.evaluate("(el, frames) => frames.forEach((frame) => el.xc.seek(frame))", frames)
    wait_for(root, f"el.xc.painted === {frames[-1]}")
    assert {one["frame"] for one in shown(root) if one} == {frames[-1]}
    root.page.wait_for_timeout(300)
    assert {one["frame"] for one in shown(root) if one} == {frames[-1]}, "an older frame came after a newer one"


def test_panes_never_show_different_frames_during_play(open_player: Open):
    root = open_player()
    result = root.evaluate(
        f"""async (el) => {{
          const read = {READ_PATTERN_JS};
          const mixed = [], seen = new Set();
          el.focus();
          el.dispatchEvent(new KeyboardEvent("keydown", {{key: " ", bubbles: true}}));
          const until = performance.now() + 2000;
          while (performance.now() < until) {{
            await new Promise(requestAnimationFrame);
            const found = el.xc.rects().map((rect) => read(el.xc.context(), rect)?.frame);
            if (new Set(found).size !== 1 || found[0] !== el.xc.painted) mixed.push([el.xc.painted, found]);
            for (const cursor of el.xc.cursors()) if (Math.abs(cursor - found[0]) > 0.1) mixed.push([cursor, found]);
            seen.add(found[0]);
          }}
          return {{mixed, seen: seen.size, isPlaying: el.xc.state().isPlaying}};
        }}"""
    )
    assert result["mixed"] == []
    assert result["isPlaying"]
    assert result["seen"] >= 20, "2 s at 30 fps show some 60 frames, and also on a busy machine a good part of them"


def test_play_follows_presentation_time_where_frames_last_differently(mount_player: Open, app: App):
    durations = [0.02, 0.6, 0.04, 0.2] * 8
    pts = [sum(durations[:frame]) for frame in range(len(durations))]
    root = mount_player(data_of(app, "ia", ptsSeconds=pts, nReady=len(pts)))
    wait_for(root, "el.xc.state().loaded.some(([first, stop]) => first === 0 && stop >= 32)")
    seen = root.evaluate(
        """async (el) => {
          const seen = [];
          const start = performance.now();
          el.dispatchEvent(new KeyboardEvent("keydown", {key: " "}));
          while (performance.now() < start + 3500) {
            await new Promise(requestAnimationFrame);
            seen.push([(performance.now() - start) / 1000, el.xc.painted]);
          }
          return seen;
        }"""
    )
    late = 0.25  # s: a busy machine; too early there is no excuse for
    wrong = [
        (seconds, frame)
        for seconds, frame in seen
        if not pts[frame] - 0.02 <= seconds <= pts[frame] + durations[frame] + late
    ]
    assert wrong == [], "(seconds since the start, frame shown)"
    assert {1, 5, 9, 13} <= {frame for _, frame in seen}


def test_a_late_frame_of_a_slow_clip_is_no_stall(mount_player: Open, app: App):
    """Frames of 600 ms, each 150 ms late: the clock goes on and no sign is shown, as it is for a wait of 400 ms."""
    root = mount_player(data_of(app, "i", ptsSeconds=[0.6 * frame for frame in range(30)], nReady=30))
    root.evaluate(
        """(el) => {
          const decode = window.createImageBitmap;
          window.createImageBitmap = async (...given) => {
            await new Promise((resolve) => setTimeout(resolve, 750));
            return decode(...given);
          };
        }"""
    )
    root.evaluate("el => el.xc.seek(16)")  # whose next frames are not decoded yet
    wait_for(root, "el.xc.painted === 16")
    result = root.evaluate(
        """async (el) => {
          let signs = 0;
          const start = performance.now();
          el.dispatchEvent(new KeyboardEvent("keydown", {key: " "}));
          while (performance.now() < start + 3300) {
            await new Promise(requestAnimationFrame);
            signs += el.hasAttribute("data-loading");
          }
          return {signs, frame: el.xc.state().frame};
        }"""
    )
    assert result == {"signs": 0, "frame": 16 + 5}


def test_a_far_seek_calls_off_what_was_fetched_for_another_place(mount_player: Open, app: App):
    root = mount_player(data_of(app, "iab"))
    wait_for(root, "el.xc.state().loaded.some(([first, stop]) => first === 0 && stop >= 80)")
    root.evaluate("el => { window.held = []; el.xc.seek(60); }")
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


# Looking closer


def wheel(root: Locator, pane: int, u: float, v: float, delta: float, *, ctrl: bool = False) -> None:
    """Turn the wheel over that place of that pane, in shares of it."""
    x, y = point(root, pane, u, v)
    root.page.mouse.move(x, y)
    if ctrl:
        root.page.keyboard.down("Control")
    root.page.mouse.wheel(0, delta)
    if ctrl:
        root.page.keyboard.up("Control")
    root.page.wait_for_timeout(100)


def point(root: Locator, pane: int, u: float, v: float) -> tuple[float, float]:
    """A place of a pane, in shares of it, as a point of the window."""
    place = root.evaluate(
        """(el, [pane, u, v]) => {
          const box = el.querySelector(".stage").getBoundingClientRect(), rect = el.xc.stage.layout.rects[pane];
          return [box.left + rect.x + u * rect.width, box.top + rect.y + v * rect.height];
        }""",
        [pane, u, v],
    )
    return place[0], place[1]


def test_all_panes_zoom_to_the_same_pixels_which_are_then_seen_as_such(open_player: Open):
    root = open_player()
    root.evaluate("el => el.focus()")
    for _ in range(12):
        wheel(root, 1, 0.3, 0.6, -300)
    zoom = state(root)["view"]["zoom"]
    assert zoom["scale"] == 8, "64 pixels, of which 8 are still seen"
    pane = root.evaluate("el => el.xc.rects()[0]")
    colours = root.evaluate(
        """el => el.xc.rects().map(({x, y, width, height}) => {
          const {data} = el.xc.context().getImageData(x, y + Math.round(height / 16), width, 1);
          const words = new Uint32Array(data.buffer);
          return words.reduce((changes, word, i) => changes + (i > 0 && word !== words[i - 1]), 0);
        })"""
    )
    assert pane["width"] > 100 and all(changes <= 8 for changes in colours), "a row of 8 pixels has at most 8 steps"
    under = root.evaluate("(el, [x, y]) => el.xc.stage.at(x, y)", list(point(root, 2, 0.3, 0.6)))
    assert abs(under["x"] - 0.3 * 64) < 0.6 and abs(under["y"] - 0.6 * 64) < 0.6, "what was under the pointer still is"


def test_the_wheel_scrolls_the_page_until_the_player_has_the_focus_or_ctrl_is_held(open_player: Open):
    root = open_player()
    wheel(root, 1, 0.5, 0.5, -120)
    assert state(root)["view"]["zoom"] is None
    wheel(root, 1, 0.5, 0.5, -120, ctrl=True)
    zoomed = state(root)["view"]["zoom"]
    assert zoomed["scale"] > 1
    root.focus()
    wheel(root, 1, 0.5, 0.5, -120)
    assert state(root)["view"]["zoom"]["scale"] > zoomed["scale"]
    root.press("f")
    assert state(root)["view"]["zoom"] is None
    taken = root.evaluate(
        """el => {
          const stage = el.querySelector(".stage"), box = stage.getBoundingClientRect(), {x, y} = el.xc.stage.layout.rects[0];
          const event = new WheelEvent("wheel", {deltaY: 100, clientX: box.left + x + 5, clientY: box.top + y + 5, cancelable: true});
          return !stage.dispatchEvent(event);
        }"""
    )
    assert not taken, "where there is nothing to zoom out of, the page scrolls"


def test_a_drag_moves_a_magnified_picture_and_a_double_click_fits_it(open_player: Open):
    root = open_player()
    assert press(root, "z")["view"]["zoom"]["scale"] == 1.5
    before = press(root, "z")["view"]["zoom"]
    start = point(root, 1, 0.5, 0.5)
    end = point(root, 1, 0.7, 0.4)
    root.page.mouse.move(*start)
    root.page.mouse.down()
    root.page.mouse.move(*end, steps=4)
    root.page.mouse.up()
    after = state(root)["view"]["zoom"]
    assert abs(after["x"] - (before["x"] - 0.2 / 2.25)) < 0.01
    assert abs(after["y"] - (before["y"] + 0.1 / 2.25)) < 0.01
    assert press(root, "Shift+Z")["view"]["zoom"]["scale"] == 1.5
    root.page.mouse.dblclick(*start)
    assert state(root)["view"]["zoom"] is None


def test_two_fingers_magnify_and_one_leaves_the_page_to_scroll(open_player: Open):
    root = open_player()
    stage = root.locator(".stage")
    assert stage.evaluate("el => getComputedStyle(el).touchAction") == "pan-y"
    a, b = point(root, 0, 0.4, 0.5), point(root, 0, 0.6, 0.5)
    root.evaluate(
        """(el, [a, b]) => {
          const send = (type, id, [x, y]) => el.querySelector("canvas").dispatchEvent(new PointerEvent(type, {pointerId: id,
            pointerType: "touch", clientX: x, clientY: y, bubbles: true, composed: true}));
          Element.prototype.setPointerCapture = () => {};
          send("pointerdown", 11, a);
          send("pointerdown", 12, b);
          for (let i = 1; i <= 10; i += 1) send("pointermove", 12, [b[0] + (i * (b[0] - a[0])) / 10, b[1]]);
          send("pointerup", 11, a);
          send("pointerup", 12, b);
        }""",
        [list(a), list(b)],
    )
    assert abs(state(root)["view"]["zoom"]["scale"] - 2) < 0.1
    assert stage.evaluate("el => getComputedStyle(el).touchAction") == "none"


def pixel(root: Locator, pane: int, row: int, column: int) -> list[int]:
    """The colour in the middle of that block of the pattern, 0..7, in that pane."""
    return root.evaluate(
        """(el, [pane, row, column]) => {
          const {x, y, width, height} = el.xc.rects()[pane];
          const at = [x + ((column + 0.5) * width) / 8, y + ((row + 0.5) * height) / 8].map(Math.round);
          return [...el.xc.context().getImageData(at[0], at[1], 1, 1).data];
        }""",
        [pane, row, column],
    )


def repainted(root: Locator) -> None:
    paints = root.evaluate("el => el.xc.paints")
    wait_for(root, f"el.xc.paints > {paints} || !el.xc.state().isLate")
    root.page.wait_for_timeout(60)


DARKEST, LIGHTEST = [0, 0, 4, 255], [252, 253, 191, 255]
"""The ends of the map magma."""


def test_a_difference_is_to_one_reference_on_one_scale_and_other_domains_stay(open_player: Open):
    root = open_player("panes=input,A,B,A2,B2")
    before = pixel(root, 0, 4, 4)
    root.focus()
    root.press("d")
    repainted(root)
    assert pixel(root, 2, 7, 0) == DARKEST, "A and B point the same way there"
    assert pixel(root, 2, 2, 7) == LIGHTEST, "and opposite ways where the bits of their numbers differ"
    assert pixel(root, 0, 4, 4) == before
    assert root.get_by_text("not compared: different domain").is_visible()
    assert root.get_by_text("reference of the difference").count() == 2
    legends = root.locator(".pane-head .legend")
    assert "0 to 30 °" in (legends.nth(0).get_attribute("title") or "")
    assert "-0.25 to 0.25" in (legends.nth(2).get_attribute("title") or ""), "signed around zero"
    field = root.get_by_role("textbox", name="strongest colour at")
    field.fill("360")
    field.press("Enter")
    repainted(root)
    red, green, blue, _ = pixel(root, 2, 2, 7)
    assert (red, green, blue) != tuple(LIGHTEST[:3]) and red > 150, "180 of 360 degrees"
    root.get_by_role("combobox", name="reference of the difference").select_option("B")
    repainted(root)
    assert state(root)["view"]["diff"] == "B" and state(root)["view"]["reach"] == {"normal": 360}
    assert root.locator(".pane-head").nth(2).inner_text().endswith("reference of the difference")
    root.press("d")
    assert state(root)["view"]["diff"] is None


def test_an_energy_over_the_pictures_is_that_of_their_frame(open_player: Open):
    root = open_player("panes=input,A,B")
    root.focus()
    root.press("e")
    root.evaluate("el => el.xc.change({overlay: {opacity: 1, from: -8}})")
    wait_for(root, "!el.xc.state().isLate")
    for frame in (3, 250, 17):
        root.evaluate("(el, frame) => el.xc.seek(frame)", frame)
        wait_for(root, f"el.xc.painted === {frame}")
        assert [one and (one["frame"], one["number"]) for one in shown(root)] == [(frame, 1), (frame, 18), (frame, 21)]
    root.evaluate("el => el.xc.change({overlay: {opacity: 1, from: 24}})")
    wait_for_numbers(root, [1, 16, 19])  # nothing is above the threshold
    sizes = root.evaluate("el => el.xc.rects()")
    root.press("e")
    assert state(root)["view"]["overlay"] is None
    assert root.evaluate("el => el.xc.rects()") == sizes, "no picture moves for the line of options"


def test_a_wipe_shows_two_pictures_in_one_place_and_its_edge_is_a_slider(open_player: Open):
    root = open_player("panes=input,A,B")
    root.focus()
    root.press("w")
    repainted(root)
    assert root.evaluate("el => el.xc.rects().filter(Boolean).length") == 2
    bright, dark = pixel(root, 1, 7, 7)[:3], pixel(root, 1, 7, 0)[:3]
    assert pixel(root, 1, 2, 7)[:3] == bright, "right of the edge: B, whose number ends on 1"
    edge = root.get_by_role("slider", name="edge between A and B")
    edge.press("End")
    repainted(root)
    assert edge.get_attribute("aria-valuenow") == "100"
    assert pixel(root, 1, 2, 7)[:3] == dark, "A alone"
    edge.press("Shift+ArrowLeft")
    assert state(root)["view"]["wipe"]["at"] == 0.9 and state(root)["frame"] == 0
    box = root.locator(".wipe").bounding_box()
    assert box
    root.page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 30)
    root.page.mouse.down()
    root.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40, steps=3)
    root.page.mouse.up()
    assert abs(state(root)["view"]["wipe"]["at"] - 0.25) < 0.02
    root.focus()
    root.press("Shift+W")
    assert edge.get_attribute("aria-orientation") == "vertical"
    root.get_by_role("combobox", name="picture behind the edge").select_option("input")
    assert state(root)["view"]["wipe"]["second"] == "input"
    assert press(root, "2")["view"]["wipe"] is None, "a picture alone leaves the wipe"
    assert press(root, "w")["view"]["solo"] is None, "and the wipe the picture alone"
    root.press("f")
    assert state(root)["view"]["wipe"] is None


def test_held_q_alternates_a_and_b_under_headings_that_stay(open_player: Open):
    root = open_player("panes=input,A,B")
    heads = root.locator(".pane-head").all_inner_texts()
    root.focus()
    root.page.keyboard.down("q")
    wait_for_numbers(root, [1, 19, 16])
    assert root.locator(".flicker-tag").count() == 2
    assert root.locator(".pane-head").all_inner_texts() == heads
    wait_for_numbers(root, [1, 16, 19])  # and back while it is still held
    wait_for_numbers(root, [1, 19, 16])
    root.page.keyboard.up("q")
    wait_for_numbers(root, [1, 16, 19])
    assert root.locator(".flicker-tag").count() == 0
    held = root.get_by_role("button", name="hold to alternate between A and B (Q)")
    held.hover()
    root.page.mouse.down()
    wait_for_numbers(root, [1, 19, 16])
    root.page.mouse.up()
    wait_for_numbers(root, [1, 16, 19])


def test_the_probe_tells_the_values_of_all_panes_and_moves_nothing(open_player: Open):
    root = open_player("panes=input,A,B,A2,B2")
    boxes = """el => [...el.querySelectorAll('canvas, .pane, .pane-head, .pane-head > *, .transport > *')]
      .map((one) => [one.offsetLeft, one.offsetTop, one.offsetWidth, one.offsetHeight])"""
    places = root.evaluate(boxes)
    values = root.locator(".pane-values")
    root.page.mouse.move(*point(root, 1, 0.06, 0.94))
    wait_for(root, "el.querySelector('.pane-values').textContent !== ''")
    wait_for(root, "![...el.querySelectorAll('.pane-values')].some((one) => one.textContent.includes('…'))")
    texts = values.all_inner_texts()
    zero = 40 / 255
    assert texts[0] == f"{zero:.3f} {zero:.3f} {zero:.3f} ±0.002"
    assert texts[1] == "−0.577 −0.577 −0.577 ±0.003 · E −2.98 σ", "a unit vector, and an energy: -8 + 32 * 40 / 255"
    assert texts[2].startswith("0.0° to A · E −2.98 σ")
    assert texts[3] == f"{zero:.3f} ±0.002"
    assert texts[4].startswith("±0 to A")
    assert root.locator(".probe-at").inner_text().split() == ["x", "3", "y", "60"]
    assert root.evaluate(boxes) == places
    root.page.mouse.move(2, 2)
    wait_for(root, "el.querySelector('.pane-values').textContent === ''")
    assert state(root)["view"]["probe"] is None


def test_a_clicked_pixel_stays_probed_through_the_frames_and_keys_move_it(open_player: Open):
    root = open_player("panes=input,A,B")
    root.page.mouse.click(*point(root, 1, 0.51, 0.35))
    assert state(root)["view"]["probe"] == [32, 22]
    root.page.mouse.move(2, 2)
    press(root, "End")
    assert root.locator(".pane-values").first.inner_text() != ""
    root.press("p")
    crosshair = root.get_by_role("application")
    crosshair.press("ArrowLeft")
    crosshair.press("Shift+ArrowDown")
    assert state(root)["view"]["probe"] == [31, 32]
    assert state(root)["frame"] == N_FRAMES - 1, "arrows move the crosshair, not the frame"
    wait_for(root, "el.querySelector('.unseen[role=status]').textContent.startsWith('pixel 31, 32.')")
    for _ in range(5):
        crosshair.press("z")
    for _ in range(4):
        crosshair.press("Shift+ArrowRight")
    assert state(root)["view"]["probe"] == [63, 32], "not further than the picture"
    assert root.evaluate("el => [...el.querySelectorAll('.mark')].every((mark) => !mark.hidden)"), "the view follows"
    crosshair.press("Escape")
    assert state(root)["view"]["probe"] is None
    root.press("ArrowLeft")
    wait_for(root, f"el.xc.painted === {N_FRAMES - 2}")


def test_a_tap_probes_and_a_held_touch_alternates(app: App, browser: Browser):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = context.new_page()
    try:
        page.goto(f"{app.address}/?panes=input,A,B")
        root = page.locator(".xc")
        root.wait_for()
        wait_for(root, "el.xc.painted >= 0")
        root.locator(".stage").scroll_into_view_if_needed()
        page.touchscreen.tap(*point(root, 1, 0.51, 0.35))
        wait_for(root, "String(el.xc.state().view.probe) === '32,22'")
        assert root.locator(".pane-values").nth(1).inner_text().count(" ") >= 2
        held = root.get_by_role("button", name="hold to alternate between A and B (Q)")
        touch = {"pointerType": "touch", "pointerId": 5, "button": 0, "bubbles": True}
        held.evaluate("el => (el.setPointerCapture = () => {})")
        held.dispatch_event("pointerdown", touch)
        wait_for_numbers(root, [1, 19, 16])
        held.dispatch_event("pointerup", touch)
        wait_for_numbers(root, [1, 16, 19])
        assert root.evaluate("el => el.scrollWidth <= el.clientWidth"), "nothing sticks out to the side"
    finally:
        context.close()


def test_a_legend_opens_a_menu_of_colours_and_range_for_all_panes_of_its_domain(open_player: Open):
    root = open_player("panes=input,A,A2,B2")
    before = pixel(root, 2, 7, 1)
    legend = root.locator(".pane-head .legend").first
    legend.click()
    menu = root.get_by_role("dialog", name="colours and range")
    menu.get_by_role("radio", name="viridis").check()
    repainted(root)
    coloured = [pixel(root, pane, 7, 1) for pane in (2, 3)]
    assert coloured[0] == coloured[1] != before
    menu.get_by_role("textbox", name="highest value").fill("0.5")
    menu.get_by_role("textbox", name="highest value").press("Enter")
    repainted(root)
    assert menu.is_hidden() and legend.evaluate("el => el.getRootNode().activeElement === el")
    assert pixel(root, 2, 7, 1)[:3] == [253, 231, 37], "215 of 255 is above the range: the map's last colour"
    assert state(root)["view"]["maps"] == {"reshading": {"map": "viridis", "lo": 0, "hi": 0.5}}
    assert "0 to 0.5" in (root.locator(".pane-head .legend").nth(1).get_attribute("title") or "")
    root.locator(".pane-head .legend").first.click()
    menu.get_by_role("textbox", name="lowest value").fill("3")
    menu.get_by_role("textbox", name="lowest value").press("Tab")
    assert "enter two numbers, the lower one first" in root.locator(".toast").inner_text()
    menu.get_by_role("button", name="fit the range to this frame").click()
    found = state(root)["view"]["maps"]["reshading"]
    assert found["lo"] == 0.157 and 0.8 < found["hi"] < 1, "40 of 255 is the darkest code"
    menu.get_by_role("button", name="return to the default colours and range").click()
    assert state(root)["view"]["maps"] == {}
    root.page.keyboard.press("Escape")
    assert menu.is_hidden()
    repainted(root)
    assert pixel(root, 2, 7, 1) == before


def test_the_height_of_the_pictures_is_the_viewers_and_comes_back(open_player: Open):
    root = open_player()
    usual = root.evaluate("el => el.xc.rects()[0].height")
    handle = root.get_by_role("separator", name="height of the pictures")
    box = handle.bounding_box()
    assert box
    root.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    root.page.mouse.down()
    root.page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 95, steps=4)
    root.page.mouse.up()
    wait_for(root, f"el.xc.rects()[0].height < {usual - 60}")
    low = state(root)["view"]["size"]
    handle.press("ArrowDown")
    assert state(root)["view"]["size"] == low + 4
    assert press(root, "Shift+V")["view"]["size"] == low
    handle.dblclick()
    wait_for(root, f"el.xc.rects()[0].height === {usual}")
    assert state(root)["view"]["size"] is None


# Commands


def test_every_key_does_what_the_help_says(open_player: Open):
    root = open_player()
    assert press(root, "ArrowRight")["frame"] == 1
    assert press(root, ".")["frame"] == 2
    assert press(root, "ArrowLeft")["frame"] == 1
    assert press(root, ",")["frame"] == 0
    assert press(root, "ArrowLeft")["frame"] == 0, "there is nothing before the first frame"
    assert press(root, "Shift+ArrowRight")["frame"] == 10
    assert press(root, "End")["frame"] == N_FRAMES - 1
    assert press(root, "Shift+ArrowLeft")["frame"] == N_FRAMES - 11
    assert press(root, "Home")["frame"] == 0

    root.press(" ")
    assert state(root)["isPlaying"]
    root.press("k")
    assert not state(root)["isPlaying"]
    here = press(root, "Shift+ArrowRight")["frame"]
    root.press("j")
    wait_for(root, f"el.xc.painted < {here}")
    root.press("l")
    wait_for(root, f"el.xc.painted > {here}")
    root.press(" ")
    assert state(root)["painted"] == state(root)["frame"], "what is seen is where we are"

    root.evaluate("el => el.xc.seek(20)")
    root.press("[")
    root.evaluate("el => el.xc.seek(30)")
    root.press("]")
    assert state(root)["view"]["loop"] == [20, 30]
    assert press(root, "Home")["frame"] == 20
    root.press("\\")
    assert state(root)["view"]["loop"] is None

    assert press(root, "2")["view"]["solo"] == "A"
    assert len(shown(root)) == 1
    assert press(root, "0")["view"]["solo"] is None
    assert press(root, "3")["view"]["solo"] == "B"
    assert press(root, "f")["view"]["solo"] is None
    assert press(root, "9")["view"]["solo"] is None, "there is no ninth pane"

    assert press(root, "+")["speed"] == 1.5
    assert press(root, "-")["speed"] == 1.0

    root.press("?")
    help_panel = root.locator(".help")
    assert help_panel.is_visible()
    assert "next peak of the first plot" in help_panel.inner_text()
    root.press("Escape")
    assert not help_panel.is_visible()


def test_energy_keys_go_to_peaks_and_to_the_worst_frame(open_player: Open, app: App):
    means = []
    for track in app.store.tracks(kind="energy"):
        constants = track.head.constants
        means.append(((app.store.column(track, "terms") - constants["mu"]) / constants["sigma"]).mean(axis=1))
    curve = np.mean(means, axis=0)
    root = open_player()
    assert press(root, "x")["frame"] == int(curve.argmax())
    press(root, "Home")
    peak = press(root, "n")["frame"]
    assert peak > 0
    assert curve[peak] == curve[max(peak - 5, 0) : peak + 6].max()
    second = press(root, "n")["frame"]
    assert second > peak
    assert press(root, "Shift+N")["frame"] == peak


def test_keys_of_streamlit_and_the_browser_are_left_alone(open_player: Open):
    root = open_player()
    taken = root.evaluate(
        """el => ["r", "c", "Tab"].map((key) => [key, {}]).concat([["ArrowLeft", {altKey: true}], ["s", {ctrlKey: true}]])
          .map(([key, more]) => el.dispatchEvent(new KeyboardEvent("keydown", {key, cancelable: true, ...more})))"""
    )
    assert taken == [True] * 5, "nobody called preventDefault"


def test_what_is_typed_into_a_field_is_not_for_streamlit(open_player: Open):
    root = open_player()
    page = root.page
    page.evaluate(
        """() => {
          window.heard = [];
          document.addEventListener("keydown", ({key}) => window.heard.push(key));
          Object.defineProperty(navigator, "clipboard", {value: undefined});
        }"""
    )
    root.get_by_role("combobox", name="speed").press("c")
    root.get_by_role("textbox", name="frame", exact=True).press("r")
    root.press("s")
    link = root.get_by_role("textbox", name="link to this frame")
    link.press("c")
    assert page.evaluate("window.heard") == []
    assert "frame=0" in link.input_value()
    link.press("Escape")
    assert root.locator(".toast").is_hidden()
    root.press("ArrowRight")
    wait_for(root, "el.xc.painted === 1")


def test_a_number_goes_to_its_frame_and_nonsense_is_refused(open_player: Open):
    root = open_player()
    field = root.get_by_role("textbox", name="frame")
    field.fill("123")
    field.press("Enter")
    wait_for(root, "el.xc.painted === 123")
    field.fill("99999")
    field.press("Enter")
    wait_for(root, f"el.xc.painted === {N_FRAMES - 1}")
    field.fill("first")
    field.press("Enter")
    assert "0 to 299" in root.locator(".toast").inner_text()
    assert state(root)["frame"] == N_FRAMES - 1
    assert field.input_value() == str(N_FRAMES - 1)


def test_buttons_step_and_hold_repeats(open_player: Open):
    root = open_player()
    forward = root.get_by_role("button", name="next frame")
    forward.click()
    wait_for(root, "el.xc.painted === 1")
    forward.hover()
    root.page.mouse.down()
    wait_for(root, "el.xc.painted > 5")
    root.evaluate(
        """(el) => el.addEventListener("pointerup", () => (el.atRelease = el.xc.state().frame), {capture: true})"""
    )
    root.page.mouse.up()
    root.page.wait_for_timeout(150)
    assert state(root)["frame"] == root.evaluate("el => el.atRelease"), "the click that ends a hold is no step"
    forward.click()
    forward.press("Enter")
    wait_for(root, "el.xc.painted === el.atRelease + 2")
    assert root.get_by_role("button", name="play (Space)").is_visible()


def test_the_scrubber_seeks_by_pointer_and_tells_its_value(open_player: Open):
    root = open_player()
    rail = root.locator(".rail").bounding_box()
    assert rail
    x = rail["x"] + rail["width"] * (150 + 0.5) / N_FRAMES
    root.page.mouse.move(rail["x"] + 5, rail["y"] + 2)
    root.page.mouse.down()
    root.page.mouse.move(x, rail["y"] + 2, steps=10)
    root.page.mouse.up()
    wait_for(root, "el.xc.painted === 150")
    slider = root.get_by_role("slider", name="frame")
    assert slider.get_attribute("aria-valuenow") == "150"
    assert slider.get_attribute("aria-valuemax") == str(N_FRAMES - 1)
    assert "frame 150" in (slider.get_attribute("aria-valuetext") or "")
    for key, frame in (("ArrowRight", 151), ("ArrowUp", 152), ("ArrowDown", 151), ("PageUp", 161), ("PageDown", 151)):
        slider.press(key)
        wait_for(root, f"el.xc.painted === {frame}")


def test_clicking_and_dragging_a_plot_seeks_to_the_frame_under_the_pointer(open_player: Open):
    root = open_player()
    area = root.locator(".plot-area").nth(1)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    # The margins are the player's own: 58 px left, 14 px right.
    inner = box["width"] - 58 - 14
    for frame in (7, 201, 64):
        root.page.mouse.click(box["x"] + 58 + inner * (frame + 0.5) / N_FRAMES, box["y"] + 20)
        wait_for(root, f"el.xc.painted === {frame}")
        assert all(abs(cursor - frame) < 0.1 for cursor in root.evaluate("el => el.xc.cursors()"))
    root.page.mouse.down()
    root.page.mouse.move(box["x"] + 58 + inner * 250.5 / N_FRAMES, box["y"] + 20, steps=5)
    root.page.mouse.up()
    wait_for(root, "el.xc.painted === 250")
    value = root.locator(".chart").first.locator("output").first.inner_text()
    assert value.endswith("σ")


def test_a_plot_replaced_while_it_is_dragged_is_dragged_to_the_end(mount_player: Open, app: App):
    root = mount_player(data_of(app, "i", charts=[a_chart("before")]))
    page = root.page
    wait_for(root, "el.xc.cursors().length === 1")
    box = root.locator(".plot-area").bounding_box()
    assert box
    inner = box["width"] - 58 - 14
    y = box["y"] + 20
    page.mouse.move(box["x"] + 58 + inner * 50.5 / N_FRAMES, y)
    page.mouse.down()
    wait_for(root, "el.xc.painted === 50")
    page.evaluate("data => void window.update(data)", data_of(app, "i", charts=[a_chart("after", 2.0)]))
    root.get_by_text("after", exact=True).wait_for()
    page.mouse.move(box["x"] + 58 + inner * 90.5 / N_FRAMES, y)
    wait_for(root, "el.xc.painted === 90")
    page.mouse.up()
    rail = root.locator(".rail").bounding_box()
    assert rail
    page.mouse.move(rail["x"] + 5, rail["y"] + 2)
    page.mouse.move(rail["x"] + 50, rail["y"] + 2, steps=3)
    wait_for(root, "window.reported.length > 0")
    assert page.evaluate("window.reported.map(({frame}) => frame)") == [90]
    assert state(root)["frame"] == 90, "no button is pressed, so nothing is dragged"


def test_a_drag_of_which_no_end_is_heard_does_not_go_on(mount_player: Open, app: App):
    root = mount_player(data_of(app, "i", charts=[a_chart("plot")]))
    wait_for(root, "el.xc.cursors().length === 1")
    for drag in (".slider", ".charts"):
        box = root.locator(drag).bounding_box()
        assert box
        root.page.mouse.move(box["x"] + 300, box["y"] + box["height"] / 2)
        root.page.mouse.down()
        frame = root.evaluate(
            """async (el, drag) => {
              const target = el.querySelector(drag);
              target.addEventListener("pointermove", (event) => target.releasePointerCapture(event.pointerId), {once: true});
              return el.xc.state().frame;
            }""",
            drag,
        )
        assert frame > 0
        root.page.mouse.move(box["x"] + 310, box["y"] + box["height"] / 2)
        root.page.mouse.move(box["x"] + 310, box["y"] + box["height"] / 2 + 1)
        before = state(root)["frame"]
        root.page.mouse.move(box["x"] + 500, box["y"] + box["height"] / 2)
        assert state(root)["frame"] == before, drag
        root.page.mouse.up()


def test_plots_that_go_are_freed_also_when_none_comes_after_them(mount_player: Open, app: App):
    root = mount_player(data_of(app, "i", charts=[a_chart("plot")]))
    wait_for(root, "el.xc.cursors().length === 1")
    root.evaluate("el => { el.plotBefore = el.querySelector('.plot'); }")
    assert root.evaluate("el => '_fullLayout' in el.plotBefore")
    root.page.evaluate("data => void window.update(data)", data_of(app, "i"))
    wait_for(root, "!el.querySelector('.plot')")
    assert not root.evaluate("el => '_fullLayout' in el.plotBefore")


def test_plots_that_could_not_be_drawn_are_tried_again_by_the_next_render(mount_player: Open, app: App):
    mount_player(data_of(app, "i")).page.route("**/plotly.min.js", lambda route: route.abort())
    root = mount_player(data_of(app, "i", charts=[a_chart("plot")]))
    root.get_by_text("plotly.min.js cannot be loaded").wait_for()
    root.page.unroute("**/plotly.min.js")
    root.page.evaluate("data => void window.update(data)", data_of(app, "i", charts=[a_chart("plot")]))
    wait_for(root, "el.xc.cursors().length === 1")


# Python and the browser


def test_python_hears_where_the_viewer_has_settled_and_not_of_play(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&frame=5")
    page = root.page
    assert state(root)["painted"] == 5
    page.get_by_text("position frame=5 speed=1.0 reruns=1").wait_for()
    # In one go: on a busy machine five presses take longer than the player waits.
    root.evaluate(
        """(el) => {
          for (let i = 0; i < 5; i++) el.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
        }"""
    )
    page.get_by_text("position frame=10 speed=1.0 reruns=2").wait_for()
    root.press(" ")
    page.wait_for_timeout(800)
    assert page.get_by_text("reruns=2").is_visible(), "nothing is reported while playing"
    root.press(" ")
    page.get_by_text("reruns=3").wait_for()
    settled = state(root)["frame"]
    assert page.get_by_text(f"position frame={settled} ").is_visible()


def test_the_page_can_seek_and_a_rerun_alone_moves_nothing(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&seek=77")
    root.evaluate("el => el.xc.seek(12)")
    root.page.get_by_text("position frame=12").wait_for()
    root.page.get_by_role("button", name="seek from the page").click()
    wait_for(root, "el.xc.painted === 77")
    root.evaluate("el => el.xc.seek(40)")
    root.page.get_by_text("position frame=40").wait_for()
    root.page.get_by_role("button", name="seek from the page").click()
    root.page.wait_for_timeout(700)
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
    root.evaluate("el => el.xc.seek(42)")
    wait_for(root, "el.xc.painted === 42")
    numbers = [one and one["number"] for one in shown(root)]
    root.page.get_by_role("button", name="swap A and B").click()
    wait_for(root, "el.querySelector('.pane-head:nth-child(3) .badge').textContent === 'B'")
    wait_for(root, "!el.xc.state().isLate")
    assert shown(root) == [{"frame": 42, "number": numbers[index]} for index in (0, 2, 1)]


@pytest.mark.parametrize("clip", ["a clip", "another clip"])
def test_no_picture_stands_under_a_wrong_heading_while_the_right_one_is_late(mount_player: Open, app: App, clip: str):
    root = mount_player(data_of(app, "iab"))
    root.evaluate("el => el.xc.seek(42)")
    wait_for(root, "el.xc.painted === 42")
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
    page.goto(f"{app.address}/web/player/player.css")
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
          root.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
          await new Promise((resolve) => setTimeout(resolve, 100));
          return [...counts, root.xc.paints - paints];
        }"""
    )
    assert counts == [1, 1, 0, 0]


def test_a_page_may_leave_out_any_part(page: Page, app: App):
    page.goto(f"{app.address}/web/player/player.css")
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
    assert root.get_by_role("slider").count() == 0 and root.get_by_role("button").count() == 2


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


def test_titles_are_text_whatever_they_hold(open_player: Open):
    title = "<img src=x onerror=window.bad=1><b>bold</b>"
    root = open_player(f"panes={FOUR_PANES}&title=" + urllib.parse.quote(title))
    assert root.get_by_text(title, exact=True).is_visible()
    assert root.locator("img").count() == 0
    assert root.page.evaluate("window.bad === undefined")


# What is not there


def test_a_damaged_pack_says_so_in_its_pane_and_the_others_go_on(
    tmp_path: Path, start_app: StartApp, open_player: Open
):
    store = build_store(tmp_path, n_frames=30, frames_per_pack=10)
    (track,) = [track for track in store.tracks(kind="prediction") if track.head.method == "consistency"]
    path = store.pack_path(track.head.key, track.packs[1].sha256)
    path.write_bytes(path.read_bytes()[:-5] + b"wrong")
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/browser/player_app.py"))
    assert state(root)["errors"] == [None] * 4
    root.evaluate("el => el.xc.seek(15)")
    wait_for(root, "el.xc.painted === 15")
    message = root.locator(".pane-message:visible")
    assert message.count() == 1
    assert "damaged" in message.inner_text()
    assert root.get_by_role("status").filter(has_text="damaged").count() == 1, "read out by a screen reader"
    assert root.get_by_role("img").locator("[role=status]").count() == 0, "what is inside an image is not"
    found = shown(root)
    assert [one and one["frame"] for one in found] == [15, 15, None, 15]
    root.evaluate("el => el.xc.seek(25)")
    wait_for(root, "el.xc.painted === 25")
    assert [one and one["frame"] for one in shown(root)] == [25] * 4
    assert message.count() == 0


def test_while_frames_are_late_the_last_ones_stay_and_a_sign_says_so(open_player: Open):
    root = open_player()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    root.page.route("**/packs/*", hold)
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.hasAttribute('data-loading')")
    assert root.locator(".loading").is_visible()
    assert [one and one["frame"] for one in shown(root)] == [0] * 4
    root.page.unroute("**/packs/*")
    for route in held:
        with suppress(Error):  # unroute has let some of them go by itself
            route.continue_()
    wait_for(root, "el.xc.painted === 250 && !el.hasAttribute('data-loading')")
    assert [one and one["frame"] for one in shown(root)] == [250] * 4


def test_a_server_that_was_away_is_said_so_and_asked_again(open_player: Open):
    root = open_player()
    root.page.route("**/packs/*", lambda route: route.abort())
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.xc.painted === 250")
    assert "cannot be reached" in root.locator(".pane-message").first.inner_text()
    root.page.unroute("**/packs/*")
    wait_for(root, "el.xc.state().errors.every((error) => error === null)")
    assert [one and one["frame"] for one in shown(root)] == [250] * 4


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


def test_on_a_slow_line_previews_are_played_and_the_frame_that_stands_is_exact(open_player: Open, heavy_app: App):
    root = open_player(f"panes={FOUR_PANES}", heavy_app.address)
    wait_for(root, "el.xc.state().isExact")
    assert root.locator(".tier").inner_text() == "lossless"
    slow_down(root, 1500)
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.xc.painted === 250 && !el.xc.state().isExact")
    assert root.locator(".tier").inner_text() == "preview"
    assert [one and one["frame"] for one in shown(root)] == [250] * 4
    wait_for(root, "el.xc.painted === 250 && el.xc.state().isExact")
    assert root.locator(".tier").inner_text() == "lossless"
    press(root, "Space")
    wait_for(root, "el.xc.painted > 265")
    assert not state(root)["isExact"]
    assert len({one and one["frame"] for one in shown(root)}) == 1
    press(root, "Space")
    wait_for(root, "!el.xc.state().isPlaying && el.xc.state().isExact")
    frame = state(root)["painted"]
    assert [one and one["frame"] for one in shown(root)] == [frame] * 4


def test_an_exact_frame_has_the_stored_codes_also_after_its_preview(open_player: Open, heavy_app: App):
    """The input is shown as it is stored, so that its pixels can be held against the pack's."""
    root = open_player("panes=input", heavy_app.address)
    slow_down(root, 300)
    root.evaluate("el => el.xc.seek(250)")
    wait_for(root, "el.xc.painted === 250 && !el.xc.state().isExact")
    codes = "el => Array.from(el.xc.pictures()[0].codes.data)"
    preview = np.array(root.evaluate(codes), np.uint8).reshape(160, 160, 4)[..., :3]
    wait_for(root, "el.xc.painted === 250 && el.xc.state().isExact")
    exact = np.array(root.evaluate(codes), np.uint8).reshape(160, 160, 4)[..., :3]
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
        wait_for(root, f"el.xc.painted === {frame}")
        seen.append(state(root)["isExact"])
    assert seen == [True, True]
    button.click()
    root.evaluate("el => el.xc.seek(210)")
    wait_for(root, "el.xc.painted === 210 && !el.xc.state().isExact")


def test_of_a_growing_track_the_ready_part_can_be_watched(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=20)
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/browser/player_app.py"))
    assert state(root)["nReady"] == 20
    assert press(root, "End")["frame"] == 19
    assert [one and one["frame"] for one in shown(root)] == [19] * 4
    assert root.locator(".slider .missing").count() == 1
    assert root.get_by_text("20 ready").is_visible()
    assert root.get_by_text("unfinished").count() == 3


def test_an_empty_part_of_the_clip_is_said_in_words(tmp_path: Path, start_app: StartApp, page: Page):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=0)
    page.goto(start_app(tmp_path, "tests/browser/player_app.py") + f"/?panes={FOUR_PANES}")
    page.locator(".xc .empty").wait_for()
    assert "No frame is ready yet" in page.locator(".xc .empty").inner_text()


# Routes


def test_packs_are_served_whole_in_parts_and_by_nothing_but_their_name(app: App):
    track = app.store.tracks(kind="input")[0]
    key, pack = track.head.key, track.packs[0]
    data = app.store.pack_path(key, pack.sha256).read_bytes()
    url = f"{app.address}/packs/{key}-{pack.sha256}.pack"

    status, headers, body = get(url, {"Accept-Encoding": "gzip"})
    assert (status, body) == (200, data)
    assert headers["content-type"] == "application/octet-stream"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers.get("content-encoding", "identity") == "identity"

    status, headers, body = get(url, {"Range": "bytes=10-19", "Accept-Encoding": "gzip"})
    assert (status, body) == (206, data[10:20])
    assert headers["content-range"] == f"bytes 10-19/{len(data)}"
    assert get(url, {"Range": f"bytes=0-{len(data) * 2}"})[::2] == (206, data)
    assert get(url, {"Range": f"bytes={len(data)}-"})[0] == 416
    assert get(url, {"If-None-Match": headers["etag"]})[::2] == (304, b"")

    for wrong in ("0" * 63, pack.sha256.upper(), "..%2f..%2fetc%2fpasswd", "x", f"{pack.sha256}.pack.exe"):
        name = f"{key}-{wrong}.pack"
        assert get(f"{app.address}/packs/{name}")[0] in (400, 404), name
    status, _, body = get(f"{app.address}/packs/{key}-{'0' * 64}.pack")
    assert (status, b"missing" in body) == (410, True)


def test_a_frame_is_served_by_its_tracks_key_and_number_alone(app: App):
    track = app.store.tracks(kind="input")[0]

    def status(name: str) -> int:
        try:
            with urllib.request.urlopen(f"{app.address}/frames/{name}") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    with urllib.request.urlopen(f"{app.address}/frames/{track.head.key}-150") as answer:
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.read() == list(app.store.images(track))[150]
    assert status(f"{track.head.key}-{N_FRAMES}") == 404
    assert status(f"{'0' * 64}-0") == 404
    for name in ("0", f"{track.head.key}--1", f"{track.head.key}-1.0", f"..%2f{track.head.key}-1"):
        assert status(name) in (400, 404), name


def test_files_of_the_player_are_served_and_no_others(app: App):
    status, headers, body = get(f"{app.address}/web/player/player.mjs")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"export function mount" in body
    assert get(f"{app.address}/web/player/player.mjs", {"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = get(f"{app.address}/web/plotly.min.js", {"Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"], len(body) < 2_000_000) == (200, "gzip", True)
    for name in ("__init__.py", "..%2fapp.py", "missing.mjs"):
        assert get(f"{app.address}/web/{name}")[0] in (400, 404), name


def test_the_player_also_works_below_a_base_path(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=12)
    address = start_app(tmp_path, "tests/browser/player_app.py", base_path="some/where")
    root = open_player(f"panes={FOUR_PANES}&frame=11", address)
    assert [one and one["frame"] for one in shown(root)] == [11] * 4


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body; past any proxy, as the server is on this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers or {}), timeout=30) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()
