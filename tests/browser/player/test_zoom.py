"""Zoom and size of the pictures, by wheel, drag, touch and keys."""

from __future__ import annotations

from playwright.sync_api import Locator

from tests.browser.helpers import point, press, state, wait_for
from tests.browser.player.data import Open


def wheel(root: Locator, pane: int, u: float, v: float, delta: float, *, ctrl: bool = False) -> None:
    """Turn the wheel over that place of that pane, in shares of it, and wait until the page has dealt with it."""
    root.evaluate("() => { window.addEventListener('wheel', () => (window.isTurned = true), {once: true}); }")
    x, y = point(root, pane, u, v)
    root.page.mouse.move(x, y)
    if ctrl:
        root.page.keyboard.down("Control")
    root.page.mouse.wheel(0, delta)
    if ctrl:
        root.page.keyboard.up("Control")
    wait_for(root, "window.isTurned")
    root.evaluate("() => { window.isTurned = false; }")


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
    wait_for(root, f"el.xc.rects()[0].height < {usual - 40}")
    low = state(root)["view"]["size"]
    handle.press("ArrowDown")
    assert state(root)["view"]["size"] == low + 4
    assert press(root, "Shift+V")["view"]["size"] == low
    handle.dblclick()
    wait_for(root, f"el.xc.rects()[0].height === {usual}")
    assert state(root)["view"]["size"] is None
