"""The page *Overview* in a real browser: by keys alone, sorted and found, and a row leads to the frame that decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from analysis.columns import Columns
from tests.browser.helpers import App, painted, wait_for
from tests.browser.test_accessibility import check
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("Attic", "Cellar", "<b>Hall</b>"))
    return App(dashboard(store.root), store)


def test_the_table_is_sorted_and_searched_by_keys_and_a_row_opens_compare_where_the_two_differ_most(
    page: Page, app: App
):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{app.address}/overview")
    table = page.get_by_role("table", name="configurations on clips")
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(6)
    expect(page.get_by_role("table", name="ranking").locator("tbody tr")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    check(page, "overview, dark, narrow")

    page.get_by_role("button", name="True error").focus()
    page.keyboard.press("Enter")
    heading = table.get_by_role("columnheader", name="True error")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_role("button", name="True error")).to_be_focused()
    errors = [float(text.split("°")[0]) for text in table.locator("tbody tr td:nth-child(3)").all_inner_texts()]
    assert errors == sorted(errors)

    page.get_by_role("searchbox", name="Find").fill("hall cons")
    expect(rows).to_have_count(1)
    expect(rows.get_by_role("link")).to_have_text("<b>Hall</b>")
    rows.get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**frame=*")
    root = painted(page)
    hall = next(track.head.clip.key for track in app.store.tracks() if "Hall" in track.head.clip.title)
    series = {
        track.head.method: Columns(app.store).series(track, "angle_degrees", "raw")
        for track in app.store.tracks(clip=hall, kind="prediction")
    }
    frame = int(np.argmax(np.abs(series["baseline"] - series["consistency"])))
    wait_for(root, f"el.xc.state().frame === {frame}")
    assert f"clip={hall[:12]}" in page.url and "a=mini%2Fconsistency&b=mini%2Fbaseline" in page.url
    page.go_back()
    expect(table).to_be_visible()


def test_the_report_opens_without_the_server(page: Page, app: App, tmp_path: Path):
    page.emulate_media(color_scheme="light")
    page.goto(f"{app.address}/overview")
    link = page.get_by_role("link", name="Trust report")
    check(page, "overview, light, wide")
    with page.expect_download() as started:
        link.click()
    file = tmp_path / "report.html"
    started.value.save_as(file)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.goto(file.as_uri())
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Trust report: Surface normals")).to_be_visible()
    loaded = page.locator("img").evaluate_all("all => all.map((one) => one.complete && one.naturalWidth > 0)")
    assert len(loaded) == 12 and all(loaded), "input, truth, prediction and energy of each clip"
    assert all(url.startswith(("file:", "data:")) for url in asked), asked
    check(page, "the report")
