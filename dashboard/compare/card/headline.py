"""The sentence to take away from a comparison, and the warnings not to believe what its numbers seem to say.

A lower energy is never called better: it ranks frames of one method. Between methods it has been seen to mislead.
"""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.stated.ranking import Ranking
from analysis.stated.trust import usual_limit
from dashboard.compare.card.measures import Measures
from dashboard.compare.card.ranked import share_words
from dashboard.compare.card.telling_gaps import TellingGaps
from dashboard.compare.card.trust_words import UNUSUAL_SHARE
from dashboard.compare.gaps import Gap
from dashboard.numbers import number, percent
from dashboard.text import counted


@dataclass(frozen=True)
class Headline:
    """What stands first on the card."""

    measures: Measures
    gaps: TellingGaps

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
        error = self.gaps.first_error
        if error is not None and error.n_frames:
            return self._headline_of_error(error, self.gaps.first_energy)
        return self._headline_of_energy(self.gaps.first_energy)

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
        lower = f"{self.measures.label(gap.lower)} is {number(gap.size, unit)} lower in energy{self._than(gap)}, beyond the noise."
        if ranks:
            return f"{lower} Of these methods the lower one had the lower error {share_words(ranks)}; here no truth is known."
        return f"{lower} That does not make it better: there is no ground truth on this clip."

    def _ranks(self, gap: Gap) -> Ranking | None:
        """How the energy that is shown ranks the two of a gap on test rooms; None: not measured."""
        found = self.measures.rankings.get((gap.first, gap.second))
        return found.by.get(self.measures.energy_kind) if found else None

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
                    f"No difference in error beyond the noise{self._among(error)}. {self.measures.label(energy.lower)} is {size} lower "
                    f"in energy{self._than(energy)}, which does not make it better."
                )
            both = " in energy or error" if energy is not None else " in error"
            return f"No difference{both} beyond the noise{self._among(error)}."
        size, floor = number(error.size, unit), number(error.floor, unit)
        closest = "closer" if len(self.measures.contenders) == 2 else "closest"
        than = "" if len(self.measures.contenders) == 2 else f" before {self._other(error)}"
        share = f" or {percent(round(1000 * error.share), 1000)}" if closest == "closer" else ""
        text = f"{self.measures.label(error.lower)} is {closest} to the ground truth, by {size}{share}{than} (noise floor {floor})"
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
            for letters, energy in self.gaps.energy.items()
            if (error := self.gaps.error.get(letters)) is not None
            if energy.is_beyond and error.is_beyond and energy.lower != error.lower
        ]
        if not opposed:
            return ""
        error, energy = max(opposed, key=lambda pair: pair[0].size)
        in_energy = number(energy.size, self.measures.energy_unit)
        in_error = number(error.size, self.measures.error_unit)
        return (
            f"Energy and error disagree on this clip: {self.measures.label(energy.lower)} is {in_energy} lower in energy, but "
            f"{self.measures.label(error.lower)} is {in_error} closer to the ground truth. Believe the error."
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

    def _other(self, gap: Gap) -> str:
        return self.measures.label(gap.second if gap.lower == gap.first else gap.first)

    def _than(self, gap: Gap) -> str:
        return "" if len(self.measures.contenders) == 2 else f" than {self._other(gap)}"

    def _among(self, gap: Gap) -> str:
        return "" if len(self.measures.contenders) == 2 else f" between the two lowest, {gap.first} and {gap.second}"


def _listed(found: Sequence[tuple[str, str, str]]) -> str:
    return ", ".join(letter for letter, *_ in found[:-1]) + f" and {found[-1][0]}"
