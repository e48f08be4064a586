"""The plots and what goes with them in a real browser: loop, zoom, legend, gap, strip, lists, regions, all in the link."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from analysis.energy import energy
from cache.pack import read_images
from cache.records import Track
from cache.store import Store
from dashboard.compare.gaps import gap_between
from dashboard.numbers import number, percent
from dashboard.player_data import Series
from tests.browser.helpers import App, look, state, wait_for
from tests.fixtures.stores import READ_PATTERN_JS, build_store
from tests.fixtures.web.serving import StartApp

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
        targets=("normal", "depth"),
        readouts={"normal": ("reshading",), "depth": ("normal",)},
    )
    return App(dashboard(store.root), store)


def open_page(page: Page, app: App, query: str = "") -> Locator:
    """The player's root, its first frame painted and its plots drawn."""
    page.goto(f"{app.address}/?clip=walkthrough&{query if 'frame=' in query else f'frame=0&{query}'}")
    root = page.locator(".xc")
    root.wait_for()
    wait_for(root, "el.xc.painted >= 0 && el.xc.cursors().length > 2")
    return root


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


def read_number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace("−", "-"))


def energies(store: Store) -> dict[str, Any]:
    """Letter -> standardised energy of each frame, by numpy."""
    by_method = {method: energy_track(store, method) for method in METHODS}
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
    again.get_by_role("button", name="show the whole clip in the plots").click()
    assert look(again)["span"] is None


def test_ctrl_and_wheel_zooms_around_the_pointer(page: Page, app: App):
    root = open_page(page, app)
    area = root.locator(".plot-area").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    wait_for(root, "el.xc.state().view.span !== null")
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
    entries.nth(0).focus()
    page.keyboard.press("Shift+Enter")
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

    def words(first: int, last: int, is_whole: bool = False) -> str:
        gap = gap_between(*(Series(letter, letter, curves[letter][first : last + 1]) for letter in "AB"))
        a, b = gap.n_first_lower, gap.n_second_lower
        share = f"{'B' if b > a else 'A'} lower on {percent(max(a, b), gap.n_frames)} of {gap.n_frames} frames"
        if a == b:
            share = f"Even: {percent(a, gap.n_frames)} each of {gap.n_frames} frames"
        is_lower = (a > b) if gap.lower == "A" else (b > a)
        size = number(gap.size, "σ")
        by = f", by {size} in the mean" if is_lower else f"; in the mean {gap.lower} is lower, by {size}"
        side = "beyond" if gap.is_beyond else "within"
        end = f": {side} the noise floor of {number(gap.floor, 'σ')}" if is_whole else ""
        return f"{share}{by}{end}"

    expect(note).to_have_text(words(0, N_FRAMES - 1, is_whole=True))
    drag(page, root.locator(".plot-area").first, 0.3, 0.5, shift=True)
    first, last = look(root)["loop"]
    expect(note).to_have_text(f"{words(first, last)} (loop {first}–{last})")
    menu, charts = root.get_by_label("measure of the gap"), root.locator("figure.chart")
    expect(charts.nth(1)).to_have_attribute("data-id", "gap")
    menu.focus()
    menu.select_option(index=1)
    expect(charts.nth(1)).not_to_have_attribute("data-id", "gap")
    expect(menu).to_be_focused()  # a menu worked by keys stays under them, though its chart is another one


def test_g_goes_to_the_largest_gap(page: Page, app: App):
    root = open_page(page, app)
    curves = energies(app.store)
    root.focus()
    root.press("g")
    assert state(root)["frame"] == int(abs(curves["A"] - curves["B"]).argmax())


def test_every_name_of_the_view_state_may_stand_in_a_link(page: Page, app: App):
    """Python passes on the names of VIEW_STATE alone, the player writes those of FIELDS: a name in one list only is lost."""
    from dashboard.player_data import VIEW_STATE

    page.goto(f"{app.address}/web/ui/player.css")
    assert set(page.evaluate("import('/web/view/view_state.mjs').then(({FIELDS}) => Object.keys(FIELDS))")) == set(
        VIEW_STATE
    )


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
    assert [read_number(label.split()[1]) for label in labels] == pytest.approx(
        [curves[n][40] for n in "ABC"], abs=0.006
    )
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
          el.dispatchEvent(new KeyboardEvent("keydown", {key: "l", bubbles: true, composed: true}));
          for (let i = 0; i < 60; i += 1) {
            await new Promise(requestAnimationFrame);
            const x = Number(/translateX\\(([\\d.]+)px/.exec(cursor.style.transform)[1]);
            if (Math.abs((x / width) * n - 0.5 - el.xc.painted) > 0.1) late += 1;
          }
          return late;
        }"""
    )
    assert late == 0


def test_the_most_orange_place_of_the_strip_is_the_worst_frame(page: Page, app: App):
    root = open_page(page, app)
    worst = root.evaluate(
        """(el) => {
          const canvas = el.querySelector(".strip-track canvas");
          const {data} = canvas.getContext("2d").getImageData(0, 2, canvas.width, 1);
          const warm = Array.from({length: canvas.width}, (_, x) => data[4 * x] - data[4 * x + 2]);
          return (warm.indexOf(Math.max(...warm)) + 0.5) / canvas.width;
        }"""
    )
    curve = energies(app.store)["A"]
    # One of 256 colours stands for 0.04 σ.
    assert curve[int(worst * N_FRAMES)] >= sorted(curve)[-3]


def test_a_method_keeps_its_colour_when_a_and_b_are_swapped(page: Page, app: App):
    colours = """el => Object.fromEntries([...el.querySelectorAll("figure[data-id=energy] button.value")].map((one) =>
      [one.children[1].textContent, getComputedStyle(one.querySelector(".badge")).backgroundColor]))"""
    root = open_page(page, app)
    before = root.evaluate(colours)
    assert set(before) == {"baseline", "consistency"} and len(set(before.values())) == 2
    assert open_page(page, app, "a=mini/consistency&b=mini/baseline").evaluate(colours) == before


def test_the_pointer_draws_a_line_through_all_plots_with_their_values(page: Page, app: App):
    root = open_page(page, app, "frame=7")
    area = root.locator(".plot-area").first
    area.scroll_into_view_if_needed()
    area.hover(position={"x": 300, "y": 40})
    tips = root.locator(".hover-tip")
    expect(tips.first).to_have_text(re.compile(r"^frame \d+ · A [−\d.]+, B [−\d.]+\sσ$"))
    texts = tips.all_inner_texts()
    assert len({text.split(" · ")[0] for text in texts}) == 1 and len(texts) == root.locator(".plot-area").count()
    assert state(root)["frame"] == 7, "hovering moves nothing"
    root.locator(".strip-track").hover()
    expect(tips.first).to_have_text(re.compile(rf"^frame ({N_FRAMES // 2 - 1}|{N_FRAMES // 2}) "))
    page.mouse.move(2, 2)
    expect(tips.first).to_be_hidden()


# Regions


def energy_track(store: Store, method: str) -> Track:
    names = ("rgb-normal", method)
    return next(track for track in store.tracks(kind="energy") if (track.head.path, track.head.method) == names)


def mean_inside(store: Store, method: str, box: tuple[int, int, int, int]) -> np.ndarray:
    """The energy inside the box of each frame, (N,), from the stored images."""
    track = energy_track(store, method)
    domain, (x, y, width, height) = track.head.domain, box
    coded = [image for pack in track.packs for image in read_images(store.pack_path(track.head.key, pack.sha256))]
    codes = np.stack([cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_GRAYSCALE) for one in coded])
    means = codes[:, y : y + height, x : x + width].mean(axis=(1, 2))
    return domain["lo"] + (domain["hi"] - domain["lo"]) * means / 255


def plotted(root: Locator, chart: str = "energy") -> list[float]:
    """The values at the cursor of A, B, ..."""
    texts = root.locator(f"figure[data-id={chart}] button.value output").all_inner_texts()
    return [read_number(text.split()[0]) for text in texts]


def settled(root: Locator, words: str) -> None:
    expect(root.locator("figure[data-id=energy] .chart-note")).to_contain_text(words)


def test_a_box_drawn_with_shift_gives_the_energy_of_its_pixels_in_the_end(page: Page, app: App):
    root = open_page(page, app, "frame=77")
    rect = root.evaluate("el => el.xc.rects()[2]")
    stage = root.locator(".stage").bounding_box()
    assert stage is not None
    scale = rect["width"] / 64
    page.keyboard.down("Shift")
    page.mouse.move(stage["x"] + rect["x"] + 8.5 * scale, stage["y"] + rect["y"] + 16.5 * scale)
    page.mouse.down()
    page.mouse.move(stage["x"] + rect["x"] + 39.5 * scale, stage["y"] + rect["y"] + 47.5 * scale, steps=5)
    assert state(root)["view"]["region"] is not None, "the curves follow while the box is drawn"
    page.mouse.up()
    page.keyboard.up("Shift")
    assert look(root)["region"] == [8, 16, 32, 32]
    settled(root, "region 8, 16 to 39, 47 (exact)")
    expected = [mean_inside(app.store, method, (8, 16, 32, 32))[77] for method in METHODS[:2]]
    assert plotted(root) == pytest.approx(expected, rel=0.01)
    page.wait_for_url("**region=8-16-32-32*")
    root.focus()
    root.press("Shift+M")
    assert look(root)["region"] is None
    curves = energies(app.store)
    wait_for(root, "!el.querySelector('figure[data-id=energy] .chart-note').textContent")
    assert plotted(root) == pytest.approx([curves["A"][77], curves["B"][77]], rel=0.01)


def test_pictures_keep_their_size_while_the_energies_of_a_box_are_still_to_come(page: Page, app: App):
    """The strip once went for as long as it had no value, and the pictures grew under the pointer."""
    root = open_page(page, app, "frame=77")
    before = root.evaluate("el => el.xc.rects()")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/packs/*", hold)
    root.press("m")
    settled(root, "(block means, 0 %)")
    assert root.evaluate("el => el.xc.rects()") == before
    expect(root.locator(".strip")).to_be_visible()
    page.route("**/packs/*", lambda route: route.continue_())
    for route in held:
        route.continue_()
    settled(root, "(exact)")
    assert root.evaluate("el => el.xc.rects()") == before


def test_a_region_from_block_means_is_on_the_scale_of_the_frame(page: Page, app: App):
    """The store's blocks all have the mean of their frame, so every region has its raw energy."""
    root = open_page(page, app, "frame=50&scale=raw&region=3-5-20-31")
    settled(root, "region 3, 5 to 22, 35 (block means)")
    terms = app.store.column(energy_track(app.store, "baseline"), "terms")
    assert plotted(root)[0] == pytest.approx(float(terms[50].mean()), rel=0.01)


def test_shift_and_click_takes_a_pixel_and_keys_move_and_size_a_box(page: Page, app: App):
    root = open_page(page, app, "frame=0")
    rect = root.evaluate("el => el.xc.rects()[1]")
    scale = rect["width"] / 64
    position = {"x": rect["x"] + 10.5 * scale, "y": rect["y"] + 20.5 * scale}
    root.locator(".stage").click(modifiers=["Shift"], position=position, force=True)
    assert look(root)["region"] == [10, 20, 1, 1]
    settled(root, "pixel 10, 20 (± 0.06 σ)")
    root.focus()
    root.press("Shift+M")
    root.press("m")
    assert look(root)["region"] == [16, 16, 32, 32]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    assert look(root)["region"] == [12, 16, 32, 36]
    assert state(root)["frame"] == 0, "the arrows are the box's"
    page.keyboard.press("Delete")
    assert look(root)["region"] is None
    tool = root.get_by_role("button", name="energy of a region")
    tool.click()
    expect(tool).to_have_attribute("aria-pressed", "true")
    tool.click()
    assert look(root)["region"] is None
    page.keyboard.press("ArrowRight")
    wait_for(root, "el.xc.painted === 1")


# Panels


def open_panel(root: Locator, label: str) -> None:
    tab = root.locator(".panel-tabs").get_by_role("button", name=label)
    expect(tab).to_have_attribute("aria-expanded", "false")
    tab.click()
    expect(tab).to_have_attribute("aria-expanded", "true")


def film_frames(root: Locator) -> list[int]:
    return [int(text.split()[0]) for text in root.locator(".film li").all_inner_texts()]


def test_the_worst_frames_are_ranked_pictured_and_lead_there(page: Page, app: App):
    root = open_page(page, app)
    assert root.locator(".film").count() == 0, "panels are folded until they are asked for"
    open_panel(root, "Worst frames")
    curves = energies(app.store)
    mean = (curves["A"] + curves["B"]) / 2
    wait_for(root, "el.querySelectorAll('.film li').length > 5")
    frames = film_frames(root)
    assert frames[0] == int(mean.argmax())
    assert all(mean[a] >= mean[b] for a, b in pairwise(frames))
    assert min(abs(a - b) for i, a in enumerate(frames) for b in frames[:i]) >= 5, "neighbours look alike"
    # The pictures are those of the frames: the pattern in them says so.
    wait_for(root, "[...el.querySelectorAll('.film canvas')].every((canvas) => canvas.width > 1)")
    read = root.evaluate(
        f"""(el) => [...el.querySelectorAll(".film canvas")].map((canvas) =>
          ({READ_PATTERN_JS})(canvas.getContext("2d"), {{x: 0, y: 0, width: canvas.width, height: canvas.height}}).frame)"""
    )
    assert read == frames
    root.locator(".film button").nth(2).click()
    wait_for(root, f"el.xc.painted === {frames[2]}")
    expect(root.locator(".film button").nth(2)).to_have_attribute("aria-current", "true")
    root.get_by_label("ranked by").select_option("gap")
    expect(root.locator(".film li b").first).to_have_text(str(int(abs(curves["A"] - curves["B"]).argmax())))
    page.wait_for_url("**panel=worst*rank=gap.A*")


def test_brushing_the_scatter_marks_and_loops_its_frames_and_comes_back_from_the_link(page: Page, app: App):
    root = open_page(page, app)
    open_panel(root, "Scatter")
    canvas = root.locator(".scatter canvas").first
    canvas.scroll_into_view_if_needed()
    wait_for(root, "el.querySelector('.scatter canvas').width > 1")
    drag(page, canvas, 0.7, 0.99, y=0.4)  # a box of no height holds no point
    drag_box(page, canvas, (0.6, 0.02), (0.99, 0.6))
    brush = look(root)["brush"]
    curves = energies(app.store)
    x0, x1, y0, y1 = brush["box"]
    inside = [
        frame
        for frame, (a, b) in enumerate(zip(curves["A"], curves["B"], strict=True))
        if x0 <= a <= x1 and y0 <= b <= y1
    ]
    assert len(inside) > 2
    assert look(root)["loop"] == [inside[0], inside[-1]]
    assert played(root, n_paints=2 * len(inside)) <= set(inside) != set(range(inside[0], inside[-1] + 1)), (
        "marked frames alone"
    )
    expect(root.locator(".panel-row [role=status]")).to_have_text(f"{len(inside)} of {N_FRAMES} frames marked")
    assert root.locator(".strip .marks i").count() > 0
    page.wait_for_url(lambda url: f"loop={inside[0]}-{inside[-1]}" in url and "brush=pair~" in url)
    again = open_page(page, app, page.url.split("?")[1].split("&", 1)[1])
    expect(again.locator(".panel-row [role=status]")).to_have_text(f"{len(inside)} of {N_FRAMES} frames marked")
    again.get_by_role("button", name="clear the marks").click()
    assert look(again)["brush"] is None
    wait_for(again, "el.querySelectorAll('.strip .marks i').length === 0")


def played(root: Locator, n_paints: int) -> set[int]:
    """The frames of the first paints after play has begun."""
    frames = root.evaluate(
        """async (el, nPaints) => {
          el.dispatchEvent(new KeyboardEvent("keydown", {key: "l", bubbles: true, composed: true}));
          const seen = [];
          for (let paints = el.xc.paints; seen.length < nPaints; paints = el.xc.paints) {
            await new Promise(requestAnimationFrame);
            if (el.xc.paints !== paints) seen.push(el.xc.painted);
          }
          el.dispatchEvent(new KeyboardEvent("keydown", {key: "k", bubbles: true, composed: true}));
          return seen;
        }""",
        n_paints,
    )
    return set(frames)


def drag_box(page: Page, area: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over `area` from one place to another, each given as shares of its width and height."""
    box = area.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=4)
    page.mouse.up()


def test_the_scatter_is_worked_by_keys_and_its_ring_is_on_the_frame(page: Page, app: App):
    root = open_page(page, app, "panel=scatter&frame=33")
    canvas = root.locator(".scatter canvas").first
    canvas.scroll_into_view_if_needed()
    wait_for(root, "el.querySelector('.rings i')?.style.transform")
    canvas.focus()
    canvas.press("ArrowLeft")
    first = look(root)["brush"]["box"]
    canvas.press("ArrowLeft")
    moved = look(root)["brush"]["box"]
    assert moved[0] < first[0] and moved[2] == first[2]
    canvas.evaluate(
        """(el) => {
          for (let i = 0; i < 2; i++) el.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true, composed: true}));
        }"""
    )
    both = look(root)["brush"]["box"]
    assert first[0] - both[0] == pytest.approx(3 * (first[0] - moved[0])), "two keys between two pictures move it twice"
    assert state(root)["frame"] == 33
    canvas.press("Delete")
    assert look(root)["brush"] is None
    place = """(el) => {
      const [ring, canvas] = [".rings i", ".scatter canvas"].map((one) => el.querySelector(one).getBoundingClientRect());
      return {x: ring.x + ring.width / 2 - canvas.x, y: ring.y + ring.height / 2 - canvas.y};
    }"""
    ring = root.evaluate(place)
    root.evaluate("el => el.xc.seek(0)")
    wait_for(root, "el.xc.painted === 0")
    assert root.evaluate(place) != ring
    canvas.click(position=ring, force=True)
    curves = energies(app.store)
    frame = state(root)["frame"]
    assert abs(curves["A"][frame] - curves["A"][33]) < 0.2 and abs(curves["B"][frame] - curves["B"][33]) < 0.2


def test_the_energy_by_path_sums_to_the_energy_and_opens_a_path(page: Page, app: App):
    root = open_page(page, app, "frame=21")
    open_panel(root, "Energy by path")
    wait_for(root, "el.querySelector('figure[data-id=paths]') !== null")
    texts = root.locator("figure[data-id=paths] button.value output").all_inner_texts()
    total, *shares = [read_number(text.split()[0]) for text in texts]
    assert len(shares) == len(energy_track(app.store, "baseline").head.constants["paths"])
    assert sum(shares) / len(shares) == pytest.approx(total, abs=0.02), (
        "each path with its own value, whose mean is the energy"
    )
    assert total == pytest.approx(energies(app.store)["A"][21], rel=0.01)
    page.wait_for_url("**panel=paths*")
    root.get_by_label("configuration whose energy").select_option("B")
    expect(root.locator("figure[data-id=paths] .badge").first).to_have_text("B")
    assert look(root)["paths"] == "B"
    area = root.locator("figure[data-id=paths] .plot-area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    x, y = root.evaluate(PLOT_PLACE, [60, first_band(app, 60)])
    page.mouse.click(box["x"] + x, box["y"] + y)
    root.locator(".toast").get_by_role("button", name="open Depth as a pane").click()
    page.wait_for_url("**c=mini%2Fconsistency%2Frgb-depth-normal*")
    expect(root.locator(".pane")).to_have_count(5)  # not of one player: the page may make a new one


PLOT_PLACE = """(el, [frame, value]) => {
  const {xaxis, yaxis} = el.querySelector("figure[data-id=paths] .plot")._fullLayout;
  return [xaxis._offset + xaxis.d2p(frame), yaxis._offset + yaxis.d2p(value)];
}"""


def first_band(app: App, frame: int) -> float:
    """The middle of the first band, that of Depth, of B at that frame, on the scale of the plot."""
    track = energy_track(app.store, "consistency")
    constants = track.head.constants
    term = app.store.column(track, "terms")[frame][0]
    share = (term - constants["mu"][0]) / constants["sigma"][0] / len(constants["paths"])
    return float(share / 2)


def test_which_confidence_to_believe_lists_areas_and_saves_the_curves(page: Page, app: App):
    root = open_page(page, app)
    open_panel(root, "Which confidence to believe")
    tables = root.locator(".believe table")
    expect(tables).to_have_count(2)
    names = tables.first.locator("tbody th").all_inner_texts()
    assert names[0].startswith("Oracle") and names[-1] == "Random" and "Consistency energy" in names
    page.wait_for_url("**panel=believe*")
    with page.expect_download() as download:
        root.get_by_role("button", name="Save CSV").last.click()
    table = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert download.value.suggested_filename == "crosscheck_walkthrough_confidence.csv"
    assert len(table) == 51 and "Consistency energy" in table[0]
