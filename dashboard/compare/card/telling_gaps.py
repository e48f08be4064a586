"""The gaps that a verdict speaks of: between the configurations of lowest energy or error and the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from dashboard.compare.card.measures import Measures
from dashboard.compare.gaps import Gap, gap_between
from dashboard.player_data import Series


@dataclass(frozen=True)
class TellingGaps:
    """By pair of letters, in order, of pairs with the lowest energy or error."""

    energy: Mapping[tuple[str, str], Gap]
    """Empty where heights cannot be compared."""
    error: Mapping[tuple[str, str], Gap]

    @property
    def first_energy(self) -> Gap | None:
        return _closest_below(self.energy)

    @property
    def first_error(self) -> Gap | None:
        return _closest_below(self.error)


def telling_gaps(measures: Measures) -> TellingGaps:
    """The gaps of the configurations that have values."""
    energies = [c.energy for c in measures.contenders if c.energy and c.energy.has_values]
    errors = [c.error for c in measures.contenders if c.error and c.error.has_values and not c.lacking]
    telling = {min(lines, key=lambda line: line.mean).letter for lines in (energies, errors) if lines}

    def gaps(lines: Sequence[Series]) -> dict[tuple[str, str], Gap]:
        pairs = ((a, b) for a, b in combinations(lines, 2) if telling & {a.letter, b.letter})
        return {(a.letter, b.letter): gap_between(a, b) for a, b in pairs}

    return TellingGaps(gaps(energies if measures.has_one_scale else []), gaps(errors))


def _closest_below(gaps: Mapping[tuple[str, str], Gap]) -> Gap | None:
    """The gap between the lowest and the next; of two, the only one."""
    means: dict[str, float] = {}
    for gap in gaps.values():
        if gap.n_frames:
            means |= {gap.first: gap.first_mean, gap.second: gap.second_mean}
    lowest = sorted(sorted(means, key=lambda letter: means[letter])[:2])
    return gaps.get((lowest[0], lowest[1])) if len(lowest) == 2 else next(iter(gaps.values()), None)
