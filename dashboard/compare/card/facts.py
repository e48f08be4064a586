"""What the numbers of a comparison say, fact by fact, below the headline."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics import spearman
from dashboard.compare.card.measures import Contender, Measures
from dashboard.compare.card.merged import NO_ENERGY_OF_MERGED
from dashboard.compare.card.ranked import ranked_words
from dashboard.compare.card.telling_gaps import TellingGaps
from dashboard.compare.card.trust_words import follows, told_apart
from dashboard.compare.expected import expected_words
from dashboard.compare.gaps import gap_between
from dashboard.compare.memory import kept_by_content
from dashboard.numbers import SPACE, correlation, number
from dashboard.player_data import Series
from dashboard.text import counted

LEAST_FOR_AGREEMENT = 8
"""Frames below which a correlation over frames is left unsaid."""
USUAL_SIGMA = 1.0
"""Energies within it of 0 count as usual."""
NO_ENERGY_OF_RESULTS = "it was computed elsewhere, and an energy needs its networks"
NO_ENERGY_OF_A_PATH = "energy belongs to a method and its target, not to a path; show the direct prediction to see it"


@dataclass(frozen=True)
class Facts:
    """The sentences of one comparison; each is empty where there is nothing to say."""

    measures: Measures
    gaps: TellingGaps

    def energy_fact(self) -> str:
        measures = self.measures
        known = [c for c in measures.contenders if c.energy and c.energy.has_values]
        if not known:
            return self.without_energy()
        gap = self.gaps.first_energy
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
        """`Error (scale and shift aligned per clip)`."""
        title = self.measures.error_title
        alignment = title.rsplit(", ", 1)[-1]
        return f"Error ({alignment})" if " aligned" in alignment and ", " in title else "Error"

    def error_fact(self) -> str:
        with_error = [c for c in self.measures.contenders if c.error and c.error.has_values]
        relative = [f"{c.letter} is a relative depth, known up to {c.lacking}" for c in with_error if c.lacking]
        parts = [self._errors([c for c in with_error if not c.lacking])]
        parts += [f"{'; '.join(relative)}: without alignment its error ranks nothing."] if relative else []
        return " ".join(part for part in parts if part)

    def _errors(self, known: Sequence[Contender]) -> str:
        unit = self.measures.error_unit
        if not known:
            return ""
        gap = self.gaps.first_error
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
        """Whether frames of high energy, or of low confidence, are frames of high error, by configuration."""
        found = []
        for c in self.measures.contenders:
            lines = [("energy", c.energy), *((_in_sentence(title), line) for title, line in c.confidences.items())]
            for what, line in lines:
                if line is None or c.error is None or c.lacking:
                    continue
                n_frames = min(len(line.values), len(c.error.values))
                both = np.isfinite(line.values[:n_frames]) & np.isfinite(c.error.values[:n_frames])
                rho = _spearman(line.values[:n_frames], c.error.values[:n_frames])
                if both.sum() >= LEAST_FOR_AGREEMENT and np.isfinite(rho):
                    found.append((what, c.letter, rho))
        if not found:
            has_error = any(c.error and not c.lacking for c in self.measures.contenders)
            return "too few frames to say whether energy follows the error." if has_error else ""
        letters: dict[str, list[str]] = {}
        for what, letter, rho in found:
            letters.setdefault(follows(rho, what), []).append(f"{letter} {correlation(rho)}")
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
        gap = self.gaps.first_error or self.gaps.first_energy
        letters = (gap.first, gap.second) if gap else next(iter(measures.rankings), None)
        found = measures.rankings.get(letters) if letters else None
        return ranked_words(letters, found, measures.energy_kind) if letters and found else ""

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


def _in_sentence(title: str) -> str:
    return f"{title[:1].lower()}{title[1:]}".replace(", below its highest", ", counted down from its highest,")


_spearman = kept_by_content(spearman)


def _mean(series: Series | None) -> float:
    return series.mean if series is not None else float("nan")


def _level_of(mean: float) -> str:
    if abs(mean) <= USUAL_SIGMA:
        return "as usual"
    return "lower than usual" if mean < 0 else "higher than usual"
