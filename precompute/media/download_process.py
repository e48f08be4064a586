"""What does the process do that downloads one video? `python -m precompute.media.download_process`, started by download.py alone.

It connects to public addresses only, whatever yt-dlp, a redirect or a name server says; looks at every limit before the
download where the page tells; adds to a part only what is of the same file; and tells its parent in JSON lines.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cache.files import write_whole
from precompute.failures import FULL, KINDS, SourceError, usual
from precompute.media.download import VALIDATORS, Limits, disk_full
from precompute.net.addresses import guard_connections

RETRY_WAITS_SECONDS = (1.0, 4.0)
"""Waits before the second and third try, where a server says that it is busy (429, 5xx) or a download breaks off."""

MAX_WAIT_SECONDS = 60.0
"""Longest wait that a server may ask for (Retry-After); where it asks for more, the user hears of it instead."""

MEMORY_BYTES = 2 << 30
"""Most memory of the child: a page may go on for ever."""

SOCKET_SECONDS = 20.0
"""Longest silence of a server."""

EXTRACTORS = ["youtube", "vimeo", "archive.org", "wikimedia.org", "generic", "html5"]
"""yt-dlp's extractors that are allowed: each is code that reads untrusted pages."""

FORMAT = "/".join(
    [
        "bv[height<=480][vcodec^=avc1][ext=mp4][protocol^=http]",
        "bv[height<=480][vcodec^=vp][protocol^=http]",
        "b[height<=?720][protocol^=http]",  # `?`: plain links and pages do not state a height
    ]
)
"""Pictures without sound where offered, and never what ffmpeg would have to merge."""


def main(arguments: list[str]) -> None:
    """Download one URL into a folder; JSON lines to standard output."""
    request = json.loads(arguments[0])
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints does not reach the parent

    def send(message: dict[str, Any]) -> None:
        try:
            output.write(json.dumps(message) + "\n")
        except BrokenPipeError:  # the parent was killed
            os._exit(1)

    blocked: list[str] = []
    guard_connections(request["allow_loopback"], blocked)
    limits = Limits(**request["limits"])
    limit_process(limits.max_bytes)
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]  # its connections pass by Python's audit hooks
    waits = iter(RETRY_WAITS_SECONDS)
    was_forbidden = False
    while True:
        try:
            send(download(request["url"], Path(request["folder"]), limits, send))
            return
        except SourceError as error:
            failure = error
        if blocked:
            failure = usual("blocked_address", f"{request['url']}: leads to {blocked[0]}, which is not public")
        wait = math.inf
        if isinstance(failure, Passing):
            wait = max(next(waits, math.inf), failure.wait_seconds)
        elif failure.code == "http_403" and not was_forbidden:
            was_forbidden, wait = True, RETRY_WAITS_SECONDS[0]  # links age: read the page once more
        if wait > MAX_WAIT_SECONDS:
            send({"code": failure.code, "message": str(failure)})
            return
        time.sleep(wait)


class Passing(SourceError):
    """A failure that may be over after a while: a busy server, or a connection that broke off."""

    def __init__(self, code: str, found: str, wait_seconds: float = 0.0) -> None:
        super().__init__(code, f"{found}; {KINDS[code].next_step}")
        self.wait_seconds = wait_seconds
        """At least so long, as the server asks."""


def limit_process(max_bytes: int) -> None:
    """The kernel's own limits, in case a download does not report its progress or a page does not end."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes + (1 << 20), max_bytes + (1 << 20)))
    # Not RLIMIT_AS: the JavaScript runtime reserves far more addresses than it uses.
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def download(url: str, folder: Path, limits: Limits, send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """One try, which goes on where the last one stopped if the file is still the same."""
    from yt_dlp import YoutubeDL

    last_sent = 0.0

    def on_progress(status: dict[str, Any]) -> None:
        nonlocal last_sent
        n_bytes = status.get("downloaded_bytes") or 0
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        require_size(url, max(n_bytes, status.get("total_bytes") or 0), limits)
        if time.monotonic() - last_sent > 0.2 or status.get("status") == "finished":
            last_sent = time.monotonic()
            send({"n_bytes": n_bytes, "total_bytes": total and int(total)})

    options = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "noplaylist": True,
        "playlist_items": "1:2",
        "allowed_extractors": EXTRACTORS,
        "format": FORMAT,
        "outtmpl": {"default": str(folder / "video.%(ext)s")},
        "overwrites": True,
        "fixup": "never",
        "hls_prefer_native": True,
        "retries": 0,
        "fragment_retries": 3,
        "skip_unavailable_fragments": False,
        "extractor_retries": 2,
        "socket_timeout": SOCKET_SECONDS,
        "proxy": "",
        "cachedir": False,
        "updatetime": False,
        "progress_hooks": [on_progress],
    }
    info: Any = {}
    try:
        with YoutubeDL(options) as ydl:  # type: ignore[arg-type]
            found: Any = single_video(url, ydl.extract_info(url, download=False))
            limits.check(url, found.get("duration"))
            require_size(url, found.get("filesize") or found.get("filesize_approx") or 0, limits)
            if found.get("protocol") in ("http", "https"):
                guard_resuming(ydl, url, folder, limits)
            else:
                _empty(folder)  # a stream of many files: there is no telling whether the next try sees the same ones
            info = ydl.process_ie_result(found, download=True)
    except Exception as error:  # hostile pages make extractors raise anything
        raise named_error(url, error, folder) from None
    files = info.get("requested_downloads") or []
    path = Path(files[0].get("filepath") or "") if len(files) == 1 else folder / "none"
    if not path.is_file() or not path.stat().st_size:  # yt-dlp also succeeds without a file
        raise usual("empty", f"{url}: the server sent no bytes")
    return {
        "name": path.name,
        "title": page_title(info),
        "author": info.get("uploader") or info.get("creator") or info.get("channel"),
        "licence": info.get("license"),
        "duration_seconds": info.get("duration"),
    }


def require_size(url: str, n_bytes: float, limits: Limits) -> None:
    if n_bytes > limits.max_bytes:
        raise SourceError(
            "too_large",
            f"{url}: more than {limits.max_bytes / 1e6:.0f} MB; download a smaller version and give the file",
        )


@dataclass(frozen=True)
class Validators:
    """What tells whether two answers are of one file."""

    etag: str | None
    """Strong ones only: weak ones may stand for different bytes."""
    last_modified: str | None
    total_bytes: int | None

    @classmethod
    def of(cls, response: Any) -> Validators:
        """Of the whole file, also where the answer is a part of it."""
        headers = response.headers
        etag = headers.get("ETag")
        if response.status == 206:
            total = re.search(r"/(\d+)\s*$", headers.get("Content-Range") or "")
        else:
            total = re.match(r"(\d+)$", headers.get("Content-Length") or "")
        return cls(
            etag if etag and re.fullmatch(r'"[^"]*"', etag) else None,
            headers.get("Last-Modified"),
            int(total[1]) if total else None,
        )

    @property
    def can_tell(self) -> bool:
        return bool(self.etag or self.last_modified) and self.total_bytes is not None

    def is_same_file(self, answer: Validators) -> bool:
        """By the ETag where there is one: answers to If-Range leave the date out."""
        if self.total_bytes != answer.total_bytes:
            return False
        return self.etag == answer.etag if self.etag else self.last_modified == answer.last_modified


def guard_resuming(ydl: Any, url: str, folder: Path, limits: Limits) -> None:
    """From now on `ydl` adds to a part only what is of the same file, and begins anew otherwise."""
    from yt_dlp.networking.exceptions import HTTPError

    note = folder / VALIDATORS
    kept = _read_validators(note)
    if kept is None or not kept.can_tell:
        _empty(folder)
    ask = ydl.urlopen

    def urlopen(request: Any) -> Any:
        nonlocal kept
        is_rest = re.match(r"bytes=[1-9]", request.headers.get("Range") or "") is not None
        if is_rest and kept is not None and kept.can_tell:
            request.headers["If-Range"] = kept.etag or kept.last_modified
        try:
            response = ask(request)
        except HTTPError as error:
            if error.status != 416:
                raise
            _empty(folder)
            raise Passing("network", f"{url}: the file has changed on the server") from None
        answer = Validators.of(response)
        require_size(url, answer.total_bytes or 0, limits)
        if is_rest and response.status == 206:
            if kept is None or not kept.is_same_file(answer):
                response.close()
                _empty(folder)
                raise Passing("network", f"{url}: the file has changed on the server")
        else:  # the whole file, or its beginning
            _empty(folder)
            kept = answer
            if answer.can_tell:
                write_whole(note, [json.dumps(asdict(answer)).encode()])
        return response

    ydl.urlopen = urlopen


def _read_validators(note: Path) -> Validators | None:
    try:
        return Validators(**json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _empty(folder: Path) -> None:
    for rest in folder.iterdir():
        rest.unlink()


def page_title(info: dict[str, Any]) -> str | None:
    """The title; videos found in a plain page are numbered by yt-dlp, also when there is but one."""
    title = info.get("title")
    return title.removesuffix(" (1)") if title and info.get("extractor_key") == "HTML5MediaEmbed" else title


def single_video(url: str, info: Any) -> dict[str, Any]:
    """The one video of an extraction; `noplaylist` does not stop a page that shows two."""
    if info and info.get("_type") in ("playlist", "multi_video"):
        entries = [entry for entry in info.get("entries") or [] if entry]
        if len(entries) != 1:
            what = "no video" if not entries else "several videos"
            raise SourceError("unsupported_url", f"{url}: holds {what}; give the address of one video")
        info = entries[0]
    if not info:
        raise SourceError("unsupported_url", f"{url}: no video found; give the address of one video")
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise SourceError("live", f"{url}: a live stream; wait until it has ended, or record a part and give the file")
    return info


PHRASES = [
    ("too_large", r"errno 27\b|file too large"),  # limit_process
    ("store_readonly", r"unable to (write data|open for writing)"),
    ("private_video", r"private video|video is private"),
    (
        "sign_in_required",
        r"confirm your age|age.restricted|inappropriate for some users|sign in to confirm|login required|log in|members.only",
    ),
    ("geo_blocked", r"in your country|geo.?restrict|from your location"),
    ("not_found", r"removed|terminated|no longer available|unavailable|does not exist"),
    (
        "unsupported_url",
        r"unsupported url|no suitable extractor|no video formats|no media found|urls are disabled|invalid ipv6|'idna' codec",
    ),
    ("no_format", r"requested format is not available"),
    ("empty", r"did not get any data blocks"),
]
"""Code, pattern in yt-dlp's message; the first match counts."""

STATUS_CODES = {
    401: "sign_in_required",
    403: "http_403",
    404: "not_found",
    410: "not_found",
    429: "rate_limited",
    451: "geo_blocked",
}
"""HTTP status -> code; others are `http_error`."""


def named_error(url: str, error: BaseException, folder: Path) -> SourceError:
    """yt-dlp's error under our names; `folder` is where it wrote."""
    causes = _causes(error)
    named = next(filter(None, (_named_cause(url, cause, folder) for cause in causes)), None)
    return named or _named_words(url, str(error), causes, folder)


def _named_cause(url: str, cause: BaseException, folder: Path) -> SourceError | None:
    if isinstance(cause, SourceError):
        return cause
    if isinstance(cause, OSError) and cause.errno in FULL:
        return disk_full(url, folder.parent)
    if isinstance(cause, MemoryError):
        return usual("out_of_memory", f"{url}: its page takes more than {MEMORY_BYTES / 1e9:.1f} GB")
    status = getattr(cause, "status", None)
    return _named_status(url, status, cause) if isinstance(status, int) else None


def _named_words(url: str, words: str, causes: list[BaseException], folder: Path) -> SourceError:
    """Where no cause has a type that tells: by the message."""
    from yt_dlp.networking.exceptions import TransportError
    from yt_dlp.utils import ContentTooShortError

    words = re.sub(r"\x1b\[[0-9;]*m|^ERROR:\s*", "", words).split(" (caused by")[0].split("; please report")[0][:300]
    words = words.replace("; ", ", ")  # after the last of them stands the next step
    if any(os.strerror(number) in words for number in FULL):  # some of its parts tell it in words only
        return disk_full(url, folder.parent)
    if status := re.search(r"http error (\d{3})\b", words, re.IGNORECASE):
        return _named_status(url, int(status[1]), None)
    for code, pattern in PHRASES:
        if re.search(pattern, words, re.IGNORECASE):
            return usual(code, f"{url}: {words}")
    # Its downloader tells why a connection broke off in words only.
    if "Got error:" in words or any(isinstance(c, (TransportError, ContentTooShortError, OSError)) for c in causes):
        has_begun = (folder / VALIDATORS).exists()
        return Passing("network", f"{url}: {words}") if has_begun else usual("network", f"{url}: {words}")
    return usual("extractor_failed", f"{url}: {words} ({extractor_age()})")


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from, the outermost first."""
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        exc_info = getattr(cause, "exc_info", None)
        inner = getattr(cause, "cause", None) or (exc_info[1] if exc_info else None)
        is_new = isinstance(inner, BaseException) and inner not in found
        cause = inner if is_new else cause.__cause__ or cause.__context__
    return found


def _named_status(url: str, status: int, error: BaseException | None) -> SourceError:
    code = STATUS_CODES.get(status, "http_error")
    found = f"{url}: the server answered {status}"
    if status != 429 and status < 500:
        return usual(code, found)
    response = getattr(error, "response", None)
    wait_seconds = retry_after(response.headers.get("Retry-After") if response is not None else None)
    asks = f" and asks to wait {wait_seconds:.0f} s" if wait_seconds else ""
    return Passing(code, found + asks, wait_seconds)


def retry_after(text: str | None) -> float:
    """The wait in seconds that a Retry-After header asks for: a number, or a date; 0 where it tells none."""
    if text and re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    try:
        then = parsedate_to_datetime(text or "")
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0


def extractor_age() -> str:
    """`yt-dlp 2026.10.26, 31 days old`."""
    installed = version("yt-dlp")
    days = days_since_release(installed)
    return f"yt-dlp {installed}" + (f", {days} days old" if days is not None else "")


def days_since_release(installed: str, today: date | None = None) -> int | None:
    """Of a version of yt-dlp, which is a date; None where it is not."""
    numbers = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})(?!\d)", installed)
    try:
        return ((today or datetime.now(UTC).date()) - date(*map(int, numbers.groups()))).days if numbers else None
    except ValueError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
