"""The cards in JSON, for the component that draws them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from cache.records import Track
from dashboard.catalogue import Catalogue
from dashboard.compare.styles import styles
from dashboard.configuration import Configuration
from dashboard.gallery.cards import Card, Reading, among_rooms, standing
from dashboard.gallery.items import CATEGORIES
from dashboard.image.sheet import is_still
from dashboard.selection.defaults import default_configurations
from dashboard.selection.link import KEY_LETTERS, Selection, to_query
from dashboard.space.selecting import DEPTH, field_of_view_of
from dashboard.text import web_address
from dashboard.visitors.access import pass_query

IMAGE = "image"
"""The page that shows every domain of a picture, and takes visitors' own."""
SPACE = "space"
"""The page that shows depth in space."""
EndsOf = Callable[[Iterable[Track]], Mapping[str, tuple[float, float]]]
"""Domain -> the values at which its colours begin and end, over these tracks."""
ROOMS = "walkthrough"
"""The item whose frames stand for rooms, beside the percentile that the zoo states."""
LEAST_SPAN_SIGMA = (-1.0, 3.0)
"""What the scale of the cards always shows: usual energies, and where unusual ones begin."""
FILMED = ("night-cafe", "asylum-vestibule", "cafe-terrace")
"""The items that play as Ken Burns films: still pictures with something near and something far."""
ROOM_SIGMA = 0.2
"""Between the ends of the scale and the outermost energies."""


def gallery_data(
    catalogue: Catalogue,
    ends_of: EndsOf,
    cards: Sequence[Card],
    shown: Sequence[Card],
    target: str,
    pages: Collection[str],
) -> dict[str, Any]:
    """The `shown` ones of all `cards` of a target, on a scale that holds them all. `pages`: names of the pages that cards may link."""
    rooms = next((card for card in cards if card.item.name == ROOMS), None)
    known = [r.mean_sigma for card in cards for r in card.readings if r.mean_sigma is not None]
    lo, hi = min([*known, LEAST_SPAN_SIGMA[0]]) - ROOM_SIGMA, max([*known, LEAST_SPAN_SIGMA[1]]) + ROOM_SIGMA
    trusts = [r.trust for card in cards for r in card.readings[:1] if r.trust]
    lineup = {r.letter: r.configuration for card in cards for r in reversed(card.readings)}
    looks = styles(catalogue, target, list(lineup.values()))
    return {
        "passQuery": pass_query(),
        "letters": "".join(sorted(lineup)),
        "styles": {letter: asdict(looks[configuration]) for letter, configuration in lineup.items()},
        "scale": {"lo": lo, "hi": hi, "limit": trusts[0].percentile_97_5 if trusts else None},
        "cards": [_card(catalogue, ends_of, card, rooms, target, pages) for card in shown],
    }


def _card(
    catalogue: Catalogue, ends_of: EndsOf, card: Card, rooms: Card | None, target: str, pages: Collection[str]
) -> dict[str, Any]:
    item, clip, readings = card.item, card.clip, card.readings
    depths = depths_of(catalogue, card)
    sheet = IMAGE if IMAGE in pages and is_still(clip) else ""
    selection = Selection(clip, target, None, tuple(r.configuration for r in readings), frame=card.frame)
    ends = ends_of(reading.prediction for reading in readings)
    first = readings[0]
    pictures = [_picture("Image", "", "input", card.input, ends)]
    if first.energy is not None:
        pictures.append(_picture(f"Energy of {first.configuration.method}", first.letter, "energy", first.energy, ends))
    pictures += [_picture(r.configuration.method, r.letter, "prediction", r.prediction, ends) for r in readings]
    return {
        "name": item.name,
        "title": item.title,
        "category": CATEGORIES[item.category],
        "nFrames": clip.n_frames,
        "frame": card.frame,
        "pictures": pictures,
        "readings": [_reading(r) for r in readings],
        "amongRooms": among_rooms(card, rooms),
        "compare": f"./?{urlencode(to_query(selection))}",  # the first page is at the root alone
        "sheet": f"{sheet}?{urlencode({'clip': clip.key[:KEY_LETTERS]})}" if sheet else "",
        "space": f"{SPACE}?{urlencode(_in_space(card, depths))}" if depths and SPACE in pages else "",
        "film": _film(catalogue, card, depths[0]) if depths and item.name in FILMED else None,
        "credit": f"{item.author} · {item.licence}",
        "attribution": f"{item.attribution} {item.package}",
        "source": web_address(item.source) or "",
    }


def depths_of(catalogue: Catalogue, card: Card) -> list[Configuration]:
    """The direct predictions of depth by the methods of the card, those that are whole; others where those have none."""
    found = [c for c in catalogue.configurations(card.clip.key, DEPTH) if c.is_direct]
    whole = [c for c in found if (track := catalogue.prediction(card.clip.key, c)) and track.is_complete]
    methods = [(r.configuration.zoo, r.configuration.method) for r in card.readings]
    same = [c for method in methods for c in whole if (c.zoo, c.method) == method]
    return list(dict.fromkeys(same or default_configurations(whole)))


def _in_space(card: Card, depths: Sequence[Configuration]) -> dict[str, str]:
    return to_query(Selection(card.clip, DEPTH, None, tuple(depths), frame=card.frame))


def _film(catalogue: Catalogue, card: Card, depth: Configuration) -> dict[str, Any] | None:
    """What a camera can move through: the stored depth of the card's frame."""
    track = catalogue.prediction(card.clip.key, depth)
    if track is None:
        return None
    return {
        "key": track.head.key,
        "domain": track.head.domain,
        "fieldOfView": field_of_view_of(card.clip),
        "method": depth.method,
    }


def _picture(
    label: str, letter: str, role: str, track: Track, ends: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    shown = ends.get(str(track.head.domain.get("name"))) if role == "prediction" else None
    domain = {**track.head.domain, **({"shown": list(shown)} if shown else {})}
    return {"label": label, "letter": letter, "role": role, "key": track.head.key, "domain": domain}


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "letter": reading.letter,
        "name": reading.configuration.method,
        "sigma": reading.mean_sigma,
        "standing": standing(reading),
    }
