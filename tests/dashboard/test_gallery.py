"""Laws of the gallery: what becomes a card, in which order, and what is said of its energy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest

from analysis.columns import Columns
from analysis.stated.trust import Trust
from cache.requests.uploads import Uploads
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.compare.ranges import Ranges
from dashboard.gallery.cards import (
    Card,
    Reading,
    among_rooms,
    cards_of,
    clip_of,
    options_of,
    standing,
    targets_of,
    trust_words,
)
from dashboard.gallery.data import gallery_data
from dashboard.gallery.items import listed
from dashboard.selection.defaults import default_target
from dashboard.selection.link import from_query
from tests.fixtures.gallery import add_item, item_named
from tests.fixtures.stores import add_track, build_store, make_clip
from tests.fixtures.web.pages import shown_page

TRUST = Trust(spearman=0.62, n_frames=480, percentile_97_5=2.38, auc={"photographs": 0.84, "videos": 0.93})


def reading(*sigmas: float, trust: Trust | None = TRUST) -> Reading:
    named = SimpleNamespace(method="baseline")
    return Reading("A", named, SimpleNamespace(), None, sigmas, trust)  # pyright: ignore[reportArgumentType]


def cards(store: Store, target: str = "normal") -> list[Card]:
    return cards_of(Catalogue(store.tracks()), Columns(store), listed(), target)


def test_cards_are_ordered_by_the_energy_of_a_and_show_what_is_computed(tmp_path: Path):
    store = Store(tmp_path)
    for number, name in ((16, "cat"), (40, "night-cafe"), (90, "coffee")):
        add_item(store, name, number=number)
    found = cards(store)
    assert {card.item.name for card in found} == {"cat", "night-cafe", "coffee"}
    energies = [card.rank for card in found]
    assert energies == sorted(energies) and len(set(energies)) == 3
    assert [[r.configuration.method for r in card.readings] for card in found] == [["baseline", "consistency"]] * 3


def test_an_item_is_a_card_once_all_of_it_is_stored(tmp_path: Path):
    store = Store(tmp_path)
    add_item(store, "city-at-night", n_frames=20, ready_frames=10)
    assert cards(store) == []
    add_item(store, "city-at-night", n_frames=20)
    (card,) = cards(store)
    assert card.frame == 10 and card.clip.n_frames == 20


def test_a_card_without_an_energy_comes_last_and_says_so(tmp_path: Path):
    store = Store(tmp_path)
    add_item(store, "cat")
    item = item_named("coffee")
    clip = replace(make_clip("coffee", n_frames=1), source_sha256=item.sha256)
    add_track(store, clip, kind="input", path="rgb", number=1)
    add_track(store, clip, kind="prediction", path="rgb-normal", zoo="mini", method="baseline", number=2)
    assert [card.item.name for card in cards(store)] == ["cat", "coffee"]
    assert standing(cards(store)[1].readings[0]) == "energy not stored"


def test_a_card_shows_merged_beside_the_baseline_and_says_why_it_has_no_energy(tmp_path: Path):
    store = Store(tmp_path)
    clip = add_item(store, "cat", target="depth")
    merge = {"merge": {"version": 1, "of": "baseline", "paths": ["rgb-depth"], "weights": [0.5], "mirror": 0.5}}
    add_track(store, clip, kind="prediction", path="rgb-depth", zoo="mini", method="merged", number=60, constants=merge)
    (card,) = cards(store, "depth")
    assert [r.configuration.method for r in card.readings] == ["baseline", "merged"]
    assert standing(card.readings[1]) == "has no energy, as a mean of the paths"
    assert default_target(("depth",), partial(options_of, Catalogue(store.tracks()), listed())) == "depth"


def test_shifted_clips_of_an_item_are_not_its_card(tmp_path: Path):
    store = Store(tmp_path)
    clip = add_item(store, "cat")
    shifted = replace(clip, key="b" * 64, sampling={**clip.sampling, "shift": "blur:2"})
    add_track(store, shifted, kind="input", path="rgb", number=70)
    found = clip_of(Catalogue(store.tracks()), item_named("cat"))
    assert found is not None and found.key == clip.key


def test_only_directly_predicted_targets_of_listed_items_can_be_chosen(tmp_path: Path):
    store = build_store(tmp_path, targets=("depth",), n_frames=1)
    catalogue = Catalogue(store.tracks())
    assert targets_of(catalogue, listed()) == ()
    add_item(store, "cat", target="reshading")
    assert targets_of(Catalogue(store.tracks()), listed()) == ("reshading",)


def test_clips_of_the_gallery_come_after_all_others(tmp_path: Path):
    store = build_store(tmp_path, titles=("mine",), n_frames=1)
    add_item(store, "cat", number=200)  # newer
    assert [clip.title for clip in Catalogue(store.tracks()).clips] == ["mine", item_named("cat").title]


def test_a_bundled_clip_is_not_put_behind_the_others_for_being_in_the_gallery(tmp_path: Path):
    store = Store(tmp_path)
    add_item(store, "cat", number=50)
    add_item(store, "phone", number=16)
    assert Catalogue(store.tracks()).clips[0].title == item_named("phone").title


@pytest.mark.parametrize(
    ("sigma", "trust", "words"),
    [
        (2.39, TRUST, "above the 97.5th percentile of validation rooms"),
        (2.38, TRUST, "below the 97.5th percentile of validation rooms"),
        (-0.5, TRUST, "below the 97.5th percentile of validation rooms"),
        (1.5, None, "1.50 σ above the mean of validation rooms"),
        (-1.5, replace(TRUST, percentile_97_5=None), "1.50 σ below the mean of validation rooms"),
    ],
)
def test_where_an_energy_lies_is_said_as_far_as_the_zoo_states_it(sigma: float, trust: Trust | None, words: str):
    assert standing(reading(sigma, trust=trust)).replace("\N{NO-BREAK SPACE}", " ") == words


def test_the_energy_of_a_clip_is_the_mean_over_its_frames_and_unknown_frames_are_left_out():
    assert reading(1.0, float("nan"), 2.0).mean_sigma == 1.5
    assert reading(float("nan")).mean_sigma is None and reading().mean_sigma is None


def test_the_share_of_rooms_counts_frames_of_the_rendered_rooms_with_a_lower_energy(tmp_path: Path):
    store = Store(tmp_path)
    add_item(store, "walkthrough", n_frames=20, number=20)
    add_item(store, "cat", number=40)
    by_name = {card.item.name: card for card in cards(store)}
    rooms, cat = by_name["walkthrough"], by_name["cat"]
    sigma = cat.readings[0].mean_sigma
    assert sigma is not None
    n_below = sum(value < sigma for value in rooms.readings[0].sigmas)
    words = among_rooms(cat, rooms).replace("\N{NO-BREAK SPACE}", " ")
    assert words == f"A above {100 * n_below / 20:.0f} % of 20 frames of rendered rooms"
    assert among_rooms(rooms, rooms) == among_rooms(cat, None) == ""


def test_what_was_measured_of_a_target_is_said_in_the_words_of_the_verdict():
    words = trust_words("Surface normals", TRUST).replace("\N{NO-BREAK SPACE}", " ")
    assert "480 frames of test rooms, energy follows the error strongly (ρ = 0.62)" in words
    assert "AUC 0.84 to 0.93" in words
    assert "was not measured" in trust_words("Depth", None)


def test_a_card_opens_compare_on_its_clip_target_methods_and_frame(tmp_path: Path):
    store = Store(tmp_path)
    clip = add_item(store, "city-at-night", n_frames=20)
    catalogue = Catalogue(store.tracks())
    found = cards(store)
    data = gallery_data(catalogue, Ranges(store).of, found, found, "normal", ())
    (card,) = data["cards"]
    selection, notes = from_query(dict(parse_qsl(urlsplit(card["compare"]).query)), catalogue)
    assert selection is not None and notes == ()
    assert (selection.clip.key, selection.target, selection.frame) == (clip.key, "normal", 10)
    assert selection.configurations == tuple(r.configuration for r in found[0].readings)
    assert [picture["role"] for picture in card["pictures"]] == ["input", "energy", "prediction", "prediction"]


def test_a_card_leads_into_space_and_is_filmed_only_where_depth_is_stored(tmp_path: Path):
    store = Store(tmp_path)
    clip = add_item(store, "night-cafe")

    def card() -> dict:
        catalogue = Catalogue(store.tracks())
        found = cards(store)
        return gallery_data(catalogue, Ranges(store).of, found, found, "normal", ("space",))["cards"][0]

    assert (card()["space"], card()["film"]) == ("", None)
    add_track(store, clip, kind="prediction", path="rgb-depth", zoo="mini", method="consistency", number=9)
    catalogue = Catalogue(store.tracks())
    found = card()
    selection, notes = from_query(dict(parse_qsl(urlsplit(found["space"]).query)), catalogue)
    assert selection is not None and notes == () and found["space"].startswith("space?")
    assert selection.target == "depth" and {c.method for c in selection.configurations} == {"consistency"}
    depth = catalogue.prediction(clip.key, selection.configurations[0])
    assert depth is not None and found["film"]["key"] == depth.head.key and found["film"]["method"] == "consistency"


def test_the_scale_holds_every_card_though_few_are_shown(tmp_path: Path):
    store = Store(tmp_path)
    for number, name in ((16, "cat"), (40, "night-cafe"), (90, "coffee")):
        add_item(store, name, number=number)
    found = cards(store)
    data = gallery_data(Catalogue(store.tracks()), Ranges(store).of, found, found[:1], "normal", ("image",))
    energies = [r.mean_sigma for card in found for r in card.readings if r.mean_sigma is not None]
    assert data["scale"]["lo"] < min(energies) and data["scale"]["hi"] > max(energies)
    assert len(data["cards"]) == 1 and data["cards"][0]["sheet"].startswith("image?clip=")


# The page


def test_an_empty_store_shows_what_computes_the_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    page = shown_page("gallery", monkeypatch, tmp_path)
    assert any(f"0 of {len(listed())} are computed" in text.value for text in page.text)
    assert any("python -m precompute run gallery" in code.value for code in page.code)


def test_a_link_with_unknown_choices_shows_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    add_item(Store(tmp_path), "cat")
    page = shown_page("gallery", monkeypatch, tmp_path, predict="<b>", category="no such category")
    assert [pills.value for pills in page.button_group] == [["normal"], ["all"]] or [
        pills.value for pills in page.button_group
    ] == ["normal", "all"]
    assert any(f"1 of {len(listed())} are computed" in text.value for text in page.text)


def test_what_a_visitor_uploaded_is_no_card_though_its_bytes_are_an_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    store = Store(tmp_path)
    clip = add_item(store, "cat")
    Uploads(tmp_path).unlist(clip.key)
    page = shown_page("gallery", monkeypatch, tmp_path, clip=clip.key)
    assert any(f"0 of {len(listed())} are computed" in text.value for text in page.text)
