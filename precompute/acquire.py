"""How a URL becomes a file on this disk: yt-dlp in a guarded child process (`python -m precompute.acquire`).

The child reaches public addresses only, takes http(s) only, one video per URL, no more than MAX_BYTES, and writes into
a folder of its own; the parent names the file by the SHA-256 of its bytes and remembers which URL it came from.
Proxies are not used: behind one, the addresses that are reached could not be checked.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

from precompute.errors import SourceError, one_line, usual

MAX_BYTES = 2 << 30
"""Most bytes of a download; at 480 lines some three hours of video."""

MAX_URL_CHARACTERS = 4000
"""Longest URL; signed links of clouds take some 2000."""

LEFTOVER_SECONDS = 24 * 3600.0
"""A download's folder in which nothing has changed for so long is one of a killed run, and is removed."""

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk, or of a user's share of it, that is full."""

KILL_SECONDS = 1.0
"""Seconds to wait for a killed child: one that hangs in a dead network drive goes only when that answers."""

SILENCE_SECONDS = 120.0
"""Seconds without any news from the child before it is ended; extracting from YouTube may take 30."""

RETRY_WAITS_SECONDS = (1.0, 4.0)
"""Waits before the second and third try, where a server says that it is busy (429, 5xx)."""

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

ALLOW_LOOPBACK_VARIABLE = "CROSSCHECK_ALLOW_LOOPBACK"
"""Environment switch for tests: 1 lets URLs lead to this machine."""


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


def looks_like_url(spec: str) -> bool:
    """Whether `spec` is meant as a URL: `scheme://...` or `data:...`; bad ones get their error from `normalise_url`."""
    return re.match(r"[a-z][a-z0-9+.-]*://|data:", spec.strip(), re.IGNORECASE) is not None


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
        return f"https://www.youtube.com/watch?v={_youtube_id(host, parts.path, parts.query, url)}"
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))


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
    max_bytes: int = MAX_BYTES,
    progress: Callable[[int, int | None], None] | None = None,
) -> Download:
    """The video at `url`, downloaded once: later calls find it in `media_dir`. Raises SourceError."""
    url = normalise_url(url)
    note = media_dir / "urls" / f"{hashlib.sha256(url.encode()).hexdigest()}.json"
    if (known := _recall(note, media_dir)) is not None:
        return known
    allow_loopback = allow_loopback or os.environ.get(ALLOW_LOOPBACK_VARIABLE) == "1"
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(media_dir)
        with tempfile.TemporaryDirectory(dir=media_dir, prefix="download-") as folder:
            request = {"url": url, "folder": folder, "allow_loopback": allow_loopback, "max_bytes": max_bytes}
            answer = _ask_child(request, progress)
            download = _adopt(Path(folder) / answer["name"], answer, url, media_dir)
        _write_atomically(note, json.dumps(asdict(download) | {"path": download.path.name}).encode())
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(url, media_dir) from None
        raise SourceError(
            "store_readonly", f"{media_dir}: cannot be written ({error.strerror}); mend it or choose another folder"
        ) from None
    return download


def disk_full(url: str, folder: Path) -> SourceError:
    return SourceError(
        "disk_full", f"{url}: no space left for it in {folder}; free space or choose another folder, then run again"
    )


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
        raise SourceError("empty", f"{url}: the download gave no bytes; open it in a browser to see what it is")
    with file_path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    suffix = file_path.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", file_path.suffix) else ".bin"
    path = media_dir / f"{sha256}{suffix}"
    file_path.replace(path)
    return Download(path, sha256, url, answer["title"] or url, answer["author"], answer["licence"])


def _write_atomically(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def _child_command(request: dict[str, Any]) -> list[str]:
    return [sys.executable, "-P", "-m", "precompute.acquire", json.dumps(request)]


def _ask_child(request: dict[str, Any], progress: Callable[[int, int | None], None] | None) -> dict[str, Any]:
    """Run the child to its end; JSON lines come back: progress, an error, or the answer."""
    root = str(Path(__file__).parent.parent)
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
        start_new_session=True,  # also makes it the leader of a group, to be ended with all that it started
    )
    assert process.stdout is not None
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            pending = b""
            while True:
                if not selector.select(SILENCE_SECONDS):
                    raise SourceError(
                        "network",
                        f"{request['url']}: no news for {SILENCE_SECONDS:.0f} s; check the network and run again",
                    )
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    raise SourceError("network", f"{request['url']}: the downloader ended early; run again")
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


# --- the child: everything below runs in `python -m precompute.acquire` ---

NON_PUBLIC = [
    ipaddress.ip_network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "192.0.0.0/24", "100.64.0.0/10")
]
"""Networks which Python (in some versions) calls global, although they lead to, or carry, private addresses."""


def is_public(host: str, *, allow_loopback: bool = False) -> bool:
    """Whether the address is one of the public internet; what is no numeric address is not."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if allow_loopback and address.is_loopback:
        return True
    in_listed = any(address.version == network.version and address in network for network in NON_PUBLIC)
    return address.is_global and not address.is_multicast and not in_listed


def main(arguments: list[str]) -> None:
    """Download one URL into a folder; JSON lines to standard output."""
    request = json.loads(arguments[0])
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else prints does not reach the parent

    def send(message: dict[str, Any]) -> None:
        output.write(json.dumps(message) + "\n")

    blocked: list[str] = []
    guard_connections(request["allow_loopback"], blocked)
    limit_file_size(request["max_bytes"])
    sys.modules["curl_cffi"] = None  # type: ignore[assignment]  # its connections pass by Python's audit hooks
    n_tries, n_forbidden = 0, 0
    while True:
        try:
            send(download(request, send))
            return
        except SourceError as error:
            n_tries, n_forbidden = n_tries + 1, n_forbidden + (error.code == "http_403")
            is_busy = error.code in ("rate_limited", "http_error") and n_tries <= len(RETRY_WAITS_SECONDS)
            if blocked or not (is_busy or n_forbidden == 1):
                if blocked:
                    error = blocked_address(request["url"], blocked[0])
                send({"code": error.code, "message": str(error)})
                return
            time.sleep(RETRY_WAITS_SECONDS[min(n_tries, len(RETRY_WAITS_SECONDS)) - 1])


def blocked_address(url: str, address: str) -> SourceError:
    return SourceError(
        "blocked_address",
        f"{url}: leads to {address}, not an address of the public internet; download it yourself and give the file",
    )


def guard_connections(allow_loopback: bool, blocked: list[str]) -> None:
    """From now on this process connects to public addresses only; what was refused is noted in `blocked`."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            return
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address and isinstance(address[0], str) else repr(address)
        if not is_public(host, allow_loopback=allow_loopback):
            blocked.append(host)
            raise PermissionError(f"connection to {host} is not allowed")

    sys.addaudithook(hook)


def limit_file_size(max_bytes: int) -> None:
    """The kernel's own limit, in case a download does not report its progress."""
    import resource

    limit = max_bytes + (1 << 20)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def download(request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """One try, from the beginning: resuming could join two versions of a file."""
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import YoutubeDLError

    url, folder, max_bytes = request["url"], Path(request["folder"]), request["max_bytes"]
    for rest in folder.iterdir():
        rest.unlink()
    too_large = SourceError(
        "too_large", f"{url}: more than {max_bytes / 1e6:.0f} MB; download a smaller version and give the file"
    )
    last_sent = 0.0

    def on_progress(status: dict[str, Any]) -> None:
        nonlocal last_sent
        n_bytes, total = status.get("downloaded_bytes") or 0, status.get("total_bytes")
        if max(n_bytes, total or 0) > max_bytes:
            raise too_large
        if time.monotonic() - last_sent > 0.2 or status.get("status") == "finished":
            last_sent = time.monotonic()
            send({"n_bytes": n_bytes, "total_bytes": total})

    options = {
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "noplaylist": True,
        "playlist_items": "1:2",
        "allowed_extractors": EXTRACTORS,
        "format": FORMAT,
        "outtmpl": {"default": str(folder / "video.%(ext)s")},
        "nopart": True,
        "continuedl": False,
        "overwrites": True,
        "fixup": "never",
        "hls_prefer_native": True,
        "retries": 0,
        "fragment_retries": 3,
        "skip_unavailable_fragments": False,
        "extractor_retries": 2,
        "socket_timeout": 20,
        "proxy": "",
        "cachedir": False,
        "updatetime": False,
        "max_filesize": max_bytes,
        "progress_hooks": [on_progress],
    }
    try:
        with YoutubeDL(options) as ydl:  # type: ignore[arg-type]
            found: Any = single_video(url, ydl.extract_info(url, download=False))
            info: Any = ydl.process_ie_result(found, download=True)
    except YoutubeDLError as error:
        raise named_error(url, error, folder.parent) from None
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(url, folder.parent) from None
        raise SourceError("network", f"{url}: {error}; check the network and run again") from None
    files = info.get("requested_downloads") or []
    path = Path(files[0]["filepath"]) if len(files) == 1 and files[0].get("filepath") else None
    if path is None or not path.is_file() or not path.stat().st_size:
        size = (info.get("filesize") or info.get("filesize_approx") or 0) if path is None else 0
        if (
            size > max_bytes or path is None or not path.exists()
        ):  # yt-dlp skips what is over max_filesize without an error
            raise too_large
        raise SourceError("empty", f"{url}: the server sent no bytes; open it in a browser to see what it is")
    return {
        "name": path.name,
        "title": page_title(info),
        "author": info.get("uploader") or info.get("creator") or info.get("channel"),
        "licence": info.get("license"),
    }


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
    ("too_large", r"errno 27\b|file too large", "download a smaller version and give the file"),  # limit_file_size
    ("store_readonly", r"unable to (write data|open for writing)", "mend the disk or choose another folder"),
    ("private_video", r"private video|video is private", "use a video that is public"),
    ("sign_in_required", r"confirm your age|age.restricted|inappropriate for some users", "use another video"),
    (
        "geo_blocked",
        r"in your country|geo.?restrict|from your location",
        "use another video, or download it where it is shown",
    ),
    (
        "sign_in_required",
        r"sign in to confirm|login required|log in|members.only",
        "download it in a browser and give the file",
    ),
    ("not_found", r"removed|terminated|no longer available|unavailable|does not exist", "use another video"),
    (
        "unsupported_url",
        r"unsupported url|no suitable extractor|no video formats|no media found",
        "give the address of one video",
    ),
    ("no_format", r"requested format is not available", "download it yourself and give the file"),
    ("too_large", r"larger than max-filesize", "download a smaller version and give the file"),
]
"""Code, pattern in yt-dlp's message, what to do next; the first match counts."""


STATUS_CODES = {401: "sign_in_required", 403: "http_403", 404: "not_found", 410: "not_found", 429: "rate_limited"}
"""HTTP status -> code; others are `http_error`."""


def status_code(status: int) -> str:
    return STATUS_CODES.get(status, "http_error")


def named_error(url: str, error: BaseException, media_dir: Path) -> SourceError:
    """yt-dlp's error under our names; `media_dir` is where it wrote."""
    cause: BaseException | None = error
    seen: list[BaseException] = []
    while cause is not None and cause not in seen:
        if isinstance(cause, SourceError):
            return cause
        if isinstance(cause, OSError) and cause.errno in FULL:
            return disk_full(url, media_dir)
        status = getattr(cause, "status", None)
        if isinstance(status, int):
            return usual(status_code(status), f"{url}: the server answered {status}")
        seen.append(cause)
        exc_info = getattr(cause, "exc_info", None)
        inner = getattr(cause, "cause", None) or (exc_info[1] if exc_info else None)
        cause = (
            inner if isinstance(inner, BaseException) and inner not in seen else cause.__cause__ or cause.__context__
        )
    message = (
        re.sub(r"\x1b\[[0-9;]*m|^ERROR:\s*", "", str(error)).split(" (caused by")[0].split("; please report")[0][:300]
    )
    if any(os.strerror(number) in message for number in FULL):  # some of its parts tell it in words only
        return disk_full(url, media_dir)
    for code, pattern, advice in PHRASES:
        if re.search(pattern, message, re.IGNORECASE):
            return SourceError(code, f"{url}: {message}; {advice}")
    return SourceError("network", f"{url}: {message}; check the network, run again, or: pip install -U yt-dlp")


if __name__ == "__main__":
    main(sys.argv[1:])
