"""Fitting and judging the measures of a zoo: what is written, what is kept, and what is said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.expected_error import least_units
from analysis.statistics import spearman
from consistency.zoo.read import load_zoo
from tests.fixtures.zoos import METHODS, write_zoo
from tests.training.test_evaluation import SIZE_PX
from training.evaluation import real_images, real_items
from training.evaluation.energies import energy_constants
from training.evaluation.measures import observations
from training.evaluation.measures import run as measures
from training.evaluation.measures.fits import all_terms, fitted_energies, fitted_expected, frame_energies
from training.evaluation.measures.judgement import Judgement, change, shares_trunk
from training.evaluation.measures.observations import Observations, name_of
from training.evaluation.measures.sections import measures_text, write_section
from training.evaluation.perceptual import perceptual_text
from training.scenes.frames import CHANNELS, Frames

N_ROOMS = 20
VIEWS = observations.VIEWS_PER_ROOM


def write_rooms(folder: Path, n_validation: int = N_ROOMS) -> Path:
    """Noise of another strength in each frame, so that terms and errors vary."""
    folder.mkdir(parents=True)
    for number, (split, n_rooms) in enumerate((("validation", n_validation), ("test", 4))):
        draw = np.random.default_rng(number)
        strength = draw.uniform(0.2, 1, (n_rooms * VIEWS, 1, 1, 1))
        noise = draw.uniform(-127, 127, (n_rooms * VIEWS, SIZE_PX, SIZE_PX, 14))
        codes = np.round(127 + strength * noise).astype(np.uint8)
        codes[..., CHANNELS["valid"]] = 255
        np.save(folder / f"{split}-0000.npy", codes)
        np.save(folder / f"{split}-0000.fov.npy", np.full(len(codes), 75, np.float32))
    return folder


def scaled_zoo(folder: Path, frames: Path) -> Path:
    """A tiny zoo with the mu and sigma that its terms have on these frames."""
    write_zoo(folder)
    measured = energy_constants(load_zoo(str(folder)), Frames(frames, "validation"), lambda n: None)
    lines, target = [], ""
    for line in (folder / "zoo.toml").read_text().splitlines():
        target = line.strip("[]").removeprefix("energy.") if line.startswith("[") else target
        name = line.partition(" ")[0]
        lines.append(f"{name} = {getattr(measured[target], name)}" if name in ("mu", "sigma") else line)
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    return folder


def measure(folder: Path, work: Path, frames: Path, counted: list[int] | None = None) -> Judgement:
    report = (counted if counted is not None else []).append
    return measures.measure(folder, work, frames, None, report, shifts={"blur 3": measures.MILD["blur 3"]})


@pytest.fixture(scope="module", autouse=True)
def two_pictures():
    patch = pytest.MonkeyPatch()
    noise = np.random.default_rng(3).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), np.uint8)
    pictures = [real_images.RealPicture(real_items.PHONE, number, rgb) for number, rgb in enumerate(noise)]
    patch.setattr(real_images, "pictures", lambda folder: pictures)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path, Judgement]:
    """A tiny zoo, the work folder and the frames after one run, and what it found."""
    root = tmp_path_factory.mktemp("measures")
    frames = write_rooms(root / "frames")
    folder = scaled_zoo(root / "tiny", frames)
    return folder, root / "work", frames, measure(folder, root / "work", frames)


def test_what_is_fitted_stands_in_the_zoo_and_changes_no_network(done, tmp_path):
    folder, _, frames, found = done
    before, after = load_zoo(str(scaled_zoo(tmp_path / "tiny", frames))), load_zoo(str(folder))
    assert [edge.digest for edge in before.edges] == [edge.digest for edge in after.edges]
    assert {target: row.mu for target, row in before.energies.items()} == {t: r.mu for t, r in after.energies.items()}
    assert after.energies == found.zoo.energies
    assert after.merges == found.zoo.merges
    assert after.expected == found.zoo.expected
    assert after.trust == found.trust
    assert list(after.rankings) == found.stated_rankings
    assert after.savings == found.savings and set(after.savings) == {"normal", "depth"}
    assert after.savings["depth"].error == "absrel_scaled" and after.savings["depth"].n_frames == found.n_frames_merged
    assert set(after.merges) == {"normal", "depth"}
    assert set(after.expected) == {(t, m) for t in ("normal", "depth") for m in (*METHODS, "merged")}
    assert all(model.factor >= 1 and model.n_units == N_ROOMS for model in after.expected.values())
    assert "mirror" in after.expected["normal", "merged"].features
    assert "mirror" not in after.expected["normal", "consistency"].features


def test_every_two_methods_are_ranked_and_merged_by_its_expected_error_alone(done):
    folder, *_ = done
    rankings = load_zoo(str(folder)).rankings_of("normal", "baseline")
    assert set(rankings) == {*METHODS, "merged"} - {"baseline"}
    assert set(rankings["merged"].by) == {"expected error"}
    assert set(rankings["consistency"].by) >= {"paper", "expected error"}
    assert all(ranked.n_units <= 4 for ranking in rankings.values() for ranked in ranking.by.values())  # test rooms


def test_run_again_it_runs_no_network_and_writes_the_same(done, monkeypatch):
    folder, work, frames, found = done
    text = (folder / "zoo.toml").read_text()

    def refuse(*_: object) -> None:
        raise AssertionError("a network ran although its observations are kept")

    monkeypatch.setattr(observations, "new_graph", lambda chains, device: None)
    monkeypatch.setattr(observations.Observer, "observe", refuse)
    counted: list[int] = []
    again = measure(folder, work, frames, counted)
    assert not counted
    assert (folder / "zoo.toml").read_text() == text
    assert measures_text(again) == measures_text(found)


def test_the_energy_that_is_fitted_has_spread_1_on_the_rooms_of_the_fit(done):
    folder, work, frames, found = done
    seen = measures_validation(work)
    for target, constants in found.zoo.energies.items():
        if constants.weights:
            energies = frame_energies(found.zoo, target, "baseline", seen, "weighted", "known terms")
            assert np.abs(energies - energies.mean()).mean() == pytest.approx(1, abs=1e-3)
            assert all_terms(found.zoo, target, "baseline", seen, "terms").shape[1] == len(constants.all_paths)
    assert found.n_frames == len(Frames(frames, "test"))
    assert folder.exists()


def measures_validation(work: Path) -> Observations:
    (path,) = (work / measures.OBSERVATIONS).glob("tiny-validation.*.npz")
    with np.load(path) as stored:
        return dict(stored)


def test_too_few_rooms_are_named_and_no_number_is_made_of_them(tmp_path):
    frames = write_rooms(tmp_path / "frames", n_validation=2)
    folder = scaled_zoo(tmp_path / "tiny", frames)
    found = measure(folder, tmp_path / "work", frames)
    assert not found.zoo.expected
    assert not any(row.weights for row in found.zoo.energies.values())
    assert any("6 frames with ground truth are too few" in problem for problem in found.problems)
    assert any("expected error of normal, baseline" in problem for problem in found.problems)
    zoo = load_zoo(str(folder))
    assert not zoo.expected
    assert "too few" in measures_text(found)


def synthetic(zoo, n_rooms: int) -> Observations:
    """Observations whose first path of each target follows the error."""
    draw = np.random.default_rng(8)
    n = n_rooms * VIEWS
    found: Observations = {"unit": np.repeat(np.arange(n_rooms), VIEWS)}
    for target, constants in zoo.energies.items():
        for method in METHODS:
            error = draw.uniform(0.05, 0.15, n)
            terms = np.array(constants.mu) + np.array(constants.sigma) * draw.normal(size=(n, len(constants.mu)))
            terms[:, 0] = error * np.exp(0.1 * draw.normal(size=n))
            for kind in ("terms", "known terms"):
                found[name_of(kind, target, method)] = terms
            found[name_of("mirror", target, method)] = draw.uniform(0.01, 0.02, n)
            for column in ("error", "angle_degrees", "absrel_scaled"):
                found[name_of(column, target, method)] = error
    return found


def test_weights_find_the_path_that_follows_the_error_and_the_expected_error_covers(tmp_path):
    zoo = load_zoo(str(write_zoo(tmp_path)))
    found = synthetic(zoo, 2 * least_units() + 40)
    energies, problems = fitted_energies(zoo, found)
    assert not problems
    for target, constants in energies.items():
        assert constants.weights[0] > 10 * max(constants.weights[1 : len(constants.paths)])
        error = found[name_of("error", target, "baseline")]
        weighted = spearman(all_terms_of(constants, target, found) @ np.array(constants.all_weights), error)
        assert weighted > 0.9
    expected, problems = fitted_expected(zoo, found, {})
    assert not problems
    assert 1 < expected["depth", "baseline"].factor < 1.4  # noise of 10 %, of which 90 % lie within a factor of 1.18


def all_terms_of(constants, target: str, found: Observations) -> np.ndarray:
    own = found[name_of("terms", target, "baseline")]
    return np.column_stack([own, np.zeros((len(own), len(constants.borrowed)))]) / np.array(constants.all_sigma)


def test_a_network_with_several_heads_shares_a_trunk(tmp_path):
    from tests.fixtures.zoos import write_lab

    zoo = load_zoo(str(write_lab(tmp_path)))
    assert [method for method in zoo.methods if shares_trunk(zoo, method)] == ["multitask", "geonet"]


def test_a_change_is_zero_for_equal_errors_and_its_interval_is_over_rooms():
    before = np.linspace(1, 2, 30)
    same = change(before, before, np.arange(30))
    assert (same.percent, same.low, same.high, same.better_share) == (0, 0, 0, 0)
    halved = change(before, before / 2, np.repeat(np.arange(10), 3))
    assert (halved.percent, halved.low, halved.high) == pytest.approx((-50, -50, -50))
    assert halved.better_share == 1


def test_the_section_of_a_zoo_is_replaced_and_the_rest_of_the_page_stays(tmp_path):
    page = tmp_path / "results.md"
    page.write_text("# Results\n\nMore.\n")
    write_section(page, "mini", "one")
    write_section(page, "lab", "two")
    write_section(page, "mini", "three")
    text = page.read_text()
    assert text.startswith("# Results\n\nMore.\n")
    assert "one" not in text
    assert text.index("three") < text.index("two")


def test_perceptual_errors_are_compared_by_the_geometric_mean_of_their_ratios():
    gaps = {("baseline", "normal-depth"): 0.1, ("baseline", "normal-edge2d"): 0.4}
    gaps |= {("consistency", "normal-depth"): 0.05, ("consistency", "normal-edge2d"): 0.8}
    text = perceptual_text(gaps, ["normal"], "baseline")
    assert "0.2500" in text
    assert "0.4250 (0.0 %, 1 of 2)" in text
