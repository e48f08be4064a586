"""Laws of what stored values are said to mean: no metres where a zoo knows depth only up to a factor or a shift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.saved_maps import CannotSave, require_format, saved_values, stated
from cache.records import Head, Track
from cache.store import Store
from consistency.domains import DOMAINS
from dashboard.player_data import Pane, pane_data
from tests.fixtures.stores import add_track, make_clip


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> Track:
    store = Store(tmp_path_factory.mktemp("saved"))
    return add_track(
        store, make_clip("One frame", n_frames=1), kind="prediction", path="rgb-depth", number=1, zoo="z", method="m"
    )


def known_up_to(head: Head, lacking: str) -> Head:
    return replace(head, constants={**head.constants, "known_up_to": lacking})


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("scale", "a factor"),
        ("scale-and-shift", "a factor and a shift"),
        ("inverse-scale-and-shift", "a factor and a shift of 1/depth"),
    ],
)
def test_relative_depth_of_a_zoo_is_saved_without_metres(depth: Track, lacking: str, words: str):
    require_format(depth.head, "png16")
    assert stated(depth.head, range(1), "npy", "", [0.0])["values"] == "m"
    head = known_up_to(depth.head, lacking)
    with pytest.raises(CannotSave, match="no unit"):
        require_format(head, "png16")
    require_format(head, "npy")
    meaning = stated(head, range(1), "npy", "", [0.0])
    assert meaning["values"] == f"relative depth, known up to {words}"
    assert meaning["precision"].endswith(" %")


def test_a_pane_of_relative_depth_is_sent_without_metres_so_that_no_part_of_the_page_states_them(depth: Track):
    def sent(track: Track) -> object:
        return pane_data(Pane("a", "prediction", "A", "Depth", "", 0, 0, track), {})["domain"]

    assert sent(depth) == depth.head.domain and depth.head.domain["unit"] == "m"
    relative = replace(depth, head=known_up_to(depth.head, "scale"))
    assert sent(relative) == {**depth.head.domain, "unit": ""}


def test_what_a_mask_left_unknown_is_saved_as_unknown_and_what_a_network_says_of_every_pixel_is_kept(depth: Track):
    codes = np.array([[0, 255]], np.uint8)
    masked = replace(depth.head, constants={"has_mask": True})
    np.testing.assert_allclose(saved_values(codes, depth.head), [[0.1, 16]], rtol=1e-5)
    np.testing.assert_allclose(saved_values(codes, masked), [[0.1, np.nan]], rtol=1e-5)
    normal = replace(depth.head, domain=DOMAINS["normal"].record())
    grey = np.full((1, 1, 3), 128, np.uint8)
    assert np.isfinite(saved_values(grey, normal)).all()
    assert np.isnan(saved_values(grey, replace(normal, constants={"has_mask": True}))).all()
