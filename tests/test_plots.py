"""The plots and what goes with them in a real browser: loop, zoom, legend, gap, strip, lists, regions, all in the link."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from cache.store import Store
from dashboard.charts import Line, summary
from dashboard.series import energy
from tests.conftest import StartApp
from tests.stores import build_store
from tests.test_player import App, state, wait_for

N_FRAMES = 120
METHODS = ("baseline", "consistency", "cycle")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(
        tmp_path_factory.mktemp("store"),
        titles=("walkthrough",),
        n_frames=N_FRAMES,
        frames_per_pack=50,
        methods=METHODS,
    )
    return App(dashboard(store.root), store)


def open_page(page: Page, app: App, query: str = "") -> Locator:
    """The player's root, its first frame painted and its plots drawn."""
    page.goto(f"{app.address}/?clip=walkthrough&{query}")
    root = page.locator(".xc")
    root.wait_for()
    wait_for(root, "el.xc.painted >= 0 && el.xc.cursors().length > 2")
    return root


def look(root: Locator) -> dict[str, Any]:
    return state(root)["look"]


def drag(page: Page, area: Locator, start: float, end: float, *, shift: bool = False, y: float = 0.5) -> None:
    """Drag over `area` between two places given as shares of its width, at `y` of its height."""
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    if shift:
        page.keyboard.down("Shift")
    page.mouse.move(box["x"] + start * box["width"], box["y"] + y * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], box["y"] + y * box["height"], steps=4)
    page.mouse.up()
    if shift:
        page.keyboard.up("Shift")


def energies(store: Store) -> dict[str, Any]:
    """Letter -> standardised energy of each frame, by numpy."""
    by_method = {track.head.method: track for track in store.tracks(kind="energy")}
    return {
        letter: energy(store.column(by_method[method], "terms"), by_method[method].head.constants, "standardised")
        for letter, method in zip("ABC", METHODS, strict=True)
    }


# Loop and zoom


@pytest.mark.parametrize("way", ["shift", "axis"])
def test_a_drag_on_the_plot_or_its_axis_chooses_the_loop_and_moves_nothing(page: Page, app: App, way: str):
    root = open_page(page, app, "frame=7")
    areas = root.locator(".plot-area")
    if way == "shift":
        drag(page, areas.first, 0.7, 0.4, shift=True)
    else:
        drag(page, areas.last, 0.7, 0.4, y=0.95)
    first, last = look(root)["loop"]
    assert 0 < first < last < N_FRAMES - 1
    # Plots span 0.4..0.7 of what is left beside the margins, so about these frames.
    assert abs(first - 0.38 * N_FRAMES) < 6 and abs(last - 0.69 * N_FRAMES) < 6
    assert state(root)["frame"] == 7
    page.wait_for_url(f"**loop={first}-{last}*")


def test_a_zoomed_axis_never_loses_the_cursor_and_comes_back_from_the_link(page: Page, app: App):
    root = open_page(page, app, "frame=60")
    root.focus()
    for _ in range(4):
        root.press("t")
    first, last = look(root)["span"]
    assert last - first + 1 < N_FRAMES / 4
    assert first <= 60 <= last
    for key in ("End", "Home", "g", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "x"):
        root.press(key)
        wait_for(root, "!el.xc.state().isLate && el.xc.painted === el.xc.state().frame")
        frame = state(root)["frame"]
        shown = look(root)["span"]
        assert shown[1] - shown[0] == last - first, "following moves the axis and leaves its zoom"
        assert shown[0] <= frame <= shown[1]
        assert root.evaluate("el => el.xc.cursors()") == pytest.approx([frame] * 3, abs=0.1)
    page.wait_for_url(f"**span={shown[0]}-{shown[1]}*")
    again = open_page(page, app, page.url.split("?")[1].split("&", 1)[1])
    assert look(again)["span"] == shown
    again.get_by_role("button", name="whole clip").click()
    assert look(again)["span"] is None


def test_ctrl_and_wheel_zooms_around_the_pointer(page: Page, app: App):
    root = open_page(page, app)
    box = root.locator(".plot-area").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    wait_for(root, "el.xc.state().look.span !== null")
    first, last = look(root)["span"]
    assert last - first + 1 < N_FRAMES / 2


# Legend and gap


def test_the_legend_hides_and_solos_by_mouse_and_keyboard(page: Page, app: App):
    root = open_page(page, app)
    entries = root.locator("figure[data-id=energy] button.value")
    entries.nth(1).click()
    assert look(root)["hide"] == "B"
    expect(entries.nth(1)).to_have_attribute("aria-pressed", "false")
    page.wait_for_url("**hide=B*")
    entries.nth(1).press("Enter")
    assert look(root)["hide"] == ""
    entries.nth(0).click(modifiers=["Alt"])
    assert look(root)["hide"] == "B"
    entries.nth(0).click(modifiers=["Alt"])
    assert look(root)["hide"] == ""


def test_peaks_are_those_of_the_configuration_shown_alone(page: Page, app: App):
    root = open_page(page, app, "hide=A")
    root.focus()
    root.press("x")
    assert state(root)["frame"] == int(energies(app.store)["B"].argmax())


def test_the_gap_says_who_is_lower_how_often_and_follows_the_loop(page: Page, app: App):
    root = open_page(page, app)
    curves = energies(app.store)
    note = root.locator("figure[data-id=gap] .chart-note")

    def words(first: int, last: int) -> str:
        lines = [Line(letter, letter, curves[letter][first : last + 1]) for letter in "AB"]
        return summary("", lines, "").split(". ")[-1].removesuffix(".").replace(" is lower", " lower")

    expect(note).to_have_text(words(0, N_FRAMES - 1))
    drag(page, root.locator(".plot-area").first, 0.3, 0.5, shift=True)
    first, last = look(root)["loop"]
    expect(note).to_have_text(f"{words(first, last)} (loop {first}–{last})")


def test_g_goes_to_the_largest_gap(page: Page, app: App):
    root = open_page(page, app)
    curves = energies(app.store)
    root.focus()
    root.press("g")
    assert state(root)["frame"] == int(abs(curves["A"] - curves["B"]).argmax())


def test_every_name_of_the_look_may_stand_in_a_link(page: Page, app: App):
    """Python passes on the names of LOOK alone, the player writes those of FIELDS: a name in one list only is lost."""
    from dashboard.player import LOOK

    page.goto(f"{app.address}/web/player.css")
    assert set(page.evaluate("import('/web/look.mjs').then(({FIELDS}) => Object.keys(FIELDS))")) == set(LOOK)


# The strip


def strip_frame(root: Locator) -> float:
    """The frame at which the strip's cursor stands, from where it is on the screen."""
    return root.evaluate(
        """(el) => {
          const track = el.querySelector(".strip-track").getBoundingClientRect();
          const cursor = el.querySelector(".strip-cursor").getBoundingClientRect();
          const n = Number(el.querySelector(".slider").getAttribute("aria-valuemax")) + 1;
          return ((cursor.left + cursor.width / 2 - track.left) / track.width) * n - 0.5;
        }"""
    )


def test_the_strip_has_a_row_for_each_configuration_with_its_value_here(page: Page, app: App):
    root = open_page(page, app, "c=mini/cycle&frame=40")
    curves = energies(app.store)
    labels = root.locator(".strip-labels span").all_inner_texts()
    assert [label.split()[0] for label in labels] == ["A", "B", "C"]
    assert [float(label.split()[1]) for label in labels] == pytest.approx([curves[n][40] for n in "ABC"], rel=0.01)
    assert strip_frame(root) == pytest.approx(40, abs=0.1)


def test_click_and_drag_on_the_strip_seek_and_shift_loops(page: Page, app: App):
    root = open_page(page, app)
    track = root.locator(".strip-track")
    drag(page, track, 0.2, 0.5)
    assert abs(state(root)["frame"] - N_FRAMES / 2) <= 1
    wait_for(root, "el.xc.painted === el.xc.state().frame")
    assert strip_frame(root) == pytest.approx(state(root)["frame"], abs=0.1)
    drag(page, track, 0.25, 0.75, shift=True)
    assert look(root)["loop"] == pytest.approx([N_FRAMES / 4, 3 * N_FRAMES / 4], abs=1)


def test_the_strip_moves_in_the_animation_frame_of_the_picture(page: Page, app: App):
    root = open_page(page, app)
    late = root.evaluate(
        """async (el) => {
          let late = 0;
          const cursor = el.querySelector(".strip-cursor");
          const width = el.querySelector(".strip-track").clientWidth;
          const n = Number(el.querySelector(".slider").getAttribute("aria-valuemax")) + 1;
          el.focus();
          el.dispatchEvent(new KeyboardEvent("keydown", {key: "l"}));
          for (let i = 0; i < 60; i += 1) {
            await new Promise(requestAnimationFrame);
            const x = Number(/translateX\\(([\\d.]+)px/.exec(cursor.style.transform)[1]);
            if (Math.abs((x / width) * n - 0.5 - el.xc.painted) > 0.1) late += 1;
          }
          return late;
        }"""
    )
    assert late == 0


def test_the_brightest_place_of_the_strip_is_the_worst_frame(page: Page, app: App):
    root = open_page(page, app)
    worst = root.evaluate(
        """(el) => {
          const canvas = el.querySelector(".strip-track canvas");
          const {data} = canvas.getContext("2d").getImageData(0, 2, canvas.width, 1);
          const light = Array.from({length: canvas.width}, (_, x) => data[4 * x] + data[4 * x + 1] + data[4 * x + 2]);
          return (light.indexOf(Math.max(...light)) + 0.5) / canvas.width;
        }"""
    )
    curve = energies(app.store)["A"]
    # The brightest colour is for the highest hundredth.
    assert curve[int(worst * N_FRAMES)] >= sorted(curve)[-3]
