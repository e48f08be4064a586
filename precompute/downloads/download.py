"""Downloads the video at a URL to a file on this disk, with yt-dlp in a guarded child process.

The child (`precompute.downloads.download_process`) connects to public addresses only, accepts http(s) only and one video per
URL, stays within `Limits`, which it checks before the download if the page states enough, and writes to a folder of the
URL's own. The parent names the file by the SHA-256 of its bytes and remembers which URL it came from. The part of an
interrupted download is kept for a day, and resumed only if the server still has the same file. Proxies are not used: behind
one, addresses could not be checked.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cache.files import sync, write_whole
from cache.locks import has_flock, lock_by_existence
from precompute.failures import FULL, KINDS, READ_ONLY, SourceError
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.net.limits import USUAL_LIMITS, Limits
from precompute.net.partial_download import VALIDATORS
from precompute.net.urls import normalise_url, shown_url
from precompute.sandbox import Child, Ended, Silent

DOWNLOADER = "precompute.downloads.download_process"

LEFTOVER_SECONDS = 24 * 3600.0
"""A download's folder that has not changed for so long belongs to a killed run, and is removed."""

SILENCE_SECONDS = 120.0
"""Seconds without a message from the child before it is ended; extracting from YouTube may take 30."""


@dataclass(frozen=True)
class Download:
    """A video that was downloaded from a URL."""

    path: Path
    """media_dir/SHA256.EXT"""
    sha256: str
    """Digest of the file's bytes."""
    url: str
    """As normalised."""
    title: str
    """As the page states it; untrusted text."""
    author: str | None
    """As the page states it, else None."""
    licence: str | None
    """As the page states it, else None."""
    duration_seconds: float | None = None
    """As the page states it, else None."""


def fetch(
    url: str,
    media_dir: Path,
    *,
    allow_loopback: bool = False,
    limits: Limits = USUAL_LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Download:
    """The video at `url`, downloaded once: later calls find it in `media_dir`. Raises SourceError, and OSError if this machine
    is at fault. `progress` is called with the bytes so far, and of how many (None if unknown)."""
    url = normalise_url(url)
    note = note_of(url, media_dir)
    key = note.stem
    folder = media_dir / f"download-{key[:32]}"
    allow_loopback = allow_loopback or os.environ.get(ALLOW_LOOPBACK_VARIABLE) == "1"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with _locked(note.with_suffix(".lock")) as lock:
            if (known := _recall(note, media_dir)) is not None:
                limits.require_duration(url, known.duration_seconds)
                return known
            _remove_leftovers(media_dir)
            folder.mkdir(exist_ok=True)
            request = {
                "url": url,
                "folder": str(folder),
                "allow_loopback": allow_loopback,
                "limits": asdict(limits),
            }
            with _kept_if_resumable(folder):
                answer = _ask_child(request, lock, progress)
                download = _adopt(folder / Path(answer["name"]).name, answer, url, media_dir)
            write_whole(note, [json.dumps(asdict(download) | {"path": download.path.name}).encode()])
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(url, media_dir) from None
        if error.errno in READ_ONLY:
            raise SourceError("store_readonly", f"{media_dir}: not writable ({error.strerror})") from None
        raise
    return download


def note_of(url: str, media_dir: Path) -> Path:
    """The file that remembers what was downloaded from `url`, if anything was. Raises SourceError for anything but a URL."""
    return media_dir / "urls" / f"{hashlib.sha256(normalise_url(url).encode()).hexdigest()}.json"


def is_downloaded(url: str, media_dir: Path) -> bool:
    """Whether `fetch` finds it there, unless its bytes have changed. Raises SourceError for anything but a URL."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return (media_dir / Path(json.loads(note_of(url, media_dir).read_bytes())["path"]).name).is_file()
    return False


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Be the only one that downloads this URL. Yields a handle. Where the folder has flock, the child holds the lock by it as well:
    if the parent is killed, the next one waits until the child has noticed. A lock by existence ends with the parent alone:
    the next one may begin in the same folder until the child's next message ends it."""
    with path.open("ab") as file:
        if has_flock(path.parent):
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file.fileno()
        else:
            with lock_by_existence(path):
                yield file.fileno()


def _recall(note: Path, media_dir: Path) -> Download | None:
    """The remembered download; None if there is none, or if its file is missing or was changed."""
    try:
        fields = json.loads(note.read_bytes())
        download = Download(**fields | {"path": media_dir / Path(fields["path"]).name})
        with download.path.open("rb") as file:
            is_intact = hashlib.file_digest(file, "sha256").hexdigest() == download.sha256
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return download if is_intact else None


def _remove_leftovers(media_dir: Path) -> None:
    """Remove the folders of killed downloads; what cannot be removed stays."""
    for folder in media_dir.glob("download-*"):
        with suppress(OSError):
            last_change = max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - last_change > LEFTOVER_SECONDS and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _kept_if_resumable(folder: Path) -> Iterator[None]:
    """Remove a download's folder at the end, unless it contains a part that a later try can resume."""
    try:
        yield
    except BaseException as error:
        is_final = isinstance(error, SourceError) and not KINDS[error.code].can_retry
        if is_final or isinstance(error, OSError) or not (folder / VALIDATORS).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _ask_child(
    request: dict[str, Any], lock: int, progress: Callable[[int, int | None], None] | None
) -> dict[str, Any]:
    """The child's answer: the name of the file, and what the page states about it."""
    try:
        with Child(DOWNLOADER, silence_seconds=SILENCE_SECONDS, pass_fds=[lock]) as child:
            child.ask(request)
            while (message := child.receive()) is not None and "name" not in message:
                if progress is not None:
                    progress(message["n_bytes"], message["total_bytes"])
            assert message is not None
            return message
    except Silent:
        raise SourceError(
            "network", f"{request['url']}: the downloader sent nothing for {SILENCE_SECONDS:.0f} s"
        ) from None
    except Ended:
        raise SourceError("network", f"{request['url']}: the downloader ended early") from None


def _adopt(file_path: Path, answer: dict[str, Any], url: str, media_dir: Path) -> Download:
    """Move the child's file to its name by content. The child's words are data: only the bare file name is used."""
    if file_path.is_symlink() or not file_path.is_file() or file_path.stat().st_size == 0:
        raise SourceError("empty", f"{url}: the download is empty")
    with file_path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        sync(file.fileno())
    suffix = file_path.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", file_path.suffix) else ".bin"
    path = media_dir / f"{sha256}{suffix}"
    file_path.replace(path)
    return Download(
        path,
        sha256,
        url,
        answer["title"] or shown_url(url),
        answer["author"],
        answer["licence"],
        answer["duration_seconds"],
    )


def disk_full(url: str, folder: Path) -> SourceError:
    return SourceError("disk_full", f"{url}: no space left in {folder}")
