"""How a picture is brought to a size that a network accepts, and its output back to where the pixels were.

N frames, C channels, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

MAX_SIDE_PX = 4096
SIDES = ("short", "long", "nearest", "fit", "stretch")
RESAMPLES = ("bilinear", "bicubic")
ROUNDS = ("nearest", "up", "down")


@dataclass(frozen=True)
class Resize:
    """A rule for the size of a network's input. Except for `stretch`, the aspect is kept, up to `multiple`."""

    side: str = "short"
    """Which side becomes `px`: `short`, `long` or `nearest` (whichever changes the size less); `fit`: the largest size within
    `px` x `width_px`; `stretch`: that size, whatever the aspect."""
    px: int | None = None
    """The length of that side, the height if the width has another; None: the picture keeps its size."""
    width_px: int | None = None
    """Its length if that side is the width; `px` if None."""
    multiple: int = 1
    """Both sides become multiples of so many pixels: by stretching, or by padding where `pad` is given."""
    round: str = "nearest"
    """To which multiple: `nearest`, `up` or `down`; where padding makes the multiple, to which whole pixels."""
    pad: tuple[float, ...] = ()
    """The codes of padding, one per channel or one for all. With `fit`, the picture is padded to the whole frame."""
    resample: str = "bilinear"
    """`bilinear` or `bicubic`."""
    output_resample: str = ""
    """The same for the output on its way back; empty: as `resample`."""
    antialias: bool = True
    """Whether shrinking the input smooths it first."""
    align_corners: bool = False
    """Whether the centres of the outermost pixels stay at the edges when the input is scaled, instead of the pixels' own edges."""
    reflect: bool = False
    """Whether the picture is first padded by its own reflection, by 3 times the root of half of each side (as ZoeDepth does)."""
    rounds_to_8_bits: bool = False
    """Whether the scaled picture is rounded to 8 bits, as programs do that scale pictures before they make numbers of them."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("side", SIDES),
            ("resample", RESAMPLES),
            ("output_resample", ("", *RESAMPLES)),
            ("round", ROUNDS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"resize.{name} is {getattr(self, name)!r}; use one of {', '.join(allowed)}")
        for name in ("px", "width_px", "multiple"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and 1 <= value <= MAX_SIDE_PX):
                raise ValueError(f"resize.{name} is {value!r}; give 1 to {MAX_SIDE_PX} pixels")
        if self.px is None and (self.side in ("fit", "stretch") or self.width_px is not None):
            raise ValueError(f"resize.side is '{self.side}' without px; give px, the height in pixels")
        if not isinstance(self.pad, tuple) or not all(_is_code(value) for value in self.pad):
            raise ValueError(f"resize.pad is {self.pad!r}; give one code from 0 to 1 per channel")
        for name in ("rounds_to_8_bits", "antialias", "align_corners", "reflect"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"resize.{name} is {getattr(self, name)!r}; use true or false")

    @property
    def record(self) -> dict[str, Any]:
        """The fields that differ from the defaults, as JSON values."""
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT, name)}

    def placement(self, height: int, width: int) -> Placement:
        """Where a picture of that size comes to lie. Raises ValueError where the network's picture would be too large."""
        scaled = self._scaled(*self.reflected(height, width))
        if not self.pad:
            scaled = tuple(self._rounded(px) for px in scaled)
            found = Placement(scaled, scaled, (0, 0))
        else:
            scaled = tuple(max(1, self._whole(px)) for px in scaled)
            frame = (self.px, self.width_px or self.px) if self.side == "fit" and self.px else scaled
            total = tuple(self.multiple * math.ceil(px / self.multiple) for px in frame)
            found = Placement(scaled, total, tuple((a - b) // 2 for a, b in zip(total, scaled, strict=True)))
        if max(found.total) > MAX_SIDE_PX:
            raise ValueError(
                f"resize makes {found.total} of {(height, width)} pixels; at most {MAX_SIDE_PX} a side are run"
            )
        return found

    def apply(self, codes: Tensor) -> Tensor:
        """(N, C, H, W) -> the scaled and padded codes, float32 in [0, 1]."""
        place = self.placement(codes.shape[-2], codes.shape[-1])
        x = codes.float()
        if self.reflect:
            rows, columns = (_margin(side) for side in x.shape[-2:])
            x = F.pad(x, (columns, columns, rows, rows), mode="reflect")
        if tuple(x.shape[-2:]) != place.scaled:
            x = self._smaller_or_larger(x, place.scaled)
        if place.total != place.scaled:
            colour = self.pad if len(self.pad) == x.shape[1] else self.pad[:1] * x.shape[1]
            padded = x.new_tensor(colour).view(1, -1, 1, 1).expand(len(x), -1, *place.total).contiguous()
            padded[..., place.rows, place.columns] = x
            return padded
        return x

    def undo(self, made: Tensor, size: tuple[int, int]) -> Tensor:
        """What the network gives for the padded picture, of any resolution -> float32 of the picture as it was, (N, C, H, W)."""
        mode = self.output_resample or self.resample
        place = self.placement(*size)
        x = made.float()
        if place.total != place.scaled:
            if tuple(x.shape[-2:]) != place.total:
                x = F.interpolate(x, size=place.total, mode=mode, align_corners=False)
            x = x[..., place.rows, place.columns]
        whole = self.reflected(*size)
        x = x if tuple(x.shape[-2:]) == whole else F.interpolate(x, size=whole, mode=mode, align_corners=False)
        rows, columns = ((a - b) // 2 for a, b in zip(whole, size, strict=True))
        return x[..., rows : rows + size[0], columns : columns + size[1]]

    def reflected(self, height: int, width: int) -> tuple[int, int]:
        """The height and width with the margins of `reflect`; the same without it."""
        return (height + 2 * _margin(height), width + 2 * _margin(width)) if self.reflect else (height, width)

    def _smaller_or_larger(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        """Codes of that size, clamped because bicubic overshoots."""
        # PIL, and what computes as it does, scales along x, rounds, scales along y, and rounds again.
        steps = [(x.shape[-2], size[1]), size] if self.rounds_to_8_bits else [size]
        for step in steps:
            x = F.interpolate(
                x, size=step, mode=self.resample, align_corners=self.align_corners, antialias=self.antialias
            ).clamp(0, 1)
            if self.rounds_to_8_bits:
                x = (x * 255 + 0.5).floor() / 255  # halves up, unlike torch.round
        return x

    def _scaled(self, height: int, width: int) -> tuple[float, float]:
        if self.px is None:
            return height, width
        by_height, by_width = self.px / height, (self.width_px or self.px) / width
        if self.side == "stretch":
            return self.px, self.width_px or self.px
        factor = {
            "short": max(by_height, by_width),
            "long": min(by_height, by_width),
            "fit": min(by_height, by_width),
            "nearest": min(by_height, by_width, key=lambda one: abs(1 - one)),
        }[self.side]
        return height * factor, width * factor

    def _rounded(self, px: float) -> int:
        return self.multiple * max(1, self._whole(px / self.multiple))

    def _whole(self, number: float) -> int:
        turn = {"nearest": round, "up": math.ceil, "down": math.floor}[self.round]
        return turn(round(number, 6))  # a hair below a whole number is a rounding of the division before


DEFAULT = Resize()


@dataclass(frozen=True)
class Placement:
    """Where the picture lies in the network's input; each is (height, width) or (top, left), pixels."""

    scaled: tuple[int, ...]
    total: tuple[int, ...]
    offset: tuple[int, ...]

    @property
    def rows(self) -> slice:
        return slice(self.offset[0], self.offset[0] + self.scaled[0])

    @property
    def columns(self) -> slice:
        return slice(self.offset[1], self.offset[1] + self.scaled[1])


def read_resize(row: Any) -> Resize:
    """A Resize from its table in zoo.toml. Raises ValueError, which names the field."""
    if not isinstance(row, Mapping):
        raise ValueError(f"resize is {row!r}; give a table, such as {{ side = 'short', px = 518, multiple = 14 }}")
    unknown = set(row) - set(Resize.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"unknown field resize.{', '.join(sorted(unknown))}; the fields are {', '.join(Resize.__dataclass_fields__)}"
        )
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return Resize(**fields)


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, with antialiasing when shrinking."""
    # In float32: the antialiasing filter has no half precision on CPUs.
    return F.interpolate(x.float(), size=size, mode="bilinear", align_corners=False, antialias=True)


def _margin(side: int) -> int:
    return int(3 * math.sqrt(side / 2))


def _is_code(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
