"""The Image page with a real worker: pictures that are uploaded, pasted or photographed become predictions on the screen."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from cache.requests.queue import Requests
from tests.browser.helpers import App, painted, point, wait_for
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, ROOT, StartApp, opened_in
from tests.fixtures.web.waits import PATIENCE_SECONDS, wait_until
from tools.browser import find_browser

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
CLIP = re.compile(r"[?&]clip=([0-9a-f]{64})(&|$)")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, start_app: StartApp) -> Iterator[App]:
    """A page that everyone may ask, and a worker beside it; the store holds a video too."""
    store = build_store(tmp_path_factory.mktemp("image"), n_frames=3)
    command = [sys.executable, "-m", "precompute", "serve", "--store", str(store.root), "--no-files"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_REQUESTS", "everyone")
        patch.setenv("CROSSCHECK_REQUEST_LIMITS", "waiting=20")
        worker = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.DEVNULL)
        try:
            address = start_app(store.root)
            wait_until(Requests(store.root).is_served, "a worker")
            yield App(address, store)
        finally:
            worker.terminate()
            worker.wait(PATIENCE_SECONDS)


def picture(seed: int) -> bytes:
    """A JPEG of coloured squares."""
    squares = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.kron(squares, np.ones((40, 40, 1), np.uint8))).save(file, "JPEG")
    return file.getvalue()


def start(page: Page, app: App) -> None:
    page.goto(f"{app.address}/image")
    page.get_by_role("button", name="Choose a picture").wait_for()


def upload(page: Page, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
    page.get_by_label("picture", exact=True).set_input_files(files=[file])  # type: ignore[arg-type]


def answered(page: Page, began: float, way: str):
    """The player's root once it shows a prediction; its clip's key."""
    root = painted(page)
    wait_for(root, "el.xc.pictures().length > 2 && !el.xc.state().isLate")
    print(f"{way}: pictures after {time.monotonic() - began:.1f} s")
    found = CLIP.search(page.url)
    assert found is not None
    return root, found[1]


def test_an_uploaded_picture_becomes_predictions_that_only_its_link_shows(
    page: Page, app: App, browser: Browser, tmp_path: Path
):
    start(page, app)
    began = time.monotonic()
    upload(page, "<b>my</b> room.jpg", picture(1))
    root, key = answered(page, began, "upload")
    expect(page.get_by_text("<b>my</b> room.jpg").first).to_be_visible()  # text, not markup
    expect(root.get_by_text("Surface normals").first).to_be_visible()
    expect(page.get_by_text(re.compile("Where this picture's energies lie"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Raw values (.npz)").click()
    saved = tmp_path / "values.npz"
    download.value.save_as(saved)
    with np.load(saved, allow_pickle=False) as values:
        depth = values["prediction.mini.consistency.rgb-depth"]
        assert depth.dtype == np.float32
        assert depth.shape == (256, 256)
        assert 0.1 <= depth.min() < depth.max() <= 16.01
    with browser.new_context() as stranger:  # another visitor
        for other in opened_in(stranger):
            other.goto(f"{app.address}/compare?clip={key[:12]}")
            expect(other.get_by_text("which is not available")).to_be_visible()
            other.goto(f"{app.address}/image")
            expect(other.get_by_role("button", name="Choose a picture")).to_be_visible()
            expect(other.get_by_role("heading", name="Your pictures")).to_have_count(0)
            other.goto(f"{app.address}/image?clip={key}")
            painted(other)
            expect(other.get_by_role("button", name="Delete")).to_have_count(0)
            other.get_by_role("link", name="Open in Compare").click()
            painted(other)
            assert f"clip={key}" in other.url


def test_two_clicks_measure_depth_angle_and_distance(page: Page, app: App):
    start(page, app)
    upload(page, "a.jpg", picture(2))
    root, _ = answered(page, time.monotonic(), "upload")
    root.get_by_role("button", name="measure between two pixels").click()
    for share in (0.25, 0.75):
        page.mouse.click(*point(root, 0, share, 0.5))
    measured = root.locator(".measured")
    expect(measured).to_contain_text(re.compile(r"A baseline: .*angle between the normals .*°"))
    expect(measured).to_contain_text(re.compile(r"depth \d+\.\d\d\sm and \d+\.\d\d\sm, distance \d+\.\d\d\sm"))
    root.press("Escape")
    expect(measured).to_be_hidden()


def test_a_pasted_picture_is_answered_and_can_be_deleted(page: Page, app: App):
    start(page, app)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    began = time.monotonic()
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(320, 240), ink = canvas.getContext("2d");
          ink.fillStyle = "#a63"; ink.fillRect(0, 0, 320, 240); ink.fillStyle = "#38c"; ink.fillRect(60, 50, 90, 120);
          await navigator.clipboard.write([new ClipboardItem({"image/png": canvas.convertToBlob({type: "image/png"})})]);
        }"""
    )
    page.keyboard.press("Control+V")
    _, key = answered(page, began, "paste")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete it").click()
    page.get_by_role("button", name="Choose a picture").wait_for()
    requests = Requests(app.store.root).all(with_dropped=True)
    assert [one.is_dropped for one in requests if one.ended and one.ended.clip == key] == [True]


def test_a_photo_of_the_camera_is_answered(browser: Browser, app: App):
    camera = browser.browser_type.launch(executable_path=find_browser(), args=[*CHROMIUM_OPTIONS, *FAKE_CAMERA])
    try:
        with camera.new_context(viewport={"width": 1280, "height": 720}) as context:
            for page in opened_in(context):
                start(page, app)
                page.get_by_text("Use the camera").click()
                # Before its first frame there is nothing that a press could take.
                page.wait_for_function("() => document.querySelector('video')?.videoWidth > 0")
                began = time.monotonic()
                page.get_by_role("button", name="Take Photo").click()
                answered(page, began, "camera")
    finally:
        camera.close()


def test_what_is_not_a_picture_is_answered_in_words_with_a_next_step(page: Page, app: App):
    start(page, app)
    upload(page, "picture.jpg", b"<html><script>alert(1)</script></html>" * 9)
    expect(page.get_by_text(re.compile(r"\[bad_media\] Next: "))).to_be_visible()
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Choose a picture").wait_for()
    page.get_by_label("Address of a picture or video").fill("http://127.0.0.1:1/a.jpg")
    page.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_text(re.compile(r"\[blocked_address\] Next: "))).to_be_visible()


def test_a_server_that_takes_no_requests_says_so(page: Page, app: App, start_app: StartApp):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSSCHECK_REQUESTS", "off")
        address = start_app(app.store.root)
    page.goto(f"{address}/image")
    expect(page.get_by_text("Asking is switched off on this server")).to_be_visible()
    expect(page.get_by_role("button", name="Choose a picture")).to_have_count(0)
