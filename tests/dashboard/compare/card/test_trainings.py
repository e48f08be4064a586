"""Laws of what the card says of A, B, ...: whose networks they are and how they were trained, as zoos state it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.stated.training import Training, training_of
from cache.records import Track
from dashboard.compare.card.trainings import Trained, trained, training_fact
from tests.fixtures.stores import build_store

NETWORKS = "tiny networks, trained by us on rooms"


def made(
    letter: str, method: str, words: str = "", *, zoo: str = "mini", networks: str = NETWORKS, of: str = ""
) -> Trained:
    training = Training(networks, words) if networks or words else None
    return Trained(letter, zoo, method, training, of)


def test_two_methods_of_a_zoo_are_two_trainings_of_its_networks():
    found = training_fact([made("A", "baseline", "each alone"), made("B", "consistency", "together")])
    assert found == ("A and B", f"two trainings of {NETWORKS} (zoo mini). A: each alone. B: together.")


def test_two_paths_of_one_method_are_one_training():
    found = training_fact([made("A", "baseline", "each alone"), made("B", "baseline", "each alone")])
    assert found == ("A and B", f"one training, two paths; {NETWORKS} (zoo mini). each alone.")


def test_configurations_of_one_method_are_named_together():
    three = [
        made("A", "baseline", "each alone"),
        made("B", "cycle", "there and back"),
        made("C", "baseline", "each alone"),
    ]
    label, text = training_fact(three)
    assert (label, text.split(". ", 1)[1]) == ("A to C", "A and C: each alone. B: there and back.")


def test_networks_of_two_zoos_are_told_apart():
    _, text = training_fact([made("A", "baseline", "alone"), made("B", "baseline", "", zoo="mine", networks="")])
    assert text == (
        f"A: alone (zoo mini: {NETWORKS}). B: baseline; how it was trained is not recorded with this clip (zoo mine)."
    )


def test_where_nothing_is_stated_it_is_said_once():
    _, text = training_fact([made("A", "baseline", networks=""), made("B", "cycle", networks="")])
    assert text == "mini/baseline and mini/cycle; how their networks were trained is not recorded with this clip."


def test_a_merged_prediction_is_no_training_of_its_own():
    _, text = training_fact([made("A", "baseline", "alone"), made("B", "merged", "alone", of="baseline")])
    assert text.endswith("A: alone. B: the paths of baseline, merged.")
    assert "two trainings" not in text


def test_nothing_is_said_of_no_configuration():
    assert training_fact([]) == ("", "")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Track:
    store = build_store(tmp_path_factory.mktemp("store"), n_frames=1)
    return next(iter(store.tracks(kind="prediction")))


def with_constants(track: Track, constants: dict) -> Track:
    return replace(track, head=replace(track.head, constants=constants))


@pytest.mark.parametrize("stated", [None, "words", {}, {"networks": 3}, {"method": ["x"]}])
def test_a_manifest_that_states_no_training_has_none(stored, stated):
    assert training_of(with_constants(stored, {} if stated is None else {"training": stated})) is None


def test_a_manifest_of_endless_words_is_cut_and_put_on_one_line(stored):
    words = {"networks": "a\nb", "method": "x" * 5000}
    found = trained("A", with_constants(stored, {"training": words, "merge": {"of": 3}}))
    assert found.training == Training("a b", "x" * 200)
    assert found.merged_of == ""
