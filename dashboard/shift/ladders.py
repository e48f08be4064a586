"""The ladders of a store: clips under one kind of shift at rising strengths, with the clip they were made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.shifts import Kind, Shift, shift_of, source_of
from cache.records import Clip
from dashboard.catalogue import Catalogue
from dashboard.text import one_line

CLEAN = "clean"
COMMAND = "python -m precompute run walkthrough --fps 5 --shift jpeg@1..5,blur@1..5"
"""Computes the ladders of the bundled clip."""


@dataclass(frozen=True)
class Step:
    """One strength of a ladder."""

    clip: Clip
    shift: Shift | None
    """None: the clean clip, strength 0."""

    @property
    def label(self) -> str:
        """`q25`, `2 px`; `clean`."""
        return self.shift.kind.shown(self.shift.strength) if self.shift else CLEAN

    @property
    def spelling(self) -> str:
        """As in the page's link: `jpeg:q25`; `clean`."""
        return self.shift.spelling if self.shift else CLEAN


@dataclass(frozen=True)
class Ladder:
    """One clip under one kind of shift, the clean clip first, then the mildest strength."""

    source: Clip
    kind: Kind
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """In menus and links: the clip's key and the kind."""
        return f"{self.source.key}:{self.kind.name}"

    def at(self, spelling: str) -> int | None:
        """The place of the step with that spelling; None if there is none."""
        return next((at for at, step in enumerate(self.steps) if step.spelling == spelling), None)


def ladders_of(catalogue: Catalogue) -> tuple[Ladder, ...]:
    """Every ladder whose clean clip is stored, those of the newest clips first; of two clips of one strength the newest."""
    found: dict[tuple[str, str], dict[Shift, Clip]] = {}
    for clip in catalogue.shifted:
        if shift := shift_of(clip.sampling):
            steps = found.setdefault((source_of(clip.sampling), shift.kind.name), {})
            steps.setdefault(shift, clip)
    ladders = []
    for (key, _), strengths in found.items():
        source = catalogue.clip(key)
        if source is None or source_of(source.sampling):
            continue
        shifts = sorted(strengths, key=lambda shift: shift.order)
        steps = (Step(source, None), *(Step(strengths[shift], shift) for shift in shifts))
        ladders.append(Ladder(source, shifts[0].kind, steps))
    return tuple(ladders)


def chosen_ladder(
    ladders: tuple[Ladder, ...], catalogue: Catalogue, link: Mapping[str, str]
) -> tuple[Ladder, int, str]:
    """The ladder and the step that a link asks for, and a sentence where there is no such ladder; else those nearest to it.

    `clip` names the clean clip, a shifted one, or another sampling of the same source; `shift` a strength, or a kind alone.
    `ladders` is not empty.
    """
    wanted = link.get("clip", "")
    clip = next(iter(catalogue.starting(wanted)), None)
    spelling = str((clip and clip.sampling.get("shift")) or link.get("shift", ""))
    kind, _, strength = spelling.partition(":")
    sources = {clip.key, source_of(clip.sampling)} if clip else set()
    exact = [ladder for ladder in ladders if ladder.source.key in sources]
    related = [ladder for ladder in ladders if clip and ladder.source.source_sha256 == clip.source_sha256]
    among = exact or related or list(ladders)
    ladder = next((one for one in among if one.kind.name == kind), among[0])
    at = ladder.at(CLEAN if strength == CLEAN else spelling)
    note = ""
    if at is None and strength:
        note = (
            f"The strength '{one_line(spelling, 40)}' is not stored; showing the strongest, {ladder.steps[-1].label}."
        )
    if clip and not exact and not related:
        note = f"'{catalogue.clip_label(clip)}' has no ladder; showing one of '{catalogue.clip_label(ladder.source)}'."
    return ladder, len(ladder.steps) - 1 if at is None else at, note
