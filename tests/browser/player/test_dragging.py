"""Scrubber and plots: clicks and drags seek, and plots come and go while they are dragged."""

from __future__ import annotations

from tests.browser.helpers import App, state, wait_for
from tests.browser.player.data import N_FRAMES, Open, a_chart, data_of


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
    # The margins are the player's own: 58 px left, 26 px right.
    inner = box["width"] - 58 - 26
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
    inner = box["width"] - 58 - 26
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
    root.locator(".toast").get_by_text("plotly.min.js cannot be loaded").wait_for()
    root.page.unroute("**/plotly.min.js")
    root.page.evaluate("data => void window.update(data)", data_of(app, "i", charts=[a_chart("plot")]))
    wait_for(root, "el.xc.cursors().length === 1")
