"""Laws of what a page opens with: merged depth where it is stored, else as without it."""

from pathlib import Path

import pytest

from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration
from dashboard.selection.defaults import default_configurations, default_target, pair_of
from dashboard.selection.link import from_query, to_query
from tests.fixtures.stores import add_track, build_store


def direct(method: str, zoo: str = "mini", target: str = "depth") -> Configuration:
    return Configuration(zoo, method, f"rgb-{target}")


def test_a_and_b_are_baseline_and_merged_else_baseline_and_consistency_else_what_there_is() -> None:
    base, consistency, merged = direct("baseline"), direct("consistency"), direct("merged")
    assert default_configurations([consistency, base, merged]) == (base, merged)
    assert default_configurations([consistency, base]) == (base, consistency)
    assert default_configurations([consistency]) == (consistency, consistency)
    assert default_configurations([]) == ()


def test_a_pair_is_of_one_zoo_and_direct() -> None:
    via = Configuration("mini", "merged", "rgb-normal-depth")
    assert pair_of(("baseline", "merged"), [direct("baseline"), direct("merged", "lab"), via]) == ()
    whole = [direct("baseline"), direct("baseline", "lab"), direct("merged", "lab")]
    assert default_configurations(whole) == (direct("baseline", "lab"), direct("merged", "lab"))


@pytest.mark.parametrize(
    ("targets", "merged", "expected"),
    [
        (("depth", "normal"), {"depth", "normal"}, "depth"),
        (("depth", "normal"), {"normal"}, "normal"),
        (("normal", "reshading"), {"depth"}, "normal"),
        (("depth", "reshading"), set(), "depth"),
        ((), set(), None),
    ],
)
def test_depth_opens_where_it_is_merged(targets: tuple[str, ...], merged: set[str], expected: str | None) -> None:
    def options(target: str) -> list[Configuration]:
        return [direct(method, target=target) for method in ("baseline", *(["merged"] if target in merged else []))]

    assert default_target(targets, options) == expected


def test_a_link_that_names_nothing_opens_merged_depth_and_an_older_link_keeps_its_meaning(tmp_path: Path) -> None:
    store: Store = build_store(tmp_path, n_frames=3, targets=("normal", "depth"), readouts={}, truths=())
    before, _ = from_query({}, Catalogue(store.tracks()))
    assert before is not None and (before.target, before.configurations[1].method) == ("normal", "consistency")
    clip = store.tracks()[0].head.clip
    add_track(store, clip, kind="prediction", path="rgb-depth", zoo="mini", method="merged", number=90)
    now, notes = from_query({}, Catalogue(store.tracks()))
    assert now is not None and not notes
    assert (now.target, [c.method for c in now.configurations]) == ("depth", ["baseline", "merged"])
    again, notes = from_query(to_query(before), Catalogue(store.tracks()))
    assert again == before and not notes
