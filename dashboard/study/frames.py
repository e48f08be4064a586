"""Energies and errors of every frame of a store, for one target: by method and clip, as the Study page pools them."""

# N frames

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns, series_title, series_unit
from analysis.energy import Unreadable
from analysis.evaluation.confidences import VALUE_COLUMNS
from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import ERROR_COLUMNS
from dashboard.compare.expected import MEASURES as EXPECTED_ERRORS
from dashboard.compare.expected import expectation, expected_values
from dashboard.configuration import Configuration
from dashboard.text import counted, one_line

MAX_FRAMES = 500_000
"""Frames of one method that are read: 8 MB in memory, and seconds of statistics."""
ENERGY = "Consistency energy"
EXPECTED = "Expected error"


@dataclass(frozen=True)
class Measure:
    """An error of predictions of a target."""

    column: str
    title: str
    unit: str


@dataclass(frozen=True)
class Expected:
    """The error that a zoo expects of each frame, beside the true one."""

    column: str
    """Which error: a column of the prediction."""
    unit: str
    factor: float | None
    """Its interval reaches from values / factor to values * factor; None: not calibrated."""
    coverage: float
    values: np.ndarray
    """(N,)"""
    is_unlike: np.ndarray
    """(N,) bool, frames unlike the calibration, which have no interval."""
    error: np.ndarray
    """(N,) NaN where it is not known."""


@dataclass(frozen=True)
class Sample:
    """One method on one clip."""

    clip: Clip
    configuration: Configuration
    prediction: Track
    energy_track: Track | None
    energy: np.ndarray
    """(N,) sigma; NaN where it is not known, as in every frame of a clip without that energy."""
    error: np.ndarray
    """(N,) in the measure's unit; NaN where it is not known."""
    expected: Expected | None = None
    """None: the zoo states none."""

    @property
    def n_frames(self) -> int:
        return len(self.energy)

    @property
    def is_paired(self) -> np.ndarray:
        """Frames of which both are known, bool (N,)."""
        return np.isfinite(self.energy) & np.isfinite(self.error)


@dataclass(frozen=True)
class Frames:
    """What the store holds for one target and one error."""

    target: str
    measure: Measure | None
    """None: no clip has ground truth of the target."""
    samples: tuple[Sample, ...]
    """By method, then clip."""
    notes: tuple[str, ...]
    """What was left out and why, a sentence each."""

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        return tuple(dict.fromkeys(sample.configuration for sample in self.samples))

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip with an energy, in the order of the catalogue."""
        found = {s.clip.key: s.clip for s in self.samples if np.isfinite(s.energy).any()}
        return tuple(found.values())

    def of(self, configuration: Configuration) -> list[Sample]:
        return [sample for sample in self.samples if sample.configuration == configuration]


@dataclass(frozen=True)
class Pooled:
    """One confidence of one method over the clips with ground truth, clip by clip."""

    name: str
    unit: str
    values: np.ndarray
    """(N,) how uncertain each frame is; NaN where it is not known."""
    errors: np.ndarray
    """(N,)"""
    lengths: tuple[int, ...]
    """Frames of each clip."""


def measures_of(catalogue: Catalogue, target: str) -> tuple[Measure, ...]:
    """The errors of the target's predictions that some clip has, the most telling first."""
    found: dict[str, Measure] = {}
    for clip in catalogue.clips:
        for configuration in catalogue.configurations(clip.key, target):
            track = catalogue.prediction(clip.key, configuration)
            for column in ERROR_COLUMNS if track and configuration.is_direct else ():
                if track and column in track.head.columns:
                    title, unit = series_title(track, column), series_unit(track, column, "raw")
                    found.setdefault(column, Measure(column, one_line(title), one_line(unit, 24) if unit else ""))
    return tuple(found[column] for column in ERROR_COLUMNS if column in found)


def gather(
    catalogue: Catalogue,
    columns: Columns,
    target: str,
    measure: Measure | None,
    on_progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Frames:
    """Read the direct predictions of the target on all clips but shifted ones. What cannot be read is noted, not raised."""
    clips = [clip for clip in catalogue.clips if not clip.sampling.get("shift")]
    notes: list[str] = []
    stored = {clip.key for clip in (*catalogue.clips, *catalogue.shifted)}
    if n_shifted := len(stored) - len(clips):
        notes.append(f"{counted(n_shifted, 'shifted clip')} left out: the same frames would count twice.")
    found: list[Sample] = []
    n_read: Counter[Configuration] = Counter()
    n_unread = 0
    for done, clip in enumerate(clips):
        on_progress(done, len(clips))
        for configuration in catalogue.configurations(clip.key, target):
            prediction = catalogue.prediction(clip.key, configuration) if configuration.is_direct else None
            if prediction is None:
                continue
            if n_read[configuration] + prediction.n_frames > MAX_FRAMES:
                n_unread += 1
                continue
            try:
                sample = _sample(catalogue, columns, clip, configuration, prediction, measure)
            except Unreadable as error:
                notes.append(f"{one_line(configuration.spelling)} on {one_line(clip.title)} cannot be read: {error}.")
                continue
            n_read[configuration] += sample.n_frames
            found.append(sample)
    if n_unread:
        notes.append(
            f"{counted(n_unread, 'prediction')} left out: a method is read up to {MAX_FRAMES:,} frames, in the order of the menus."
        )
    kept, n_other = _of_one_scale(found)
    if n_other:
        notes.append(
            f"{counted(n_other, 'energy').replace('energys', 'energies')} left out: computed with other constants of the zoo than most, "
            "so not on their scale. Run the job again on those clips; predictions stay."
        )
    order = {configuration: at for at, configuration in enumerate(dict.fromkeys(s.configuration for s in kept))}
    return Frames(target, measure, tuple(sorted(kept, key=lambda s: order[s.configuration])), tuple(notes))


def _sample(
    catalogue: Catalogue,
    columns: Columns,
    clip: Clip,
    configuration: Configuration,
    prediction: Track,
    measure: Measure | None,
) -> Sample:
    track = None if prediction.head.constants.get("merge") else catalogue.find_like(clip.key, "energy", prediction)
    energy = columns.series(track, "terms", "standardised") if track else None
    has_error = measure is not None and measure.column in prediction.head.columns
    error = columns.series(prediction, measure.column, "raw") if measure and has_error else None
    lengths = [len(one) for one in (energy, error) if one is not None]
    n = min(lengths, default=prediction.n_frames)  # a job may still be writing one of them
    return Sample(
        clip,
        configuration,
        prediction,
        track,
        _padded(energy, n),
        _padded(error, n),
        _expected_of(catalogue, columns, prediction, track, n),
    )


def _of_one_scale(samples: Sequence[Sample]) -> tuple[list[Sample], int]:
    """Those whose energies have the constants that most clips of their method have, and how many others there are."""
    scales: dict[Configuration, Counter[str]] = {}
    for sample in samples:
        if sample.energy_track:
            scales.setdefault(sample.configuration, Counter())[_scale_of(sample.energy_track)] += 1
    usual = {configuration: counts.most_common(1)[0][0] for configuration, counts in scales.items()}
    kept = [s for s in samples if s.energy_track is None or _scale_of(s.energy_track) == usual[s.configuration]]
    return kept, len(samples) - len(kept)


def _scale_of(track: Track) -> str:
    constants = track.head.constants
    return json.dumps([constants.get(name) for name in ("paths", "mu", "sigma", "weights")], sort_keys=True)


def confidences_of(
    catalogue: Catalogue, columns: Columns, samples: Sequence[Sample]
) -> tuple[tuple[Pooled, ...], tuple[str, ...]]:
    """Every confidence of one method over its clips with ground truth, and what cannot be read, a sentence each."""
    known = [sample for sample in samples if np.isfinite(sample.error).any()]
    values: dict[tuple[str, str], dict[int, np.ndarray]] = {}
    problems: list[str] = []
    for at, sample in enumerate(known):
        if np.isfinite(sample.energy).any():
            values.setdefault((ENERGY, "σ"), {})[at] = sample.energy
        if sample.expected:
            values.setdefault((EXPECTED, sample.expected.unit), {})[at] = sample.expected.values
        try:
            for track, column in _other_confidences(catalogue, sample):
                name = _name_of(catalogue, track, column)
                series = columns.series(track, column, "standardised")
                values.setdefault((name, series_unit(track, column, "standardised")), {})[at] = series
        except Unreadable as error:
            problems.append(f"A confidence of {one_line(sample.clip.title)} cannot be read: {error}.")
    errors = np.concatenate([sample.error for sample in known]) if known else np.zeros(0)
    lengths = tuple(sample.n_frames for sample in known)
    pooled = []
    for (name, unit), by_clip in values.items():
        parts = [_padded(by_clip.get(at), length) for at, length in enumerate(lengths)]
        pooled.append(Pooled(name, unit, np.concatenate(parts), errors, lengths))
    return tuple(pooled), tuple(problems)


def _expected_of(
    catalogue: Catalogue, columns: Columns, prediction: Track, energy: Track | None, n_frames: int
) -> Expected | None:
    """Raises Unreadable."""
    merge, head, track = prediction.head.constants.get("merge"), prediction.head, energy
    if isinstance(merge, dict):  # its frames are unlike the calibration where those of the method that it merges are
        of = str(merge.get("of"))
        energy = catalogue.find(head.clip.key, "energy", head.path, zoo=head.zoo, method=of, like=prediction)
        track = prediction
    model = expectation(track) if track else None
    if track is None or energy is None or model is None:
        return None
    values, band = expected_values(columns, track, energy)
    is_unlike = np.ones(len(values), bool) if band is None else ~np.isfinite(band.low)
    error = columns.series(prediction, model.error, "raw") if model.error in head.columns else None
    return Expected(
        model.error,
        EXPECTED_ERRORS[model.error][1],
        model.factor if band is not None else None,
        model.coverage,
        _padded(values, n_frames),
        _padded(is_unlike.astype(float), n_frames) != 0,
        _padded(error, n_frames),
    )


def _other_confidences(catalogue: Catalogue, sample: Sample) -> list[tuple[Track, str]]:
    clip, head, like = sample.clip.key, sample.prediction.head, sample.prediction
    name = {"zoo": head.zoo, "method": head.method, "like": like}
    found = [
        catalogue.find(clip, "stability", head.path, **name),
        catalogue.find(clip, "confidence", head.path, **name),
        catalogue.find(clip, "confidence", head.path),
        *(
            catalogue.find(clip, "readout", f"{head.path}-{end}", **name)
            for end in catalogue.readouts(clip, head.path.rsplit("-", 1)[-1])
        ),
    ]
    tracks = [track for track in found if track and VALUE_COLUMNS[track.head.kind] in track.head.columns]
    return [(track, VALUE_COLUMNS[track.head.kind]) for track in tracks]


def _name_of(catalogue: Catalogue, track: Track, column: str) -> str:
    title = one_line(series_title(track, column))
    if track.head.kind == "readout":
        return f"{title}: {catalogue.title(track.head.path.rsplit('-', 1)[-1])}"
    return title


def _padded(values: np.ndarray | None, length: int) -> np.ndarray:
    """(length,) float64: cut, or NaN where there are no values."""
    padded = np.full(length, np.nan)
    if values is not None:
        padded[: len(values)] = values[:length]
    return padded
