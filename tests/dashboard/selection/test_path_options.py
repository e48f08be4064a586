"""The graph of paths: what a job can make is on it, what is computed can be chosen by mouse and by keys."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from analysis.columns import Columns
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration
from dashboard.selection.path_options import energy_tracks, graph_data, path_options, readout_options
from tests.browser.helpers import App, open_page, wait_for_link, wait_for_numbers
from tests.fixtures.stores import READ_PATTERN_JS, add_track, build_store
from tests.fixtures.web.serving import StartApp

VIA_DEPTH = 77


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough",), n_frames=3, readouts={}, truths=())
    clip = store.tracks(kind="input")[0].head.clip
    add_track(store, clip, kind="readout", path="rgb-depth-normal", number=VIA_DEPTH, zoo="mini", method="baseline")
    return store


@pytest.fixture(scope="module")
def app(store: Store, dashboard: StartApp) -> App:
    return App(dashboard(store.root), store)


def test_a_way_has_the_mean_term_of_its_path_or_a_command(store: Store) -> None:
    catalogue = Catalogue(store.tracks())
    found = path_options(catalogue, Columns(store), catalogue.clips[0], "normal", lambda text: f"{text} --store X")
    by_path = {option.configuration.path: option for option in found if option.configuration.method == "baseline"}
    assert list(by_path) == ["rgb-normal", "rgb-depth-normal", "rgb-edge2d-normal", "rgb-reshading-normal"]
    (energy,) = (track for track in store.tracks(kind="energy") if track.head.method == "baseline")
    expected = ((store.column(energy, "terms") - 0.1) / 0.04).mean(axis=0)
    for path, mean in zip(energy.head.constants["paths"], expected, strict=True):
        assert by_path[path].energy == pytest.approx(mean, abs=1e-5)
    assert by_path["rgb-normal"].energy is None and by_path["rgb-normal"].command is None
    assert by_path["rgb-depth-normal"].command is None
    assert by_path["rgb-edge2d-normal"].command == (
        "python -m precompute run SOURCE --configurations mini/baseline/rgb-edge2d-normal --size 64 --store X"
    )
    lineup = [Configuration("mini", "baseline", "rgb-normal")] * 2
    tracks = energy_tracks(catalogue, catalogue.clips[0], found)
    data = json.loads(json.dumps(graph_data(found, lineup, tracks)))
    assert data["lineup"][1]["letter"] == "B"
    assert data["energies"]["mini/baseline/normal"]["paths"] == list(energy.head.constants["paths"])


def test_an_energy_that_cannot_be_read_leaves_the_ways(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3)
    catalogue, clip = Catalogue(store.tracks()), store.tracks()[0].head.clip
    for pack in store.root.rglob("*.pack"):
        pack.unlink()
    found = path_options(catalogue, Columns(store), clip, "normal")
    assert found and all(option.energy is None for option in found)


def open_graph(page: Page) -> Locator:
    page.get_by_role("button", name="choose paths, arrange or remove configurations").press("Enter")
    graph = page.get_by_role("dialog", name="Configurations")
    expect(graph).to_be_visible()
    return graph


def option(graph: Locator, name: str) -> Locator:
    return graph.locator(f".way[aria-label^='{name}']")


def test_a_click_on_a_path_shows_it_as_the_chosen_letter(page: Page, app: App):
    root = open_page(page, app)
    graph = open_graph(page)
    expect(option(graph, "Image → Surface normals")).to_have_attribute("aria-checked", "true")
    graph.get_by_role("radio", name="B", exact=True).click()
    graph.get_by_label("zoo and method").select_option("mini/baseline")
    option(graph, "Image → depth → Surface normals").locator(".node").hover()
    expect(graph.get_by_text("B would show mini/baseline: Image → depth → Surface normals.")).to_be_visible()
    option(graph, "Image → depth → Surface normals").click()
    wait_for_numbers(root, [1, 16, VIA_DEPTH])
    wait_for_link(page, "b=mini%2Fbaseline%2Frgb-depth-normal")


def test_the_width_of_a_path_is_its_energy_in_the_frame_on_the_screen(page: Page, app: App, store: Store):
    (track,) = (track for track in store.tracks(kind="energy") if track.head.method == "baseline")
    terms = (store.column(track, "terms") - 0.1) / 0.04  # (N, P)
    at = track.head.constants["paths"].index("rgb-depth-normal")
    widths = []
    for frame in (0, 2):
        open_page(page, app, f"clip=walkthrough&frame={frame}")
        graph = open_graph(page)
        text = f"{terms[frame, at]:.2f} σ".replace("-", "−")
        expect(option(graph, "Image → depth → Surface normals")).to_contain_text(text)
        option(graph, "Image → depth → Surface normals").locator(".node").hover()
        mean = terms[:, at].mean()
        side = f"{abs(mean):.2f} σ {'below' if mean < 0 else 'above'} the mean of validation images"
        expect(graph.get_by_text(f"({side}; {text} in frame {frame})")).to_be_visible()
        line = option(graph, "Image → depth → Surface normals").locator(".way-line")
        widths.append(line.evaluate("el => parseFloat(el.style.strokeWidth)"))
    assert terms[0, at] != terms[2, at]
    assert widths == [pytest.approx(2 + 8 * np.clip((terms[frame, at] + 3) / 6, 0, 1), abs=0.01) for frame in (0, 2)]


def test_a_path_under_the_pointer_shows_what_it_predicts(page: Page, app: App):
    open_page(page, app, "clip=walkthrough&frame=2")
    graph = open_graph(page)
    preview = graph.locator(".graph-preview")
    read = f"el => ({READ_PATTERN_JS})(el.getContext('2d'), {{x: 0, y: 0, width: el.width, height: el.height}})"
    for name, number in (("Image → depth → Surface normals", VIA_DEPTH), ("Image → Surface normals", 16)):
        option(graph, name).locator(".node").hover()
        expect(preview).to_have_attribute("aria-label", f"{name}, frame 2")
        assert preview.evaluate(read) == {"frame": 2, "number": number}
    option(graph, "Image → edge2d → Surface normals").locator(".node").hover()
    expect(preview).to_be_hidden()


def test_the_picture_of_a_path_has_a_name_before_it_is_there(page: Page, app: App):
    open_page(page, app)
    page.route("**/frames/*", lambda route: route.abort())
    graph = open_graph(page)
    expect(graph.locator(".graph-preview")).to_have_attribute("aria-label", "what the path predicts")


def test_a_path_that_is_not_computed_says_so_and_gives_the_command(page: Page, app: App):
    root = open_page(page, app)
    graph = open_graph(page)
    expect(graph.locator(".close")).to_have_text("×")
    assert graph.get_by_text("×", exact=True).count() == 1, "one sign closes, and removing is a word"
    missing = option(graph, "Image → edge2d → Surface normals")
    expect(missing).to_contain_text("picture not stored")
    assert missing.locator(".way-line").evaluate("el => getComputedStyle(el).strokeDasharray") != "none"
    missing.click()
    expect(graph.locator("code")).to_contain_text(
        "--configurations mini/baseline/rgb-edge2d-normal --size 64 --store STORE"
    )
    expect(graph.get_by_text("Replace SOURCE with this clip's file or address")).to_be_visible()
    graph.get_by_role("button", name="copy the command").click()
    expect(graph.get_by_role("button", name="copy the command")).to_have_text(re.compile("^copied|^selected"))
    wait_for_numbers(root, [1, 16, 18])


def test_the_graph_is_used_with_keys_alone(page: Page, app: App):
    root = open_page(page, app)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/packs/**", hold)
    graph = open_graph(page)
    graph.get_by_role("radio", name="A", exact=True).focus()
    page.keyboard.press("ArrowLeft")  # round to the letter that would be new
    expect(graph.get_by_role("radio", name="new: C")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(graph.locator(".way").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(graph.get_by_text("C would show mini/baseline: Image → depth")).to_be_visible()
    for route in held:  # the frame's energies come, and the graph is drawn anew
        route.continue_()
    page.unroute("**/packs/**")
    expect(graph.get_by_text("σ in frame")).to_be_visible()
    expect(graph.get_by_text("C would show mini/baseline: Image → depth")).to_be_visible()
    expect(graph.locator(".way").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    wait_for_numbers(root, [1, 16, 18, VIA_DEPTH])
    page.keyboard.press("Escape")
    expect(graph).to_be_hidden()
    expect(page.get_by_role("button", name="choose paths, arrange or remove configurations")).to_be_focused()


# Readouts

VIA_NORMAL = 78


@pytest.fixture(scope="module")
def readout_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Normals (numbers 16 and 18) and reshading by two methods; only the baseline's reshading of normals is stored."""
    targets = ("normal", "reshading")
    folder = tmp_path_factory.mktemp("store")
    store = build_store(folder, titles=("walkthrough",), n_frames=3, targets=targets, readouts={}, truths=())
    clip = store.tracks(kind="input")[0].head.clip
    add_track(
        store, clip, kind="readout", path="rgb-normal-reshading", number=VIA_NORMAL, zoo="mini", method="baseline"
    )
    return store


@pytest.fixture(scope="module")
def readout_app(readout_store: Store, dashboard: StartApp) -> App:
    return App(dashboard(readout_store.root), readout_store)


def test_a_readout_is_a_way_on_from_the_target_with_the_energy_of_its_path(readout_store: Store) -> None:
    catalogue = Catalogue(readout_store.tracks())
    clip = catalogue.clips[0]
    columns = Columns(readout_store)
    lineup = [Configuration("mini", "baseline", "rgb-normal")]
    found = readout_options(catalogue, columns, clip, "normal", lineup)
    assert [(option.configuration.method, option.configuration.path) for option in found] == [
        ("baseline", "rgb-normal-reshading"),
        ("consistency", "rgb-normal-reshading"),
    ]
    stored, missing = found
    assert stored.command is None and stored.track is not None
    assert missing.track is None and "--configurations mini/consistency/rgb-normal-reshading" in str(missing.command)
    assert stored.energy == pytest.approx(terms_of_readout(readout_store).mean(), abs=1e-5)
    assert missing.energy is None, "not of the line-up"
    paths = {option.configuration.path for option in readout_options(catalogue, columns, clip, "reshading", lineup)}
    assert paths == {"rgb-reshading-normal"}


def terms_of_readout(store: Store) -> np.ndarray:
    """How far the baseline's reshading of normals is from its direct one, sigma, (N,)."""
    (energy,) = (
        track
        for track in store.tracks(kind="energy")
        if (track.head.path, track.head.method) == ("rgb-reshading", "baseline")
    )
    return (store.column(energy, "terms")[:, energy.head.constants["paths"].index("rgb-normal-reshading")] - 0.1) / 0.04


def test_paths_of_an_energy_that_are_none_are_no_readouts(readout_store: Store) -> None:
    energy = readout_store.tracks(kind="energy")[0]
    paths = [
        "",
        "normal",
        "rgb-normal",
        "depth-normal-edge2d",
        "rgb-normal-normal",
        "rgb-normal-depth-edge2d",
        "rgb-normal-x",
    ]
    numbers = [0.1] * len(paths)
    constants = {**energy.head.constants, "paths": paths, "mu": numbers, "sigma": numbers}
    assert Catalogue([replace(energy, head=replace(energy.head, constants=constants))]).known_readouts("normal") == (
        "x",
    )


def test_a_click_on_a_readout_shows_it_of_all_predictions_and_none_takes_it_away(
    page: Page, readout_app: App, readout_store: Store
):
    root = open_page(page, readout_app, "clip=walkthrough&predict=normal&frame=2")
    wait_for_numbers(root, [1, 16, 18])
    graph = open_graph(page)
    readouts = graph.get_by_role("radiogroup", name="readout of all")
    expect(readouts.get_by_role("radio", name="no readout")).to_have_attribute("aria-checked", "true")
    chosen = readouts.get_by_role("radio", name="Image → Surface normals → Reshading")
    energy = terms_of_readout(readout_store)[2]
    expect(chosen).to_contain_text(f"Reshading {energy:.2f} σ".replace("-", "−"))
    width = chosen.locator(".way-line").evaluate("el => parseFloat(el.style.strokeWidth)")
    assert width == pytest.approx(2 + 8 * np.clip((energy + 3) / 6, 0, 1), abs=0.01)
    chosen.click()
    wait_for_numbers(root, [1, 16, VIA_NORMAL, 18])
    wait_for_link(page, "readout=reshading")
    expect(chosen).to_have_attribute("aria-checked", "true")
    expect(graph.get_by_text("Readout mini/baseline: Image → Surface normals → Reshading.")).to_be_visible()
    expect(graph.get_by_text(f"{energy:.2f} σ in frame 2".replace("-", "−"))).to_be_visible()
    preview = graph.locator(".graph-preview")
    expect(preview).to_have_attribute("aria-label", "Image → Surface normals → Reshading, frame 2")
    read = f"el => ({READ_PATTERN_JS})(el.getContext('2d'), {{x: 0, y: 0, width: el.width, height: el.height}})"
    assert preview.evaluate(read) == {"frame": 2, "number": VIA_NORMAL}
    # Of the other method it is not computed.
    graph.get_by_label("zoo and method").select_option("mini/consistency")
    missing = readouts.get_by_role("radio", name="Reshading")
    expect(missing).to_contain_text("picture not stored")
    missing.click()
    expect(graph.locator("code")).to_contain_text("mini/consistency/rgb-normal-reshading")
    # By keys: none of them again. The pointer rests elsewhere.
    page.mouse.move(0, 0)
    missing.focus()
    page.keyboard.press("ArrowDown")
    expect(readouts.get_by_role("radio", name="no readout")).to_be_focused()
    page.keyboard.press("Enter")
    wait_for_numbers(root, [1, 16, 18])
    wait_for_link(page, without="readout")
    expect(readouts.get_by_role("radio", name="no readout")).to_be_focused()
    expect(graph.get_by_text("Only the predictions")).to_be_visible()
    # What another method has can be shown from here too, and of two quick clicks the later one counts.
    missing.click()
    readouts.get_by_role("radio", name="no readout").click()
    missing.click()
    wait_for_numbers(root, [1, 16, VIA_NORMAL, 18])


@pytest.mark.parametrize("wish", ["depth", "<b>", "x" * 150])
def test_a_wish_for_a_readout_that_is_not_stored_says_so_and_changes_nothing(page: Page, readout_app: App, wish: str):
    root = open_page(page, readout_app, "clip=walkthrough&frame=0&predict=normal&readout=reshading")
    wait_for_numbers(root, [1, 16, VIA_NORMAL, 18])
    root.evaluate("(el, readout) => el.xc.request({readout, letter: 'A', open: 'mini/baseline/rgb-normal'})", wish)
    expect(page.get_by_text("is not precomputed for this clip")).to_be_visible()
    assert "readout=reshading" in page.url
