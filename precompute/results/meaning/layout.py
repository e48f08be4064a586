"""What the axes of an array are: frames, rows, columns, channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from precompute.failures import SourceError

PICTURE_CHANNELS = (1, 2, 3, 4)
"""A short last axis is that of channels."""


@dataclass(frozen=True)
class Layout:
    """How the maps lie in an array."""

    n_frames: int | None
    """Entries of the first axis; None if the array is one map."""
    height: int
    width: int
    channels: int
    """Those of a map: 1, 3, or those of a picture where a number was expected."""
    channels_first: bool

    def as_map(self, values: np.ndarray) -> np.ndarray:
        """One map as it was read -> (H, W, C)."""
        if self.channels_first:
            return np.moveaxis(values.reshape(self.channels, self.height, self.width), 0, -1)
        return values.reshape(self.height, self.width, self.channels)


def layout_of(name: str, shape: tuple[int, ...], channels: int, *, is_stack_allowed: bool) -> Layout:
    """The layout of an array of that shape for a domain of 1 or 3 channels. Raises SourceError.

    `(H, W)`, `(N, H, W)`, and the same with the channels in front of or behind `H, W`; a first axis of 1 is that of a batch.
    """
    has_batch = not is_stack_allowed and shape[:1] == (1,) and len(shape) > 2
    sides = shape[1:] if has_batch else shape
    layout = _of_map(sides, channels)
    if layout is None and is_stack_allowed and len(sides) > 2:
        one = _of_map(sides[1:], channels)
        layout = one and Layout(sides[0], one.height, one.width, one.channels, one.channels_first)
    if layout is not None:
        return layout
    wanted = "(H, W)" if channels == 1 else "(H, W, 3) or (3, H, W)"
    stacks = "(N, H, W)" if channels == 1 else "(N, H, W, 3) or (N, 3, H, W)"
    raise SourceError(
        "wrong_shape",
        f"{name}: an array of shape {shape}, expected {wanted}{f', or a stack {stacks}' if is_stack_allowed else ''}",
        "choose another array with --key; `results look` lists them",
    )


def _of_map(sides: tuple[int, ...], channels: int) -> Layout | None:
    """The layout of one map; None if the shape is not that of one."""
    match sides:
        case (height, width) if channels == 1:
            return Layout(None, height, width, 1, False)
        case (1, height, width) if channels == 1 and width > max(PICTURE_CHANNELS):
            return Layout(None, height, width, 1, True)
        case (height, width, last) if channels == 1 and last in PICTURE_CHANNELS and height > max(PICTURE_CHANNELS):
            return Layout(None, height, width, last, False)
        case (height, width, (3 | 4) as last) if channels > 1:
            return Layout(None, height, width, last, False)
        case (3, height, width) if channels > 1:
            return Layout(None, height, width, 3, True)
    return None
