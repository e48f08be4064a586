"""How a URL becomes a file on this disk: yt-dlp in a guarded child process (download.py).

The child reaches public addresses only, takes http(s) only, one video per URL, within Limits that are looked at before
the download where the page tells, and writes into a folder of the URL's own; the parent names the file by the SHA-256 of
its bytes and remembers which URL it came from. What a broken download left is kept for a day, and only the same file (by
ETag or date, and size) is joined to it. Proxies are not used: behind one, addresses could not be checked.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from cache.files import write_whole
from precompute.failures import FULL, KINDS, READ_ONLY, SourceError, usual
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.text import one_line

MAX_BYTES = 2 << 30
"""Most bytes of a download; at 480 lines some three hours of video."""

MAX_DURATION_SECONDS = 3600.0
"""Longest part of a page's video that is taken when nothing is said: at 30 frames/s, 108,000 frames."""

MAX_URL_CHARACTERS = 4000
"""Longest URL; signed links of clouds take some 2000."""

LEFTOVER_SECONDS = 24 * 3600.0
"""A download's folder in which nothing has changed for so long is one of a killed run, and is removed."""

KILL_SECONDS = 1.0
"""Seconds to wait for a killed child: one that hangs in a dead network drive goes only when that answers."""

SILENCE_SECONDS = 120.0
"""Seconds without any news from the child before it is ended; extracting from YouTube may take 30."""

VALIDATORS = "validators.json"
"""Beside a part: what the server said of the file that it is a part of."""


@dataclass(frozen=True)
class Limits:
    """What of a page's video may be taken."""

    max_bytes: int = MAX_BYTES
    """Of the file."""
    max_seconds: float | None = None
    """Longest part, seconds; None: any. Pages that do not state a duration are not held to it."""
    start_seconds: float = 0.0
    """Where the part that is asked for begins."""
    end_seconds: float | None = None
    """Where it ends; None: with the video."""

    def check(self, url: str, duration_seconds: float | None) -> None:
        """Raise SourceError where the part of a video of that duration is too long."""
        if duration_seconds is None or self.max_seconds is None:
            return
        seconds = min(self.end_seconds or math.inf, duration_seconds) - self.start_seconds
        if seconds > self.max_seconds:
            raise usual(
                "too_long",
                f"{url}: {seconds:.0f} s are asked for of a video of {duration_seconds:.0f} s, "
                f"the limit is {self.max_seconds:.0f} s",
            )


USUAL_LIMITS = Limits()


@dataclass(frozen=True)
class Download:
    """A video that came from a URL."""

    path: Path
    """media_dir/SHA256.EXT"""
    sha256: str
    """Of the file's bytes."""
    url: str
    """As normalised."""
    title: str
    """As the page states it; untrusted text."""
    author: str | None
    """As the page states it, None where it does not."""
    licence: str | None
    """As the page states it, None where it does not."""
    duration_seconds: float | None = None
    """As the page states it, None where it does not."""


def looks_like_url(spec: str) -> bool:
    """Whether `spec` is meant as a URL: `scheme://...` or `data:...`; bad ones get their error from `normalise_url`."""
    return re.match(r"[a-z][a-z0-9+.-]*://|data:", spec.strip(), re.IGNORECASE) is not None


YOUTUBE_PAGE = "https://www.youtube.com/watch?v="
YOUTUBE_HOST = re.compile(r"((www\.|m\.|music\.)?youtube(-nocookie)?\.com|(www\.)?youtu\.be)")


def normalise_url(url: str) -> str:
    """One spelling per video: YouTube's many forms become watch?v=ID; else scheme and host in lower case, no fragment.

    Raises SourceError for what is no http(s) URL, carries a password, or is a YouTube page that is no video.
    """
    advice = "give the http(s) address of one video"
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise SourceError("unsupported_url", f"{url[:200]!r}: not a URL ({error}); {advice}") from None
    if parts.scheme not in ("http", "https"):
        raise SourceError("unsupported_url", f"{url[:200]!r}: scheme {parts.scheme!r} is not read; {advice}")
    if len(url) > MAX_URL_CHARACTERS:
        raise SourceError("unsupported_url", f"{url[:200]!r}...: over {MAX_URL_CHARACTERS} characters; {advice}")
    if not host or parts.username is not None or re.search(r"[\x00-\x20\x7f\\]", url) or one_line(url) != url:
        raise SourceError(
            "unsupported_url", f"{url[:200]!r}: no host, a password, a blank or a control character in it; {advice}"
        )
    if YOUTUBE_HOST.fullmatch(host):
        return YOUTUBE_PAGE + _youtube_id(host, parts.path, parts.query, url)
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


def shown_url(url: str) -> str:
    """The address as visitors of the dashboard may see it: without user, password and query, any of which may hold a key.
    The id of a YouTube video stays."""
    with suppress(SourceError):
        url = normalise_url(url)
        if url.startswith(YOUTUBE_PAGE):
            return url
    return re.sub(r"(?<=://)[^/]*@", "", re.split(r"[?#]", url)[0])


def _youtube_id(host: str, path: str, query: str, url: str) -> str:
    words = [word for word in path.split("/") if word]
    identifier = parse_qs(query).get("v", [""])[0]
    if host.endswith("youtu.be"):
        identifier = words[0] if words else ""
    elif len(words) == 2 and words[0] in ("shorts", "embed", "live", "v"):
        identifier = words[1]
    if not re.fullmatch(r"[A-Za-z0-9_-]{11}", identifier):
        raise SourceError(
            "unsupported_url",
            f"{url[:200]!r}: a YouTube page but not a video; give the address of one video",
        )
    return identifier


def fetch(
    url: str,
    media_dir: Path,
    *,
    allow_loopback: bool = False,
    limits: Limits = USUAL_LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Download:
    """The video at `url`, downloaded once: later calls find it in `media_dir`. Raises SourceError, and OSError where this
    machine is at fault."""
    url = normalise_url(url)
    key = hashlib.sha256(url.encode()).hexdigest()
    note = media_dir / "urls" / f"{key}.json"
    folder = media_dir / f"download-{key[:32]}"
    allow_loopback = allow_loopback or os.environ.get(ALLOW_LOOPBACK_VARIABLE) == "1"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with _locked(note.with_suffix(".lock")) as lock:
            if (known := _recall(note, media_dir)) is not None:
                limits.check(url, known.duration_seconds)
                return known
            _remove_leftovers(media_dir)
            folder.mkdir(exist_ok=True)
            request = {
                "url": url,
                "folder": str(folder),
                "allow_loopback": allow_loopback,
                "limits": asdict(limits),
                "lock": lock,
            }
            with _kept_if_it_can_go_on(folder):
                answer = _ask_child(request, progress)
                download = _adopt(folder / Path(answer["name"]).name, answer, url, media_dir)
            write_whole(note, [json.dumps(asdict(download) | {"path": download.path.name}).encode()])
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(url, media_dir) from None
        if error.errno in READ_ONLY:
            raise usual("store_readonly", f"{media_dir}: cannot be written ({error.strerror})") from None
        raise
    return download


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Be the one that downloads this URL; gives the lock's handle, for the child to hold as well: where the parent is
    killed, the next one waits until the child has noticed."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


@contextmanager
def _kept_if_it_can_go_on(folder: Path) -> Iterator[None]:
    """Remove a download's folder at the end, unless it holds a part to which a later try can add."""
    try:
        yield
    except BaseException as error:
        is_final = isinstance(error, SourceError) and not KINDS[error.code].can_retry
        if is_final or isinstance(error, OSError) or not (folder / VALIDATORS).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def disk_full(url: str, folder: Path) -> SourceError:
    return usual("disk_full", f"{url}: no space left for it in {folder}")


def _remove_leftovers(media_dir: Path) -> None:
    """Remove the folders of downloads that were killed; what cannot be removed stays."""
    for folder in media_dir.glob("download-*"):
        with suppress(OSError):
            last_change = max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - last_change > LEFTOVER_SECONDS and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def _recall(note: Path, media_dir: Path) -> Download | None:
    """The remembered download, None where there is none or its file is gone or changed."""
    try:
        fields = json.loads(note.read_bytes())
        download = Download(**fields | {"path": media_dir / Path(fields["path"]).name})
        with download.path.open("rb") as file:
            is_intact = hashlib.file_digest(file, "sha256").hexdigest() == download.sha256
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return download if is_intact else None


def _adopt(file_path: Path, answer: dict[str, Any], url: str, media_dir: Path) -> Download:
    """Move the child's file to its name by content. The child's words are data: only the bare file name is used."""
    if file_path.is_symlink() or not file_path.is_file() or file_path.stat().st_size == 0:
        raise usual("empty", f"{url}: the download gave no bytes")
    with file_path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
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


def _child_command(request: dict[str, Any]) -> list[str]:
    return [sys.executable, "-P", "-m", "precompute.media.download_process", json.dumps(request)]


def _ask_child(request: dict[str, Any], progress: Callable[[int, int | None], None] | None) -> dict[str, Any]:
    """Run the child to its end; JSON lines come back: progress, an error, or the answer."""
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "YTDLP_NO_PLUGINS": "1",
    }
    process = subprocess.Popen(
        _child_command(request),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        pass_fds=[request["lock"]],
        start_new_session=True,  # also makes it the leader of a group, to be ended with all that it started
    )
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            pending = b""
            while True:
                if not selector.select(SILENCE_SECONDS):
                    raise usual("network", f"{request['url']}: no news for {SILENCE_SECONDS:.0f} s")
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise usual("network", f"{request['url']}: the downloader ended early")
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if "code" in message:
                        raise SourceError(message["code"], message["message"])
                    if "name" in message:
                        return message
                    if progress is not None:
                        progress(message["n_bytes"], message["total_bytes"])
    finally:
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where none but the ended child is left
            os.killpg(process.pid, signal.SIGKILL)  # before wait: until then the number cannot be another's
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=KILL_SECONDS)
        process.stdout.close()
