"""Chooses the reader of a file by its first bytes, whatever its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from precompute.failures import SourceError
from precompute.results.readers.arrays import ArrayFile
from precompute.results.readers.exr import ExrFile
from precompute.results.readers.floats import SINTEL_MARK, PfmFile, SintelFile
from precompute.results.readers.hdf5 import Hdf5File
from precompute.results.readers.npy import NpyFile, NpzFile
from precompute.results.readers.pictures import PNG_MARK, PillowFile, PngFile
from precompute.results.readers.video import VideoFile

READABLE = "npy, npz, png, exr, hdf5, pfm, dpt, tiff, or a video"
_MARKS: tuple[tuple[bytes, Callable[[Path], ArrayFile]], ...] = (
    (PNG_MARK, PngFile),
    (b"\x93NUMPY", NpyFile),
    (b"PK\x03\x04", NpzFile),
    (b"\x76\x2f\x31\x01", ExrFile),
    (b"\x89HDF\r\n\x1a\n", Hdf5File),
    (b"Pf", PfmFile),
    (b"PF", PfmFile),
    (SINTEL_MARK, SintelFile),
    (b"II*\0", PillowFile),
    (b"MM\0*", PillowFile),
    (b"\xff\xd8\xff", PillowFile),
    (b"BM", PillowFile),
)
_NAMED: tuple[tuple[bytes, str], ...] = (
    (b"bvx", "compressed by LZFSE, as Record3D does; convert it to .npy or 16-bit PNG first"),
    (b"\x80\x02", "a pickle, which is never read; save the array with np.save"),
    (b"\x80\x03", "a pickle, which is never read; save the array with np.save"),
    (b"\x80\x04", "a pickle, which is never read; save the array with np.save"),
    (b"\x80\x05", "a pickle, which is never read; save the array with np.save"),
)


def open_arrays(path: Path) -> ArrayFile:
    """The reader of a file. Raises SourceError and OSError."""
    with path.open("rb") as file:
        start = file.read(16)
    if not start:
        raise SourceError("empty", f"{path.name}: the file is empty (0 bytes)")
    for mark, reader in _MARKS:
        if start.startswith(mark):
            return reader(path)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return PillowFile(path)
    for mark, what in _NAMED:
        if start.startswith(mark):
            raise SourceError("unknown_format", f"{path.name}: {what}")
    is_video = start[4:8] == b"ftyp" or start.startswith((b"\x1aE\xdf\xa3", b"RIFF"))
    if is_video:
        return VideoFile(path)
    raise SourceError("unknown_format", f"{path.name}: not a format that is read ({READABLE})")
