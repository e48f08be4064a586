"""Means over the frames of every strength of a ladder: energy, self-disagreement and error, with the frame behind each."""

# N frames

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis.columns import Columns, series_title, series_unit
from analysis.energy import Unreadable
from analysis.noise import noise_floor
from analysis.shifts import SELF as PREFIX
from analysis.stated.trust import trust_of, usual_limit
from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.compare.comparison import ERROR_COLUMNS
from dashboard.compare.memory import kept_by_content
from dashboard.configuration import Configuration
from dashboard.player_data import LETTERS
from dashboard.shift.ladders import Ladder, Step
from dashboard.text import one_line

ENERGY, SELF, ERROR = "energy", "self", "error"
kept_floor = kept_by_content(noise_floor)
"""Noise floors, kept between runs: every choice on the page reruns it, and a ladder needs hundreds of them."""


@dataclass(frozen=True)
class Point:
    """One configuration at one strength."""

    values: np.ndarray
    """(N,) float64, in the order of the frames."""

    @property
    def mean(self) -> float:
        return float(np.nanmean(self.values))

    @property
    def half_width(self) -> float:
        """Half of the mean's 95 % interval, by a block bootstrap over the frames; NaN for fewer than three."""
        return kept_floor(self.values)

    @property
    def frame(self) -> int:
        """The frame whose value is nearest to the mean: what the mean looks like."""
        return int(np.nanargmin(np.abs(self.values - self.mean)))


@dataclass(frozen=True)
class Curve:
    """One configuration over the steps of a ladder."""

    letter: str
    configuration: Configuration
    name: str
    points: tuple[Point | None, ...]
    """One for each step; None where it is not stored."""


@dataclass(frozen=True)
class Plot:
    """One measure over the steps of a ladder."""

    id: str
    """ENERGY, SELF or ERROR."""
    title: str
    unit: str
    curves: tuple[Curve, ...]
    limit: float | None = None
    """For energies: 97.5 % of the validation frames have at most this."""

    def curve(self, letter: str) -> Curve | None:
        return next((curve for curve in self.curves if curve.letter == letter), None)


@dataclass(frozen=True)
class Read:
    """What was read of a ladder."""

    plots: Mapping[str, Plot]
    problems: tuple[str, ...] = ()
    """What could not be read, a sentence each."""
    missing: Mapping[Configuration, tuple[Step, ...]] = field(default_factory=dict)
    """Configuration -> the steps of which neither a prediction nor its numbers are stored."""
    growing: tuple[Step, ...] = ()
    """Steps that a job is still writing."""


def read_ladder(
    columns: Columns, catalogue: Catalogue, ladder: Ladder, target: str, lineup: Sequence[Configuration]
) -> Read:
    """The curves of the configurations, which predict `target`."""
    reader = _Reader(columns, catalogue, ladder, lineup)
    energies = [[reader.find(step, "energy", one) for step in ladder.steps] for one in lineup]
    predictions = [[reader.scores(step, one) for step in ladder.steps] for one in lineup]
    known = [track for row in predictions for track in row if track]
    error = next((name for name in ERROR_COLUMNS if any(name in track.head.columns for track in known)), None)
    own = next((name for name in ERROR_COLUMNS if any(PREFIX + name in track.head.columns for track in known)), None)
    title = catalogue.title(target)
    plots: dict[str, Plot] = {}
    energy = reader.plot(ENERGY, "Weighted energy", energies, "terms")
    if energy:
        first = next(track for row in energies for track in row if track)
        is_weighted = bool(first.head.constants.get("weights"))
        limit = usual_limit(trust_of(first))
        plots[ENERGY] = Plot(ENERGY, "Weighted energy" if is_weighted else "Energy", energy.unit, energy.curves, limit)
    if own and (found := reader.plot(SELF, f"{title}: self-disagreement", predictions, PREFIX + own)):
        plots[SELF] = found
    if error:
        sample = next(track for track in known if error in track.head.columns)
        name = one_line(series_title(sample, error))
        if found := reader.plot(ERROR, f"{title}: {name[:1].lower()}{name[1:]}", predictions, error):
            plots[ERROR] = found
    missing = {
        one: lacking
        for one, row in zip(lineup, predictions, strict=True)
        if (lacking := tuple(step for step, track in zip(ladder.steps, row, strict=True) if track is None))
    }
    growing = tuple(
        step
        for at, step in enumerate(ladder.steps)
        if any((track := row[at]) and not track.is_complete for row in (*energies, *predictions))
    )
    return Read(plots, tuple(reader.problems), missing, growing)


class _Reader:
    def __init__(self, columns: Columns, catalogue: Catalogue, ladder: Ladder, lineup: Sequence[Configuration]) -> None:
        self._columns, self._catalogue, self._ladder, self._lineup = columns, catalogue, ladder, lineup
        self.problems: list[str] = []

    def find(self, step: Step, kind: str, one: Configuration) -> Track | None:
        track = self._catalogue.find(step.clip.key, kind, one.path, zoo=one.zoo, method=one.method)
        return track if track and track.n_frames else None

    def scores(self, step: Step, one: Configuration) -> Track | None:
        """The prediction, or its numbers where its pictures are not stored."""
        return self.find(step, "prediction", one) or self.find(step, "scores", one)

    def plot(self, id_: str, title: str, rows: Sequence[Sequence[Track | None]], column: str) -> Plot | None:
        """None where no strength but the clean clip has a value."""
        curves, unit = [], ""
        for letter, one, row in zip(LETTERS, self._lineup, rows, strict=False):
            points = [self._point(track, column, step) for track, step in zip(row, self._ladder.steps, strict=True)]
            if not any(points[1:]):
                continue
            track = next(track for track, point in zip(row[1:], points[1:], strict=True) if track and point)
            if not unit and (own := series_unit(track, column, "standardised")):
                unit = one_line(own, 24)
            name = self._catalogue.configuration_label(one, self._lineup)
            curves.append(Curve(letter, one, name, tuple(points)))
        return Plot(id_, title, unit, tuple(curves)) if curves else None

    def _point(self, track: Track | None, column: str, step: Step) -> Point | None:
        if track is None:
            return None
        is_clean_self = column.startswith(PREFIX) and step.shift is None
        if is_clean_self:  # a prediction does not differ from itself
            return Point(np.zeros(track.n_frames))
        if column not in track.head.columns:
            return None
        try:
            values = self._columns.series(track, column, "standardised")
        except Unreadable as error:
            self.problems.append(f"{one_line(track.head.configuration)} at {step.label} cannot be read: {error}.")
            return None
        return Point(values) if np.isfinite(values).any() else None
