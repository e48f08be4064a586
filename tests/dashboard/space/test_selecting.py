"""The Space page shows depth by the methods of the link, whatever domain the link is about."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.catalogue import Catalogue
from dashboard.gallery.items import listed
from dashboard.player_data import Chart, Pane, Series
from dashboard.selection.link import from_query
from dashboard.space.selecting import field_of_view_of, has_depth, in_depth, normals_of, still_texts
from tests.fixtures.stores import build_store, make_clip

METHODS = ("baseline", "consistency")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory) -> Catalogue:
    store = build_store(tmp_path_factory.mktemp("space"), n_frames=2, targets=("normal", "depth"), truths=("depth",))
    return Catalogue(store.tracks())


def test_a_link_about_normals_shows_depth_by_the_same_methods(catalogue):
    link = {"predict": "normal", "readout": "reshading", "a": "mini/consistency", "b": "mini/baseline", "frame": "1"}
    selection, notes = from_query(in_depth(link), catalogue)
    assert selection is not None and notes == ()
    assert selection.target == "depth" and selection.readout is None and selection.frame == 1
    assert [c.full_spelling for c in selection.configurations] == [
        "mini/consistency/rgb-depth",
        "mini/baseline/rgb-depth",
    ]


def test_a_path_to_another_domain_becomes_its_methods_depth_and_one_to_depth_stays():
    link = in_depth(
        {"a": "mini/baseline/rgb-reshading-normal", "b": "mini/baseline/rgb-normal-depth", "zoom": "2~0.5~0.5"}
    )
    assert link == {"predict": "depth", "a": "mini/baseline", "b": "mini/baseline/rgb-normal-depth"}


def test_hostile_links_stay_plain_text():
    link = {"a": "////", "b": "", "h": "a/b/c/d/e", "surface": "points"}
    assert in_depth(link) == {**link, "a": "/", "h": "a/b", "predict": "depth"}


def test_depth_that_only_the_truth_knows_is_depth(tmp_path, catalogue):
    assert has_depth(catalogue, catalogue.clips[0].key)
    for truths, expected in ((("depth",), True), (("normal",), False)):
        store = build_store(tmp_path / str(expected), n_frames=1, truths=truths)
        other = Catalogue(store.tracks())
        assert has_depth(other, other.clips[0].key) is expected


def test_the_lens_of_the_rendered_clip_is_known_and_that_of_others_is_not():
    (walk,) = [item for item in listed() if item.name == "walkthrough"]
    clip = make_clip("any", n_frames=1)
    assert field_of_view_of(clip) is None
    known = type(clip)(**{**clip.__dict__, "source_sha256": walk.sha256})
    assert field_of_view_of(known) == pytest.approx(68)


def test_surfaces_are_shaded_by_the_normals_of_the_same_method_where_they_are_stored(catalogue):
    clip = catalogue.clips[0]
    depths = [catalogue.find(clip.key, "prediction", "rgb-depth", zoo="mini", method=name) for name in METHODS]
    truth = catalogue.find(clip.key, "truth", "depth")
    panes = [
        *(
            Pane(letter, "prediction", letter, "", "", 0, at, track)
            for at, (letter, track) in enumerate(zip("AB", depths, strict=True))
        ),
        Pane("truth", "truth", "", "", "", 0, 2, truth),
        Pane("input", "input", "", "", "", 0, 3, catalogue.find(clip.key, "input", "rgb")),
    ]
    found = normals_of(catalogue, panes)
    assert {pane: track.head.configuration for pane, track in found.items()} == {
        "A": "mini/baseline/rgb-normal",
        "B": "mini/consistency/rgb-normal",
    }


def test_the_plots_of_a_single_frame_are_sentences_and_those_without_a_value_are_left_out():
    lines = [Series("A", "baseline", np.array([-0.594])), Series("B", "merged", np.array([np.nan]))]
    charts = [Chart("energy", "Consistency energy", "σ", lines), Chart("error", "Error", "°", lines[1:])]
    assert still_texts(charts) == ["Consistency energy: A baseline −0.59\u00a0σ."]
