"""Whether a confidence ranks two methods of a target: what was measured on test rooms, as zoo.toml states it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PAPER, WEIGHTED, EXPECTED = "paper", "weighted", "expected error"
CONFIDENCES = (PAPER, WEIGHTED, EXPECTED)
MAX_FRAMES = 100_000_000
MAX_RANKINGS, MAX_LETTERS = 1000, 400
"""Limits for one target: enough for every pair of 45 methods, and letters of a text."""


@dataclass(frozen=True)
class Ranked:
    """How often the method with the lower confidence value has the lower error in the same frame."""

    share: float
    """The share among `n_frames` frames, those in which both differ."""
    low: float
    high: float
    """Ends of its 95 % interval, a bootstrap over rooms."""
    n_frames: int
    n_units: int
    """Rooms of these frames."""
    same_mean: bool
    """Whether the method with the lower mean value also has the lower mean error."""

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.share <= self.high <= 1:  # NaN is refused, too
            raise ValueError(
                f"share, low and high are {self.share}, {self.low}, {self.high}; give low <= share <= high in 0 to 1"
            )
        if not 1 <= self.n_units <= self.n_frames <= MAX_FRAMES:
            raise ValueError(
                f"n_units is {self.n_units} and n_frames {self.n_frames}; give the numbers of rooms and frames that were measured"
            )


@dataclass(frozen=True)
class MethodRanking:
    """What was measured of two methods that predict the same target."""

    target: str
    methods: tuple[str, str]
    error: str
    """The column of the error that was compared."""
    by: Mapping[str, Ranked]
    """Confidence, of CONFIDENCES -> how it ranks them. `merged` has no energy, so only the expected error."""
    shared_trunk: tuple[str, ...] = ()
    """Those of `methods` that predict several targets with one network: their paths agree whatever they predict."""
    origin: str = ""

    def __post_init__(self) -> None:
        if len(set(self.methods)) != 2 or not set(self.shared_trunk) <= set(self.methods):
            raise ValueError(f"methods are {self.methods}; give two, and of them those that share a trunk")
        if not self.by or not set(self.by) <= set(CONFIDENCES):
            raise ValueError(f"name at least one of the confidences {', '.join(CONFIDENCES)}, and no others")
        if max(map(len, (self.error, self.origin))) > MAX_LETTERS:
            raise ValueError(f"texts have at most {MAX_LETTERS} letters")

    def stated(self) -> dict[str, Any]:
        """What a manifest states of it, as JSON."""
        return {
            "error": self.error,
            "by": {name: vars(found) for name, found in self.by.items()},
            "shared_trunk": list(self.shared_trunk),
            "origin": self.origin,
        }


def read_rankings(target: str, rows: Sequence[Mapping[str, Any]]) -> list[MethodRanking]:
    """Those of one target from zoo.toml. Raises ValueError, TypeError, KeyError and AttributeError."""
    if len(rows) > MAX_RANKINGS:
        raise ValueError(f"rankings of {target}: at most {MAX_RANKINGS}, there are {len(rows)}")
    return [_read(target, row) for row in rows]


def _read(target: str, row: Mapping[str, Any]) -> MethodRanking:
    first, second = map(str, row["methods"])
    try:
        return MethodRanking(
            target=target,
            methods=(first, second),
            error=str(row["error"]),
            by={name: _ranked(row[name]) for name in CONFIDENCES if name in row},
            shared_trunk=tuple(map(str, row.get("shared_trunk", ()))),
            origin=str(row.get("origin", "")),
        )
    except ValueError as error:
        raise ValueError(f"ranking of {target}, {first} and {second}: {error}") from error


def _ranked(row: Mapping[str, Any]) -> Ranked:
    share, low, high = (float(row[name]) for name in ("share", "low", "high"))
    if not isinstance(row["same_mean"], bool):
        raise ValueError(f"same_mean is {row['same_mean']}; give true or false")
    return Ranked(share, low, high, int(row["n_frames"]), int(row["n_units"]), row["same_mean"])
