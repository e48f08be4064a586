"""The link: a selection to and from the query parameters of the page.

`clip, predict, readout, a, b, ... h` name what is shown; `scale, measure, frame, speed` and the player's VIEW_STATE how. Whatever
depends on the content of the store is always written, so that a link keeps its meaning when more is stored; the rest only
where it differs from the default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

from analysis.energy import SCALES, Scale
from cache.records import Clip
from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration, find_configuration
from dashboard.player_data import LETTERS, VIEW_STATE, read_view_state
from dashboard.selection.defaults import default_configurations, default_target
from dashboard.selection.lineup import MIN_CONFIGURATIONS
from dashboard.selection.measures import measure_options
from dashboard.text import one_line

_T = TypeVar("_T")
ALWAYS = LETTERS[:MIN_CONFIGURATIONS]
"""The letters that have a default; a link names each configuration by its letter in lower case."""
MIN_SPEED, MAX_SPEED = 0.1, 4.0
"""Multiples of the clip's own speed."""
KEY_LETTERS = 12
"""Length of a clip's key in a link: 48 bits, distinct in any store that fits on a disk."""
CARRIED = frozenset(("clip", "predict", "readout", *LETTERS.lower(), "scale", "measure", "frame", "speed", *VIEW_STATE))
"""The parameters that mean the same on every page. A page's own ones, such as the gallery's category, stay with it."""
_FRAME = re.compile(r"[0-9]{1,9}")
_SPEED = re.compile(r"[0-9]{1,4}(\.[0-9]{1,20})?")
_KEY_START = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Selection:
    """Every choice on the page."""

    clip: Clip
    target: str | None
    """X2 of the prediction X1 -> X2; None if the clip has no prediction."""
    readout: str | None
    """X3 of the readout X2 -> X3; None for none."""
    configurations: tuple[Configuration, ...]
    """A, B, ... in order, two to eight; empty if the clip has no prediction."""
    scale: Scale = "standardised"
    """Energy in sigma, or the plain mean of its raw terms."""
    measure: str | None = None
    """The error that is plotted, by its column; None: the most telling one."""
    frame: int | None = None
    """None until it is known where the clip opens: a link without a frame leaves that to what the clip shows."""
    speed: float = 1.0
    view_state: Mapping[str, str] = field(default_factory=dict)
    """How the player shows it, spelled as in web/view/view_state.mjs."""
    is_unlisted: bool = False
    """Whether only a link with the clip's full key may show it."""


def from_query(params: Mapping[str, str], catalogue: Catalogue) -> tuple[Selection | None, tuple[str, ...]]:
    """The selection that `params` ask for, and a sentence for each parameter that could not be followed.

    Never raises, whatever the values; None if the store has no clip. Unknown values fall back to the default.
    """
    if not catalogue.clips:
        return None, ()
    reader = _Reader(params, [])
    clip = reader.clip(catalogue)
    targets = catalogue.targets(clip.key)
    opens_with = default_target(targets, partial(catalogue.configurations, clip.key))
    target = reader.one_of("predict", targets, opens_with, "the prediction")
    readouts = catalogue.readouts(clip.key, target) if target else ()
    readout = reader.one_of("readout", readouts, None, "the readout")
    configurations = catalogue.configurations(clip.key, target) if target else ()
    scale = cast(Scale, reader.one_of("scale", SCALES, SCALES[0], "the energy scale"))
    lineup = reader.configurations(configurations)
    measure = params.get("measure")  # of another target or store it is passed over: every target has its own
    selection = Selection(
        clip,
        target,
        readout,
        lineup,
        scale,
        measure if measure in measure_options(catalogue, clip.key, lineup) else None,
        reader.frame(clip.n_frames),
        reader.speed(),
        read_view_state(params),
        clip.key in catalogue.unlisted,
    )
    return selection, tuple(reader.notes)


def to_query(selection: Selection) -> dict[str, str]:
    """The parameters that give `selection` back through `from_query`."""
    key = selection.clip.key
    query = {"clip": key if selection.is_unlisted else key[:KEY_LETTERS]}
    if selection.target is not None:
        query["predict"] = selection.target
    if selection.readout is not None:
        query["readout"] = selection.readout
    for letter, configuration in zip(LETTERS.lower(), selection.configurations, strict=False):
        query[letter] = configuration.spelling
    if selection.scale != SCALES[0]:
        query["scale"] = selection.scale
    if selection.measure is not None:
        query["measure"] = selection.measure
    if selection.frame is not None:
        query["frame"] = str(selection.frame)
    if selection.speed != 1.0:
        query["speed"] = f"{selection.speed!r}".removesuffix(".0")
    return query | dict(selection.view_state)


def carried(query: Mapping[str, str]) -> dict[str, str]:
    """The part of a link that goes along from page to page."""
    return {name: value for name, value in query.items() if name in CARRIED}


@dataclass(frozen=True)
class _Reader:
    """Reads one parameter at a time and notes those it could not follow."""

    params: Mapping[str, str]
    notes: list[str]

    def clip(self, catalogue: Catalogue) -> Clip:
        default = catalogue.clips[0]
        value = self.params.get("clip")
        if not value:
            return default
        found = (catalogue.starting(value) if _KEY_START.fullmatch(value) else []) or catalogue.titled(value)
        return found[0] if found else self._missed("the clip", value, default, catalogue.clip_label(default))

    def one_of(self, name: str, options: Sequence[str], default: str | None, what: str) -> str | None:
        value = self.params.get(name)
        if not value or value in options:
            return value or default
        return self._missed(what, value, default, default or "none")

    def configurations(self, options: Sequence[Configuration]) -> tuple[Configuration, ...]:
        defaults = default_configurations(options)
        if not defaults:
            return ()
        pair = [self._configuration(letter, options, defaults[at]) for at, letter in enumerate(ALWAYS)]
        # The others are shown if they are asked for and stored, moved up to close gaps between letters.
        more = (self._configuration(letter, options, None) for letter in LETTERS[len(ALWAYS) :])
        return (*(c for c in pair if c), *(c for c in more if c))

    def frame(self, n_frames: int) -> int | None:
        value = self.params.get("frame")
        if not value:
            return None
        last = max(n_frames - 1, 0)
        if not _FRAME.fullmatch(value):
            return self._missed("the frame", value, 0, "0")
        return int(value) if int(value) <= last else self._missed("the frame", value, last, f"the last, {last}")

    def speed(self) -> float:
        value = self.params.get("speed")
        if not value:
            return 1.0
        if _SPEED.fullmatch(value) and MIN_SPEED <= float(value) <= MAX_SPEED:
            return float(value)
        return self._missed("the speed", value, 1.0, "1")

    def _configuration(
        self, letter: str, options: Sequence[Configuration], default: Configuration | None
    ) -> Configuration | None:
        value = self.params.get(letter.lower())
        if not value:
            return default
        found = find_configuration(value, options)
        shown = default.spelling if default else "none"
        return found or self._missed(f"configuration {letter}", value, default, shown)

    def _missed(self, what: str, value: str, default: _T, shown: str) -> _T:
        self.notes.append(f"The link asks for {what} '{one_line(value, 40)}', which is not available; showing {shown}.")
        return default
