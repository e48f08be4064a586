"""Fixtures of the player's tests: one store and one player_app per run, players with Streamlit and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.browser.helpers import App, wait_for
from tests.browser.player.data import FOUR_PANES, N_FRAMES, Open
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import opened_in, serving


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("player")
    store = build_store(folder / "store", n_frames=N_FRAMES, frames_per_pack=100)
    with serving(store.root, "tests/browser/player_app.py", log_path=folder / "log.txt") as address:
        yield App(address, store)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new browser: what is loaded, and when, is tested here."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        yield from opened_in(context)


@pytest.fixture
def open_player(page: Page, app: App) -> Open:
    """open_player(query, address) -> the player's root element, its first frame painted and its plots drawn."""

    def open_(query: str = f"panes={FOUR_PANES}", address: str = "") -> Locator:
        page.goto(f"{address or app.address}/?{query}")
        root = page.locator(".xc")
        root.wait_for()
        wait_for(root, "el.xc.painted >= 0 && el.xc.cursors().length > 0")
        return root

    return open_


@pytest.fixture
def mount_player(page: Page, app: App) -> Open:
    """mount_player(data) -> the root of a player without Streamlit; `update(data)` renders it again, `end()` ends it.

    Setting `window.held = []` holds every later fetch of a pack in it, as {url, signal, go()}.
    """

    def mount(data: dict[str, Any]) -> Locator:
        page.goto(f"{app.address}/web/ui/player.css")
        page.evaluate(
            """async (data) => {
              const {mount} = await import("/web/player/compare_page.mjs");
              const fetched = window.fetch;
              window.fetch = async (url, options) => {
                const {signal} = options ?? {};
                if (window.held && String(url).includes("/packs/")) {
                  await new Promise((go, stop) => {
                    window.held.push({url, signal, go});
                    signal?.addEventListener("abort", () => stop(signal.reason));
                  });
                }
                return fetched(url, options);
              };
              window.release = () => {
                const {held} = window;
                window.held = null;
                for (const {go} of held) go();
              };
              document.body.replaceChildren();
              const parentElement = document.body.appendChild(document.createElement("div")).attachShadow({mode: "open"});
              window.reported = [];
              const setStateValue = (name, value) => window.reported.push(value);
              window.update = (data) => (window.end = mount({data, parentElement, setStateValue}));
              window.update(data);
            }""",
            data,
        )
        root = page.locator(".xc")
        wait_for(root, "el.xc.painted >= 0")
        return root

    return mount
