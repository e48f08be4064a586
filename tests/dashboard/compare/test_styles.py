"""Laws of line styles: hue = method, dash = path, whatever the place."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.styles import styles
from dashboard.configuration import Configuration
from dashboard.player_data import N_DASHES, N_HUES
from tests.fixtures.stores import build_store

DIRECT, VIA_DEPTH, VIA_SHADE = "rgb-normal", "rgb-depth-normal", "rgb-reshading-normal"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    store: Store = build_store(
        tmp_path_factory.mktemp("store"),
        n_frames=3,
        methods=("cycle", "consistency", "baseline"),
        targets=("normal", "depth", "reshading"),
        readouts={"depth": ("normal",), "reshading": ("normal",)},
    )
    return Catalogue(store.tracks())


def line_up(*spelled: str) -> list[Configuration]:
    return [Configuration(*text.split("/")) for text in spelled]


def test_a_style_belongs_to_the_configuration_and_not_to_its_place(catalogue: Catalogue) -> None:
    shown = line_up(f"mini/baseline/{DIRECT}", f"mini/consistency/{DIRECT}", f"mini/cycle/{VIA_DEPTH}")
    expected = styles(catalogue, "normal", shown)
    for order in permutations(shown):
        assert styles(catalogue, "normal", order) == expected
    assert styles(catalogue, "normal", shown[:1])[shown[0]] == expected[shown[0]]


def test_methods_have_hues_and_paths_have_dashes(catalogue: Catalogue) -> None:
    shown = line_up(*(f"mini/{m}/{p}" for m in ("baseline", "consistency") for p in (DIRECT, VIA_DEPTH, VIA_SHADE)))
    found = [styles(catalogue, "normal", shown)[configuration] for configuration in shown]
    assert [style.hue for style in found] == [0, 0, 0, 1, 1, 1], "the preferred methods have the first hues"
    dashes = [style.dash for style in found]
    assert dashes[0] == 0 and len(set(dashes[:3])) == 3 and dashes[:3] == dashes[3:]
    assert {style.shade for style in found} == {0}


def test_two_zoos_with_one_method_and_path_differ_in_shade(catalogue: Catalogue) -> None:
    shown = line_up(f"mini/baseline/{DIRECT}", f"lab/baseline/{DIRECT}", f"lab/baseline/{VIA_DEPTH}")
    found = styles(catalogue, "normal", shown)
    assert [found[one].shade for one in shown] == [1, 0, 0]
    assert len({(style.hue, style.dash, style.shade) for style in found.values()}) == 3


def test_styles_stay_within_what_the_browser_has(catalogue: Catalogue) -> None:
    unknown = line_up(f"other/unheard-of/{DIRECT}", "mini/baseline/rgb-curvature-normal")
    for style in styles(catalogue, "normal", unknown).values():
        assert 0 <= style.hue < N_HUES and 0 <= style.dash < N_DASHES
    root = Path(__file__).parents[3] / "dashboard" / "web"
    css = (root / "ui" / "player.css").read_text(encoding="utf-8")
    assert all(f"--xc-hue-{hue}:" in css for hue in range(N_HUES))
