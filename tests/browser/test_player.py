"""The player's pure modules, without a page around them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.helpers import App
from tests.fixtures.serving import StartApp
from tests.fixtures.stores import build_store

TESTS = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, start_app: StartApp) -> App:
    store = build_store(tmp_path_factory.mktemp("store"), n_frames=3)
    return App(start_app(store.root, "tests/browser/player_app.py"), store)


def test_pure_modules(page: Page, app: App):
    page.goto(f"{app.address}/web/player/player.css")
    result = page.evaluate(
        """async (source) => {
          const modules = {};
          const paths = {
            clock: "player/clock",
            pack: "frames/pack",
            colour: "drawing/colour",
            layout: "drawing/layout",
            look: "player/view_state",
            keys: "player/keys",
            charts: "plots/charts",
            curves: "plots/curves",
            frames: "frames/loader",
            zoom: "tools/zoom",
            compose: "drawing/compose",
            probe: "tools/probe",
            scales: "tools/scales",
            tiers: "frames/quality",
            region: "tools/region",
            paths: "plots/energy_by_path",
            scatter: "plots/scatter",
          };
          for (const [name, path] of Object.entries(paths)) modules[name] = await import(`/web/${path}.mjs`);
          const {run} = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
          return run(modules);
        }""",
        (TESTS / "web" / "player.test.mjs").read_text(encoding="utf-8"),
    )
    assert result["failures"] == {}
    assert result["count"] > 20
