"""The page *Compare* in a real browser: what is chosen is shown, stands in the link, and comes back from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect
from streamlit.testing.v1 import AppTest

from cache.store import STORE_VARIABLE, Store
from cache.writer import TrackWriter
from tests.browser.helpers import (
    App,
    choose_in_pane,
    drawn,
    focus,
    look,
    numbers,
    open_page,
    painted,
    point,
    press,
    repainted,
    shows,
    state,
    step_clock_until,
    step_to,
    wait_for,
    wait_for_link,
    wait_for_numbers,
)
from tests.fixtures.stores import add_track, build_store, make_clip
from tests.fixtures.web.serving import ROOT, StartApp
from tests.fixtures.web.waits import PATIENCE_SECONDS

N_FRAMES = 24
BASELINE, CONSISTENCY = 16, 19
"""The numbers that the stores of tests give the predictions of rgb-normal, in their pixels."""
MARKUP = "<b>bold</b> ![image](http://127.0.0.1:9/x.png) [link](javascript:alert(1)) $x$ :red[red]"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    """Two whole clips, and one whose title is markup, with a prediction and nothing else."""
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough", "phone"), n_frames=N_FRAMES)
    clip = make_clip(MARKUP, n_frames=3)
    add_track(store, clip, kind="input", path="rgb", number=1)
    add_track(store, clip, kind="prediction", path="rgb-normal", number=BASELINE, zoo="mini", method="baseline")
    return App(dashboard(store.root), store)


def choose(page: Page, menu: str, option: str) -> None:
    page.evaluate("scrollTo(0, 0)")  # a menu closes when the page scrolls under it
    drawn(page)
    page.get_by_role("combobox", name=menu, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_choosing_a_readout_adds_its_panes_and_charts(page: Page, app: App):
    root = open_page(page, app)
    assert len(numbers(root)) == 4
    choose(page, "Readout", "Surface normals → Reshading")
    page.wait_for_url("**readout=reshading*")
    wait_for(root, "el.xc.rects().filter(Boolean).length === 7")
    expect(root.get_by_role("figure", name="Readout disagreement")).to_be_visible()
    choose(page, "Readout", "None")
    wait_for(root, "el.xc.rects().filter(Boolean).length === 4")
    wait_for_link(page, without="readout")


def test_swapping_shows_the_other_tracks_pixels_and_keeps_the_frame(page: Page, app: App):
    root = open_page(page, app)
    wait_for_numbers(root, [1, 2, BASELINE, CONSISTENCY])
    step_to(page, root, 5)
    root.get_by_role("button", name="swap A and B").click()
    wait_for_numbers(root, [1, 2, CONSISTENCY, BASELINE])
    wait_for(root, "el.xc.painted === 5")
    choose_in_pane(root, "A", "baseline")
    wait_for_numbers(root, [1, 2, BASELINE, BASELINE])
    wait_for_link(page, "frame=5")


def press_button(page: Page, name: str) -> None:
    """By keyboard, as everyone can."""
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    button.press("Enter")


def add_suggestion(root: Locator) -> None:
    """By keys: the plus at the end of the panes, then Enter for what it suggests."""
    root.get_by_role("button", name="add a configuration").press("Enter")
    root.get_by_role("combobox", name="configuration to add").press("Enter")


def test_configurations_are_added_moved_and_removed_and_letters_have_no_gap(page: Page, dashboard: StartApp, tmp_path):
    methods = ("baseline", "consistency", "cycle", "geonet", "pix2pix", "d1", "d2", "d3", "d4")
    build_store(tmp_path, titles=("walkthrough",), n_frames=3, methods=methods, readouts={}, truths=())
    number = {method: 16 + 2 * at for at, method in enumerate(methods)}
    root = open_page(page, App(dashboard(tmp_path), Store(tmp_path, read_only=True)))
    line = ["baseline", "consistency"]
    wait_for_numbers(root, [1, *(number[name] for name in line)])
    for letter in "cdefgh":
        add_suggestion(root)
        wait_for(root, f"el.xc.stage.panes.at(-1).letter === '{letter.upper()}'")
    line += ["cycle", "d1", "d2", "d3", "d4", "geonet"]
    wait_for_numbers(root, [1, *(number[name] for name in line)])
    expect(root.get_by_role("button", name="add a configuration")).to_have_count(0)
    root.get_by_role("button", name="add a pane").press("Enter")
    expect(root.get_by_text("You can compare up to eight configurations.")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="choose paths, arrange or remove configurations").press("Enter")
    dialog = page.get_by_role("dialog", name="Configurations")

    def arrange(letter: str, what: str) -> None:
        dialog.get_by_role("radio", name=letter, exact=True).click()
        press_button(page, what)

    arrange("B", "remove B")
    line.remove("consistency")
    wait_for_numbers(root, [1, *(number[name] for name in line)])
    wait_for_link(page, "&g=mini%2Fgeonet", without="&h=")
    arrange("C", "move C left")
    wait_for_numbers(root, [1, number["baseline"], number["d1"], number["cycle"], *(number[n] for n in line[3:])])
    expect(dialog.get_by_role("radio", name="B", exact=True)).to_be_checked()
    for count in range(6, 1, -1):
        arrange("A", "remove A")
        expect(dialog.locator(".graph-letters button")).to_have_count(count + 1)
    wait_for_numbers(root, [1, number["d4"], number["geonet"]])
    expect(dialog.get_by_role("button", name="remove A")).to_be_disabled()
    page.go_back()
    wait_for_numbers(root, [1, number["d3"], number["d4"], number["geonet"]])


def test_the_graph_leaves_the_pictures_that_it_changes_in_view(page: Page, app: App):
    root = open_page(page, app)
    before = page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    page.get_by_role("button", name="choose paths, arrange or remove configurations").press("Enter")
    dialog, stage = (
        page.get_by_role("dialog", name="Configurations").bounding_box(),
        root.locator(".stage").bounding_box(),
    )
    assert dialog and stage and stage["y"] >= 0 and stage["y"] + stage["height"] <= dialog["y"]
    page.keyboard.press("Escape")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == before


def test_the_energies_and_the_difference_become_panes_from_the_toolbar_and_the_palette(page: Page, app: App):
    root = open_page(page, app)
    panes = "el.xc.stage.panes.map(({id}) => id).join()"
    wait_for(root, f"{panes} === 'input,truth,A,B'")
    root.get_by_role("button", name="add a pane").press("Enter")
    root.get_by_role("dialog", name="configuration to add").get_by_role("button", name="Energy beside").press("Enter")
    wait_for(root, f"{panes} === 'input,truth,A,B,energyA,energyB'")
    for typed, shown in (("pane difference", "B − A"), ("pane energy", "Energy")):
        press(root, "/")
        page.keyboard.type(typed)
        expect(root.get_by_role("option", name=f"pane: {shown}")).to_be_visible()
        page.keyboard.press("Enter")
    wait_for(root, f"{panes} === 'input,truth,A,B,difference'")
    wait_for_link(page, "panes=difference")


def test_what_the_player_asks_for_is_shown_where_it_is_stored(page: Page, app: App):
    root = open_page(page, app, "clip=walkthrough&frame=0&a=mini/baseline&b=mini/baseline")
    wish = "(el, open) => el.xc.request({open})"
    root.evaluate(wish, "mini/consistency/rgb-normal")
    wait_for_numbers(root, [1, 2, BASELINE, BASELINE, CONSISTENCY])
    wait_for_link(page, "c=mini%2Fconsistency")
    root.evaluate(wish, "mini/*nobody*/rgb-normal<b>")
    expect(page.get_by_text("mini/*nobody*/rgb-normal<b> is not precomputed for this clip.")).to_be_visible()
    root.evaluate(wish, "mini/consistency")
    expect(page.get_by_text("mini/consistency is already shown, as C.")).to_be_visible()


def test_swapping_what_a_link_with_an_unknown_name_shows_swaps_it(page: Page, app: App):
    root = open_page(page, app, "clip=walkthrough&frame=0&a=nope")
    before = numbers(root)
    root.get_by_role("button", name="swap A and B").click()
    wait_for_numbers(root, [*before[:-2], before[-1], before[-2]])
    wait_for_link(page, "a=mini%2Fconsistency", "b=mini%2Fbaseline")


def test_a_player_that_was_away_comes_back_at_the_frame_of_the_link(page: Page, dashboard: StartApp, tmp_path: Path):
    store = build_store(tmp_path, titles=("walkthrough",), n_frames=20)
    clip = store.tracks(kind="input")[0].head.clip
    add_track(store, clip, kind="prediction", path="rgb-normal", number=9, zoo="mini", method="begun", ready_frames=0)
    root = open_page(page, App(dashboard(tmp_path), store))
    step_to(page, root, 7)
    root.evaluate("el => el.xc.request({letter: 'B', open: 'mini/begun'})")
    expect(page.locator(".xc")).to_have_count(0)
    page.go_back()
    root = painted(page)
    wait_for(root, "el.xc.painted === 7")
    wait_for_link(page, "frame=7")


def test_a_new_browser_on_the_link_shows_the_same(page: Page, app: App, browser: Browser):
    number = 90
    for track in app.store.tracks(kind="prediction"):
        if track.head.clip.title == "phone" and track.head.method == "baseline":
            for kind, path in (
                ("prediction", "rgb-normal"),
                ("readout", "rgb-normal-reshading"),
                ("energy", "rgb-normal"),
            ):
                add_track(app.store, track.head.clip, kind=kind, path=path, number=number, zoo="mini", method="third")
                number += 1
    root = open_page(page, app, "clip=phone&frame=0")
    choose(page, "Readout", "Surface normals → Reshading")
    page.wait_for_url("**readout=reshading*")
    root.get_by_role("button", name="swap A and B").click()
    page.wait_for_url("**a=mini%2Fconsistency*")
    page.get_by_text("Raw", exact=True).click()
    page.wait_for_url("**scale=raw*")
    step_to(page, root, 7)
    wait_for(root, "el.xc.rects().filter(Boolean).length === 7")
    root.press("b")
    page.wait_for_url("**marks=7*")
    add_suggestion(root)
    page.wait_for_url("**&c=mini**")
    wait_for(root, "el.xc.rects().filter(Boolean).length === 9")
    for key in "[", ".", "]", "4":
        root.press(key)
    page.wait_for_url("**loop=7-8*")
    wait_for(root, "el.xc.rects().filter(Boolean).length === 1")
    other = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    try:
        other.goto(page.url)
        same = painted(other)
        wait_for(same, "el.xc.painted === 8 && el.xc.rects().filter(Boolean).length === 1")
        assert numbers(same) == numbers(root)
        assert state(same)["view"] == state(root)["view"]
        assert other.url == page.url
        expect(other.get_by_role("combobox", name="Clip")).to_have_value("phone")
        raw = other.get_by_role("radio", name="Raw")
        expect(raw).to_be_checked()
    finally:
        other.context.close()


def test_a_link_restores_zoom_difference_energy_colours_and_probe(page: Page, app: App, browser: Browser):
    root = open_page(page, app, "clip=phone&frame=0&readout=reshading")
    focus(root)
    for key in "z", "z", "d", "e", "p":
        page.keyboard.press(key)
    page.keyboard.press("ArrowRight")
    root.evaluate(
        "el => el.xc.change({maps: {reshading: {map: 'magma', lo: 0.1, hi: 0.75}}, reach: {normal: 12.5}, size: 55})"
    )
    wait_for_link(
        page, "size=55", "zoom=2.25", "diff=auto", "overlay=0.7", "maps=reshading", "reach=normal", "probe=33"
    )
    repainted(root)
    other = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    try:
        other.goto(page.url)
        same = painted(other)
        repainted(same)
        assert state(same)["view"] == state(root)["view"]
        pixels = """el => { const {canvas} = el.xc.context(); return canvas.toDataURL(); }"""
        assert same.evaluate(pixels) == root.evaluate(pixels), "the same pictures, pixel by pixel"
        text = "el.querySelector('.pane-values').textContent"
        values = [wait_for(one, f"{text} && !{text}.includes('…')", then=text) for one in (same, root)]
        assert values[0] == values[1]
    finally:
        other.context.close()


def test_what_is_chosen_in_a_pane_is_there_before_the_page_answers_and_taken_back_if_it_does_not(
    clock_page: Page, app: App
):
    held: list[tuple[WebSocketRoute, str | bytes]] = []
    is_held = False

    def pass_on(route: WebSocketRoute) -> None:
        answer = route.connect_to_server()
        answer.on_message(lambda message: held.append((route, message)) if is_held else route.send(message))

    clock_page.route_web_socket("**/_stcore/stream", pass_on)
    root = open_page(clock_page, app, "clip=walkthrough&frame=0&a=mini/baseline&b=mini/baseline")
    is_held = True
    clock_page.clock.pause_at(3600)  # the player's patience ends when the test says so
    choose_in_pane(root, "B", "consistency")
    step_clock_until(root, shows([1, 2, BASELINE, CONSISTENCY]))
    assert "consistency" not in clock_page.url and root.locator(".pane-title").all_inner_texts()[-1] == "consistency"
    step_clock_until(root, shows([1, 2, BASELINE, BASELINE]))
    clock_page.clock.resume()
    is_held = False
    for route, message in held:
        route.send(message)
    clock_page.wait_for_url("**b=mini%2Fconsistency*")
    wait_for_numbers(root, [1, 2, BASELINE, CONSISTENCY])


def test_the_back_button_undoes_a_choice(page: Page, app: App):
    root = open_page(page, app)
    page.wait_for_url("**b=mini%2Fconsistency*")
    choose_in_pane(root, "B", "baseline")
    wait_for_numbers(root, [1, 2, BASELINE, BASELINE])
    page.wait_for_url("**b=mini%2Fbaseline*")
    page.go_back()
    wait_for_numbers(root, [1, 2, BASELINE, CONSISTENCY])


def test_the_back_button_undoes_a_look_and_a_speed(page: Page, app: App):
    root = open_page(page, app)
    speed = root.get_by_role("combobox", name="speed")
    speed.select_option("2")
    root.evaluate("el => el.xc.change({solo: 'A'})")
    page.wait_for_url("**solo=A*")
    speed.select_option("0.5")
    root.evaluate("el => el.xc.change({solo: 'B'})")
    page.wait_for_url("**solo=B*")
    page.go_back()
    page.wait_for_url("**solo=A*")
    wait_for(root, "el.xc.state().view.solo === 'A'")
    expect(speed).to_have_value("2")
    step_to(page, root, 1)  # a report and a run of the page later, nothing has pulled it forward again
    assert "solo=A" in page.url and look(root)["solo"] == "A"


def test_another_clip_opens_where_a_and_b_differ_most_and_back_returns(page: Page, app: App):
    root = open_page(page, app)
    step_to(page, root, 4)
    choose(page, "Clip", "phone")
    expect(page.get_by_text("phone, made by the tests")).to_be_visible()
    told = page.get_by_text(re.compile(r"^Opened at frame \d+, where"))
    expect(told).to_be_visible()
    frame = int(re.findall(r"\d+", told.inner_text())[0])
    wait_for(root, f"el.xc.painted === {frame}")
    wait_for_link(page, f"frame={frame}")
    page.go_back()
    wait_for(root, "el.xc.painted === 4")


def test_a_preset_shows_its_frame_with_its_tool_and_back_undoes_it(page: Page, app: App):
    root = open_page(page, app)
    page.get_by_role("button", name="Where is A inconsistent?").click()
    expect(page.get_by_text(re.compile(r"^Frame \d+: the paths of A disagree most here"))).to_be_visible()
    wait_for(root, "el.xc.state().view.overlay !== null && el.xc.state().view.panel === 'paths'")
    page.go_back()
    wait_for(root, "el.xc.painted === 0 && el.xc.state().view.overlay === null")


def test_a_title_dragged_onto_another_pane_takes_its_place(page: Page, app: App):
    root = open_page(page, app)
    wait_for_numbers(root, [1, 2, BASELINE, CONSISTENCY])
    root.get_by_role("button", name="configuration of B:").hover()
    page.mouse.down()
    x, y = point(root, 2, 0.5, 0.5)
    page.mouse.move(x, y, steps=4)
    page.mouse.up()
    wait_for_numbers(root, [1, 2, CONSISTENCY, BASELINE])
    wait_for_link(page, "a=mini%2Fconsistency", "b=mini%2Fbaseline")
    expect(root.get_by_role("dialog")).to_have_count(0)


def test_the_bar_leads_to_the_other_pages_by_keyboard_and_back_to_the_same_view(page: Page, app: App):
    root = open_page(page, app)
    step_to(page, root, 5)
    wait_for_link(page, "frame=5")
    page.get_by_role("link", name="Compare", exact=True).focus()
    page.get_by_role("link", name="About").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="What is consistency?")
    expect(heading).to_be_visible()
    page.go_back()
    wait_for(painted(page), "el.xc.painted === 5")
    page.go_forward()
    expect(heading).to_be_visible()
    expect(page.get_by_role("link", name="About")).to_have_attribute("aria-current", "page")  # the bar is drawn last
    page.get_by_role("link", name="Compare", exact=True).click()
    wait_for(painted(page), "el.xc.painted === 5")
    wait_for_link(page, "frame=5")


def test_who_leaves_at_once_after_a_step_finds_that_frame_on_the_next_page_and_by_back(page: Page, app: App):
    root = open_page(page, app)
    expect(page.get_by_role("link", name="Overview", exact=True)).to_be_visible()  # the bar may come after the pictures
    root.focus()
    with page.expect_navigation(url="**/overview**"):
        # In one task of the browser, so that the player cannot have told Python of the step.
        page.evaluate("""() => {
          const focused = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
          focused.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true, composed: true}));
          document.querySelector(".st-key-page-overview a").click();
        }""")
    expect(page.get_by_role("link", name="Overview", exact=True)).to_have_attribute("aria-current", "page")
    assert "frame=1" in page.url
    page.get_by_role("link", name="Compare", exact=True).click()
    wait_for(painted(page), "el.xc.painted === 1")
    page.go_back()
    expect(page.get_by_role("link", name="Overview", exact=True)).to_have_attribute("aria-current", "page")
    page.go_back()
    wait_for(painted(page), "el.xc.painted === 1")
    wait_for_link(page, "frame=1")


def test_the_verdict_stands_above_the_pictures_and_explains_its_words(page: Page, app: App):
    root = open_page(page, app)
    card = page.locator("[class*=st-key-verdict-]").first
    expect(card.get_by_text(re.compile(r"A −?\d\.\d\d\sσ, B −?\d\.\d\d\sσ: .*noise floor"))).to_be_visible()
    boxes = card.bounding_box(), root.bounding_box()
    assert boxes[0] and boxes[1] and boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]
    plot = root.locator(".charts").bounding_box()
    assert plot and plot["y"] + 40 < 720  # pictures and the beginning of the plots are on the first screen
    card.get_by_test_id("stTooltipIcon").hover()
    expect(page.get_by_text("section 4")).to_be_visible()


def test_a_link_to_what_is_not_stored_is_answered_in_words(page: Page, app: App):
    open_page(page, app, "clip=walkthrough&a=<script>alert(1)</script>&frame=-1")
    expect(page.get_by_text("The link asks for configuration A '<script>alert(1)</script>'")).to_be_visible()
    expect(page.get_by_text("The link asks for the frame '-1'")).to_be_visible()


def test_a_title_with_markup_is_text_and_what_is_missing_has_a_command(page: Page, app: App):
    (clip,) = {track.head.clip.key for track in app.store.tracks() if track.head.clip.title == MARKUP}
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, app, f"clip={clip[:12]}")
    expect(page.get_by_text(MARKUP).first).to_be_visible()
    assert page.locator("b, img[alt=image], a[href^=javascript]").count() == 0
    assert not [url for url in asked if not url.startswith((app.address, "blob:", "data:"))]
    expect(page.get_by_text("The energy of A (baseline) is not precomputed for this clip.")).to_be_visible()
    command = page.locator("code").first
    expect(command).to_contain_text(
        "python -m precompute run SOURCE --configurations mini/baseline/rgb-normal --size 64 --store STORE"
    )
    expect(page.get_by_text("Replace SOURCE with this clip's file or address and STORE").first).to_be_visible()


def test_an_empty_store_says_what_to_run_and_a_job_can_be_watched(page: Page, dashboard: StartApp, tmp_path: Path):
    page.goto(dashboard(tmp_path))
    expect(page.get_by_text("python -m precompute run phone walkthrough --store STORE")).to_be_visible()
    store = build_store(tmp_path, titles=("growing",), n_frames=20, ready_frames=10, truths=())
    root = painted(page)
    expect(page.get_by_text("Not finished: 10 of 20 frames ready")).to_be_visible()
    step_to(page, root, 6)
    finish_tracks(store)
    expect(page.get_by_text("Not finished")).to_have_count(0)
    wait_for(root, "el.xc.painted === 6")
    step_to(page, root, 12)
    wait_for(root, "el.xc.painted === 12")


def finish_tracks(store: Store) -> None:
    """Write the second half of every growing track: its first half again."""
    for track in store.tracks():
        if not track.is_complete:
            with store.writing(track.head.clip.key):
                writer = TrackWriter(store, track.head)
                columns = {name: store.column(track, name) for name in track.head.columns}
                writer.append(track.n_frames, list(store.images(track)), columns)
                writer.finish()


def test_a_store_that_cannot_be_read_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    loop = tmp_path / "store"
    loop.symlink_to(loop)  # unreadable for everyone, where root may read what it has no permission for
    monkeypatch.setenv(STORE_VARIABLE, str(loop))
    page = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception
    assert [title.value for title in page.header] == ["The store cannot be read"]
    assert any("symbolic links" in text.value for text in page.text)
