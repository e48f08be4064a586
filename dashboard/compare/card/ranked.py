"""Whether an energy or an expected error may say which of two methods is closer: what was measured on test rooms, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from analysis.energy import Scale, own_weighting
from analysis.stated.ranking import CHANCE, MethodRanking, Ranking, stated_ranking
from cache.records import Track
from dashboard.numbers import SPACE, percent
from dashboard.text import counted

EXPECTED = "expected error"
Pairs = Mapping[tuple[str, str], MethodRanking]


def rankings_of(stating: Mapping[str, Track]) -> dict[tuple[str, str], MethodRanking]:
    """Pair of letters, in order -> what was measured of their methods. `stating`: letter -> the track that states it."""
    pairs = combinations(sorted(stating), 2)
    return {(a, b): found for a, b in pairs if (found := stated_ranking(stating[a], stating[b]))}


def kind_of(energies: Sequence[Track], scale: Scale) -> str:
    """The energy that is shown, by the name of its ranking: `weighted` or `paper`; empty for raw ones, which nobody measured."""
    kinds = {own_weighting(track.head.constants) for track in energies}
    return next(iter(kinds)) if scale == "standardised" and len(kinds) == 1 else ""


def share_words(found: Ranking) -> str:
    """`in 40 % of frames (36 to 44 %; 50 %: chance)`."""
    share, low, high = (percent(round(1000 * end), 1000) for end in (found.share, found.low, found.high))
    return f"in {share} of frames ({low.removesuffix(f'{SPACE}%')} to {high}; 50{SPACE}%: chance)"


def ranked_words(letters: tuple[str, str], found: MethodRanking, kind: str) -> str:
    """What may be concluded from the energies and the expected errors of two methods, for the card."""
    measured = [(what, found.by[name]) for what, name in (("energy", kind), (EXPECTED, EXPECTED)) if name in found.by]
    parts = [f"{_says(one, what)}: {_lower(one, is_first=at == 0)}." for at, (what, one) in enumerate(measured)]
    parts[1:] = [text[:1].upper() + text[1:] for text in parts[1:]]
    if found.shared_trunk:
        named = " and ".join(found.shared_trunk)
        parts.append(f"{named} predicts every target with one trunk, so its paths agree whatever it predicts.")
    who = f"{letters[0]} and {letters[1]}: " if letters != ("A", "B") else ""
    return f"{who}{' '.join(parts)}" if parts else ""


def _says(found: Ranking, what: str) -> str:
    if found.is_above_chance:
        return f"{what} ranks these two"
    if found.low > CHANCE:  # frame by frame, but not in the mean
        return f"{what} draws no winner, as its means disagree with those of the error"
    return f"{what} draws no winner"


def _lower(found: Ranking, *, is_first: bool) -> str:
    rooms = f"on {counted(found.n_units, 'test room')} the lower one had the lower error" if is_first else "right"
    return f"{rooms} {share_words(found)}"
