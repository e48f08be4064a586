"""The failures of a source: one table of named codes, each with its cause and the next step.

docs/errors.md is this table for people: `python -m precompute.failures > docs/errors.md`.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from precompute.text import one_line

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk, or of a user's exhausted quota."""
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Error numbers of a folder that is not writable."""
REENCODE = "ffmpeg -i INPUT -c:v libx264 -an OUTPUT.mp4"
"""The command that writes the frames of a doubtful file to a new one."""
READABLE = (
    "mp4, mov, mkv, webm, avi, ts, mpg, gif, ogv, flv or wmv, or a picture: jpg, png, webp, heic, avif, tiff or bmp"
)
"""The supported formats, by their usual file extensions."""


@dataclass(frozen=True)
class Kind:
    """A kind of failure."""

    cause: str
    """What happened, one sentence."""
    next_step: str
    """The usual fix; a failure may carry a better one."""
    can_retry: bool = False
    """Whether the same command can succeed later without any fix."""


KINDS = {
    # The address
    "unsupported_url": Kind("The address does not lead to exactly one video.", "give the http(s) address of one video"),
    "blocked_address": Kind(
        "The address leads to a machine that is not on the public internet.",
        "download the video yourself and pass the file",
    ),
    "not_found": Kind(
        "The file, page or video does not exist or was removed.", "check the name or address, or use another video"
    ),
    "private_video": Kind("The video is private.", "use a public video"),
    "geo_blocked": Kind(
        "The video is not available in this country.",
        "use another video, or download it where it is available and pass the file",
    ),
    "sign_in_required": Kind(
        "The page requires sign-in, age verification or a CAPTCHA.",
        "download the video in a browser and pass the file",
    ),
    "live": Kind(
        "The video is a live stream, or has not started.",
        "wait until it has ended, or record a part and pass the file",
        can_retry=True,
    ),
    "no_format": Kind(
        "The site offers no single-file format: audio and video would have to be merged.",
        "download the video yourself and pass the file",
    ),
    "drm": Kind(
        "The video is protected against copying (DRM).",
        "use a video without DRM: a download of this one could not be decoded",
    ),
    "too_long": Kind(
        "The requested part of the video is longer than --max-duration.",
        "select a shorter part with --start and --end, or raise --max-duration",
    ),
    # The connection
    "network": Kind(
        "The server cannot be reached, or the connection was lost.",
        "check the network and run again: the download resumes if the server allows it",
        can_retry=True,
    ),
    "rate_limited": Kind("The server reports too many requests (429).", "run again in a few minutes", can_retry=True),
    "http_403": Kind(
        "The server refuses the download (403), even after the page was read again.",
        "download the video in a browser and pass the file",
    ),
    "http_error": Kind(
        "The server responds with an error.", "open the address in a browser, and run again later", can_retry=True
    ),
    "extractor_failed": Kind(
        "The installed yt-dlp cannot read the page: sites change, and yt-dlp has to follow.",
        "upgrade yt-dlp: pip install -U 'yt-dlp[default,deno]'",
    ),
    # The file
    "unreadable": Kind(
        "The file cannot be read: missing permissions, a failing disk or network drive, or not a regular file.",
        "check its permissions and its disk, then run again",
    ),
    "changed": Kind(
        "The file was changed, replaced or removed while it was being read.",
        "wait until no program writes to it, then run again",
        can_retry=True,
    ),
    "empty": Kind("The file is empty.", "copy or download it again"),
    "too_large": Kind("The file, or a frame in it, exceeds the size limit.", "scale it down first and pass that file"),
    "bad_media": Kind("The file is not a video or a picture in a supported format.", f"pass {READABLE}"),
    "no_video": Kind(
        "The file contains no video frames: audio only, or an empty stream.", "pass a file with a video stream"
    ),
    "encrypted": Kind("The file holds an encrypted video.", "pass a copy that is not encrypted"),
    "truncated": Kind(
        "The file is truncated.", "copy or download it again, or keep the frames before the cut with --tolerant"
    ),
    "damaged": Kind(
        "The file is damaged.", "copy or download it again, or keep the frames before the damage with --tolerant"
    ),
    "decoder_crashed": Kind(
        "The decoder process crashed while reading the file.", f"use another copy, or re-encode it: {REENCODE}"
    ),
    "stalled": Kind("The decoder stopped responding.", f"run again, or re-encode the file: {REENCODE}", can_retry=True),
    "no_frames": Kind("No frame lies in the requested range.", "change --start or --end"),
    "bad_sidecar": Kind("The TOML file beside the video cannot be used.", "correct it or move it away"),
    "bad_truth": Kind(
        "A ground truth video does not match its clip: too few frames, or not stored losslessly.",
        "provide one lossless frame for each frame of the clip, or remove its line from the sidecar",
    ),
    # Results: predictions and ground truth computed elsewhere
    "unknown_format": Kind(
        "The file is not in a format that results are read from.",
        "give npy, npz, png, exr, hdf5, pfm, dpt, tiff, or a video",
    ),
    "wrong_key": Kind(
        "The file has several arrays, or none of the name that was asked for.", "name one of them with --key"
    ),
    "wrong_shape": Kind(
        "An array does not have the shape of a map, or not the shape of the others or of the clip.",
        "list what the file holds with: python -m precompute results look PATH",
    ),
    "not_finite": Kind(
        "Maps hold NaN or infinity, and nothing says what these mean.",
        "say what they mean with --unknown or --sky, or choose the --format",
    ),
    "not_positive": Kind(
        "Depth in metres is zero or negative.", "say what such values mean with --unknown, or state the right --unit"
    ),
    "no_unit": Kind("Nothing says what the numbers mean.", "choose a --format, or state the --unit"),
    "picture_of_depth": Kind(
        "The files are pictures of depth, coloured or stretched per frame: only the order within a frame survives.",
        "give the numbers themselves, or invert the pictures with --picture",
    ),
    "wrong_projection": Kind(
        "Distances along the ray were given as depth along z, or the reverse.", "state --projection ray or z"
    ),
    "wrong_axes": Kind("The normals have other axes than stated.", "choose the right --format or --axes"),
    "missing_frames": Kind(
        "The maps do not cover the frames of the clip, or nothing says which belongs to which.",
        "say how they match with --frames, or add maps for all frames",
    ),
    # The request
    "bad_request": Kind(
        "The request cannot be done as it was made: a source, configuration or option is not accepted.",
        "ask again with other options",
    ),
    "no_room": Kind(
        "What visitors have asked for fills the room that this server gives it.",
        "ask again later: the oldest is deleted first",
        can_retry=True,
    ),
    "worker_lost": Kind(
        "The workers that computed it stopped unexpectedly: killed, perhaps for lack of memory.",
        "ask for fewer frames, fewer configurations or a smaller --size",
    ),
    # This machine
    "disk_full": Kind("The disk is full.", "free space or choose another --store, then run again"),
    "store_readonly": Kind("The store is not writable.", "correct its permissions or choose another --store"),
    "no_locks": Kind(
        "The store's file system cannot lock files, so that two jobs could overwrite each other.",
        "choose a --store on a local disk, or mount it with locks",
    ),
    "bad_store": Kind("The store contains damaged data.", "run `python -m precompute verify --fix`, then run again"),
    "out_of_memory": Kind(
        "This machine, or the decoder's share of it, is out of memory, processes or open files.",
        "close other programs, or use a smaller --size or --batch-size",
        can_retry=True,
    ),
    "out_of_gpu_memory": Kind(
        "The GPU is out of memory.", "use a smaller --batch-size or --size, or --device cpu", can_retry=True
    ),
    "bad_weights": Kind(
        "The zoo cannot be used: its weights are missing, changed, do not fit, or produce values that are not finite.",
        "restore its files, or choose another --zoo",
    ),
    "old_ffmpeg": Kind(
        "The installed PyAV ships an FFmpeg with known vulnerabilities.", "upgrade PyAV: pip install -U 'av>=18.1'"
    ),
    "internal": Kind("Crosscheck itself failed.", "please report it with the command and this line"),
}
"""All codes."""


class NoRay(Exception):
    """Ray is not installed, or there is no cluster at the address. The message says what to do."""


class SourceError(Exception):
    """A source that cannot be used. `str(error)` is one line: `found; next step`."""

    code: str
    """A key of KINDS."""
    found: str
    """What was given and what was found, one line."""
    next_step: str
    """What to do next, one line: the failure's own, else the usual one of its code."""

    def __init__(self, code: str, found: str, next_step: str | None = None) -> None:
        if code not in KINDS:
            raise ValueError(f"'{code}' is not a code of precompute.failures.KINDS; add it there or use one of them")
        self.code = code
        self.found = one_line(found)  # contains text of web pages, files and other programs
        self.next_step = one_line(next_step or KINDS[code].next_step)
        super().__init__(f"{self.found}; {self.next_step}")

    def fields(self) -> dict[str, str]:
        """As JSON, for another process: `SourceError(**fields)` is the same error."""
        return {"code": self.code, "found": self.found, "next_step": self.next_step}


def as_markdown() -> str:
    """The table as docs/errors.md shows it."""
    rows = [
        f"| `{code}` | {kind.cause} | {kind.next_step} | {'yes' if kind.can_retry else 'no'} |"
        for code, kind in KINDS.items()
    ]
    return "\n".join(
        [
            "# Why a source failed",
            "",
            "Every failure of `python -m precompute run`, and every failed request, has one of these codes. They appear in the terminal",
            "(`error[code]`), in the events of `--json`, in the reports that the store keeps of its last runs, and on the dashboard. A",
            "failing source does not stop the rest; the exit code is then 1. *Retry* says whether the same command can succeed later",
            "without any fix.",
            "Generated by `python -m precompute.failures > docs/errors.md`.",
            "",
            "| code | what happened | what to do | retry |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(as_markdown(), end="")
