"""Makes the README's picture from the real page, with the store in $CROSSCHECK_STORE.

make pictures
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from cache.store import default_root
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, serving
from tools.browser import find_browser

FOLDER = Path(__file__).parent.parent / "docs"
SIZE: ViewportSize = {"width": 1280, "height": 800}
PICTURES = {"compare.png": "clip=Walk+through+two+rooms"}
"""File name -> link of the page."""


def main() -> None:
    """Write every picture of PICTURES."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(default_root(), log_path=Path(folder) / "log.txt") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_OPTIONS)
        for name, link in PICTURES.items():
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(f"{address}/?{link}")
            settle(page)
            page.screenshot(path=FOLDER / name)
            print(FOLDER / name)
        browser.close()


def settle(page: Page) -> None:
    """Wait until every picture and plot is drawn."""
    root = page.locator(".xc")
    root.wait_for(timeout=60_000)
    while not root.evaluate("el => el.xc.painted >= 0 && !el.xc.state().isLate && el.xc.cursors().length > 0"):
        page.wait_for_timeout(100)
    page.wait_for_timeout(1500)  # for the strip, and for the sign of a running script to disappear


if __name__ == "__main__":
    main()
