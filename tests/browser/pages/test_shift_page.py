"""The page *Shift* in a real browser: a strength by click and by key shows its frames, and every point leads to Compare."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.helpers import NUMBERS_JS, painted, wait_for
from tests.browser.test_accessibility import check
from tests.fixtures.ladders import FIRST_NUMBER, ladder_store
from tests.fixtures.web.serving import StartApp


def shows(root: Locator, number: int, frame: str = "3") -> None:
    """Wait until that frame of the track of that number is in the first pane."""
    wait_for(root, f"el.xc.painted === {frame} && {NUMBERS_JS}[0] === {number}")


def test_the_strength_leads_curves_and_pictures_and_points_lead_to_compare(
    page: Page, tmp_path: Path, dashboard: StartApp
):
    address = dashboard(ladder_store(tmp_path).root)
    page.goto(f"{address}/shift?frame=3")
    root = painted(page)
    shows(root, FIRST_NUMBER + 10)  # the strongest at first
    check(page, "the page")

    energy = page.locator(".shift-plot svg").first
    box = energy.bounding_box()
    assert box is not None
    energy.click(position={"x": 52 + (box["width"] - 60) / 2, "y": 100})  # the middle one of three
    page.wait_for_url("**shift=blur%3A2px*")
    root = painted(page)
    shows(root, FIRST_NUMBER)  # the same frame at the chosen strength

    page.get_by_role("slider", name="Strength").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**shift=blur%3Aclean*")
    root = painted(page)
    shows(root, 1)  # strength 0 is the clean clip

    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    check(page, "the page on a phone")
    page.get_by_role("link", name="A baseline, 4").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Shift")).to_have_count(0)
    shows(painted(page), FIRST_NUMBER + 10, frame="el.xc.state().frame")
