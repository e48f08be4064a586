"""The page *Study* in a real browser: clean by axe, used with keys, its points lead to Compare, its choices stay in the link."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.helpers import painted, state
from tests.browser.test_accessibility import check
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, dashboard: StartApp) -> str:
    store = build_store(tmp_path_factory.mktemp("store"), titles=("walkthrough", "yard"), n_frames=24)
    return dashboard(store.root)


def test_a_point_chosen_by_keys_opens_its_frame_and_back_returns_to_the_page(page: Page, address: str):
    page.goto(f"{address}/study?clip=yard&a=mini%2Fconsistency")
    chart = page.get_by_role("group", name="Consistency energy against error")
    chart.focus()
    page.keyboard.press("End")
    said = page.get_by_role("status").filter(has_text="mean angular error")
    frame = said.inner_text().split("frame ")[1].split(":")[0]
    page.keyboard.press("Enter")
    assert state(painted(page))["frame"] == int(frame)
    page.wait_for_url(f"**frame={frame}*")
    page.go_back()
    expect(page.get_by_role("heading", name="Study", exact=True)).to_be_visible()

    current = page.locator(".st-key-pages a[aria-current=page]")
    expect(current).to_have_text("Study")
    page.get_by_role("radio", name="Clips").press("Enter")
    page.wait_for_url("**level=clips*")
    page.locator(".st-key-pages").get_by_role("link", name="About").click()
    expect(current).to_have_text("About")
    assert "clip=yard" in page.url and "a=mini%2Fconsistency" in page.url and "level" not in page.url
    page.go_back()
    expect(current).to_have_text("Study")
    expect(page.get_by_role("radio", name="Clips")).to_be_checked()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_groups_are_assigned_with_keys_and_axe_finds_nothing(page: Page, address: str, scheme: Any, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/study")
    expect(page.get_by_text("assign at least one clip to A and B")).to_be_visible()
    expect(page.get_by_role("button", name="Statistics (CSV)")).to_be_visible()  # the last part of the page
    page.get_by_role("button", name="assign walkthrough to A").focus()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="assign yard to A")).to_be_focused()  # the next one
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**group-b=*")
    expect(page.get_by_role("status").filter(has_text="yard: in group B. A has 1, B has 1.")).to_be_attached()
    expect(page.get_by_role("group", name="ROC: group B against group A")).to_be_visible()
    page.get_by_text("Reference: the bundled zoos").click()
    expect(page.get_by_role("region", name="Bundled zoos")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    check(page, "Study")


def test_clips_dragged_into_groups_stay_there_in_the_link(page: Page, address: str):
    page.goto(f"{address}/study")
    for title, group in (("yard", "a"), ("walkthrough", "b"), ("yard", "b"), ("walkthrough", "a")):
        clip, box = page.locator("li", has_text=title), page.locator(f".box[data-group={group}]")
        clip.locator(".title").hover()
        page.mouse.down()
        box.hover(position={"x": 20, "y": 60}, force=True)
        expect(box).to_have_class("box is-over")
        page.mouse.up()
        expect(box.get_by_text(title)).to_be_visible()
    expect(page.get_by_role("group", name="ROC: group B against group A")).to_be_visible()
    page.wait_for_url("**group-a=*")
    page.reload()
    for title, name in (("walkthrough", "Group A · 1"), ("yard", "Group B · 1")):
        expect(page.get_by_role("list", name=name)).to_contain_text(title)


def test_the_figures_can_be_downloaded(page: Page, address: str):
    page.goto(f"{address}/study")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Statistics (CSV)").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert text.startswith("statistic,of,over,value") and "spearman rho,mini/baseline/rgb-normal" in text
