"""The child process that reads untrusted files of values under limits: `python -m precompute.results.reader_process READ WRITE`."""

from __future__ import annotations

import errno
import os
import resource
import sys
from pathlib import Path

import cv2
import numpy as np

from precompute.failures import SourceError
from precompute.results.readers.arrays import ArrayFile
from precompute.results.readers.opening import open_arrays
from precompute.sandbox import Parent, limit, limit_cpu

MEMORY_BYTES = 3 << 30
"""Address space: libraries map 1 GB of it, and a frame has at most 400 MB, coded and decoded."""
FRAME_CPU_SECONDS = 60
"""Processor seconds for one request; a frame takes milliseconds."""
MAX_WRITTEN_BYTES = 1 << 20


def main(arguments: list[str]) -> None:
    """Answer each request with one message: what a file holds, one frame of it, or a failure."""
    parent = Parent(arguments)
    cv2.setNumThreads(1)
    limit({resource.RLIMIT_AS: MEMORY_BYTES, resource.RLIMIT_FSIZE: MAX_WRITTEN_BYTES})
    path, opened = Path(), None
    for request in parent.requests():
        limit_cpu(FRAME_CPU_SECONDS)
        try:
            if opened is None or path != Path(request["path"]):
                path = Path(request["path"])
                opened = open_arrays(path)
            if request["task"] == "look":
                parent.send({"arrays": [{**vars(info), "texts": dict(info.texts)} for info in opened.arrays()]})
            else:
                send_frame(parent, opened, request)
        except Exception as error:
            opened = None
            parent.fail(named(path, error))
    os._exit(0)  # skips the tear-down of libraries which a damaged file may have left in disorder


def send_frame(parent: Parent, opened: ArrayFile, request: dict) -> None:
    values = np.ascontiguousarray(opened.read(request["name"], request["index"]))
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    parent.send({"shape": values.shape, "dtype": values.dtype.str}, values.reshape(-1).view(np.uint8).data)


def named(path: Path, error: Exception) -> SourceError:
    """The failure that an error means."""
    if isinstance(error, SourceError):
        return error
    is_full = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if is_full or isinstance(error, MemoryError) or (isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem):
        return SourceError("too_large", f"{path.name}: reading it needs more than {MEMORY_BYTES >> 30} GB of memory")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EIO, errno.ENOENT, errno.EISDIR, errno.EPERM):
        return SourceError("unreadable", f"{path.name}: cannot be read ({error.strerror})")
    return SourceError(
        "damaged", f"{path.name}: cannot be read ({type(error).__name__}: {error})", "copy or export it again"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
