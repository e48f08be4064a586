"""Keys, buttons and the frame field."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import expect

from tests.browser.helpers import App, press, shown, state, wait_for
from tests.browser.player.data import N_FRAMES, Open


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
    help_panel = root.get_by_role("dialog", name="Help")
    expect(help_panel).to_be_visible()  # its module is imported when it is first opened
    assert help_panel.inner_text().startswith("×\nWhat am I looking at?")
    assert "next peak of the first plot" in help_panel.inner_text()
    root.page.keyboard.press("?")
    expect(help_panel).not_to_be_visible()


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
          .map(([key, more]) => el.dispatchEvent(new KeyboardEvent("keydown", {key, cancelable: true, ...more, bubbles: true, composed: true})))"""
    )
    assert taken == [True] * 5, "nobody called preventDefault"


def test_what_is_typed_into_a_field_is_not_for_streamlit(open_player: Open):
    root = open_player()
    page = root.page
    page.evaluate(
        """() => {
          window.heard = [];
          document.addEventListener("keydown", ({key}) => key !== "s" && window.heard.push(key));
          Object.defineProperty(navigator, "clipboard", {value: undefined});
        }"""
    )
    root.get_by_role("combobox", name="speed").press("c")
    root.get_by_role("textbox", name="go to frame").press("r")
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
    field = root.get_by_role("textbox", name="go to frame")
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
    assert state(root)["frame"] == root.evaluate("el => el.atRelease"), "the click that ends a hold is no step"
    forward.click()
    forward.press("Enter")
    wait_for(root, "el.xc.painted === el.atRelease + 2")
    assert state(root)["frame"] == root.evaluate("el => el.atRelease + 2"), "no step has come since from the hold"
    assert root.get_by_role("button", name="play (Space)").is_visible()
