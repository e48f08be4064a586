"""The page *Space* in a real browser: every frame stands in space where its picture shows it, under one camera that the link keeps."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import av
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from cache.store import Store
from tests.browser.helpers import (
    App,
    focus,
    frames_shown,
    look,
    painted,
    point,
    repainted,
    seek,
    shows,
    state,
    wait_for,
)
from tests.browser.test_accessibility import check
from tests.fixtures.stores import add_track, build_store, make_clip
from tests.fixtures.web.serving import StartApp, opened_in

FLAT = "camera=clip&surface=stretch&colour=map"
"""Every triangle, in the colours of the flat picture: from the camera of the clip it is that picture."""
NUMBERS = [1, 2, 16, 18]
"""The numbers in the pixels of input, truth, A and B."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    """A clip with depth."""
    store = build_store(
        tmp_path_factory.mktemp("space"),
        titles=("walkthrough",),
        n_frames=12,
        targets=("depth",),
        truths=("depth",),
        readouts={},
    )
    return App(dashboard(store.root), store)


def open_space(page: Page, app: App, query: str = "") -> Locator:
    page.goto(f"{app.address}/space?clip=walkthrough&frame=0&{query}")
    return painted(page)


def spread(root: Locator, pane: int) -> float:
    """Share of a pane's pixels on which something is drawn."""
    repainted(root)
    return root.evaluate(
        """(el, pane) => {
          const {x, y, width, height} = el.xc.rects()[pane];
          const {data} = el.xc.context().getImageData(x, y, width, height);
          let drawn = 0;
          for (let i = 3; i < data.length; i += 4) drawn += data[i] > 200;
          return drawn / (width * height);
        }""",
        pane,
    )


def test_from_the_clips_camera_each_frame_in_space_is_its_picture_and_all_panes_are_in_step(page: Page, app: App):
    root = open_space(page, app, FLAT)
    wait_for(root, shows(NUMBERS))
    root.evaluate(
        """el => {
          const {gl} = el.xc.stage.painter.surface, create = gl.createTexture;
          Object.assign(window, {gl, nMade: 0});
          gl.createTexture = () => { window.nMade += 1; return create.call(gl); };
        }"""
    )
    for frame in (0, 7, 11, 3):
        seek(root, frame)
        assert frames_shown(root) == [frame] * 4
    assert page.evaluate("nMade") == 0  # other frames fill the same textures
    page.get_by_role("link", name="Flat, in Compare").click()
    page.wait_for_url(lambda url: "/space" not in url)
    wait_for(painted(page), "window.gl.isContextLost()")  # what the page held is freed on leaving it


def test_a_drag_turns_all_panes_the_link_keeps_the_camera_and_f_returns_to_the_clips(page: Page, app: App):
    root = open_space(page, app, "camera=clip")
    assert spread(root, 1) > 0.2
    focus(root)
    x, y = point(root, 2, 0.5, 0.5)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 20, steps=4)
    page.mouse.up()
    camera = look(root)["camera"]
    assert camera["yaw"] > 5 and camera["pitch"] > 2
    page.wait_for_url(re.compile(r"[?&]camera=-?\d"))
    page.reload()
    root = painted(page)
    assert look(root)["camera"]["yaw"] == pytest.approx(camera["yaw"], abs=0.01)
    focus(root)
    page.keyboard.press("h")
    page.keyboard.press("ArrowRight")
    wait_for(root, f"el.xc.state().view.camera.yaw < {camera['yaw'] - 1}")
    page.keyboard.press("f")
    wait_for(root, "el.xc.state().view.camera === 'clip'")


def test_what_a_near_surface_hides_is_filled_on_request_and_hatched_where_it_is_invented(page: Page, app: App):
    root = open_space(page, app, "camera=-20~0~2~0~0~2&gaps=filled")
    root.evaluate(
        """el => {
          for (const {codes} of el.xc.pictures().slice(1, 4)) {
            const {data, width} = codes;
            for (let i = 0; i < data.length; i += 4) data.fill((i / 4) % width < width / 2 ? 120 : 160, i, i + 3);
          }
          const {surface} = el.xc.stage.painter;
          surface.codes.clear();
          surface.keep(0);
        }"""
    )

    def magenta() -> int:
        repainted(root)
        return root.evaluate(
            """el => {
              const {x, y, width, height} = el.xc.rects()[1], {data} = el.xc.context().getImageData(x, y, width, height);
              let found = 0;
              for (let i = 0; i < data.length; i += 4)
                found += data[i] > 200 && data[i + 1] < 70 && data[i + 2] > 170 && data[i + 3] > 200;
              return found;
            }"""
        )

    root.evaluate("el => el.xc.change({gaps: 'open'})")
    gap = spread(root, 1)
    root.evaluate("el => el.xc.change({gaps: 'filled'})")
    wait_for(root, "el.xc.stage.painter.surface.behind.size === 3")
    assert spread(root, 1) > gap + 0.01
    assert magenta() == 0
    root.get_by_label("gaps").select_option("hatched")
    assert magenta() > 20


def test_two_points_tell_distance_flatness_and_the_depth_between_them_and_a_surface_is_saved(
    page: Page, app: App, tmp_path: Path
):
    root = open_space(page, app, "camera=clip&surface=stretch&fov=70")
    root.get_by_role("button", name="measure between two pixels").click()
    page.mouse.click(*point(root, 2, 0.3, 0.4))
    measured = root.locator(".measured")
    expect(measured).to_contain_text(
        re.compile(r"A baseline: \S+ right, \S+ down, \d+\.\d\d ahead of the camera \(m\)")
    )
    page.mouse.click(*point(root, 2, 0.7, 0.7))
    expect(measured).to_contain_text(re.compile(r"Ground truth .*distance \d+\.\d\d\sm \(at a field of view of 70°\)"))
    expect(measured).to_contain_text(re.compile(r"B consistency: off a plane by \d+\.\d\u00a0cm RMS"))
    expect(measured.get_by_role("img", name=re.compile("A baseline from .* to .* m"))).to_be_visible()
    expect(measured.locator(".slice-names > span")).to_have_text(["Ground truth", "A baseline", "B consistency"])
    measured.get_by_role("button", name="Keep as a note of this frame").click()
    kept = re.compile(r"^off a plane: Ground truth .*%, A .*%, B .*% \(\d+ × \d+ px at \d+, \d+\)$")
    expect(root.get_by_label("note of frame 0")).to_have_value(kept)
    check(page, "space, measured")
    for kind, begins in (("PLY", b"ply\nformat binary_little_endian 1.0\n"), ("GLB", b"glTF\x02\x00\x00\x00")):
        with page.expect_download() as download:
            root.get_by_role("button", name=f"save the surface of this frame as {kind}").click()
        saved = tmp_path / download.value.suggested_filename
        download.value.save_as(saved)
        assert saved.name == f"walkthrough-ground-truth-0.{kind.lower()}" and saved.read_bytes().startswith(begins)
    page.goto(f"{app.address}/overview?predict=depth")
    rows = page.get_by_role("table", name="configurations on clips").locator("tbody tr")
    expect(rows.filter(has_text="baseline")).to_contain_text(re.compile(r"cm\s*1 patch, truth \d+\.\d\u00a0cm"))
    expect(page.get_by_role("columnheader", name="Flatness, cm RMS")).to_be_visible()
    check(page, "overview, with flatness")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "overview.csv")
    with (tmp_path / "overview.csv").open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 2 and all(float(row["flatness, RMS (cm)"]) > 0 for row in found)
    assert all(row["flatness: patches"] == "1" for row in found)


def test_what_cannot_be_drawn_is_said_and_comes_back_with_the_graphics(page: Page, app: App):
    root = open_space(page, app, FLAT)
    wait_for(root, shows(NUMBERS))
    root.evaluate(
        "el => { window.lost = el.xc.stage.painter.surface.gl.getExtension('WEBGL_lose_context'); lost.loseContext(); }"
    )
    expect(root.get_by_text("The graphics of this browser have stopped").first).to_be_visible()
    root.evaluate("() => lost.restoreContext()")
    wait_for(root, shows(NUMBERS))
    root.evaluate(
        """el => {
          for (const {codes} of el.xc.pictures()) codes?.data.fill(255);
          el.xc.stage.painter.surface.codes.clear();
          el.xc.change({fov: 50});
        }"""
    )
    expect(root.get_by_text("No pixel of this frame has a known depth.").first).to_be_visible()


def test_pictures_of_one_pixel_one_depth_many_pixels_and_eight_configurations_are_drawn_or_answered_in_words(
    page: Page, tmp_path: Path, dashboard: StartApp
):
    store = Store(tmp_path)
    letters = "abcdefgh"
    for title, size, methods in (
        ("dot", (1, 1), ["a"]),
        ("wall", (64, 64), ["a"]),
        ("large", (1100, 600), ["a"]),
        ("eight", (64, 64), list(letters)),
    ):
        clip = make_clip(title, n_frames=1, size=size)
        add_track(store, clip, kind="input", path="rgb", number=1)
        for number, method in enumerate(methods, start=16):
            add_track(store, clip, kind="prediction", path="rgb-depth", number=number, zoo="mini", method=method)
    address = dashboard(store.root)
    page.goto(f"{address}/space?clip=dot")
    root = painted(page)
    expect(root.get_by_text("A surface needs at least 2 × 2 pixels; show points.").first).to_be_visible()
    root.get_by_label("surface", exact=True).select_option("points")
    expect(root.get_by_text("A surface needs")).to_have_count(0)
    assert spread(root, 1) > 0
    page.goto(f"{address}/space?clip=wall&camera=clip")
    root = painted(page)
    root.evaluate(
        """el => {
          el.xc.pictures()[1].codes.data.fill(120);
          el.xc.stage.painter.surface.codes.clear();
          el.xc.stage.painter.surface.keep(0);
          el.xc.change({fov: 50});
        }"""
    )
    assert spread(root, 1) > 0.99
    page.goto(f"{address}/space?clip=large&camera=clip&surface=stretch")
    root = painted(page)
    expect(root.get_by_text("1 of 3 × 3 pixels")).to_be_visible()
    assert spread(root, 1) > 0.99
    page.goto(f"{address}/space?clip=eight&" + "&".join(f"{one}=mini/{one}" for one in letters))
    root = painted(page)
    assert all(spread(root, pane) > 0.05 for pane in range(1, 9))


def test_a_browser_without_webgl_and_a_clip_without_depth_are_answered_in_words(
    browser: Browser, app: App, tmp_path: Path, dashboard: StartApp
):
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        context.add_init_script(
            """const own = HTMLCanvasElement.prototype.getContext;
            HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
              return kind === "webgl2" ? null : own.call(this, kind, ...more);
            };"""
        )
        for page in opened_in(context):
            root = open_space(page, app)
            expect(root.get_by_text("This browser cannot draw in space").first).to_be_visible()
            # At first the camera stands aside, so that depth is seen at once.
            assert root.evaluate("el => el.xc.stage.painter.camera.yaw") > 5
            # The link keeps a camera that stands somewhere, for browsers that can draw.
            root.get_by_role("button", name="look from above").click()
            wait_for(root, "el.xc.state().view.camera?.pitch > 89")
            above = look(root)["camera"]["distance"]
            assert above > 0
            focus(root)
            page.keyboard.press("h")
            page.keyboard.press("+")
            wait_for(root, f"el.xc.state().view.camera.distance !== {above}")
            assert 0 < look(root)["camera"]["distance"] < above
            store = build_store(tmp_path, titles=("flat",), n_frames=1)
            page.goto(f"{dashboard(store.root)}/space?clip=flat")
            expect(page.get_by_text("No depth of this clip is stored")).to_be_visible()
            expect(page.get_by_text("python -m precompute run SOURCE")).to_be_visible()


PATH = "film=zoom~0.5~0.5~1~0.6~0.45~1.25~1~2~once~linear~1"
"""One second to the upper right, with a camera that keeps its lens."""
WITHIN_CODES = 6
"""Mean difference of a decoded frame from what was drawn: half resolution of colour, and the coder's rounding."""


def test_a_ken_burns_film_has_the_frames_of_its_path_and_begins_with_the_still_view(
    page: Page, app: App, tmp_path: Path
):
    root = open_space(page, app, f"surface=stretch&solo=truth&{PATH}")
    assert spread(root, 1) > 0.99
    still = rect_pixels(root)
    root.get_by_label("size of each picture in the film").select_option("256")
    root.get_by_label("frames a second of the film").select_option("24")
    with page.expect_download() as download:
        root.get_by_role("button", name="Save film").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    expect(root.get_by_text(re.compile(r"^saved crosscheck_walkthrough_ken-burns\."))).to_be_visible()
    with av.open(str(saved)) as film:
        video = film.streams.video[0]
        decoded = list(film.decode(video))
        frames = [one.to_ndarray(format="rgb24").astype(float) for one in decoded]
        assert (video.width, video.height) == (256, 256)
    assert np.allclose([one.time for one in decoded], np.arange(24) / 24, atol=0.0011)
    reduced = still[: still.shape[0] // 8 * 8, : still.shape[1] // 8 * 8]
    assert np.abs(boxed(frames[0]) - boxed(reduced)).mean() < WITHIN_CODES
    # The path is straight and of one direction, so frames are the less alike the farther apart they are.
    apart = [np.abs(boxed(frame) - boxed(frames[0])).mean() for frame in frames]
    assert apart[-1] > 2 and np.diff(apart[::4]).min() > -0.1
    root.get_by_role("button", name="play the film").click()
    wait_for(root, "el.xc.stage.painter.filmTime === 1 && !el.xc.state().isPlaying")
    assert state(root)["frame"] == state(root)["nReady"] - 1  # the clip has run along, and its last frame stays


def test_a_path_is_placed_by_dragging_kept_in_the_link_and_its_film_can_be_called_off(page: Page, app: App):
    root = open_space(page, app)
    focus(root)
    page.keyboard.press("Shift+H")
    wait_for(root, "el.xc.state().view.film?.kind === 'auto'")
    root.get_by_role("button", name="end of the path").click()
    x, y = point(root, 2, 0.5, 0.5)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 400, y, steps=4)
    page.mouse.up()
    wait_for(root, "el.xc.state().view.film.kind === 'zoom'")
    film = look(root)["film"]
    assert film["to"][0] == pytest.approx(0.5 / film["to"][2]) and film["from"] == [0.5, 0.5, 1]
    page.wait_for_url(re.compile(r"[?&]film=zoom"))
    page.reload()
    root = painted(page)
    assert look(root)["film"]["to"] == pytest.approx(film["to"], abs=1e-3)
    check(page, "space, Ken Burns")
    page.evaluate("() => { VideoEncoder.prototype.flush = () => new Promise(() => {}); }")
    root.get_by_label("frames a second of the film").select_option("24")
    root.get_by_role("button", name="Save film").click()
    root.get_by_role("group", name="lens and file of the film").get_by_role("button", name="Cancel").click()
    expect(root.get_by_text("cancelled")).to_be_visible()
    expect(root.get_by_role("button", name="Save film")).to_be_enabled()


def rect_pixels(root: Locator) -> np.ndarray:
    """What the only pane shows, as RGB."""
    repainted(root)
    found = root.evaluate(
        """el => {
          const {x, y, width, height} = el.xc.rects().find(Boolean);
          const {data} = el.xc.context().getImageData(x, y, width, height);
          return {height, width, data: [...data]};
        }"""
    )
    return np.array(found["data"], float).reshape(found["height"], found["width"], 4)[..., :3]


def boxed(image: np.ndarray, n: int = 8) -> np.ndarray:
    """Means of n x n equal boxes."""
    height, width, channels = image.shape
    boxes = image[: height // n * n, : width // n * n].reshape(n, height // n, n, width // n, channels)
    return boxes.mean(axis=(1, 3))
