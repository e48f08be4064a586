"""Stored values of a track as maps of the field's formats, with a note on what they mean, as one ZIP file.

GET /values.zip?track=<track key>&format=png16|npy|npz|exr|pfm&unit=mm|m/256&first=0&last=9
200; 400: no such choice; 404: no such track or frame; 409: the format cannot state the values; 410: damaged; 413: too many frames;
503: others are being saved. HEAD: 405, as the length is known only of a file that was made.
"""

# H x W pixels

from __future__ import annotations

import asyncio
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from typing import IO

import numpy as np
from numpy.lib import format as npy
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from analysis.codes import stored_codes
from analysis.columns import Columns
from analysis.energy import Unreadable
from analysis.saved_maps import (
    SAVE_FORMATS,
    SIDECAR,
    CannotSave,
    SaveFormat,
    map_bytes,
    map_name,
    require_format,
    saved_values,
    stated,
)
from cache.pack import BadPack
from cache.records import BadRecord, StoreError, Track
from cache.store import Store, is_key
from dashboard.image.raw_values import pixels

KINDS = ("prediction", "readout", "truth")
UNITS = {"mm": 0.001, "m/256": 1 / 256}
"""Metres for one count of a 16-bit PNG."""
MAX_BYTES = 128 << 20
"""Limits on the float values of one file: what it takes in the browser's memory, seconds of work here, and room in /tmp, which
is memory of the container (compose.yaml)."""
MOST_AT_ONCE = 2
"""Files that exist side by side, made or sent. Others are refused: to wait would hold the threads that answer for pictures and
probes."""
SEND_SECONDS = 600
"""A reader that takes longer loses its connection, so that two that have stalled do not keep everybody from saving."""
RETRY_SECONDS = 5
READ_BYTES = 1 << 18
_NUMBER = re.compile(r"[0-9]{1,9}")
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_FORMATS: Mapping[str, SaveFormat] = {one: one for one in SAVE_FORMATS}
_making = BoundedSemaphore(MOST_AT_ONCE)


class _Refused(Exception):
    """There is no file for the request: its status and the reason."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers or {}


def values_response(store: Store, columns: Columns, request: Request) -> Response:
    """The file that the request asks for, or in words why there is none."""
    given = request.query_params
    try:
        if request.method == "HEAD":  # Starlette lets it through wherever GET is
            raise _Refused(405, "ask with GET", {"Allow": "GET"})
        how, unit = _format(given.get("format", ""), given.get("unit", "m/256"))
        track = store.get(given.get("track", "")) if is_key(given.get("track", "")) else None
        if track is None or track.head.kind not in KINDS:
            raise _Refused(404, "no such prediction or ground truth is stored")
        frames = _frames(track, given.get("first", "0"), given.get("last", str(track.n_frames - 1)))
        require_format(track.head, how)
        times = columns.column(track, "pts_seconds")[frames.start : frames.stop].tolist()
        if not _making.acquire(blocking=False):
            reason = "the server is busy saving other values; try again in a moment"
            raise _Refused(503, reason, {"Retry-After": str(RETRY_SECONDS)})
        try:
            file = _zip(store, track, frames, how, unit, times)
        except BaseException:
            _making.release()
            raise
    except _Refused as refused:
        return _text(str(refused), refused.status, refused.headers)
    except CannotSave as error:
        return _text(str(error), 409)
    except (StoreError, BadPack, BadRecord, Unreadable, OSError, ValueError, IndexError) as error:
        return _text(str(error), 410)
    headers = {**_HEADERS, "Content-Length": str(file.seek(0, 2))}
    file.seek(0)
    return _Sent(file, headers)


class _Sent(StreamingResponse):
    """A file on its way: it is closed, and the next one may be made, once it is sent or its reader is gone."""

    def __init__(self, file: IO[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(_chunks(file), media_type="application/zip", headers=headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await super().__call__(scope, receive, send)
        finally:
            self._file.close()
            _making.release()


def _format(name: str, unit: str) -> tuple[SaveFormat, str]:
    how = _FORMATS.get(name)
    if how is None or unit not in UNITS:
        raise _Refused(400, f"choose a format ({', '.join(SAVE_FORMATS)}) and a unit ({', '.join(UNITS)})")
    return how, unit


def _frames(track: Track, first: str, last: str) -> range:
    is_range = _NUMBER.fullmatch(first) and _NUMBER.fullmatch(last)
    frames = range(int(first), int(last) + 1) if is_range else range(0)
    if not frames or frames.stop > track.n_frames:
        raise _Refused(404, f"no such frames; there are 0 to {track.n_frames - 1}")
    clip = track.head.clip
    most = max(1, MAX_BYTES // (4 * clip.width * clip.height * int(track.head.domain["channels"])))
    if len(frames) > most:
        more = "or run: python -m precompute results save"
        raise _Refused(413, f"{len(frames)} frames are too many for one file; choose at most {most}, {more}")
    return frames


def _zip(store: Store, track: Track, frames: range, how: SaveFormat, unit: str, times: list[float]) -> IO[bytes]:
    """The file, on disk without a name. Raises CannotSave, StoreError, BadPack, OSError and ValueError."""
    head, file = track.head, TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        # Coded images do not shrink again; floats do.
        kind = zipfile.ZIP_STORED if how in ("png16", "exr") else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(file, "w", kind, compresslevel=1) as made:
            meaning = stated(head, frames, how, unit, times)
            made.writestr(SIDECAR, json.dumps(meaning, indent=1, ensure_ascii=False) + "\n")
            values = (saved_values(stored_codes(pixels(store.image(track, at)), head.domain), head) for at in frames)
            if how == "npz":
                _arrays(made, track, values, len(frames))
            else:
                for at, one in zip(frames, values, strict=True):
                    made.writestr(map_name(at, how), map_bytes(at, one, how, UNITS[unit]))
    except BaseException:
        file.close()
        raise
    return file


def _arrays(made: zipfile.ZipFile, track: Track, values: Iterator[np.ndarray], n_frames: int) -> None:
    """All frames as one array in an npz file inside, written frame by frame."""
    clip, name = track.head.clip, str(track.head.domain["name"])
    shape = (n_frames, clip.height, clip.width) + ((3,) if int(track.head.domain["channels"]) == 3 else ())
    with (
        made.open(f"{name}.npz", "w", force_zip64=True) as outer,
        zipfile.ZipFile(outer, "w", zipfile.ZIP_STORED) as inner,
        inner.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        npy.write_array_header_1_0(member, {"descr": "<f4", "fortran_order": False, "shape": shape})
        for one in values:
            member.write(one.astype("<f4").tobytes())


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    while chunk := file.read(READ_BYTES):
        yield chunk


def _text(message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    headers = {**_HEADERS, "Cache-Control": "no-store", **(headers or {})}
    return PlainTextResponse(message, status_code=status, headers=headers)
