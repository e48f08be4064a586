"""What can go wrong with a source? One table of named codes, each with its cause and the next step.

docs/errors.md is this table for people: `python -m precompute.failures > docs/errors.md`.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from precompute.text import one_line

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or of a user's share of it, that is full."""
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Error numbers of a folder that cannot be written."""


@dataclass(frozen=True)
class Kind:
    """A kind of failure."""

    cause: str
    """What happened, one sentence."""
    next_step: str
    """What to do; a message may know a better one."""
    can_retry: bool = False
    """Whether the same command can succeed later without anything being mended."""


KINDS = {
    # The address
    "unsupported_url": Kind("The address is not that of one video.", "give the http(s) address of one video"),
    "blocked_address": Kind(
        "The address leads to a machine that is not on the public internet.",
        "download it yourself and give the file",
    ),
    "not_found": Kind(
        "There is no such file, page or video, or it was removed.", "check the name or address, or use another video"
    ),
    "private_video": Kind("The video is private.", "use a video that is public"),
    "geo_blocked": Kind(
        "The video is not shown in this country.", "use another video, or download it where it is shown"
    ),
    "sign_in_required": Kind(
        "The page wants a sign-in, a proof of age, or a proof that no program asks.",
        "download it in a browser and give the file",
    ),
    "live": Kind(
        "The video is a live stream, or has not begun.",
        "wait until it has ended, or record a part and give the file",
        can_retry=True,
    ),
    "no_format": Kind(
        "The page offers the video in no form that is read without being merged.",
        "download it yourself and give the file",
    ),
    "too_long": Kind(
        "The part of the video that is asked for is longer than --max-duration.",
        "take a part of it with --start and --end, or raise --max-duration",
    ),
    # The way here
    "network": Kind(
        "The server cannot be reached, or the connection broke off.",
        "check the network and run again: what has arrived is kept where the server allows it",
        can_retry=True,
    ),
    "rate_limited": Kind(
        "The server answers that it was asked too often (429).", "run again in some minutes", can_retry=True
    ),
    "http_403": Kind(
        "The server forbids the download (403), also after the page was read once more.",
        "download it in a browser and give the file",
    ),
    "http_error": Kind(
        "The server answers with an error.", "open the address in a browser, and run again later", can_retry=True
    ),
    "extractor_failed": Kind(
        "The page is not understood by yt-dlp: sites change, and it must change with them.",
        "upgrade it: pip install -U 'yt-dlp[default,deno]'",
    ),
    # The file
    "unreadable": Kind(
        "The file cannot be read: permissions, a disk, a network drive, or it is no regular file.",
        "check its permissions and the disk it lies on, then run again",
    ),
    "changed": Kind(
        "The file was changed, replaced or removed while it was read.",
        "wait until nothing writes it any more, then run again",
        can_retry=True,
    ),
    "empty": Kind("The file holds no bytes.", "copy or download it again"),
    "too_large": Kind("The file or its pictures are over the limit.", "scale it down first and give that file"),
    "bad_media": Kind(
        "The file is not a video that this program reads.",
        "give mp4, mov, mkv, webm, avi, ts, mpg, gif, ogv, flv or wmv",
    ),
    "no_video": Kind("The file holds no picture: sound alone, or a stream without frames.", "give a file with video"),
    "truncated": Kind(
        "The file is cut short.", "copy or download it again, or keep the frames before the cut with --tolerant"
    ),
    "damaged": Kind(
        "The file is damaged.", "copy or download it again, or keep the frames before the damage with --tolerant"
    ),
    "decoder_crashed": Kind(
        "The decoder's process ended in the middle of the file.", "re-encode it and give that file"
    ),
    "stalled": Kind(
        "The decoder gave no sign of life.", "run again, and re-encode the file if it stays so", can_retry=True
    ),
    "no_frames": Kind("No frame lies in the range that is asked for.", "give another --start or --end"),
    "bad_sidecar": Kind("The TOML file beside the video cannot be used.", "mend it or move it away"),
    "bad_truth": Kind(
        "A ground truth video does not fit its clip: too few frames, or not stored losslessly.",
        "give one lossless frame for each of the clip's, or remove its line from the sidecar",
    ),
    # This machine
    "disk_full": Kind("The disk is full.", "free space or choose another --store, then run again"),
    "store_readonly": Kind("The store cannot be written.", "mend its permissions or choose another --store"),
    "bad_store": Kind("The store holds something damaged.", "run `python -m precompute verify --fix`, then run again"),
    "out_of_memory": Kind(
        "The memory of this machine, or the decoder's share of it, is full, or it allows no more processes or open files.",
        "close other programs, or use a smaller --size or --batch-size",
        can_retry=True,
    ),
    "out_of_gpu_memory": Kind(
        "The GPU's memory is full.", "use a smaller --batch-size or --size, or --device cpu", can_retry=True
    ),
    "bad_weights": Kind(
        "The zoo cannot be used: its weights are missing, changed, do not fit, or give values that are not finite.",
        "restore its files, or choose another --zoo",
    ),
    "old_ffmpeg": Kind("The installed PyAV brings an FFmpeg with known holes.", "run: pip install -U 'av>=18.1'"),
    "internal": Kind("The program itself is at fault.", "please report it with the command and this line"),
}
"""Every code there is."""


class SourceError(Exception):
    """A source that cannot be used. `str(error)` is one line: `what was given and found; what to do next`."""

    code: str
    """A key of KINDS."""

    def __init__(self, code: str, message: str) -> None:
        if code not in KINDS:
            raise ValueError(f"'{code}' is no code of precompute.failures.KINDS; add it there or use one of them")
        super().__init__(one_line(message))  # holds texts of web pages, files and other programs
        self.code = code

    @property
    def found(self) -> str:
        """What was given and found."""
        return str(self).rpartition("; ")[0] or str(self)

    @property
    def next_step(self) -> str:
        """What to do next: the message's own, else the usual one."""
        found, _, own = str(self).rpartition("; ")
        return own if found else KINDS[self.code].next_step


def usual(code: str, found: str) -> SourceError:
    """The error with the next step that the table names."""
    return SourceError(code, f"{found}; {KINDS[code].next_step}")


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
            "Each failure of `python -m precompute run` has one of these codes: in the terminal (`error[code]`), in the events of",
            "`--json`, in the reports that the store keeps of its last runs, and on the dashboard. A failed source never stops the",
            "others; the exit code is then 1. *Again* tells whether the same command can succeed later with nothing mended.",
            "Written by `python -m precompute.failures > docs/errors.md`.",
            "",
            "| code | what happened | what to do | again |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    print(as_markdown(), end="")
