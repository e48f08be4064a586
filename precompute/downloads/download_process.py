"""The child process that downloads one video with yt-dlp: `python -m precompute.downloads.download_process READ WRITE`.

It connects to public addresses only, whatever yt-dlp, a redirect or a name server says; checks every limit before the
download if the page states enough; and adds to a part only bytes of the same file.
"""

from __future__ import annotations

import math
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from precompute.downloads.download_failures import named_error
from precompute.failures import SourceError
from precompute.net.addresses import guard_connections
from precompute.net.http_failures import Passing
from precompute.net.limits import Limits, require_size
from precompute.net.partial_download import Part
from precompute.sandbox import Parent, limit

RETRY_WAITS_SECONDS = (1.0, 4.0)
"""Waits before the second and third try if a server is busy (429, 5xx) or a download is interrupted."""

MAX_WAIT_SECONDS = 60.0
"""Longest wait that a server may ask for (Retry-After); a longer one is reported to the user instead."""

MEMORY_BYTES = 2 << 30
"""Most memory of the child: a page may be endless."""

SPARE_BYTES = 1 << 20
"""What the kernel lets the child write beyond the largest download, so that its own check comes first."""

SOCKET_SECONDS = 20.0
"""Longest silence of a server."""

PROGRESS_SECONDS = 0.2
"""Seconds between two messages about progress."""

MAX_TEXT_CHARACTERS = 5000
"""Longest text of a page, such as its title, that the parent gets."""

UNKNOWN_EXTENSION = "unknown_video"
"""yt-dlp's own for a video of unknown format."""

EXTRACTORS = ["youtube", "vimeo", "archive.org", "wikimedia.org", "generic", "html5"]
"""yt-dlp's extractors that are allowed: each is code that reads untrusted pages."""

FORMAT = "/".join(
    [
        "bv[height<=480][vcodec^=avc1][ext=mp4][protocol^=http]",
        "bv[height<=480][vcodec^=vp][protocol^=http]",
        "b[height<=?720][protocol^=http]",  # `?`: plain links and pages do not state a height
    ]
)
"""Video without sound if offered, and never what ffmpeg would have to merge."""


def main(arguments: list[str]) -> None:
    """Download one URL into a folder; report the progress, then the answer or the failure."""
    parent = Parent(arguments)
    request = next(parent.requests())
    blocked: list[str] = []
    guard_connections(request["allow_loopback"], blocked)
    limits = Limits(**request["limits"])
    limit_downloader(limits.max_bytes)
    os.environ["YTDLP_NO_PLUGINS"] = "1"
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]  # its connections bypass Python's audit hooks
    os.chdir(request["folder"])  # yt-dlp would expand $ and % in the folder's name
    waits = iter(RETRY_WAITS_SECONDS)
    was_forbidden = False
    while True:
        try:
            parent.send(download(request["url"], limits, parent.send))
            return
        except SourceError as error:
            failure = error
        if blocked:
            failure = SourceError("blocked_address", f"{request['url']}: leads to {blocked[0]}, which is not public")
        wait = math.inf
        if isinstance(failure, Passing):
            wait = max(next(waits, math.inf), failure.wait_seconds)
        elif failure.code == "http_403" and not was_forbidden:
            was_forbidden, wait = True, RETRY_WAITS_SECONDS[0]  # links expire: read the page once more
        if wait > MAX_WAIT_SECONDS:
            parent.fail(failure)
            return
        time.sleep(wait)


def limit_downloader(max_bytes: int) -> None:
    """The kernel's own limits, in case a download does not report its progress or a page does not end."""
    # Not RLIMIT_AS: the JavaScript runtime reserves far more addresses than it uses.
    limit({resource.RLIMIT_FSIZE: max_bytes + SPARE_BYTES, resource.RLIMIT_DATA: MEMORY_BYTES})


def download(url: str, limits: Limits, send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """One try, into the current folder, which resumes the last one if the server still has the same file. Raises SourceError."""
    from yt_dlp import YoutubeDL

    folder = Path.cwd()
    last_sent = 0.0

    def on_progress(status: dict[str, Any]) -> None:
        nonlocal last_sent
        n_bytes = status.get("downloaded_bytes") or 0
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        require_size(url, max(n_bytes, status.get("total_bytes") or 0), limits.max_bytes)
        if time.monotonic() - last_sent > PROGRESS_SECONDS or status.get("status") == "finished":
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
        "outtmpl": {"default": "video.%(ext)s"},
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
            limits.require_duration(url, found.get("duration"))
            require_size(url, found.get("filesize") or found.get("filesize_approx") or 0, limits.max_bytes)
            rename_programs(found)
            part = Part(folder, url, limits.max_bytes)
            if found.get("protocol") in ("http", "https"):
                resume_same_file_only(ydl, part)
            else:
                part.discard()  # a stream of many files: nothing shows whether the next try sees the same ones
            info = ydl.process_ie_result(found, download=True)
    except Exception as error:  # hostile pages make extractors raise anything
        raise named_error(url, error, folder) from None
    files = info.get("requested_downloads") or []
    path = folder / Path(files[0].get("filepath") or "none").name if len(files) == 1 else folder / "none"
    if not path.is_file() or not path.stat().st_size:  # yt-dlp also succeeds without a file
        raise SourceError("empty", f"{url}: the server sent no bytes")
    return {
        "name": path.name,
        "title": clipped(page_title(info)),
        "author": clipped(info.get("uploader") or info.get("creator") or info.get("channel")),
        "licence": clipped(info.get("license")),
        "duration_seconds": info.get("duration"),
    }


def single_video(url: str, info: Any) -> dict[str, Any]:
    """The one video of an extraction; `noplaylist` does not stop a page that shows two. Raises SourceError."""
    if info and info.get("_type") in ("playlist", "multi_video"):
        entries = [entry for entry in info.get("entries") or [] if entry]
        if len(entries) != 1:
            what = "no video" if not entries else "several videos"
            raise SourceError("unsupported_url", f"{url}: the page contains {what}")
        info = entries[0]
    if not info:
        raise SourceError("unsupported_url", f"{url}: no video found")
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming"):
        raise SourceError("live", f"{url}: a live stream")
    return info


def rename_programs(info: dict[str, Any]) -> None:
    """Give what yt-dlp would not write a name that it writes: an address that ends in .php may lead to a video."""
    try:
        from yt_dlp.utils._utils import _UnsafeExtensionError
    except ImportError:
        return  # this version writes every name, or says which it does not

    for found in (info, *(info.get("formats") or ()), *(info.get("requested_formats") or ())):
        if str(found.get("ext")).lower() not in _UnsafeExtensionError.ALLOWED_EXTENSIONS:
            found["ext"] = UNKNOWN_EXTENSION


def resume_same_file_only(ydl: Any, part: Part) -> None:
    """From now on `ydl` adds to the part only bytes of the same file, and starts again otherwise."""
    from yt_dlp.networking.exceptions import HTTPError

    ask = ydl.urlopen

    def urlopen(request: Any) -> Any:
        is_rest = re.match(r"bytes=[1-9]", request.headers.get("Range") or "") is not None
        if is_rest and part.if_range is not None:
            request.headers["If-Range"] = part.if_range
        try:
            response = ask(request)
        except HTTPError as error:
            if error.status != 416:
                raise
            raise part.changed() from None
        try:
            part.accept(response.status, response.headers, is_rest=is_rest)
        except SourceError:
            response.close()
            raise
        return response

    ydl.urlopen = urlopen


def clipped(text: Any) -> str | None:
    """A page's text, short enough for a message."""
    return str(text)[:MAX_TEXT_CHARACTERS] if text else None


def page_title(info: dict[str, Any]) -> str | None:
    """The title; yt-dlp numbers videos found in a plain page, even if there is only one."""
    title = info.get("title")
    return title.removesuffix(" (1)") if title and info.get("extractor_key") == "HTML5MediaEmbed" else title


if __name__ == "__main__":
    main(sys.argv[1:])
