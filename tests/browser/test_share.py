"""What is taken along is what was seen: pictures, tables, films and pages are opened and read."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.helpers import App, focus, open_page, painted, seek, state, wait_for
from tests.fixtures.stores import READ_PATTERN_JS, build_store, read_pattern
from tests.fixtures.web.serving import StartApp

N_FRAMES = 40
HOSTILE = "</script><script>document.title='hit'</script><!-- packs --><img src=x onerror=alert(1)> & \"quoted\""
NO_H264_JS = """const own = VideoEncoder.isConfigSupported;
VideoEncoder.isConfigSupported = async (config) =>
  config.codec.startsWith("avc1") ? { supported: false, config } : own.call(VideoEncoder, config);"""
"""What a browser without an encoder of H.264 answers."""
PTS_SECONDS = [round(0.04 * frame + 0.02 * (frame % 3), 3) for frame in range(N_FRAMES)]
"""Frames of different durations: time stamps are not the frame number times a constant."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(
        tmp_path_factory.mktemp("store"),
        titles=(HOSTILE, "walkthrough"),
        n_frames=N_FRAMES,
        size=(128, 128),
        frames_per_pack=16,
        pts_seconds=PTS_SECONDS,
        readouts={},
    )
    return App(dashboard(store.root), store)


def open_panel(page: Page, root: Locator) -> Locator:
    focus(root)
    page.keyboard.press("Shift+S")
    panel = page.get_by_role("dialog", name="Save and share")
    expect(panel).to_be_visible()
    return panel


def saved(page: Page, button: Locator, folder: Path) -> Path:
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def set_range(panel: Locator, first: int, last: int) -> None:
    panel.get_by_label("first frame").fill(str(first))
    panel.get_by_label("last frame").fill(str(last))
    panel.get_by_label("last frame").press("Enter")


def test_a_picture_shows_the_panes_at_full_size_with_their_headings(page: Page, app: App, tmp_path: Path):
    root = open_page(page, app)
    root.press("End")
    wait_for(root, f"el.xc.painted === {N_FRAMES - 1}")
    panel = open_panel(page, root)
    expect(panel.get_by_text(f"Frame {N_FRAMES - 1} as shown")).to_be_visible()
    path = saved(page, panel.get_by_role("button", name="Save PNG"), tmp_path)
    assert path.name == f"crosscheck_walkthrough_frame-{N_FRAMES - 1}.png"
    image = cv2.imread(str(path))
    assert image is not None
    rects, ratio = root.evaluate("el => [el.xc.rects().filter(Boolean), devicePixelRatio]")
    scale = (image.shape[1] / ratio) / (root.locator(".stage").evaluate("el => el.clientWidth") + 20)
    numbers = []
    for rect in rects:
        x, y = (round((rect[side] + 10 * ratio) * scale) for side in "xy")
        width, height = (round(rect[side] * scale) for side in ("width", "height"))
        numbers.append(read_pattern(image[y : y + height, x : x + width]))
        if len(numbers) > 2:  # a badge in the configuration's own colour
            corner = image[max(y - round(48 * scale), 0) : y - 2, x : x + round(16 * scale)].reshape(-1, 3).astype(int)
            assert (corner.max(axis=1) - corner.min(axis=1)).max() > 90
        heading = image[max(y - round(24 * scale), 0) : y - 2, x : x + width]
        assert heading.std() > 5, "the title of the pane is above it"
    assert numbers == [(N_FRAMES - 1, 1), (N_FRAMES - 1, 2), (N_FRAMES - 1, 16), (N_FRAMES - 1, 18)]
    assert image[-24:].std() > 5, "title, frame and time stand below"


def test_a_picture_has_the_curves_of_the_plots_unless_they_are_not_wanted(page: Page, app: App, tmp_path: Path):
    root = open_page(page, app)
    wait_for(root, "el.xc.cursors().length > 2")
    hue = root.evaluate("el => getComputedStyle(el).getPropertyValue('--xc-hue-0').trim()")
    blue_green_red = np.array([int(hue[at : at + 2], 16) for at in (5, 3, 1)])
    panel = open_panel(page, root)
    images = []
    for is_wanted in (True, False):
        panel.get_by_label("with curves").set_checked(is_wanted)
        images.append(cv2.imread(str(saved(page, panel.get_by_role("button", name="Save PNG"), tmp_path))))
    whole, panes = images
    assert whole.shape[1] == panes.shape[1] and whole.shape[0] > 1.5 * panes.shape[0]
    below = whole[panes.shape[0] :]
    is_of_a = np.abs(below.astype(int) - blue_green_red).sum(axis=2) < 30
    assert is_of_a.any(axis=0).mean() > 0.5, "the curve of A crosses most of the width"
    assert (panes[: panes.shape[0] // 2] == whole[: panes.shape[0] // 2]).all()


def test_the_tables_hold_the_plotted_numbers_of_the_range(page: Page, app: App, tmp_path: Path):
    root = open_page(page, app)
    panel = open_panel(page, root)
    set_range(panel, 5, 9)
    expect(panel.get_by_text("5 frames")).to_be_visible()
    path = saved(page, panel.get_by_role("button", name="Save CSV"), tmp_path)
    assert path.name == "crosscheck_walkthrough_frames-5-9.csv"
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    parquet = pq.read_table(saved(page, panel.get_by_role("link", name="Save Parquet"), tmp_path))
    assert rows[0] == [*parquet.column_names, "clip"] and {row[-1] for row in rows[1:]} == {"walkthrough"}
    assert "Consistency energy, A mini/baseline (σ)" in rows[0]
    numbers = np.array([row[:-1] for row in rows[1:]], float)
    assert numbers[:, 0].tolist() == [5, 6, 7, 8, 9]
    assert numbers[:, 1].tolist() == PTS_SECONDS[5:10]
    exact = np.column_stack([parquet[name].to_numpy() for name in parquet.column_names])
    assert np.allclose(numbers, exact, rtol=1e-4)


@pytest.mark.parametrize("has_h264", [True, False])
def test_a_film_shows_every_frame_once_at_its_own_time(page: Page, app: App, tmp_path: Path, has_h264: bool):
    if not has_h264:
        page.add_init_script(NO_H264_JS)
    root = open_page(page, app)
    panel = open_panel(page, root)
    set_range(panel, 4, 37)
    path = saved(page, panel.get_by_role("button", name="Save video"), tmp_path)
    codecs = {".webm": ("vp9", "vp8"), ".mp4": ("h264",)}
    assert path.stem == "crosscheck_walkthrough_frames-4-37" and (has_h264 or path.suffix == ".webm")
    expect(panel.get_by_role("status").last).to_contain_text("saved crosscheck_walkthrough")
    rect = root.evaluate("el => el.xc.rects()[2]")
    stage = root.locator(".stage").evaluate("el => el.clientWidth")
    frames, seconds = [], []
    with av.open(str(path)) as film:
        video = film.streams.video[0]
        assert video.codec_context.name in codecs[path.suffix]
        scale = video.width / (stage + 20)
        assert film.duration is not None
        assert abs(film.duration / 1e6 - (PTS_SECONDS[38] - PTS_SECONDS[4])) < 0.05
        for picture in film.decode(video):
            assert (picture.width, picture.height) == (video.width, video.height)
            image = picture.to_ndarray(format="bgr24")
            x, y = (round((rect[side] + 10) * scale) for side in "xy")
            size = round(rect["width"] * scale)
            frames.append(read_pattern(image[y : y + size, x : x + size]))
            seconds.append(picture.time)
        film.seek(round(0.9 * film.duration))
        assert next(film.decode(video)).time > 0.5, "the index leads to a late key frame"
    assert frames == [(frame, 16) for frame in range(4, 38)]
    assert np.allclose(seconds, np.array(PTS_SECONDS[4:38]) - PTS_SECONDS[4], atol=0.0011)


def test_a_film_has_no_values_of_the_frame_that_stood_on_the_screen(page: Page, app: App, tmp_path: Path):
    root = open_page(page, app)
    root.evaluate("el => el.xc.change({probe: [3, 3]})")
    expect(root.locator(".pane-values").first).not_to_be_empty()
    shown = root.locator(".pane-values").all_inner_texts()
    page.evaluate(
        """() => {
          window.drawn = [];
          const { fillText } = CanvasRenderingContext2D.prototype;
          CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
            window.drawn.push(text);
            return fillText.call(this, text, ...rest);
          };
        }"""
    )
    panel = open_panel(page, root)
    set_range(panel, 3, 5)
    saved(page, panel.get_by_role("button", name="Save video"), tmp_path)
    drawn = page.evaluate("window.drawn")
    assert any("frame 5" in text for text in drawn) and not set(shown) & set(drawn)
    page.evaluate("window.drawn = []")
    saved(page, panel.get_by_role("button", name="Save PNG"), tmp_path)
    assert set(shown) & set(page.evaluate("window.drawn")), "a still picture has them"


def test_a_film_can_be_called_off(page: Page, app: App):
    root = open_page(page, app)
    panel = open_panel(page, root)
    page.evaluate("() => { VideoEncoder.prototype.flush = () => new Promise(() => {}); }")
    panel.get_by_role("button", name="Save video").click()
    expect(panel.get_by_text("video: ")).to_be_visible()
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_text("cancelled")).to_be_visible()
    expect(panel.get_by_role("button", name="Save video")).to_be_enabled()


def test_without_an_encoder_it_is_said_what_to_do(page: Page, app: App):
    page.add_init_script("delete window.VideoEncoder; Object.defineProperty(window, 'isSecureContext', {value: false})")
    root = open_page(page, app)
    panel = open_panel(page, root)
    expect(panel.get_by_text("Browsers encode video only on pages served over https or from localhost")).to_be_visible()
    expect(panel.get_by_role("button", name="Save video")).to_be_disabled()


def test_a_saved_page_opens_from_a_disk_offline_and_still_plays(page: Page, app: App, browser: Browser, tmp_path: Path):
    """With a hostile title: it stays text, in the page and around it."""
    root = open_page(page, app, "")
    if "walkthrough" in page.get_by_role("combobox", name="Clip").input_value():
        page.get_by_role("combobox", name="Clip").click()
        page.get_by_role("option").filter(has_text="script").click()
        root = painted(page)
    seek(root, 0)  # the page opens where A and B differ most
    panel = open_panel(page, root)
    set_range(panel, 10, 30)
    expect(panel.get_by_text("Opens offline, plays")).to_contain_text("MB")
    told = float(panel.get_by_text("Opens offline, plays").inner_text().split(": ")[1].split(" MB")[0])
    path = saved(page, panel.get_by_role("button", name="Save HTML"), tmp_path)
    assert path.name.startswith("crosscheck_script-script") and path.name.endswith("_frames-10-30.html")
    assert abs(path.stat().st_size / 1e6 - told) < 0.02, "the weight was told before"
    context = browser.new_context(offline=True, viewport={"width": 1000, "height": 700})
    asked: list[str] = []
    errors: list[str] = []
    try:
        other = context.new_page()
        other.on("pageerror", lambda error: errors.append(str(error)))
        other.on("console", lambda message: message.type == "error" and errors.append(message.text))
        other.on("request", lambda request: asked.append(request.url))
        other.goto(path.as_uri())
        copy = other.locator(".xc")
        wait_for(copy, "el.xc.painted === 10 && el.xc.cursors().length > 0")
        read = f"el => el.xc.rects().filter(Boolean).map((r) => ({READ_PATTERN_JS})(el.xc.context(), r))"
        assert [one["number"] for one in copy.evaluate(read)[:4]] == [1, 2, 16, 18], "and B - A"
        for frame, shown in ((23, 23), (0, 10), (39, 30)):
            copy.evaluate("(el, frame) => el.xc.seek(frame)", frame)
            wait_for(copy, f"el.xc.painted === {shown}")
            assert {one["frame"] for one in copy.evaluate(read)[:4]} == {shown}
            assert abs(copy.evaluate("el => el.xc.cursors()[0]") - shown) < 0.1
        copy.press("s")
        expect(other.locator(".toast")).to_have_text("this page is a file: send the file itself")
        copy.press("Home")
        copy.press("Space")
        wait_for(copy, "el.xc.painted > 15")
        assert state(copy)["isPlaying"]
        title = other.title()
        assert title.startswith(HOSTILE.split("<!--", maxsplit=1)[0]) and title != "hit"
        assert other.locator("img").count() == 0
        assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
        assert not errors
    finally:
        context.close()


def test_a_picture_has_the_box_of_the_region_and_the_place_of_the_values(page: Page, app: App, tmp_path: Path):
    root = open_page(page, app)
    images = []
    for change in ({"region": None, "probe": None}, {"region": [20, 24, 60, 48], "probe": [100, 100]}):
        root.evaluate("(el, change) => el.xc.change(change)", change)
        if change["probe"]:
            expect(root.locator(".pane-values").first).not_to_be_empty()
        panel = open_panel(page, root)
        images.append(cv2.imread(str(saved(page, panel.get_by_role("button", name="Save PNG"), tmp_path))))
        page.keyboard.press("Escape")
    before, after = images
    rect, stage = root.evaluate("el => [el.xc.rects()[1], el.querySelector('.stage').clientWidth]")
    scale = before.shape[1] / (stage + 20)
    pixels = rect["width"] * scale / 128
    assert abs(pixels - round(pixels)) < 0.02, "stored pixels are squares of whole pixels"
    left, top = (round((rect[side] + 10) * scale) for side in "xy")

    def differs(x: float, y: float) -> bool:
        at = (
            slice(round(top + y * pixels) - 2, round(top + y * pixels) + 3),
            slice(round(left + x * pixels) - 2, round(left + x * pixels) + 3),
        )
        return bool((before[at] != after[at]).any())

    assert all(differs(x, y) for x, y in ((20, 40), (80, 40), (50, 24), (50, 72))), "the four sides of the box"
    assert not differs(50, 48), "what is in it stays"
    assert differs(100.5 + 6 / pixels, 100.5), "an arm of the cross"


# Bookmarks


def test_bookmarks_with_notes_stay_in_this_browser_and_go_into_link_table_and_page(
    page: Page, app: App, tmp_path: Path
):
    root = open_page(page, app)
    for frame in (20, 4):
        seek(root, frame)
        root.press("b")
    page.wait_for_url("**marks=4.20*")
    page.get_by_label("note of frame 20").fill("=<b>sharp</b>")
    assert page.locator(".bookmark-marks i").count() == 2
    focus(root)
    for key, frame in (("'", 20), (";", 4)):
        page.keyboard.press(key)
        wait_for(root, f"el.xc.painted === {frame}")
    panel = open_panel(page, root)
    rows = list(
        csv.reader(saved(page, panel.get_by_role("button", name="Save CSV"), tmp_path).open(encoding="utf-8-sig"))
    )
    assert rows[0][-3:] == ["bookmark", "note", "clip"]
    assert [row[-3:-1] for row in (rows[5], rows[21], rows[22])] == [["1", ""], ["1", "'=<b>sharp</b>"], ["", ""]]
    html = saved(page, panel.get_by_role("button", name="Save HTML"), tmp_path).read_text(encoding="utf-8")
    assert "\\u003cb>sharp" in html and "<b>sharp" not in html
    report = saved(page, panel.get_by_role("button", name="Save report"), tmp_path)
    assert report.name == "crosscheck_walkthrough_bookmarks.html"
    text = report.read_text(encoding="utf-8")
    assert "2 bookmarks" in text and "sharp" in text and "<b>sharp" not in text and "frame=20" in text
    pictures = [base64.b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"]+)", text)]
    sizes = {image.shape for data in pictures if (image := cv2.imdecode(np.frombuffer(data, np.uint8), 1)) is not None}
    assert len(pictures) == 2 and pictures[0] != pictures[1] and len(sizes) == 1
    page.reload()
    painted(page)
    expect(page.get_by_label("note of frame 20")).to_have_value("=<b>sharp</b>")


def test_a_link_brings_bookmarks_to_another_browser_without_notes(page: Page, app: App):
    root = open_page(page, app, "clip=walkthrough&frame=0&marks=7.9")
    expect(page.get_by_label("note of frame 7")).to_have_value("")
    seek(root, 9)
    root.press("b")
    expect(page.get_by_label("note of frame 9")).to_have_count(0)
    page.get_by_role("button", name="restore the bookmark").click()
    expect(page.get_by_label("note of frame 9")).to_be_visible()


# The palette


@pytest.mark.parametrize("key", ["/", "Control+k"])
def test_a_command_is_found_by_its_words_and_run(page: Page, app: App, key: str):
    root = open_page(page, app)
    focus(root)
    page.keyboard.press(key)
    field = page.get_by_role("combobox", name="command")
    expect(field).to_be_focused()
    page.keyboard.type("fra las")
    expect(page.locator(".palette [aria-selected=true]")).to_have_text("last frameEnd")
    page.keyboard.press("Enter")
    wait_for(root, f"el.xc.painted === {N_FRAMES - 1}")
    expect(field).to_be_hidden()
    assert root.evaluate("el => el.getRootNode().activeElement === el"), "the focus is back where it was"


def test_the_palette_moves_with_arrows_and_escape_leaves_everything_as_it_was(page: Page, app: App):
    root = open_page(page, app)
    page.get_by_role("slider", name="frame").focus()
    page.keyboard.press("/")
    options = page.locator(".palette [role=option]")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    assert page.get_by_role("combobox", name="command").get_attribute("aria-activedescendant") == "xc-command-1"
    page.keyboard.type("no such thing c r")
    expect(page.get_by_text("No matching command.")).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="command")).to_be_hidden()
    assert page.get_by_role("slider", name="frame").evaluate("el => el.getRootNode().activeElement === el")
    assert state(root)["frame"] == 0


def test_every_key_of_the_table_is_in_help_and_palette_and_the_palette_has_more(page: Page, app: App):
    root = open_page(page, app)
    table = page.evaluate("import('/web/commands/keys.mjs').then(({BINDINGS}) => BINDINGS)")
    chords = [key for one in table for key in one["keys"]]
    assert len(chords) == len(set(chords)), "a key that means two things does only the first"
    assert not {"r", "c"} & set(chords), "they are Streamlit's"
    focus(root)
    page.keyboard.press("?")
    told = page.get_by_role("dialog", name="Help").inner_text()
    assert all(one["help"] in told for one in table if one["action"] != "solo")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    offered = page.locator(".palette [role=option]").all_inner_texts()
    # This server allows nobody to ask, and this page has no surfaces.
    left = (
        "solo",
        "speed",
        "palette",
        "close",
        "addVideo",
        "spaceCamera",
        "spaceColour",
        "spaceSurface",
        "filmToggle",
        "filmPlay",
    )
    assert all(
        any(one["help"] in text for text in offered)
        for one in table
        if one["action"] not in left and "release" not in one
    )
    for more in (
        "speed 0.25×",
        "save the series as Parquet",
        "show only A baseline Image → Surface normals (press again for all)",
    ):
        assert any(more in text for text in offered), more
