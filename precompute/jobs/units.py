"""Splits clips into units of work that machines compute side by side, without asking each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """Whole packs of a clip, one after the other."""

    start: int
    """Index of the first frame."""
    end: int | None
    """Index after the last frame; None: the end of the clip, which is known when it is decoded."""

    @property
    def is_whole_clip(self) -> bool:
        return self.start == 0 and self.end is None


WHOLE_CLIP = Unit(0, None)


def units_of(n_frames: int, pack_size: int, n_units: int) -> list[Unit]:
    """A clip as at most so many units of nearly equal size. `n_frames` may be an estimate: the last unit is open. 0, for a clip of
    unknown length, gives a single one."""
    n_packs = max(1, -(-n_frames // pack_size))
    n_units = max(1, min(n_units, n_packs))
    bounds = [pack_size * (n_packs * k // n_units) for k in range(n_units)]
    return [Unit(start, end) for start, end in zip(bounds, [*bounds[1:], None], strict=True)]


@dataclass(frozen=True)
class Shard:
    """One of n machines that share the work by number alone."""

    number: int
    """From 1."""
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ValueError(f"shard {self.number}/{self.of} does not exist; give i/n with 1 <= i <= n, such as 1/4")

    def unit(self, position: int, n_frames: int, pack_size: int) -> Unit | None:
        """Its part of the clip at that position of the list of sources; None if there is none. The first units of successive clips go
        to successive machines, so that clips of one pack are spread too."""
        units = units_of(n_frames, pack_size, self.of)
        turn = (self.number - 1 - position) % self.of
        return units[turn] if turn < len(units) else None


def parse_shard(text: str) -> Shard:
    """`2/8` is the second of eight. Raises ValueError."""
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and len(text) <= 20):
        raise ValueError(f"'{text[:40]}' is not a shard; give i/n with 1 <= i <= n, such as 1/4")
    return Shard(int(number), int(of))
