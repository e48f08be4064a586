"""How the picture of a video is to be read, decided once by its container and its first frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from precompute.media.containers.facts import Crop
from precompute.media.pictures.colour import set_matrix
from precompute.media.pictures.tone_mapping import Hdr, hdr_of


@dataclass(frozen=True)
class Look:
    """What is applied to every frame before it is resized."""

    crop: Crop | None = None
    """None: the whole picture."""
    hdr: Hdr | None = None
    """None: SDR."""
    is_assumed_bt709: bool = False
    """Whether no matrix is stated, and BT.709 is assumed for the size of the picture."""

    @property
    def key(self) -> str:
        """What a clip's key says of it; empty where the decoded picture is used as it is."""
        parts = []
        if self.crop is not None:
            parts.append("crop=" + ":".join(map(str, self.crop)))
        if self.hdr is not None:
            parts.append(f"tone={self.hdr.transfer}:{self.hdr.peak:g}:{self.hdr.primaries}:bt2390")
        if self.is_assumed_bt709:
            parts.append("matrix=bt709")
        return " ".join(parts)

    @property
    def notes(self) -> list[str]:
        """The same for people."""
        notes = []
        if self.crop is not None:
            top, bottom, left, right = self.crop
            notes.append(f"cropped as the container states: {top} px top, {bottom} bottom, {left} left, {right} right")
        if self.hdr is not None:
            notes.append(str(self.hdr))
        if self.is_assumed_bt709:
            notes.append("its colours are untagged and read as BT.709")
        return notes


def look_of(path: Path, first: Any, crop: Crop | None) -> Look:
    """The look of a video by its first frame. Raises SourceError for colours that cannot be converted."""
    if crop is not None and (crop.top + crop.bottom >= first.height or crop.left + crop.right >= first.width):
        crop = None  # nothing would be left
    return Look(crop, hdr_of(first), set_matrix(path, first))
