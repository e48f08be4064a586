"""Keys act wherever on the page the focus is, messages are on the screen, and the palette leads everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import App, drawn, look, open_page, point, state, wait_for, wait_for_link
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp

AT_START = "clip=walkthrough&frame=0"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough", "phone"), n_frames=24)
    return App(dashboard(store.root), store)


def test_keys_act_before_anything_was_clicked_and_after_everything_that_was(page: Page, app: App):
    root = open_page(page, app, AT_START)
    keyboard = page.keyboard

    def step(after: str) -> None:
        frame = state(root)["frame"]
        keyboard.press("ArrowRight")
        wait_for(root, f"el.xc.painted === {frame + 1}")
        assert state(root)["frame"] == frame + 1, f"keys are dead after {after}"

    step("opening the page")
    page.get_by_text("Raw", exact=True).click()
    wait_for_link(page, "scale=raw")
    step("the switch of the scale")
    page.get_by_role("combobox", name="Prediction").click()
    page.locator("[role=option]:visible").first.click()
    expect(page.locator("[role=listbox]:visible")).to_have_count(0)
    step("a menu")
    keyboard.press("w")
    edge = page.get_by_role("slider", name="edge between")
    box = edge.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 50)
    page.mouse.up()
    keyboard.press("w")
    expect(edge).to_be_hidden()
    step("a handle that had the focus is gone")
    root.get_by_role("button", name="next frame").focus()
    step("a button got the focus")
    keyboard.press("Enter")
    wait_for(root, f"el.xc.painted === {state(root)['frame']}")
    keyboard.press("?")
    expect(page.get_by_role("dialog", name="Help")).to_be_visible()
    frame = state(root)["frame"]
    keyboard.press("ArrowLeft")
    assert state(root)["frame"] == frame, "a dialog keeps the keys"
    keyboard.press("Escape")
    step("help")


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1280, 720), (3840, 2160)])
def test_a_message_is_on_the_screen_wherever_the_page_is_scrolled(page: Page, app: App, width: int, height: int):
    page.set_viewport_size({"width": width, "height": height})
    root = open_page(page, app, AT_START)
    for scroll in (0, 400):
        page.locator("[data-testid=stMain]").evaluate("(el, top) => el.scrollTo(0, top)", scroll)
        drawn(page)
        page.keyboard.press("b")
        # Measured in the frame that shows it: it leaves by itself.
        box = wait_for(
            root,
            "el.querySelector('.toast')?.checkVisibility()",
            "(({x, y, width, height}) => ({x, y, width, height}))(el.querySelector('.toast').getBoundingClientRect())",
        )
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        middle = height / 2
        assert not box["y"] < middle < box["y"] + box["height"]
    assert look(root)["marks"] == [], "the second press removed it"
    page.keyboard.press("u")
    wait_for(root, "String(el.xc.state().view.marks) === '0'")


def test_drawing_a_region_probes_no_pixel_and_five_steps_of_zoom_are_one_step_back(page: Page, app: App):
    root = open_page(page, app, AT_START)
    page.keyboard.press("m")
    page.mouse.move(*point(root, 1, 0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*point(root, 1, 0.6, 0.7), steps=4)
    page.mouse.up()
    assert look(root)["probe"] is None
    # The link of the box as drawn: M has put one before, and that may have been a step of its own.
    wait_for_link(page, "region=" + "-".join(map(str, look(root)["region"])))
    steps = page.evaluate("history.length")
    # In one tick, as fast as keys repeat: a slow machine would take its time between presses.
    root.evaluate(
        """el => {
          for (let i = 0; i < 5; i++) el.dispatchEvent(new KeyboardEvent("keydown", {key: "z", bubbles: true, composed: true}));
        }"""
    )
    wait_for_link(page, "zoom=")
    assert page.evaluate("history.length") == steps + 1


def test_the_palette_chooses_clips_and_predictions_and_goes_to_times(page: Page, app: App):
    root = open_page(page, app, AT_START)
    field = page.get_by_role("combobox", name="command")

    def run(typed: str) -> None:
        page.keyboard.press("/")
        field.fill(typed)
        page.keyboard.press("Enter")

    run("50 %")
    wait_for(root, "el.xc.painted === 12")
    run("999")
    wait_for(root, "el.xc.painted === 23")
    run("energy raw")
    wait_for_link(page, "scale=raw")
    run("phone")
    keys = {track.head.clip.title: track.head.clip.key for track in app.store.tracks()}
    wait_for_link(page, f"clip={keys['phone'][:12]}")
    run("graph")
    expect(page.get_by_role("dialog", name="Configurations")).to_be_visible()


def test_nothing_moves_when_options_come_or_when_play_is_late(page: Page, app: App):
    root = open_page(page, app, AT_START)
    wait_for(root, "el.xc.cursors().length > 0")
    places = """el => [...el.querySelectorAll('.slider, .transport button, .transport select, .chart, .stage canvas')]
      .map((one) => { const {x, y} = one.getBoundingClientRect(); return [x, y]; })"""
    before = root.evaluate(places)
    for key in ("e", "d"):
        page.keyboard.press(key)
        expect(root.locator(".options")).to_be_visible()
        assert root.evaluate(places) == before, key
    root.evaluate("el => (el.querySelector('.rate').textContent = '12 of 30 fps')")
    assert root.evaluate(places) == before


def test_a_wipe_and_a_single_pane_fill_the_height_of_the_window(page: Page, app: App):
    root = open_page(page, app, AT_START)
    wait_for(root, "el.xc.cursors().length > 0")
    width = "el.xc.stage.layout.rects.find(Boolean).width"
    before = root.evaluate(f"el => {width}")
    for key in ("w", "3"):
        page.keyboard.press(key)
        wait_for(root, f"{width} > {before}")
        bottom = root.locator(".controls").evaluate("el => el.getBoundingClientRect().bottom")
        assert 690 <= bottom <= 720, "the picture takes what toolbar and window leave, and no more"
        names = root.locator(".pane-title:visible").evaluate_all(
            "all => all.map((one) => one.scrollWidth <= one.clientWidth)"
        )
        assert all(names), "no name is cut"


def test_a_clip_of_one_frame_has_no_transport_and_keys_of_time_say_so(page: Page, tmp_path: Path, dashboard: StartApp):
    store = build_store(tmp_path, titles=("picture",), n_frames=1)
    root = open_page(page, App(dashboard(tmp_path), store), "")
    for name in ("play (Space)", "previous frame (←)", "next peak of the first plot (N)"):
        expect(root.get_by_role("button", name=name)).to_have_count(0)
    expect(root.get_by_role("slider", name="frame")).to_have_count(0)
    expect(root.get_by_label("speed")).to_be_hidden()
    expect(root.get_by_role("button", name="lossless")).to_be_visible()
    page.keyboard.press("Space")
    expect(root.locator(".toast")).to_have_text("this is a single picture: there is nothing to play or to search")
