"""The probe: values of all panes under the pointer, a click, a tap or the crosshair."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from cache.writer import TrackWriter
from tests.browser.helpers import App, point, press, state, wait_for, wait_for_numbers
from tests.browser.player.data import N_FRAMES, Open, data_of


def test_the_probe_tells_the_values_of_all_panes_and_moves_nothing(open_player: Open, page: Page):
    page.set_viewport_size({"width": 1600, "height": 900})  # wide enough for whole values in two rows
    root = open_player("panes=input,A,B,A2,B2")
    wait_for(root, "el.xc.state().isExact")  # a preview has fewer digits
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
    assert texts[4].startswith("±0.000 to A")
    assert root.locator(".probe-at").inner_text().split() == ["x", "3", "y", "60"]
    assert root.evaluate(boxes) == places
    root.page.mouse.move(2, 2)
    wait_for(root, "el.querySelector('.pane-values').textContent === ''")
    assert state(root)["view"]["probe"] is None


def test_a_clicked_pixel_stays_probed_through_the_frames_and_keys_move_it(open_player: Open):
    root = open_player("panes=input,A,B")
    root.page.mouse.click(*point(root, 1, 0.51, 0.35))
    assert state(root)["view"]["probe"] is None, "a click for the focus probes nothing"
    root.page.mouse.move(*point(root, 1, 0.2, 0.2))
    wait_for(root, "el.querySelector('.pane-values').textContent !== ''")
    root.page.keyboard.press("p")
    assert state(root)["view"]["probe"] == [12, 12], "the pixel under the pointer"
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


def test_codes_of_16_bits_arrive_exactly_and_are_read_with_their_own_resolution(mount_player: Open, app: App):
    codes = np.random.default_rng(4).integers(1, 65535, (64, 64), np.uint16)
    codes[0, 0], codes[0, 1] = 0, 65535
    planes = np.stack([codes & 0, codes & 255, codes >> 8], axis=-1).astype(
        np.uint8
    )  # B, G and R, as OpenCV orders them
    template = next(track.head for track in app.store.tracks(kind="prediction"))
    far = {"lo": 0.01, "hi": 1000.0, "scale": "log", "unit": "m", "bits": 16, "invalid": 0.0, "sky": 1.0}
    domain = {"name": "depth", "title": "Depth", "channels": 1, "meaning": "scalar", "colour_map": "viridis", **far}
    columns = {"pts_seconds": {"title": "", "unit": "s"}}
    head = replace(template, key="d" * 64, method="deep", domain=domain, codec="png", columns=columns)
    writer = TrackWriter(app.store, head)
    writer.append(0, [cv2.imencode(".png", planes)[1].tobytes()], {"pts_seconds": np.zeros(1)})
    track = writer.finish()
    data = data_of(app, "a", nReady=1, ptsSeconds=[0.0])
    packs = [{"url": f"/packs/{head.key}-{track.packs[0].sha256}.pack", "start": 0, "n_frames": 1}]
    data["panes"][0] |= {"key": head.key, "domain": domain, "packs": packs}
    root = mount_player(data)
    rgba = root.evaluate("el => Array.from(el.xc.pictures()[0].codes.data)")
    pixels = np.array(rgba, np.int64).reshape(64, 64, 4)
    assert (pixels[..., 0] * 256 + pixels[..., 1] == codes).all()
    texts = {}
    for x, y in ((0, 0), (1, 0), (40, 30)):
        root.evaluate("(el, at) => el.xc.change({probe: at})", [x, y])
        texts[x, y] = root.locator(".pane-values").inner_text()
    assert texts[0, 0] == "unknown" and texts[1, 0] == "sky"
    metres = 0.01 * 1e5 ** (codes[30, 40] / 65535)
    assert float(texts[40, 30].split()[0]) == pytest.approx(metres, rel=1e-4)
