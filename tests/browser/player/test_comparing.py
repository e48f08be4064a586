"""Difference, energy overlay, wipe, flicker and colour ranges, read from the pixels."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.helpers import App, press, repainted, seek, shown, state, wait_for, wait_for_numbers
from tests.browser.player.data import Open, data_of


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
    assert "0 to 30°" in (legends.nth(0).get_attribute("title") or "")
    assert "−0.25 to 0.25" in (legends.nth(2).get_attribute("title") or ""), "signed around zero"
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
        seek(root, frame)
        assert [one and (one["frame"], one["number"]) for one in shown(root)] == [(frame, 1), (frame, 18), (frame, 21)]
    root.evaluate("el => el.xc.change({overlay: {opacity: 1, from: 24}})")
    wait_for_numbers(root, [1, 16, 19])  # nothing is above the threshold
    sizes = root.evaluate("el => el.xc.rects()")
    root.press("e")
    assert state(root)["view"]["overlay"] is None
    assert root.evaluate("el => el.xc.rects()") == sizes, "no picture moves for the line of options"


def test_the_key_of_difference_and_energy_is_not_under_the_settings_of_both(open_player: Open):
    root = open_player("panes=input,A,B")
    root.focus()
    root.press("d")
    root.press("e")
    key = root.locator(".pane-key:visible").first
    expect(key).to_contain_text("energy")
    below = root.locator(".options").bounding_box()
    assert below and (box := key.bounding_box())
    assert box["y"] + box["height"] <= below["y"]


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
    root.get_by_role("combobox", name="right or lower picture").select_option("input")
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


def test_a_depth_is_aligned_to_the_reference_from_the_menu_of_its_legend(mount_player: Open, app: App):
    data = data_of(app, "AA")
    for pane, letter, scale in zip(data["panes"], "AB", (1, 10), strict=True):
        domain = {"name": "depth", "scale": "linear", "lo": scale, "hi": 2 * scale, "unit": "m", "shown": [1, 2]}
        pane |= {"id": letter, "letter": letter, "role": "prediction", "domain": {**pane["domain"], **domain}}
    data["panes"][1]["key"] += " again"
    root = mount_player(data)
    assert pixel(root, 0, 7, 1) != pixel(root, 1, 7, 1)
    root.locator(".pane-head .legend").first.click()
    menu = root.get_by_role("dialog", name="colours and range")
    menu.get_by_role("combobox", name="alignment of depth").select_option("scale")
    expect(root.locator(".pane-detail").nth(1)).to_have_text("aligned to A per clip: 0.1 d")
    repainted(root)
    assert pixel(root, 0, 7, 1) == pixel(root, 1, 7, 1)
    assert "aligned to A per clip: 0.1 d" in (root.locator(".pane-head .legend").nth(1).get_attribute("title") or "")
    menu.get_by_role("combobox", name="one alignment for each").select_option("frame")
    menu.get_by_role("combobox", name="aligned to").select_option("B")
    expect(root.locator(".pane-detail").nth(0)).to_have_text("aligned to B per frame: 10 d")
    assert state(root)["view"]["align"] == {"kind": "scale", "per": "frame", "to": "B"}
    assert root.locator(".pane-detail").nth(1).inner_text() == ""
