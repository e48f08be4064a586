"""A page whose time the test moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.fixtures.web.serving import opened_in


@pytest.fixture
def clock_page(browser: Browser) -> Iterator[Page]:
    """A page with `page.clock` installed, in a browser context of its own: all pages of a context share one clock."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        context.clock.install(time=0)
        yield from opened_in(context)
