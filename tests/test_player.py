"""The player in a real browser: every pane shows the frame asked for, and nothing else moves."""

from __future__ import annotations

import random
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Error, Locator, Page, Route

from cache.store import Store
from tests.conftest import StartApp
from tests.stores import READ_PATTERN_JS, build_store

TESTS = Path(__file__).parent
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
    return App(start_app(store.root, "tests/player_app.py"), store)


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


def press(root: Locator, key: str) -> dict[str, Any]:
    root.focus()
    root.press(key)
    wait_for(root, "!el.xc.state().isLate && el.xc.painted === el.xc.state().frame")
    return state(root)


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
    assert root.locator(".legend").count() == 2


def test_colour_maps_are_those_that_they_are_named_after(page: Page, app: App):
    page.goto(f"{app.address}/web/player.css")
    for name in ("viridis", "magma", "inferno", "cividis"):
        words = page.evaluate(
            """async (colour_map) => {
              const {lookupTable} = await import("/web/colour.mjs");
              return [...lookupTable({lo: 0, hi: 1, scale: "linear", unit: "", colour_map})];
            }""",
            name,
        )
        table = np.array(words, np.uint32).view(np.uint8).reshape(256, 4)
        codes = np.arange(256, dtype=np.uint8)[:, None]
        published = cv2.applyColorMap(codes, getattr(cv2, f"COLORMAP_{name.upper()}"))[:, 0, ::-1]
        assert np.abs(table[:, :3].astype(int) - published).max() <= 2, name
        assert (table[:, 3] == 255).all()


def test_pure_modules(page: Page, app: App):
    page.goto(f"{app.address}/web/player.css")
    result = page.evaluate(
        """async (source) => {
          const modules = {};
          for (const name of ["clock", "pack", "colour", "layout", "keys", "charts"]) {
            modules[name] = await import(`/web/${name}.mjs`);
          }
          const {run} = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
          return run(modules);
        }""",
        (TESTS / "player.test.mjs").read_text(encoding="utf-8"),
    )
    assert result["failures"] == {}
    assert result["count"] > 20


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
    assert state(root)["loop"] == [20, 30]
    assert press(root, "Home")["frame"] == 20
    root.press("\\")
    assert state(root)["loop"] is None

    assert press(root, "2")["solo"] == 1
    assert len(shown(root)) == 1
    assert press(root, "0")["solo"] is None
    assert press(root, "3")["solo"] == 2
    assert press(root, "f")["solo"] is None
    assert press(root, "9")["solo"] is None, "there is no ninth pane"

    assert press(root, "+")["speed"] == 1.5
    assert press(root, "-")["speed"] == 1.0

    root.press("?")
    help_panel = root.locator(".help")
    assert help_panel.is_visible()
    assert "next energy peak" in help_panel.inner_text()
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
    root.page.mouse.up()
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
    slider.press("ArrowRight")
    wait_for(root, "el.xc.painted === 151")


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


# Python and the browser


def test_python_hears_where_the_viewer_has_settled_and_not_of_play(open_player: Open):
    root = open_player(f"panes={FOUR_PANES}&frame=5")
    page = root.page
    assert state(root)["painted"] == 5
    page.get_by_text("position frame=5 speed=1.0 reruns=1").wait_for()
    for _ in range(5):
        root.press("ArrowRight")
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


def test_another_choice_of_panes_keeps_the_frame_and_never_shows_a_picture_under_a_wrong_heading(open_player: Open):
    root = open_player("panes=input,A,B")
    root.evaluate("el => el.xc.seek(42)")
    wait_for(root, "el.xc.painted === 42")
    numbers = [one and one["number"] for one in shown(root)]
    root.page.get_by_role("button", name="swap A and B").click()
    wait_for(root, "el.querySelector('.pane-head:nth-child(3) .badge').textContent === 'B'")
    wait_for(root, "!el.xc.state().isLate")
    assert shown(root) == [{"frame": 42, "number": numbers[index]} for index in (0, 2, 1)]


def test_an_outdated_cleanup_is_ignored_and_the_last_one_ends_everything(page: Page, app: App):
    page.goto(f"{app.address}/web/player.css")
    counts = page.evaluate(
        """async () => {
          const {mount} = await import("/web/player.mjs");
          const parentElement = document.body.appendChild(document.createElement("div")).attachShadow({mode: "open"});
          const data = {clip: "a", title: "", width: 8, height: 8, ptsSeconds: [0, 1, 2], nReady: 3, panes: [],
            charts: [], speeds: [1], start: {frame: 0, speed: 1}, command: {seq: 0, seek: 0}};
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
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/player_app.py"))
    assert state(root)["errors"] == [None] * 4
    root.evaluate("el => el.xc.seek(15)")
    wait_for(root, "el.xc.painted === 15")
    message = root.locator(".pane-message:visible")
    assert message.count() == 1
    assert "damaged" in message.inner_text()
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


def test_of_a_growing_track_the_ready_part_can_be_watched(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=20)
    root = open_player(f"panes={FOUR_PANES}", start_app(tmp_path, "tests/player_app.py"))
    assert state(root)["nReady"] == 20
    assert press(root, "End")["frame"] == 19
    assert [one and one["frame"] for one in shown(root)] == [19] * 4
    assert root.locator(".slider .missing").count() == 1
    assert root.get_by_text("20 ready").is_visible()
    assert root.get_by_text("still computing").count() == 3


def test_an_empty_part_of_the_clip_is_said_in_words(tmp_path: Path, start_app: StartApp, page: Page):
    build_store(tmp_path, n_frames=30, frames_per_pack=10, ready_frames=0)
    page.goto(start_app(tmp_path, "tests/player_app.py") + f"/?panes={FOUR_PANES}")
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


def test_files_of_the_player_are_served_and_no_others(app: App):
    status, headers, body = get(f"{app.address}/web/player.mjs")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert b"export function mount" in body
    assert get(f"{app.address}/web/player.mjs", {"If-None-Match": headers["etag"]})[0] == 304
    status, headers, body = get(f"{app.address}/web/plotly.min.js", {"Accept-Encoding": "gzip"})
    assert (status, headers["content-encoding"], len(body) < 2_000_000) == (200, "gzip", True)
    for name in ("__init__.py", "..%2fapp.py", "missing.mjs"):
        assert get(f"{app.address}/web/{name}")[0] in (400, 404), name


def test_the_player_also_works_below_a_base_path(tmp_path: Path, start_app: StartApp, open_player: Open):
    build_store(tmp_path, n_frames=12)
    address = start_app(tmp_path, "tests/player_app.py", base_path="some/where")
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
