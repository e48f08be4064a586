"""Laws of the Study page's data: what is pooled, which groups are offered, what is said of figures and written to files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from scipy import stats

from analysis.columns import Columns
from analysis.evaluation.resampling import Estimate
from analysis.evaluation.sparsification import sparsification
from analysis.stated.trust import trust_from
from cache.store import Store
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration
from dashboard.gallery.items import listed
from dashboard.selection.link import from_query
from dashboard.study import charts, frames, tables
from dashboard.study.figures import MAX_POINTS, correlated, covered, evenly, ordered, told_apart
from dashboard.study.frames import Frames, confidences_of, gather, measures_of
from dashboard.study.groups import MAX_IN_LINK, default_groups, read_assigned, read_group, read_groups, spell_group
from dashboard.study.reference import references
from dashboard.study.words import auc_words, correlation_words, of_what, over_what, with_ends
from tests.fixtures.gallery import add_item
from tests.fixtures.stores import add_track, build_store, make_clip
from tests.fixtures.web.pages import shown_page

BASELINE = Configuration("mini", "baseline", "rgb-normal")


def gathered(store: Store, target: str = "normal") -> tuple[Catalogue, Columns, Frames]:
    catalogue, columns = Catalogue(store.tracks()), Columns(store)
    measures = measures_of(catalogue, target)
    return catalogue, columns, gather(catalogue, columns, target, measures[0] if measures else None)


def estimate(value: float, low: float = float("nan"), high: float = float("nan"), n: int = 100) -> Estimate:
    return Estimate(value, low, high, n, 1, 10, "blocks")


# What is pooled


def test_energies_and_errors_of_every_clip_are_paired_frame_by_frame(tmp_path: Path):
    store = build_store(tmp_path, titles=("one", "two"), n_frames=20)
    _, columns, found = gathered(store)
    assert found.measure is not None and found.measure.column == "angle_degrees"
    assert [(s.configuration.method, s.clip.title) for s in found.samples] == [
        (method, title) for method in ("baseline", "consistency") for title in (s.title for s in found.clips)
    ]
    for sample in found.samples:
        assert sample.energy_track is not None and sample.is_paired.all()
        assert np.array_equal(sample.energy, columns.series(sample.energy_track, "terms", "standardised"))
        assert np.array_equal(sample.error, columns.series(sample.prediction, "angle_degrees", "raw"))


def test_figures_are_those_of_analysis_and_scipy_on_the_same_frames(tmp_path: Path):
    store = build_store(tmp_path, titles=("one", "two"), n_frames=40)
    catalogue, columns, found = gathered(store)
    first = correlated(found, "frames")[0]
    energy, error = (np.concatenate([getattr(s, name) for s in found.of(BASELINE)]) for name in ("energy", "error"))
    assert first.r.value == pytest.approx(stats.pearsonr(energy, error)[0])
    assert first.rho.value == pytest.approx(stats.spearmanr(energy, error)[0])
    groups = [[clip.key] for clip in found.clips]
    told = told_apart(found, groups[0], groups[1])[0]
    wins = stats.mannwhitneyu(found.of(BASELINE)[1].energy, found.of(BASELINE)[0].energy).statistic
    assert told.auc.value == pytest.approx(wins / 40**2)
    pooled, _ = confidences_of(catalogue, columns, found.of(BASELINE))
    by_energy = next(one for one in ordered(pooled) if one.name == frames.ENERGY)
    assert by_energy.ause.value == sparsification(energy, error).ause


def test_a_clip_counts_as_one_point_at_its_mean_where_clips_are_compared(tmp_path: Path):
    store = build_store(tmp_path, titles=[f"clip {i}" for i in range(6)], n_frames=6)
    _, _, found = gathered(store)
    first = correlated(found, "clips")[0]
    assert first.energy == pytest.approx([s.energy.mean() for s in found.of(BASELINE)])
    assert first.r.n_clips == 6 and of_what(first.r, "clips") == "6 clips"


def test_shifted_clips_and_other_constants_are_left_out_and_said_to_be(tmp_path: Path):
    store = build_store(tmp_path, titles=("one", "two"), n_frames=4)
    clip = make_clip("three", n_frames=4)
    shifted = replace(clip, key="b" * 64, sampling={**clip.sampling, "shift": "blur:2", "shift_of": clip.key})
    add_track(store, shifted, kind="prediction", path="rgb-normal", zoo="mini", method="baseline", number=70)
    tracks = [
        replace(t, head=replace(t.head, constants={**t.head.constants, "mu": [0.2] * 3}))
        if (t.head.kind, t.head.method, t.head.clip.title) == ("energy", "consistency", "one")
        else t
        for t in store.tracks()
    ]
    catalogue = Catalogue(tracks)
    found = gather(catalogue, Columns(store), "normal", measures_of(catalogue, "normal")[0])
    assert shifted.key not in {s.clip.key for s in found.samples} and len(found.samples) == 3
    assert [note.split(" left out")[0] for note in found.notes] == ["1 shifted clip", "1 energy"]


def test_errors_are_offered_in_the_order_of_the_other_pages(tmp_path: Path):
    store, clip = Store(tmp_path), make_clip("one", n_frames=2)
    scaled = {"absrel_scaled": np.array([0.1, 0.2], np.float32)}
    add_track(
        store, clip, kind="prediction", path="rgb-depth", number=1, method="a", knows_truth=True, more_columns=scaled
    )
    measures = measures_of(Catalogue(store.tracks()), "depth")
    assert [one.column for one in measures] == ["absrel_scaled", "absrel", "error"]


def test_a_method_is_read_up_to_a_limit_and_says_what_it_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frames, "MAX_FRAMES", 10)
    store = build_store(tmp_path, titles=("one", "two", "three"), n_frames=4, methods=("baseline",))
    _, _, found = gathered(store)
    assert len(found.samples) == 2 and "1 prediction left out" in found.notes[0]


def test_clips_without_truth_have_groups_and_no_error(tmp_path: Path):
    store = build_store(tmp_path, titles=("one", "two"), n_frames=4, truths=())
    catalogue, columns, found = gathered(store)
    assert found.measure is None and correlated(found, "frames") == [] and covered(found) == []
    assert confidences_of(catalogue, columns, found.of(BASELINE)) == ((), ())
    assert len(told_apart(found, [found.clips[0].key], [found.clips[1].key])) == 2
    assert told_apart(found, [], [found.clips[1].key]) == []


def test_a_store_that_is_being_written_counts_the_frames_that_are_ready(tmp_path: Path):
    store = build_store(tmp_path, titles=("one",), n_frames=40, ready_frames=20)
    _, _, found = gathered(store)
    assert {sample.n_frames for sample in found.samples} == {20}


def test_the_expected_error_is_checked_on_clips_with_truth(tmp_path: Path):
    store = build_store(tmp_path, titles=("one",), n_frames=60, methods=("baseline",))
    model = {"error": "angle_degrees", "features": ["rgb-depth-normal"], "coefficients": [0.0], "intercept": np.log(14)}
    expected = {**model, "factor": 1.5, "coverage": 0.9, "n_units": 40, "limit": 100.0}
    tracks = [
        replace(t, head=replace(t.head, constants={**t.head.constants, "expected": expected}))
        if t.head.kind == "energy"
        else t
        for t in store.tracks()
    ]
    catalogue = Catalogue(tracks)
    found = gather(catalogue, Columns(store), "normal", measures_of(catalogue, "normal")[0])
    (one,) = covered(found)
    error = found.samples[0].error
    assert one.found.stated.share == np.mean((error >= 14 / 1.5) & (error <= 14 * 1.5))
    assert (one.error, one.found.n_frames, one.n_left_out) == ("angle_degrees", 60, 0)


# Charts


def test_a_point_leads_to_its_frame_in_compare(tmp_path: Path):
    store = build_store(tmp_path, titles=("one", "two"), n_frames=4)
    catalogue, _, found = gathered(store)
    measure = found.measure
    assert measure is not None
    series = charts.scatter(catalogue, found, measure, correlated(found, "frames"))["series"][1]
    clip, frame = series["places"][5]
    link = dict(parse_qsl(urlsplit(f"{series['links'][clip]}&frame={frame}").query))
    selection, notes = from_query(link, catalogue)
    assert notes == () and selection is not None
    assert (selection.clip.title, selection.frame) == (series["clips"][clip], 1)
    assert [c.method for c in selection.configurations] == ["consistency", "baseline"]


def test_at_most_so_many_points_are_drawn_evenly_and_the_same_every_time():
    assert evenly(5, 10).tolist() == [0, 1, 2, 3, 4]
    drawn = evenly(100_000, MAX_POINTS)
    assert len(drawn) == MAX_POINTS and drawn[[0, -1]].tolist() == [0, 99_999]
    assert np.ptp(np.diff(drawn)) <= 1


def test_charts_are_json_without_nan(tmp_path: Path):
    store = build_store(tmp_path, titles=("one",), n_frames=4)
    catalogue, columns, found = gathered(store)
    assert found.measure is not None
    pooled, _ = confidences_of(catalogue, columns, found.of(BASELINE))
    for data in (
        charts.scatter(catalogue, found, found.measure, correlated(found, "clips")),
        charts.sparsifications(ordered(pooled)),
        charts.risks([], found.measure),
        charts.coverages(catalogue, found, []),
    ):
        json.dumps(data, allow_nan=False)


# Groups


def test_the_rooms_are_compared_with_outdoor_pictures_else_with_the_phone_clip_else_nothing_is(tmp_path: Path):
    store = Store(tmp_path)
    rooms = add_item(store, "walkthrough", number=16)
    assert default_groups(Catalogue(store.tracks()).clips, listed()) == ((), ())
    phone = add_item(store, "phone", number=40)
    assert default_groups(Catalogue(store.tracks()).clips, listed()) == ((rooms.key,), (phone.key,))
    outdoors = next(item for item in listed() if item.category == "outdoor")
    picture = add_item(store, outdoors.name, number=80)
    assert default_groups(Catalogue(store.tracks()).clips, listed()) == ((rooms.key,), (picture.key,))


def test_a_link_gives_its_groups_back_and_a_hostile_one_none():
    clips = [make_clip(f"clip {i}", n_frames=1) for i in range(5)]
    keys = tuple(clip.key for clip in clips)
    for group in ((), keys[:1], keys[1:4]):
        assert read_group(spell_group(group), clips) == group
    for spelled in (None, "", "~", "zz", "0" * 8, "<script>", "a" * 10_000, "~".join(["0" * 8] * 5000)):
        assert read_group(spelled, clips) is None
    assert spell_group(keys * MAX_IN_LINK) is None


def test_a_clip_is_in_one_group_whatever_the_link_says():
    clips = [make_clip(f"clip {i}", n_frames=1) for i in range(3)]
    one, two, three = (clip.key for clip in clips)
    links = spell_group((one, two)), spell_group((two, three))
    assert read_groups(links, clips, ((), ())) == ((one, two), (three,))
    assert read_groups((None, None), clips, ((one,), (two,))) == ((one,), (two,))
    assert read_groups((spell_group((two,)), None), clips, ((one,), (two,))) == ((two,), ())


def test_groups_from_the_browser_are_taken_for_known_clips_alone():
    clips = [make_clip(f"clip {i}", n_frames=1) for i in range(3)]
    one, two, three = (clip.key for clip in clips)
    short = [clip.key[:8] for clip in clips]
    assert read_assigned({"a": [short[2], short[0]], "b": [short[1], short[0]], "n": 4}, clips) == (
        (three, one),
        (two,),
    )
    assert read_assigned({"a": [], "b": ["f" * 8, 7, None, short[1], short[1]][2:]}, clips) == ((), (two,))
    for sent in (None, "a", [], {}, {"a": []}, {"a": "x", "b": []}, {"a": [short[0]] * 4, "b": []}):
        assert read_assigned(sent, clips) is None


# Words and files


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (estimate(0.65, 0.4, 0.8), "energy follows the error strongly"),
        (estimate(0.65, -0.1, 0.9), "cannot be told from 0"),
        (estimate(0.65), "cannot be told from 0"),
        (estimate(0.65, 0.4, 0.8, n=5), "cannot be told from 5"),
        (estimate(float("nan")), "cannot be told"),
    ],
)
def test_a_correlation_is_said_as_far_as_its_interval_goes(found: Estimate, words: str):
    assert correlation_words(found) == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (estimate(0.8, 0.6, 0.9), "group B is higher"),
        (estimate(0.2, 0.1, 0.4), "group A is higher"),
        (estimate(0.8, 0.4, 0.9), "cannot be told apart"),
        (estimate(1.0), "no overlap in these clips"),
        (estimate(float("nan")), "cannot be told"),
    ],
)
def test_an_auc_is_said_as_far_as_its_interval_goes(found: Estimate, words: str):
    assert auc_words(found) == words


def test_a_figure_has_its_interval_or_says_why_it_has_none():
    assert with_ends(estimate(-0.5, -0.7, -0.2)) == "\N{MINUS SIGN}0.50 [\N{MINUS SIGN}0.70, \N{MINUS SIGN}0.20]"
    assert with_ends(estimate(0.5)) == "0.50"
    few = replace(estimate(0.5), n_units=1)
    assert "cannot be told: it needs 5 clips" in over_what(few)
    assert "No figure" in over_what(estimate(float("nan")))


def read(data: bytes) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_files_have_every_frame_and_every_figure_and_no_formula(tmp_path: Path):
    store = build_store(tmp_path, titles=("=1+2", "two"), n_frames=12)
    catalogue, columns, found = gathered(store)
    rows = read(tables.points_csv(found))
    assert len(rows) == 2 * 2 * 12 and {row["clip_title"] for row in rows} == {"'=1+2", "two"}
    assert float(rows[5]["energy (sigma)"]) == pytest.approx(found.samples[0].energy[5], rel=1e-5)
    one = correlated(found, "frames")
    orders = [(BASELINE, ordered(confidences_of(catalogue, columns, found.of(BASELINE))[0]))]
    figures = read(tables.statistics_csv(one, "frames", [], orders, covered(found)))
    r = next(row for row in figures if row["statistic"] == "pearson r" and row["of"] == BASELINE.full_spelling)
    assert float(r["value"]) == pytest.approx(one[0].r.value, rel=1e-5) and (r["n_frames"], r["units"]) == (
        "24",
        "blocks",
    )
    assert {"ause", "aurg"} <= {row["statistic"] for row in figures}


def test_the_reference_is_what_the_bundled_zoos_state():
    found = {(one.zoo, one.method): one for one in references("normal")}
    assert {"mini", "lab"} == {zoo for zoo, _ in found}
    mini = found["mini", "baseline"]
    assert mini.trust.pearson is not None and mini.trust.n_frames == 480 and mini.origin.startswith("zoo mini")
    assert references("normal", Path("/nowhere")) == () and references("no such domain") == ()
    assert trust_from({"spearman": 0.5, "n_frames": 4, "pearson": float("nan")}) is not None


# The page


def test_an_empty_store_and_one_without_truth_say_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Store(tmp_path / "empty").rebuild_index()
    page = shown_page("study", monkeypatch, tmp_path / "empty")
    assert any("no predictions yet" in text.value for text in page.text)
    assert "precompute run" in page.code[0].value
    build_store(tmp_path / "blind", titles=("one",), n_frames=1, truths=())
    monkeypatch.setattr("dashboard.views.study.listed", lambda: listed()[:2])
    page = shown_page("study", monkeypatch, tmp_path / "blind")
    said = " ".join(text.value for text in page.text)
    assert "No clip of this store has ground truth" in said and "Groups need two clips" in said
    assert "The gallery's 2 pictures and clips" in said
    assert any("run gallery" in code.value for code in page.code)
