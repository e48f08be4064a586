"""Reads any picture: one function for all kinds."""

from __future__ import annotations

from pathlib import Path

from precompute.failures import KINDS, SourceError
from precompute.media.stills.heif import read_heif
from precompute.media.stills.heif_items import HeifFile
from precompute.media.stills.jpeg_png import read_jpeg, read_png
from precompute.media.stills.kinds import Kind, kind_of, refuse_other
from precompute.media.stills.raster import animation, n_animated, read_raster
from precompute.media.stills.still import Remark, Samples, Still, finished
from precompute.media.stills.whole import whole_bytes

FIRST_ONLY = Remark("", "the first picture of an animation is shown")


def read_still(path: Path) -> Still:
    """The picture of a file as it is shown; of an animation, the first one.

    For the guarded child process: files are hostile. Raises SourceError and OSError.
    """
    kind = kind_of(path)
    if kind is None:
        refuse_other(path)
        raise SourceError(
            "bad_media", f"{path.name}: not a picture in a supported format", KINDS["bad_media"].next_step
        )
    data = whole_bytes(path, kind)
    if kind in ("webp", "png") and n_animated(path, kind, data) > 1:
        first = next(animation(path, kind, data)).samples
        return finished(Samples(first.values, first.alpha, profile=first.profile, remarks=(FIRST_ONLY,)))
    return finished(samples_of_file(path, kind, data))


def samples_of_file(path: Path, kind: Kind, data: bytes) -> Samples:
    """Raises SourceError."""
    match kind:
        case "jpeg":
            return read_jpeg(path, data)
        case "png":
            return read_png(path, data)
        case "heif":
            return read_heif(HeifFile(path, data))
    return read_raster(path, kind, data)
