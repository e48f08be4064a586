"""The cards of the gallery: what a store holds of each listed item for one target, by energy. Pure but for reading numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analysis.columns import Columns
from analysis.energy import Unreadable, same_constants
from analysis.stated.trust import Trust, trust_of
from cache.records import Clip, Track
from dashboard.catalogue import Catalogue
from dashboard.compare.card.merged import NO_ENERGY_SHORT, is_merged
from dashboard.compare.card.trust_words import follows, told_apart
from dashboard.configuration import Configuration
from dashboard.gallery.items import Item
from dashboard.numbers import correlation, number, percent
from dashboard.player_data import LETTERS
from dashboard.selection.defaults import default_configurations
from dashboard.text import counted


@dataclass(frozen=True)
class Reading:
    """One method on one item."""

    letter: str
    """A or B."""
    configuration: Configuration
    prediction: Track
    energy: Track | None
    """None if it is not stored."""
    sigmas: tuple[float, ...]
    """Energy of each frame; empty if it is not stored or not readable."""
    trust: Trust | None

    @property
    def mean_sigma(self) -> float | None:
        """Over the frames that have a value; None if none has."""
        known = [value for value in self.sigmas if np.isfinite(value)]
        return float(np.mean(known)) if known else None


@dataclass(frozen=True)
class Card:
    """One computed item."""

    item: Item
    clip: Clip
    frame: int
    """The frame that its pictures show: the middle one."""
    input: Track
    readings: tuple[Reading, ...]
    """A and, where there is one, B."""

    @property
    def rank(self) -> float:
        """What cards are ordered by: the energy of A, the baseline where it is stored; infinite if unknown."""
        first = self.readings[0].mean_sigma
        return np.inf if first is None else first


def targets_of(catalogue: Catalogue, items: Iterable[Item]) -> tuple[str, ...]:
    """The domains that can be shown: those predicted directly on any of these items."""
    clips = [clip for item in items if (clip := clip_of(catalogue, item))]
    found = {
        target
        for clip in clips
        for target in catalogue.targets(clip.key)
        if any(c.is_direct for c in catalogue.configurations(clip.key, target))
    }
    return catalogue.in_order(found)


def options_of(catalogue: Catalogue, items: Iterable[Item], target: str) -> list[Configuration]:
    """The configurations of a target on any of these items."""
    clips = [clip for item in items if (clip := clip_of(catalogue, item))]
    return list(dict.fromkeys(c for clip in clips for c in catalogue.configurations(clip.key, target)))


def cards_of(catalogue: Catalogue, columns: Columns, items: Iterable[Item], target: str) -> list[Card]:
    """The cards of the items that are computed for that target, from the lowest energy to the highest."""
    found = [card for item in items if (card := _card(catalogue, columns, item, target))]
    return sorted(found, key=lambda card: (card.rank, card.item.name))


def clip_of(catalogue: Catalogue, item: Item) -> Clip | None:
    """The newest clip of the item's file, unchanged by a shift; None if the store has none."""
    same = catalogue.shelf.by_source.get(item.sha256, ())
    return next((clip for clip in same if not clip.sampling.get("shift")), None)


def _card(catalogue: Catalogue, columns: Columns, item: Item, target: str) -> Card | None:
    """None until the input and the predictions and energies of the methods are whole."""
    clip = clip_of(catalogue, item)
    if clip is None:
        return None
    pictures = catalogue.find(clip.key, "input", "rgb")
    direct = [c for c in catalogue.configurations(clip.key, target) if c.is_direct]
    readings = [
        reading
        for letter, configuration in zip(LETTERS, dict.fromkeys(default_configurations(direct)), strict=False)
        if (reading := _reading(catalogue, columns, clip, letter, configuration))
    ]
    tracks = [pictures, *(track for r in readings for track in (r.prediction, r.energy))]
    if pictures is None or not readings or not all(track is None or track.is_complete for track in tracks):
        return None
    frame = min(track.n_frames for track in tracks if track) // 2
    return Card(item, clip, frame, pictures, tuple(readings)) if pictures.n_frames else None


def _reading(
    catalogue: Catalogue, columns: Columns, clip: Clip, letter: str, configuration: Configuration
) -> Reading | None:
    prediction = catalogue.prediction(clip.key, configuration)
    if prediction is None:
        return None
    c = configuration
    energy = catalogue.find(clip.key, "energy", c.path, zoo=c.zoo, method=c.method, like=prediction)
    return Reading(letter, c, prediction, energy, _sigmas(columns, energy), trust_of(energy) if energy else None)


def _sigmas(columns: Columns, energy: Track | None) -> tuple[float, ...]:
    if energy is None:
        return ()
    try:
        return tuple(columns.series(energy, "terms", "standardised").tolist())
    except Unreadable:
        return ()


# Words


def standing(reading: Reading) -> str:
    """Where an energy lies among validation rooms, as far as the zoo states it."""
    sigma, trust = reading.mean_sigma, reading.trust
    if sigma is None:
        return NO_ENERGY_SHORT if is_merged(reading.prediction) else "energy not stored"
    if trust is None or trust.percentile_97_5 is None:
        side = "below" if sigma < 0 else "above"
        return f"{number(abs(sigma), 'σ')} {side} the mean of validation rooms"
    side = "above" if sigma > trust.percentile_97_5 else "below"
    return f"{side} the 97.5th percentile of validation rooms"


def among_rooms(card: Card, rooms: Card | None) -> str:
    """Which share of the frames of the bundled rooms have a lower energy by A; empty without them, or where constants differ."""
    reading = card.readings[0]
    if rooms is None or rooms is card or reading.mean_sigma is None or reading.energy is None:
        return ""
    same = next((r for r in rooms.readings if r.configuration == reading.configuration), None)
    if same is None or same.energy is None or not same_constants(same.energy, reading.energy):
        return ""
    known = [value for value in same.sigmas if np.isfinite(value)]
    if not known:
        return ""
    n_below = sum(value < reading.mean_sigma for value in known)
    return f"{reading.letter} above {percent(n_below, len(known))} of {counted(len(known), 'frame')} of rendered rooms"


def trust_words(title: str, trust: Trust | None) -> str:
    """What the energies of a target are worth, as measured on rooms, in the words of the verdict."""
    if trust is None:
        return f"{title}: how far this energy can be trusted was not measured for this zoo."
    words = f"{title}: on {counted(trust.n_frames, 'frame')} of test rooms, {follows(trust.spearman)} ({correlation(trust.spearman)})"
    return f"{words}; {told_apart(trust)}." if trust.auc else f"{words}."
