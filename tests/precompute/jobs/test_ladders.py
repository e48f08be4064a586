"""Clips under shifts as a user computes them: strength 0 is the clean clip, and every strength names what it was made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from analysis.shifts import shift_of, source_of
from cache.maintenance import verify
from cache.records import Track
from cache.store import Store
from precompute.cli.app import app
from precompute.jobs import compute_clip
from precompute.jobs.output import packs
from precompute.jobs.output.encode import decode_image
from precompute.media.shifts import apply
from tests.fixtures.media import write_video

N_FRAMES = 6
ONE = "*/baseline/rgb-depth"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    path = write_video(folder / "count.mp4", N_FRAMES)
    write_video(folder / "depth.mkv", N_FRAMES, codec="ffv1", pix_fmt="gray")
    path.with_suffix(".toml").write_text('[truth]\ndepth = "depth.mkv"\n')
    return path


@pytest.fixture(scope="module")
def ladder(zoo: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the clean clip and one ladder of two strengths, and the numbers of one strength of another kind."""
    folder = tmp_path_factory.mktemp("ladder") / "store"
    assert run(clip, zoo, folder, "--shift", "blur:2px,blur:9px,blur:0px").exit_code == 0
    assert run(clip, zoo, folder, "--shift", "jpeg@5", "--energies-only").exit_code == 0
    return Store(folder)


def run(clip: Path, zoo: Path, store: Path, *more: str) -> Result:
    words = ["run", clip, "--zoo", zoo, "--store", store, "--size", "64", "--configurations", ONE, *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def track(store: Store, shift: str, kind: str) -> Track:
    (found,) = [one for one in store.tracks(kind=kind) if one.head.clip.sampling["shift"] == shift]
    return found


def test_strength_zero_is_the_clean_clip_and_the_others_name_it(ladder: Store, zoo: Path, clip: Path, tmp_path: Path):
    assert run(clip, zoo, tmp_path / "store", "--shift", "blur:0px").exit_code == 0
    alone = Store(tmp_path / "store")
    clean = track(alone, "", "prediction")
    assert track(ladder, "", "prediction").head.key == clean.head.key
    assert track(ladder, "", "prediction").packs == clean.packs
    assert {one.head.clip.key for one in alone.tracks()} == {clean.head.clip.key}, "not stored again"
    shifted = [one.head.clip for one in ladder.tracks(kind="input") if one.head.clip.sampling["shift"]]
    assert sorted(one.sampling["shift"] for one in shifted) == ["blur:2px", "blur:9px", "jpeg:q7"]
    assert {source_of(one.sampling) for one in shifted} == {clean.head.clip.key}
    assert all((found := shift_of(one.sampling)) and found.spelling == one.sampling["shift"] for one in shifted)


def test_frames_are_linked_by_their_times_and_differ_more_the_stronger(ladder: Store):
    clean, mild, strong = (track(ladder, shift, "input") for shift in ("", "blur:2px", "blur:9px"))
    for one in (mild, strong):
        np.testing.assert_array_equal(ladder.column(clean, "pts_seconds"), ladder.column(one, "pts_seconds"))

    def frames(of: Track) -> np.ndarray:
        return np.stack([decode_image(image) for image in ladder.images(of)]).astype(float)

    distances = [np.abs(frames(one) - frames(clean)).mean() for one in (mild, strong)]
    assert 0 < distances[0] < distances[1]


def test_a_shifted_prediction_says_how_far_it_is_from_the_clean_one(ladder: Store):
    clean, mild, strong = (track(ladder, shift, "prediction") for shift in ("", "blur:2px", "blur:9px"))
    assert not any(name.startswith("self_") for name in clean.head.columns)
    means = [ladder.column(one, "self_error").mean() for one in (mild, strong)]
    assert 0 < means[0] < means[1]
    assert {"self_absrel", "error", "absrel"} <= set(mild.head.columns)
    pairs = zip(ladder.images(mild), ladder.images(clean), strict=True)
    stored = [np.abs(decode_image(a).astype(float) - decode_image(b)).mean() / 255 for a, b in pairs]
    np.testing.assert_allclose(ladder.column(mild, "self_error"), stored, atol=1 / 255)  # one side is not rounded


def test_the_truth_is_not_shifted(ladder: Store):
    assert track(ladder, "", "truth").packs[0].sha256 == track(ladder, "blur:9px", "truth").packs[0].sha256


def test_energies_only_keeps_the_numbers_and_no_pictures(ladder: Store):
    scores = track(ladder, "jpeg:q7", "scores")
    assert not [one for one in ladder.tracks(kind="prediction") if one.head.clip.sampling["shift"] == "jpeg:q7"]
    assert not any(decode_image(image).any() for image in ladder.images(scores))
    assert ladder.column(scores, "self_error").mean() > 0 and len(ladder.column(scores, "error")) == N_FRAMES
    assert track(ladder, "jpeg:q7", "energy").is_complete
    assert scores.bytes < track(ladder, "blur:2px", "prediction").bytes


def test_twice_is_once_and_pictures_count_as_numbers(ladder: Store, zoo: Path, clip: Path):
    again = run(clip, zoo, ladder.root, "--shift", "jpeg@5,blur:2px", "--energies-only")
    assert again.exit_code == 0 and "0 frames computed" in again.output
    assert not [problem for problem in verify(ladder) if problem]


def test_an_interrupted_ladder_resumes_with_the_frames_of_an_uninterrupted_one(
    ladder: Store, zoo: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(packs, "PACK_PIXELS", 2 * 64 * 64)
    assert run(clip, zoo, tmp_path / "store").exit_code == 0
    real, calls = compute_clip._require_unchanged, []

    def fail_late(stamps: object, *, is_last: bool = True) -> None:
        calls.append(is_last)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(stamps, is_last=is_last)  # type: ignore[arg-type]

    monkeypatch.setattr(compute_clip, "_require_unchanged", fail_late)
    failed = run(clip, zoo, tmp_path / "store", "--shift", "blur:2px")
    assert failed.exit_code == 1 and "blur:2px" in failed.output
    resumed = run(clip, zoo, tmp_path / "store", "--shift", "blur:2px")
    assert resumed.exit_code == 0, resumed.output
    store = Store(tmp_path / "store")
    assert list(store.images(track(store, "blur:2px", "input"))) == list(
        ladder.images(track(ladder, "blur:2px", "input"))
    )


def test_a_strength_that_fails_stops_no_other(zoo: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(image: np.ndarray, strength: float, frame: int) -> np.ndarray:
        raise ValueError("no such picture")

    monkeypatch.setattr(apply, "PER_FRAME", {**apply.PER_FRAME, "jpeg": fail})
    result = run(clip, zoo, tmp_path / "store", "--shift", "jpeg@1,blur:2px")
    assert result.exit_code == 1 and "jpeg:q25" in result.output and "no such picture" in result.output
    assert track(Store(tmp_path / "store"), "blur:2px", "energy").is_complete


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--shift", "fnord@1"], "unknown kind of shift"),
        (["--shift", "blur:999px"], "out of range"),
        (["--energies-only"], "add --shift"),
    ],
)
def test_bad_shifts_are_refused_before_anything_is_computed(
    words: list[str], says: str, zoo: Path, clip: Path, tmp_path: Path
):
    result = run(clip, zoo, tmp_path / "store", *words)
    assert result.exit_code == 2 and says in " ".join(result.output.split())
    assert not (tmp_path / "store").exists()
