"""The verdict on a comparison: what energy and error say, beyond which noise, and how far that can be believed. Pure.

A lower energy is never called better: it ranks frames of one method. Between methods it has been seen to mislead.
"""

# N frames

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from analysis.energy import Scale, same_constants
from analysis.ranking import Ranking
from analysis.statistics import spearman
from analysis.trust import Trust, trust_of, usual_limit
from cache.records import Track
from dashboard.compare.card.merged import NO_ENERGY_OF_MERGED, is_merged, parts_of, saving_of
from dashboard.compare.card.ranked import Pairs, kind_of, ranked_words, rankings_of, share_words
from dashboard.compare.card.trainings import Trained, trained, training_fact
from dashboard.compare.comparison import Comparison
from dashboard.compare.expected import expected_words
from dashboard.compare.gaps import Gap, gap_between
from dashboard.compare.memory import kept_by_content
from dashboard.numbers import SPACE, correlation, number, percent, size_of
from dashboard.player_data import Chart, Series
from dashboard.text import counted, one_line

LEAST_FOR_AGREEMENT = 8
"""Frames below which a correlation over frames is left unsaid."""
UNUSUAL_SHARE = 0.5
"""A clip counts as outside the calibration if more frames than this are: of ordinary clips, 2.5 % are."""
USUAL_SIGMA = 1.0
"""Energies within it of 0 count as usual."""
NO_ENERGY_OF_RESULTS = "it was computed elsewhere, and an energy needs its networks"
NO_ENERGY_OF_A_PATH = "energy belongs to a method and its target, not to a path; show the direct prediction to see it"


@dataclass(frozen=True)
class Contender:
    """One configuration with its numbers."""

    letter: str
    name: str
    """Shown as text, never as markup."""
    method: str
    """With its zoo: `lab/multitask`."""
    is_direct: bool
    """True if its path has no domain in between, so that it may have an energy."""
    energy: Series | None
    error: Series | None
    trust: Trust | None
    expected: Series | None = None
    perceptual: Series | None = None
    stability: Series | None = None
    is_merged: bool = False
    """True if its prediction is the mean of paths, whose energy would be low by construction."""
    made_of: str = ""
    """What is merged, in words."""
    saves: str = ""
    """What merging changes on test rooms, in words."""
    trained: Trained | None = None
    """How its method came about."""
    is_result: bool = False
    """True if its prediction was computed elsewhere."""

    @property
    def label(self) -> str:
        return f"{self.letter} ({one_line(self.name, 40)})"


@dataclass(frozen=True)
class Measures:
    """All numbers that a verdict is about."""

    contenders: tuple[Contender, ...]
    energy_unit: str
    error_unit: str
    error_title: str
    scale: Scale
    has_one_scale: bool
    """True if all energies have the same paths and constants, so that their heights can be compared."""
    missing: tuple[str, ...] = ()
    """What the view lacks and no job can compute, a sentence each."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Chart -> unit."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Chart -> title."""
    rankings: Pairs = field(default_factory=dict)
    """Pair of letters -> whether energies and expected errors rank their methods, where that was measured."""
    steadiness: str = ""
    """What the change over time leaves out, in words."""
    energy_kind: str = ""
    """Which of the rankings is about the energy that is shown; empty for none."""


@dataclass(frozen=True)
class Verdict:
    """What the card says, as plain text."""

    warnings: tuple[str, ...]
    """Why not to trust what the numbers seem to say; none: the card is calm."""
    headline: str
    facts: tuple[tuple[str, str], ...]
    """(label, sentences) of the details."""


@dataclass(frozen=True)
class Row:
    """One configuration in the table of three or more."""

    letter: str
    name: str
    energy: Series | None
    error: Series | None
    energy_gap: Gap | None
    """To the first; None for the first itself, or where one has none."""
    error_gap: Gap | None
    lowest_share: float | None
    """Share of the common frames on which its energy is the lowest."""
    perceptual: Series | None = None
    stability: Series | None = None


def measures_of(
    comparison: Comparison, charts: Sequence[Chart], scale: Scale, title: Callable[[str], str] = str
) -> Measures:
    """The numbers of the configurations whose predictions are shown; `title` names a domain."""
    by_id = {chart.id: chart for chart in charts}
    found = {id_: {line.letter: line for line in chart.series} for id_, chart in by_id.items()}
    energies, errors, expected, perceptual, stability = (
        found.get(id_, {}) for id_ in ("energy", "error", "expected", "perceptual", "stability")
    )
    contenders = []
    for pane in comparison.panes:
        if pane.role != "prediction":
            continue
        head, track = pane.track.head, comparison.energies.get(pane.letter)
        contenders.append(
            Contender(
                pane.letter,
                pane.title,
                f"{head.zoo}/{head.method}",
                head.path.count("-") == 1,
                energies.get(pane.letter),
                errors.get(pane.letter),
                trust_of(track) if track else None,
                expected.get(pane.letter),
                perceptual.get(pane.letter),
                stability.get(pane.letter),
                is_merged(pane.track),
                parts_of(pane.track, title) if is_merged(pane.track) else "",
                saving_of(pane.track) if is_merged(pane.track) else "",
                trained(pane.letter, pane.track),
                bool(pane.track.head.constants.get("results")),
            )
        )
    tracks = list(comparison.energies.values())
    # Raw terms of different paths are no more alike than terms standardised with different constants.
    names = ("paths",) if scale == "raw" else ("paths", "mu", "sigma", "weights")
    return Measures(
        tuple(contenders),
        by_id["energy"].unit if "energy" in by_id else "",
        by_id["error"].unit if "error" in by_id else "",
        by_id["error"].title if "error" in by_id else "Error",
        scale,
        all(same_constants(tracks[0], other, names) for other in tracks[1:]),
        tuple(missing.what for missing in comparison.missing if missing.command is None),
        {id_: chart.unit for id_, chart in by_id.items()},
        {id_: chart.title for id_, chart in by_id.items()},
        rankings_of(_stating(comparison)),
        energy_kind=kind_of(tracks, scale),
    )


def _stating(comparison: Comparison) -> dict[str, Track]:
    """Letter -> the track that states rankings: the energy, or a merged prediction."""
    merged = {
        pane.letter: pane.track for pane in comparison.panes if pane.role == "prediction" and is_merged(pane.track)
    }
    return {**comparison.energies, **merged}


def verdict(measures: Measures) -> Verdict:
    """The verdict on one or more configurations."""
    contenders = measures.contenders
    story = _Story(measures)
    facts = [training_fact([c.trained for c in contenders if c.trained])]
    if len(contenders) <= 2:
        facts += [("Energy", story.energy_fact()), (story.error_label(), story.error_fact())]
        facts.append(("Perceptual error", story.gap_fact("perceptual", [c.perceptual for c in contenders])))
        change = story.gap_fact("stability", [c.stability for c in contenders])
        facts.append(("Change over time", " ".join(text for text in (change, measures.steadiness) if text)))
    else:
        facts += [("Energy", story.without_energy()), ("Change over time", measures.steadiness)]
    facts.append(("Expected error", story.expected_fact()))
    facts += [("On this clip", story.agreement_fact()), ("Merged", story.merged_fact())]
    facts += [("Between methods", story.ranking_fact()), ("Trust", story.trust_fact())]
    facts.append(("Not shown", " ".join(measures.missing)))
    return Verdict(tuple(story.warnings()), story.headline(), tuple((label, text) for label, text in facts if text))


def rows(measures: Measures) -> list[Row]:
    """The table of three or more configurations."""
    lowest = _lowest_shares([c.energy for c in measures.contenders]) if measures.has_one_scale else {}
    first = measures.contenders[0]
    return [
        Row(
            c.letter,
            c.name,
            c.energy,
            c.error,
            _gap(first.energy, c.energy) if c is not first and measures.has_one_scale else None,
            _gap(first.error, c.error) if c is not first else None,
            lowest.get(c.letter),
            c.perceptual,
            c.stability,
        )
        for c in measures.contenders
    ]


@dataclass(frozen=True)
class _Story:
    """The sentences of one verdict."""

    measures: Measures
    energy_gaps: Mapping[tuple[str, str], Gap] = field(init=False)
    """By pair of letters, in order, of pairs with the lowest energy or error; empty where heights cannot be compared."""
    error_gaps: Mapping[tuple[str, str], Gap] = field(init=False)

    def __post_init__(self) -> None:
        contenders = self.measures.contenders
        energies = [c.energy for c in contenders if c.energy and c.energy.has_values]
        errors = [c.error for c in contenders if c.error and c.error.has_values]
        telling = {min(lines, key=lambda line: line.mean).letter for lines in (energies, errors) if lines}
        for name, lines in (("energy", energies if self.measures.has_one_scale else []), ("error", errors)):
            pairs = ((a, b) for a, b in combinations(lines, 2) if telling & {a.letter, b.letter})
            object.__setattr__(self, f"{name}_gaps", {(a.letter, b.letter): gap_between(a, b) for a, b in pairs})

    def warnings(self) -> list[str]:
        found = [self._disagreement(), self._outside()]
        return [text for text in found if text]

    def headline(self) -> str:
        """The one sentence to take away; empty where a warning says it."""
        if self._disagreement():
            return ""
        contenders = self.measures.contenders
        if len(contenders) == 1:
            return f"Only {contenders[0].label} is stored for this view: there is nothing to compare it with."
        error = self._first_error_gap()
        if error is not None and error.n_frames:
            return self._headline_of_error(error, self._first_energy_gap())
        return self._headline_of_energy(self._first_energy_gap())

    def energy_fact(self) -> str:
        measures = self.measures
        known = [c for c in measures.contenders if c.energy and c.energy.has_values]
        if not known:
            return self.without_energy()
        gap = self._first_energy_gap()
        means = (gap.first_mean, gap.second_mean) if gap and gap.n_frames else [_mean(c.energy) for c in known]
        listed = ", ".join(
            f"{c.letter} {number(mean, measures.energy_unit)}" for c, mean in zip(known, means, strict=True)
        )
        parts = [f"{listed}{f': {gap.words(measures.energy_unit)}' if gap else ''}."]
        if not measures.has_one_scale:
            parts.append("Their paths or constants differ: compare where the curves rise, not their heights.")
        parts.append(self._level([(c.letter, mean) for c, mean in zip(known, means, strict=True)]))
        parts.append(self.without_energy())
        return " ".join(part for part in parts if part)

    def error_label(self) -> str:
        return "Error (scale aligned)" if self.measures.error_title.endswith("scale aligned") else "Error"

    def error_fact(self) -> str:
        unit = self.measures.error_unit
        known = [c for c in self.measures.contenders if c.error and c.error.has_values]
        if not known:
            return ""
        gap = self._first_error_gap()
        if gap is None or not gap.n_frames:
            return "; ".join(f"{c.letter} {number(_mean(c.error), unit)}" for c in known) + "."
        return (
            f"{gap.first} {number(gap.first_mean, unit)}, {gap.second} {number(gap.second_mean, unit)}: "
            f"{gap.words(unit)}."
        )

    def gap_fact(self, id_: str, lines: Sequence[Series | None]) -> str:
        """Means of a chart's curves, and the gap of two."""
        unit = self.measures.units.get(id_, "")
        known = [line for line in lines if line is not None and line.has_values]
        gap = gap_between(*known) if len(known) == 2 else None
        means = (gap.first_mean, gap.second_mean) if gap and gap.n_frames else [line.mean for line in known]
        listed = ", ".join(f"{line.letter} {number(mean, unit)}" for line, mean in zip(known, means, strict=True))
        return f"{listed}{f': {gap.words(unit)}' if gap else ''}." if known else ""

    def expected_fact(self) -> str:
        """What the zoo says of the error to expect; where none of the configurations has a statement, so."""
        unit = self.measures.units.get("expected", "")
        known = [c.expected for c in self.measures.contenders if c.expected]
        if not known:
            return "not measured for this zoo and target." if any(c.energy for c in self.measures.contenders) else ""
        others = [c.letter for c in self.measures.contenders if c.expected is None]
        said = expected_words(known, self.measures.titles.get("expected", ""), unit)
        return said + (f" Not measured for {', '.join(others)}." if others else "")

    def without_energy(self) -> str:
        """Why some configuration has no energy; empty if all have one."""
        missing = [c for c in self.measures.contenders if c.energy is None]
        longer = ", ".join(c.label for c in missing if not c.is_direct)
        direct = ", ".join(c.label for c in missing if c.is_direct and not c.is_merged and not c.is_result)
        results = ", ".join(c.label for c in missing if c.is_result)
        merged = ", ".join(c.label for c in missing if c.is_merged)
        parts = [f"{longer}: none, as {NO_ENERGY_OF_A_PATH}."] if longer else []
        parts += [f"{merged}: none, as {NO_ENERGY_OF_MERGED}."] if merged else []
        parts += [f"{results}: none, as {NO_ENERGY_OF_RESULTS}."] if results else []
        return " ".join(
            [*parts, *([f"{direct}: not computed or not readable; see below the plots."] if direct else [])]
        )

    def merged_fact(self) -> str:
        """What the merged predictions are made of, and what that changes."""
        made = [
            f"{c.letter} is {c.made_of}.{f' {c.saves}.' if c.saves else ''}"
            for c in self.measures.contenders
            if c.made_of
        ]
        return " ".join(made)

    def agreement_fact(self) -> str:
        """Whether frames of high energy are frames of high error, by configuration."""
        found = []
        for c in self.measures.contenders:
            if c.energy is None or c.error is None:
                continue
            n_frames = min(len(c.energy.values), len(c.error.values))
            both = np.isfinite(c.energy.values[:n_frames]) & np.isfinite(c.error.values[:n_frames])
            rho = _spearman(c.energy.values[:n_frames], c.error.values[:n_frames])
            if both.sum() >= LEAST_FOR_AGREEMENT and np.isfinite(rho):
                found.append((c.letter, rho))
        if not found:
            has_error = any(c.error for c in self.measures.contenders)
            return "too few frames to say whether energy follows the error." if has_error else ""
        letters: dict[str, list[str]] = {}
        for letter, rho in found:
            letters.setdefault(follows(rho), []).append(f"{letter} {correlation(rho)}")
        return "; ".join(f"{words} over the frames ({', '.join(listed)})" for words, listed in letters.items()) + "."

    def trust_fact(self) -> str:
        """What was measured of such energies on rooms, and what an energy is not made for."""
        with_energy = [c for c in self.measures.contenders if c.energy]
        if not with_energy:
            return ""
        parts = []
        stated = [c.trust for c in with_energy if c.trust]
        if stated:
            trust = min(stated, key=lambda trust: trust.spearman)
            outside = next((one for one in stated if one.auc), None)
            sets = f"; {told_apart(outside)}" if outside else ""
            parts.append(
                f"on {counted(trust.n_frames, 'test frame')}, {follows(trust.spearman)} ({correlation(trust.spearman)}){sets}."
            )
        else:
            parts.append("not measured for this zoo and target.")
        if len({c.method for c in with_energy}) > 1 and not self.measures.rankings:
            parts.append("Energy ranks frames of one method; between methods it can mislead, most with a shared trunk.")
        return " ".join(parts)

    def ranking_fact(self) -> str:
        """Whether energy and expected error may say which of the methods is closer, for the pair that the headline is about."""
        measures = self.measures
        gap = self._first_error_gap() or self._first_energy_gap()
        letters = (gap.first, gap.second) if gap else next(iter(measures.rankings), None)
        found = measures.rankings.get(letters) if letters else None
        return ranked_words(letters, found, measures.energy_kind) if letters and found else ""

    def _ranks(self, gap: Gap) -> Ranking | None:
        """How the energy that is shown ranks the two of a gap on test rooms; None: not measured."""
        found = self.measures.rankings.get((gap.first, gap.second))
        return found.by.get(self.measures.energy_kind) if found else None

    def _headline_of_energy(self, gap: Gap | None) -> str:
        """Where no error is known."""
        unit = self.measures.energy_unit
        if gap is None or not gap.n_frames:
            has_energy = any(c.energy for c in self.measures.contenders)
            if merged := [c.label for c in self.measures.contenders if c.is_merged]:
                return f"{' and '.join(merged)} has no energy, and no ground truth is known here: compare the pictures."
            what = "Energies cannot be compared" if has_energy else "Neither energy nor error is known"
            return f"{what} here: compare the pictures."
        if gap.is_equal:
            return f"Energy: {gap.words(unit)}{self._among(gap)}."
        if not gap.is_beyond:
            return f"Energy: {gap.words(unit)}{self._among(gap)}. There is no ground truth to tell more."
        return self._lower_in_energy(gap)

    def _lower_in_energy(self, gap: Gap) -> str:
        """A gap beyond the noise, which makes no winner unless that energy ranks these methods."""
        unit = self.measures.energy_unit
        ranks = self._ranks(gap)
        if ranks and not ranks.is_above_chance:
            return (
                f"No winner: the energies of {gap.first} and {gap.second} are {number(gap.size, unit)} apart, but on "
                f"{counted(ranks.n_units, 'test room')} the lower one of these methods had the lower error {share_words(ranks)}."
            )
        lower = (
            f"{self._label(gap.lower)} is {number(gap.size, unit)} lower in energy{self._than(gap)}, beyond the noise."
        )
        if ranks:
            return f"{lower} Of these methods the lower one had the lower error {share_words(ranks)}; here no truth is known."
        return f"{lower} That does not make it better: there is no ground truth on this clip."

    def _headline_of_error(self, error: Gap, energy: Gap | None) -> str:
        unit = self.measures.error_unit
        if error.is_equal and (energy is None or energy.is_equal):
            return f"No difference: {error.words(unit)}{self._among(error)}."
        if not error.is_beyond:
            if error.floor != error.floor:
                return f"Too few frames to compare: {counted(error.n_frames, 'frame')} cannot show what is noise."
            if energy is not None and energy.is_beyond:
                size = number(energy.size, self.measures.energy_unit)
                return (
                    f"No difference in error beyond the noise{self._among(error)}. {self._label(energy.lower)} is {size} lower "
                    f"in energy{self._than(energy)}, which does not make it better."
                )
            both = " in energy or error" if energy is not None else " in error"
            return f"No difference{both} beyond the noise{self._among(error)}."
        size, floor = number(error.size, unit), number(error.floor, unit)
        closest = "closer" if len(self.measures.contenders) == 2 else "closest"
        than = "" if len(self.measures.contenders) == 2 else f" before {self._other(error)}"
        share = f" or {percent(round(1000 * error.share), 1000)}" if closest == "closer" else ""
        text = (
            f"{self._label(error.lower)} is {closest} to the ground truth, by {size}{share}{than} (noise floor {floor})"
        )
        if energy is None or len(self.measures.contenders) > 2:
            return f"{text}."
        return f"{text}{self._energy_beside(energy)}"

    def _energy_beside(self, energy: Gap) -> str:
        """What the energy of two methods says where their errors decide."""
        ranks = self._ranks(energy)
        if not energy.is_beyond:
            return "; the energies do not differ beyond the noise."
        if ranks and not ranks.is_above_chance:
            return ". Its energy is lower too, which says nothing: it does not rank these methods."
        return "; the energy agrees."

    def _disagreement(self) -> str:
        """The warning where one is lower in energy and another in error, both beyond the noise."""
        opposed = [
            (error, energy)
            for letters, energy in self.energy_gaps.items()
            if (error := self.error_gaps.get(letters)) is not None
            if energy.is_beyond and error.is_beyond and energy.lower != error.lower
        ]
        if not opposed:
            return ""
        error, energy = max(opposed, key=lambda pair: pair[0].size)
        in_energy = number(energy.size, self.measures.energy_unit)
        in_error = number(error.size, self.measures.error_unit)
        return (
            f"Energy and error disagree on this clip: {self._label(energy.lower)} is {in_energy} lower in energy, but "
            f"{self._label(error.lower)} is {in_error} closer to the ground truth. Believe the error."
        )

    def _outside(self) -> str:
        """The warning where most frames of a configuration lie above what its zoo was calibrated on."""
        if self.measures.scale == "raw":
            return ""
        found = []
        for c in self.measures.contenders:
            if c.energy is None or not c.energy.has_values:
                continue
            values = c.energy.values[np.isfinite(c.energy.values)]
            limit = usual_limit(c.trust)
            n_above = int((values > limit).sum())
            if n_above > UNUSUAL_SHARE * len(values):
                found.append((c.letter, percent(n_above, len(values)), number(limit, "σ")))
        if not found:
            return ""
        n_known = sum(c.energy is not None for c in self.measures.contenders)
        who = (
            f"{found[0][0]} is outside what it was"
            if len(found) == 1
            else f"{_listed(found)} are outside what they were"
        )
        if len(found) == n_known > 1:
            who = f"{'Both' if n_known == 2 else f'All {n_known}'} networks are outside what they were"
        shares = ", ".join(f"{share} of {letter}'s frames above {limit}" for letter, share, limit in found)
        return f"{who} calibrated on: {shares}. Their energies say little here."

    def _level(self, means: Sequence[tuple[str, float]]) -> str:
        """Whether energies are usual, in words; of raw ones nobody knows."""
        if self.measures.scale == "raw":
            return "Raw energies have no usual value; choose Standardised for one."
        words = {letter: _level_of(mean) for letter, mean in means}
        if len(set(words.values())) == 1:
            subject = "Both are" if len(words) == 2 else "It is"
            listed = f"{subject} {next(iter(words.values()))}"
        else:
            listed = ", ".join(f"{letter} is {word}" for letter, word in words.items())
        return f"{listed} (0{SPACE}σ: as on validation rooms; above: paths disagree more)."

    def _first_energy_gap(self) -> Gap | None:
        return _closest_below(self.energy_gaps)

    def _first_error_gap(self) -> Gap | None:
        return _closest_below(self.error_gaps)

    def _label(self, letter: str) -> str:
        return next(c.label for c in self.measures.contenders if c.letter == letter)

    def _other(self, gap: Gap) -> str:
        return self._label(gap.second if gap.lower == gap.first else gap.first)

    def _than(self, gap: Gap) -> str:
        return "" if len(self.measures.contenders) == 2 else f" than {self._other(gap)}"

    def _among(self, gap: Gap) -> str:
        return "" if len(self.measures.contenders) == 2 else f" between the two lowest, {gap.first} and {gap.second}"


def _closest_below(gaps: Mapping[tuple[str, str], Gap]) -> Gap | None:
    """The gap between the lowest and the next; of two, the only one."""
    means: dict[str, float] = {}
    for gap in gaps.values():
        if gap.n_frames:
            means |= {gap.first: gap.first_mean, gap.second: gap.second_mean}
    lowest = sorted(sorted(means, key=lambda letter: means[letter])[:2])
    return gaps.get((lowest[0], lowest[1])) if len(lowest) == 2 else next(iter(gaps.values()), None)


def _lowest_shares(lines: Sequence[Series | None]) -> dict[str, float]:
    """Letter -> share of the common frames on which it is the lowest; ties count for each."""
    known = [line for line in lines if line is not None and line.has_values]
    n_frames = min((len(line.values) for line in known), default=0)
    if len(known) < 2 or n_frames == 0:
        return {}
    values = np.stack([line.values[:n_frames] for line in known])
    values = values[:, np.isfinite(values).all(axis=0)]
    if values.shape[1] == 0:
        return {}
    is_lowest = values == values.min(axis=0)
    return {line.letter: float(share) for line, share in zip(known, is_lowest.mean(axis=1), strict=True)}


def _gap(first: Series | None, second: Series | None) -> Gap | None:
    return gap_between(first, second) if first is not None and second is not None else None


_spearman = kept_by_content(spearman)


def _mean(series: Series | None) -> float:
    return series.mean if series is not None else float("nan")


def _level_of(mean: float) -> str:
    if abs(mean) <= USUAL_SIGMA:
        return "as usual"
    return "lower than usual" if mean < 0 else "higher than usual"


def follows(rho: float) -> str:
    """What a correlation of energy and error says: `energy follows the error weakly`."""
    if rho <= -0.2:
        return "energy falls where the error rises"
    if size_of(rho) == "hardly":
        return "energy hardly follows the error"
    return f"energy follows the error {size_of(rho)}"


def told_apart(trust: Trust) -> str:
    """`pictures unlike rooms stand out with AUC 0.67 to 0.80`: 0.5 is chance, 1 is always."""
    shares = sorted(f"{share:.2f}" for share in trust.auc.values())
    listed = shares[0] if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]}"
    if min(trust.auc.values()) > 0.5:
        stand_out = "stand out with AUC"
    elif max(trust.auc.values()) > 0.5:
        stand_out = "stand out only in part: AUC"
    else:
        stand_out = "do not stand out: AUC"
    return f"pictures unlike rooms {stand_out} {listed} (0.5: chance)"


def _listed(found: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(letter for letter, *_ in found[:-1]) + f" and {found[-1][0]}"
