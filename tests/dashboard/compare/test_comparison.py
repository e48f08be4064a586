"""Laws of what can be chosen: only what is stored, the newest complete track, and a command for what is missing."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.main import get_command

from cache.records import Clip, Head, Pack, Track
from cache.store import Store
from dashboard import catalogue as catalogue_module
from dashboard.catalogue import Catalogue
from dashboard.commands import DEFAULT_SAMPLING, DEFAULT_ZOO, blanks, command_for, for_folder
from dashboard.compare.card.measures import measures_of
from dashboard.compare.card.verdict import verdict
from dashboard.compare.comparison import compare
from dashboard.configuration import Configuration
from dashboard.gallery.items import listed
from dashboard.text import one_line, web_address
from precompute.cli.app import app
from precompute.media.sampling import Sampling
from tests.fixtures.stores import build_store

A = Configuration("mini", "baseline", "rgb-normal")
B = Configuration("mini", "consistency", "rgb-normal")
WALKTHROUGH = next(item.sha256 for item in listed() if item.name == "walkthrough")
CLIP = Clip("c" * 64, "Walk through two rooms", WALKTHROUGH, {}, width=8, height=8, n_frames=3)
DOMAINS = {
    "rgb": ("Image", 3),
    "normal": ("Surface normals", 3),
    "depth": ("Depth", 1),
    "reshading": ("Reshading", 1),
    "energy": ("Consistency energy", 1),
}


def track(kind: str, path: str, method: str = "baseline", *, number: int = 1, weights: str = "1", **changes) -> Track:
    """A track of 3 frames; energies have a term, predictions and readouts their columns."""
    domain = "energy" if kind == "energy" else path.rsplit("-", 1)[-1]
    columns = {"energy": ("terms",), "readout": ("disagreement",)}.get(kind, ())
    is_complete = changes.pop("is_complete", True)
    head = Head(
        key=f"{number:064x}",
        kind=kind,
        clip=changes.pop("clip", CLIP),
        zoo="" if kind in ("input", "truth") else changes.pop("zoo", "mini"),
        method="" if kind in ("input", "truth") else method,
        path=path,
        domain={
            "name": domain,
            "title": DOMAINS[domain][0],
            "channels": DOMAINS[domain][1],
            "scale": "linear",
            "lo": 0.0,
            "hi": 1.0,
        },
        codec="png",
        edges={"rgb-" + path.split("-")[1]: weights} if "-" in path else {},
        constants={"paths": ["rgb-depth-normal"], "mu": [0.1], "sigma": [0.1]} if kind == "energy" else {},
        columns={name: {} for name in (*columns, *changes.pop("columns", ()))},
    )
    return Track(head, (Pack("d" * 64, 0, 3, 9),), is_complete)


def whole_clip() -> list[Track]:
    tracks = [track("input", "rgb"), track("truth", "normal"), track("truth", "reshading")]
    for method in ("baseline", "consistency"):
        tracks += [
            track("prediction", "rgb-normal", method, columns=("error", "angle_degrees")),
            track("prediction", "rgb-depth", method),
            track("readout", "rgb-normal-reshading", method, columns=("error",)),
            track("readout", "rgb-depth-normal", method),
            track("energy", "rgb-normal", method),
        ]
    return tracks


def test_everything_offered_is_stored_and_everything_stored_is_offered(tmp_path: Path) -> None:
    store = build_store(tmp_path, n_frames=3, titles=("one", "two"), targets=("normal", "depth"), frames_per_pack=3)
    tracks = store.tracks()
    catalogue = Catalogue(tracks)
    assert {clip.title for clip in catalogue.clips} == {"one", "two"}
    for clip in catalogue.clips:
        stored = {(t.head.kind, t.head.path, t.head.method) for t in tracks if t.head.clip.key == clip.key}
        offered = set()
        for target in catalogue.targets(clip.key):
            for configuration in catalogue.configurations(clip.key, target):
                kind = "prediction" if configuration.is_direct else "readout"
                offered.add((kind, configuration.path, configuration.method))
                for last in catalogue.readouts(clip.key, target):
                    offered.add(("readout", f"{configuration.path}-{last}", configuration.method))
        assert offered == {item for item in stored if item[0] in ("prediction", "readout")}
        assert catalogue.readouts(clip.key, "normal") == ("reshading",)


def test_what_is_not_on_a_clip_is_not_offered_there() -> None:
    other = replace(CLIP, key="e" * 64, title="other")
    catalogue = Catalogue([*whole_clip(), track("input", "rgb", clip=other)])
    assert catalogue.targets(CLIP.key) == ("normal", "depth")
    assert catalogue.targets(other.key) == ()
    assert catalogue.configurations(other.key, "normal") == ()
    assert catalogue.targets("no such clip") == ()


def test_the_newest_complete_track_is_taken_before_a_newer_growing_one() -> None:
    growing, new, old = (track("prediction", "rgb-normal", number=n, is_complete=n < 3) for n in (3, 2, 1))
    assert (
        Catalogue([growing, new, old]).find(CLIP.key, "prediction", "rgb-normal", zoo="mini", method="baseline") is new
    )
    found = Catalogue([growing]).find(CLIP.key, "prediction", "rgb-normal", zoo="mini", method="baseline")
    assert found is growing


def test_an_energy_of_other_weights_does_not_stand_beside_a_prediction() -> None:
    tracks = [track("prediction", "rgb-normal", weights="2"), track("energy", "rgb-normal", weights="1")]
    view = compare(Catalogue(tracks), CLIP, "normal", None, [A])
    assert not view.plots
    assert any("energy of A" in gap.what for gap in view.missing)


def test_a_readout_adds_a_row_with_its_truth_and_its_charts() -> None:
    catalogue = Catalogue(whole_clip())
    without = compare(catalogue, CLIP, "normal", None, [A, B])
    with_readout = compare(catalogue, CLIP, "normal", "reshading", [A, B])
    places = {pane.id: (pane.row, pane.column) for pane in with_readout.panes}
    assert {pane.id for pane in without.panes} == {"input", "truth", "A", "B"}
    assert places == {
        "input": (0, 0), "truth": (0, 1), "A": (0, 2), "B": (0, 3), "truth2": (1, 1), "A2": (1, 2), "B2": (1, 3),
    }  # fmt: skip
    assert [plot.id for plot in without.plots] == ["energy", "error"]
    assert [plot.id for plot in with_readout.plots] == ["energy", "disagreement", "error", "error2"]
    assert without.plots[1].curves[0].column == "angle_degrees"
    assert {letter: (t.head.kind, t.head.method) for letter, t in without.energies.items()} == {
        "A": ("energy", "baseline"), "B": ("energy", "consistency"),
    }  # fmt: skip
    on_paths = {
        domain for t in without.energies.values() for path in t.head.constants["paths"] for domain in path.split("-")
    }
    assert set(without.titles) == on_paths
    assert not with_readout.missing


def test_the_stability_of_a_prediction_is_plotted_where_it_is_stored_for_the_same_weights() -> None:
    tracks = [
        track("input", "rgb"),
        track("prediction", "rgb-normal", number=2),
        track("prediction", "rgb-normal", "consistency", number=3),
        track("stability", "rgb-normal", number=4, columns=("stability",)),
        track("stability", "rgb-normal", "consistency", number=5, columns=("stability",), weights="2"),
    ]
    (plot,) = compare(Catalogue(tracks), CLIP, "normal", None, (A, B)).plots
    assert plot.id == "stability" and [(c.letter, c.track.head.key[-1], c.column) for c in plot.curves] == [
        ("A", "4", "stability")
    ]


def test_without_truth_the_predictions_stand_right_beside_the_input() -> None:
    tracks = [item for item in whole_clip() if item.head.kind != "truth"]
    view = compare(Catalogue(tracks), CLIP, "normal", None, [A, B])
    assert [(pane.id, pane.column) for pane in view.panes] == [("input", 0), ("A", 1), ("B", 2)]


def test_all_paths_are_shown_in_a_row_for_each_method_with_truth_below_the_input() -> None:
    via = [Configuration("mini", c.method, "rgb-depth-normal") for c in (A, B)]
    tracks = [*whole_clip(), *(track("readout", c.path, c.method) for c in via)]
    view = compare(Catalogue(tracks), CLIP, "normal", "reshading", [A, B, *via])
    places = {pane.id: (pane.row, pane.column) for pane in view.panes}
    assert places["input"] == (0, 0) and places["truth"] == (1, 0) and places["truth2"] == (2, 0)
    assert [places[letter] for letter in "ABCD"] == [(0, 1), (1, 1), (0, 2), (1, 2)]
    assert (places["A2"], places["B2"]) == ((2, 1), (3, 1)), "readouts stand below, in the same order"


def test_a_pane_names_the_method_first_and_then_what_its_path_leads_through() -> None:
    via = Configuration("mini", "baseline", "rgb-depth-normal")
    tracks = [*whole_clip(), track("readout", via.path)]
    panes = {pane.id: pane for pane in compare(Catalogue(tracks), CLIP, "normal", None, [A, via]).panes}
    assert (panes["A"].heading, panes["B"].heading) == ("baseline", "baseline")
    assert panes["A"].detail.startswith("Image → ") and panes["B"].detail.startswith("via Depth")
    assert panes["B"].title == "baseline via Depth"


@pytest.mark.parametrize("n_configurations", range(1, 9))
def test_one_to_eight_configurations_have_panes_of_their_own(n_configurations: int) -> None:
    methods = [f"method{n}" for n in range(n_configurations)]
    tracks = [track("input", "rgb"), *(track("prediction", "rgb-normal", method) for method in methods)]
    chosen = [Configuration("mini", method, "rgb-normal") for method in methods]
    view = compare(Catalogue(tracks), CLIP, "normal", None, chosen)
    assert len({pane.id for pane in view.panes}) == len({(s.row, s.column) for s in view.panes}) == 1 + n_configurations


def test_what_is_missing_is_named_with_a_command_for_it() -> None:
    tracks = [item for item in whole_clip() if item.head.kind != "energy"]
    missing = compare(Catalogue(tracks), CLIP, "normal", None, [A, B]).missing
    assert [gap.command for gap in missing] == [
        "python -m precompute run walkthrough --configurations mini/baseline/rgb-normal",
        "python -m precompute run walkthrough --configurations mini/consistency/rgb-normal",
    ]


def test_the_command_for_what_is_missing_asks_for_the_same_frames_and_its_zoo() -> None:
    sampling = Sampling(1.5, 4.0, 10.0, 30, 128, "none", True)
    clip = replace(CLIP, sampling={**sampling.rule(), "shift": "", "rule": 1})
    command = command_for(clip, Configuration("lab", "baseline", "rgb-normal"))
    words = shlex.split(command)[3:]
    given = get_command(app).commands["run"].make_context("run", words[1:]).params  # type: ignore[attr-defined]
    assert words[:2] == ["run", "walkthrough"] and given["zoo"] == "lab"
    taken = (given[name] for name in ("start", "end", "fps", "max_frames", "size", "crop", "tolerant"))
    assert Sampling(*(getattr(value, "value", value) for value in taken)) == sampling


def test_what_a_command_leaves_out_is_what_the_job_takes_by_itself() -> None:
    run = get_command(app).commands["run"].make_context("run", ["walkthrough"]).params  # type: ignore[attr-defined]
    assert {name: value for name, value in asdict(Sampling()).items() if name != "is_tolerant"} == DEFAULT_SAMPLING
    assert run["zoo"] == DEFAULT_ZOO and not run["tolerant"]


def test_a_clip_that_is_only_titled_like_a_bundled_one_is_not_computed_from_it() -> None:
    own = replace(CLIP, title="walkthrough", source_sha256="a" * 64)
    command = command_for(own, A)
    assert shlex.split(command)[4] == "SOURCE"
    assert blanks(command) == "Replace SOURCE with this clip's file or address."
    assert blanks(command_for(CLIP, A)) == ""


def test_a_command_names_a_store_inside_the_project_and_no_other_folder_of_the_server(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert for_folder("run", tmp_path / "my store") == "run --store 'my store'"
    command = for_folder(command_for(replace(CLIP, source_sha256="a" * 64)), tmp_path.parent / "elsewhere")
    assert str(tmp_path.parent) not in command
    assert blanks(command) == (
        "Replace SOURCE with this clip's file or address and STORE with the folder of this page's store."
    )


def test_an_address_with_shell_letters_stays_one_word_of_the_command() -> None:
    address = "https://example.org/a';rm${IFS}-rf;'&b=$(id)"
    hostile = replace(CLIP, title="; rm -rf ~", url=address, source_sha256="a" * 64)
    missing = compare(Catalogue([track("input", "rgb", clip=hostile)]), hostile, None, None, []).missing
    assert missing[0].command is not None
    assert shlex.split(missing[0].command) == ["python", "-m", "precompute", "run", address]


def test_a_path_through_another_domain_has_no_energy_and_says_so() -> None:
    via = Configuration("mini", "baseline", "rgb-depth-normal")
    view = compare(Catalogue(whole_clip()), CLIP, "normal", None, [via, B])
    assert [curve.letter for curve in view.plots[0].curves] == ["B"]
    facts = dict(verdict(measures_of(view, [], "standardised")).facts)
    assert "A (baseline via Depth): none, as energy belongs to a method and its target" in facts["Energy"]
    assert via.spelling == "mini/baseline/rgb-depth-normal"


def test_a_path_of_any_length_has_a_command_up_to_what_the_store_can_name() -> None:
    via = Configuration("mini", "baseline", "rgb-depth-normal")
    view = compare(Catalogue(whole_clip()), CLIP, "normal", "reshading", [via, B])
    (missing,) = view.missing
    assert missing.command == command_for(CLIP, Configuration("mini", "baseline", "rgb-depth-normal-reshading"))
    path = "-".join(["rgb", *["depth", "normal"] * 3, "normal"])
    longest = track("readout", path, number=9)
    tracks = [*whole_clip(), longest]
    (missing,) = compare(
        Catalogue(tracks), CLIP, "normal", "reshading", [Configuration("mini", "baseline", path)]
    ).missing
    assert missing.command is None


def test_paths_of_four_domains_and_cycles_are_offered_and_named_in_order() -> None:
    around, through = "rgb-normal-depth-normal", "rgb-reshading-depth-normal"
    tracks = [*whole_clip(), track("readout", around, number=8), track("readout", through, number=9)]
    catalogue = Catalogue(tracks)
    found = catalogue.configurations(CLIP.key, "normal")
    longer = [c for c in found if len(c.domains) == 4]
    assert [c.path for c in longer] == [around, through]
    labels = [catalogue.configuration_label(c, [c]) for c in longer]
    assert labels == ["baseline via Surface normals → Depth", "baseline via Reshading → Depth"]
    view = compare(catalogue, CLIP, "normal", None, longer)
    details = [pane.detail for pane in view.panes if pane.role == "prediction"]
    assert details == ["via Surface normals → Depth → Surface normals", "via Reshading → Depth → Surface normals"]
    assert not view.missing


def test_only_web_addresses_become_links() -> None:
    assert web_address("https://example.org/a?b=1") == "https://example.org/a?b=1"
    for bad in (
        None,
        "",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://",
        "http://a b",
        "http://[",
        "data:x,y",
    ):
        assert web_address(bad) is None


def test_titles_of_two_clips_are_told_apart() -> None:
    twin = replace(CLIP, key="e" * 64)
    catalogue = Catalogue([track("input", "rgb"), track("input", "rgb", clip=twin)])
    assert len({catalogue.clip_label(clip) for clip in catalogue.clips}) == 2


def test_the_label_of_a_clip_takes_no_longer_for_a_store_of_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [replace(CLIP, key=f"{n:064x}", title=f"clip {n // 2}", n_frames=n % 2 + 1) for n in range(40)]
    store_of_twins = Catalogue([track("input", "rgb", clip=clip, number=n + 1) for n, clip in enumerate(clips)])
    read = []
    monkeypatch.setattr(catalogue_module, "one_line", lambda text: read.append(text) or one_line(text))
    labels = {store_of_twins.clip_label(clip) for clip in clips}
    assert len(labels) == 40 and "clip 3 (8×8, 2 frames)" in labels
    assert len(read) == 40, "one title for each label"
    assert [store_of_twins.clip(clip.key) for clip in clips] == clips and store_of_twins.clip("0") is None


def test_a_title_is_one_line_of_printable_letters() -> None:
    assert one_line("a\n\tb\x00c\u202e") == "a b c"
    assert one_line("") == "untitled"
    assert len(one_line("x" * 9999)) == 80


def test_a_store_that_cannot_be_opened_for_writing_is_read(tmp_path: Path) -> None:
    build_store(tmp_path, n_frames=2)
    assert Catalogue(Store(tmp_path, read_only=True).tracks()).clips


def test_what_an_energy_compares_is_known_as_what_a_job_can_make() -> None:
    catalogue = Catalogue(whole_clip())
    assert Configuration("mini", "baseline", "rgb-depth-normal") in catalogue.known("normal")
    tracks = [item for item in whole_clip() if item.head.kind != "readout"]
    known = Catalogue(tracks).known("normal")
    assert set(Catalogue(tracks).configurations(CLIP.key, "normal")) < set(known)
    assert command_for(CLIP, known[-1]).endswith("--configurations mini/consistency/rgb-depth-normal")
    assert all(configuration.path.endswith("-normal") for configuration in known)


def test_a_path_that_an_energy_borrows_from_another_target_is_no_way_to_its_own() -> None:
    energy = track("energy", "rgb-depth")
    constants = {**energy.head.constants, "paths": ["rgb-normal-depth", "rgb-depth-normal"]}
    borrowing = replace(energy, head=replace(energy.head, constants={**constants, "mu": [0.1] * 2, "sigma": [0.1] * 2}))
    known = Catalogue([track("input", "rgb"), borrowing]).known("depth")
    assert [configuration.path for configuration in known] == ["rgb-normal-depth"]


def test_a_tolerant_clip_is_told_from_the_strict_one_of_the_same_source():
    tolerant = replace(CLIP, key="e" * 64, sampling={"is_tolerant": True})
    damaged = track("input", "rgb", clip=tolerant)
    damaged = replace(
        damaged, head=replace(damaged.head, computed_on={"damage": "damaged after frame 2\nof the source"})
    )
    whole = track("input", "rgb", number=2)
    catalogue = Catalogue([damaged, whole])
    assert catalogue.clip_label(CLIP) != catalogue.clip_label(tolerant) == "Walk through two rooms (tolerant, eeeeeeee)"
    assert compare(catalogue, tolerant, None, None, ()).caveats == ("damaged after frame 2 of the source; tolerant",)
    assert compare(catalogue, CLIP, None, None, ()).caveats == ()
