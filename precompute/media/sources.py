"""How a file, a bundled clip or a URL becomes a source: a local file with digest, credits and ground truth."""

# H x W pixels of an output frame, C channels

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from consistency.domains import get_domain
from precompute.failures import SourceError, usual
from precompute.media.download import MAX_URL_CHARACTERS, USUAL_LIMITS, Limits, fetch, looks_like_url, shown_url
from precompute.text import one_line

SAMPLES = Path(__file__).parent.parent / "sample"
"""The folder of the bundled clips: NAME.mp4, NAME.toml and the ground truth videos NAME.toml names."""

MAX_CHARACTERS = {
    "title": 300,
    "url": MAX_URL_CHARACTERS,
    "author": 300,
    "licence": 300,
    "attribution": 2000,
}
"""Longest texts of a source; what is longer is cut. An attribution may have to name many authors."""

Stamp = tuple[int, int, int, int]
"""Device, inode, bytes and time of change (ns) of a file: while they stay, so do its bytes."""


@dataclass(frozen=True)
class Source:
    """A video file on this disk and what is known about it. Texts are one line each, without control characters."""

    path: Path
    """The local file to decode."""
    sha256: str
    """Of the file's bytes, 64 hexadecimal digits."""
    title: str
    """For people; untrusted text where the source came from the network."""
    url: str | None = None
    """Where the video came from, without what may be a key; None for a file of unknown origin."""
    author: str | None = None
    """Who made it, None where unknown."""
    licence: str | None = None
    """Its licence, as an SPDX name where there is one, None where unknown."""
    attribution: str | None = None
    """The credit line the licence asks for, None where none is known."""
    truth: dict[str, Path] = field(default_factory=dict)
    """Domain name -> lossless video of 8-bit codes, frame-aligned with the source; {} where unknown."""
    stamp: Stamp | None = None
    """Of the file when it was hashed; None for a download, which has its digest for a name and is never written again."""

    def __post_init__(self) -> None:
        for name, limit in MAX_CHARACTERS.items():
            text = one_line(str(getattr(self, name) or ""))
            text = text if len(text) <= limit else text[: limit - 1] + "…"
            object.__setattr__(self, name, text or ("untitled" if name == "title" else None))


def resolve(
    spec: str,
    *,
    media_dir: Path,
    samples_dir: Path = SAMPLES,
    allow_loopback: bool = False,
    limits: Limits = USUAL_LIMITS,
    progress: Callable[[int, int | None], None] | None = None,
) -> Source:
    """Find the file that `spec` means: a local file, a bundled clip's name or a URL (downloaded once into `media_dir`).

    A file with a TOML sidecar of the same stem takes title, origin, licence and ground truth from it.
    `limits` hold for URLs; `progress(n_bytes, total_bytes or None)` is called while downloading. `allow_loopback`, or the environment's
    CROSSCHECK_ALLOW_LOOPBACK=1, lets a URL lead to this machine, for tests. Raises SourceError, and OSError where this
    machine is at fault.
    """
    if looks_like_url(spec):
        download = fetch(spec, media_dir, allow_loopback=allow_loopback, limits=limits, progress=progress)
        address = shown_url(download.url)
        return Source(
            download.path, download.sha256, download.title, address, download.author, download.licence, None, {}
        )
    path = _local_file(spec, samples_dir)
    sha256, stamp = fingerprint(path)
    return replace(_with_sidecar(path, sha256), stamp=stamp)


def bundled_clips(samples_dir: Path = SAMPLES) -> list[str]:
    """The names of the clips that come with the program."""
    return sorted(path.stem for path in samples_dir.glob("*.mp4") if path.with_suffix(".toml").is_file())


def _local_file(spec: str, samples_dir: Path) -> Path:
    """The readable file that a path or a bundled clip's name means; a path wins."""
    names = bundled_clips(samples_dir)
    shown = spec if spec.isprintable() and len(spec) <= 200 else repr(spec[:200])
    expected = f"give a video file, a URL or a bundled clip ({', '.join(names) or 'none found'})"
    try:
        path = Path(spec).expanduser()
        if spec in names and not path.is_file():
            path = samples_dir / f"{spec}.mp4"
        if not path.exists():
            raise SourceError("not_found", f"{shown}: no such file; {expected}")
        if not path.is_file():
            raise SourceError("unreadable", f"{shown}: not a regular file; {expected}")
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError("empty", f"{shown}: the file is empty (0 bytes); copy it here again, or {expected}")
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL byte; RuntimeError: ~ of an unknown user
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(
            "unreadable", f"{shown}: cannot be read ({reason}); check the name and its permissions"
        ) from None
    return path


def _with_sidecar(path: Path, sha256: str) -> Source:
    sidecar = path.with_suffix(".toml")
    if not sidecar.is_file():
        return Source(path, sha256, title=path.stem)
    try:
        entries = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: TOML or UTF-8
        raise SourceError(
            "bad_sidecar", f"{sidecar}: not a readable TOML file ({error}); mend it or move it away"
        ) from None

    def text(key: str) -> str | None:
        return str(entries[key]) if key in entries else None

    return Source(
        path,
        sha256,
        title=text("title") or path.stem,
        url=text("source"),
        author=text("author"),
        licence=text("licence"),
        attribution=text("attribution"),
        truth=_truth(entries.get("truth", {}), sidecar),
    )


def _truth(table: Any, sidecar: Path) -> dict[str, Path]:
    """Our name of the domain -> file beside the sidecar; a sidecar can be anyone's, so no path leads elsewhere."""
    if not isinstance(table, dict):
        raise SourceError(
            "bad_sidecar", f"{sidecar}: 'truth' must be a table of domain = \"file\"; mend it or move it away"
        )
    truth: dict[str, Path] = {}
    for key, name in table.items():
        try:
            domain = get_domain(key).name
        except ValueError as error:  # names the known ones
            raise SourceError("bad_sidecar", f"{sidecar}: in [truth]: {error}; mend or remove the line") from None
        if domain in truth:
            raise SourceError("bad_sidecar", f"{sidecar}: two truths of {domain}; remove one of the lines")
        is_bare = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
        if not is_bare:
            raise SourceError(
                "bad_sidecar",
                f"{sidecar}: truth of {key} is {str(name)[:200]!r}; give the bare name of a file beside the sidecar",
            )
        if not sidecar.with_name(name).is_file():
            raise SourceError(
                "bad_sidecar", f"{sidecar}: truth of {key} names {name!r}, no such file; mend or remove the line"
            )
        truth[domain] = sidecar.with_name(name)
    return truth


def fingerprint(path: Path) -> tuple[str, Stamp]:
    """The SHA-256 of a file's bytes, and its stamp from before they were read. Raises SourceError."""
    try:
        stamp = _stamp(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest(), stamp
    except OSError as error:
        raise usual("unreadable", f"{path}: cannot be read to its end ({error.strerror})") from None


def require_unchanged(path: Path, stamp: Stamp) -> None:
    """Raise SourceError where the file of that name is not, or no longer holds, what was hashed."""
    try:
        is_same = _stamp(path) == stamp
    except FileNotFoundError:
        is_same = False
    except OSError as error:
        raise usual("unreadable", f"{path}: cannot be looked at ({error.strerror})") from None
    if not is_same:
        raise usual("changed", f"{path}: is no longer the file that it was when the job began with it")


def _stamp(path: Path) -> Stamp:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
