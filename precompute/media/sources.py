"""Resolves a file, a bundled clip or a URL to a source: a local file with digest, credits and ground truth."""

from __future__ import annotations

import errno
import hashlib
import os
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from consistency.domains import get_domain
from precompute.downloads.download import fetch
from precompute.failures import SourceError
from precompute.media.stills.numbered import Group, digest_of, group_of, is_pattern
from precompute.net.limits import USUAL_LIMITS, Limits
from precompute.net.urls import MAX_URL_CHARACTERS, address_of, is_youtube, looks_like_url, shown_url
from precompute.text import one_line

SAMPLES = Path(__file__).parent.parent / "sample"
"""The folder of the bundled clips: NAME.mp4, NAME.toml and the ground truth videos that NAME.toml names."""

GALLERY = "gallery"
"""The name of the bundled set of pictures and clips, and of its folder in SAMPLES: NAME.toml beside NAME.jpg or NAME.mp4, or
alone where NAME is a bundled clip."""

MAX_CHARACTERS = {
    "title": 300,
    "url": MAX_URL_CHARACTERS,
    "author": 300,
    "licence": 300,
    "attribution": 2000,
}
"""Longest texts of a source, letters; longer ones are cut. An attribution may have to name many authors."""

CORRECT_LINE = "correct or remove the line"


@dataclass(frozen=True)
class Stamp:
    """What a file was when it was hashed: while it is the same, so are its bytes. Of numbered pictures, all of them together."""

    device: int
    inode: int
    n_bytes: int
    changed_ns: int
    """Time of change."""
    sha256: str = ""
    """Digest of its bytes."""
    is_unstable: bool = False
    """Whether its device or inode number has changed though its bytes have not, as on some network drives."""


@dataclass(frozen=True)
class Source:
    """A video or pictures on this disk, and what is known about them. Each text is one line without control characters."""

    path: Path
    """The local file to decode, or the pattern of numbered pictures."""
    sha256: str
    """Digest of the file's bytes, 64 hexadecimal digits."""
    title: str
    """For people; untrusted text if the source came from the network."""
    url: str | None = None
    """Where the video came from, without anything that may be a key; None for a file of unknown origin."""
    author: str | None = None
    """Who made it; None if unknown."""
    licence: str | None = None
    """Its licence, an SPDX name if there is one; None if unknown."""
    attribution: str | None = None
    """The credit line that the licence asks for; None if unknown."""
    truth: dict[str, Path] = field(default_factory=dict)
    """Domain name -> lossless video of 8-bit codes, frame-aligned with the source; empty if unknown."""
    stamp: Stamp | None = None
    """Stamp of it when it was hashed; None for a download, which is named by its digest and never written again."""

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
    """Find the file that `spec` stands for: a local file, the name of a bundled clip or a URL (downloaded once to `media_dir`);
    or the numbered pictures of a pattern such as `folder/frame_%04d.png`.

    A TOML sidecar of the same stem provides title, origin, licence and ground truth. `limits` apply to URLs;
    `progress(n_bytes, total_bytes or None)` is called while downloading. `allow_loopback`, or CROSSCHECK_ALLOW_LOOPBACK=1 in
    the environment, allows URLs that lead to this machine, for tests. Raises SourceError, and OSError if this machine is at
    fault.
    """
    if (url := address_of(spec)) is not None:
        try:
            download = fetch(url, media_dir, allow_loopback=allow_loopback, limits=limits, progress=progress)
        except SourceError as error:
            if error.code != "network" or looks_like_url(spec) or is_youtube(url):
                raise
            raise SourceError(
                "not_found",
                f"{one_line(spec)}: no such file, and {error.found}",
                "check the file's name, or write the whole address with http:// or https://",
            ) from None
        address = shown_url(download.url)
        return Source(
            download.path, download.sha256, download.title, address, download.author, download.licence, None, {}
        )
    path = _local_file(spec, samples_dir)
    sha256, stamp = fingerprint(path)
    return replace(_with_sidecar(path, sha256), stamp=stamp)


def bundled_clips(samples_dir: Path = SAMPLES) -> list[str]:
    """The names of the bundled clips."""
    return sorted(path.stem for path in samples_dir.glob("*.mp4") if path.with_suffix(".toml").is_file())


def bundled_sets(samples_dir: Path = SAMPLES) -> dict[str, list[str]]:
    """Name of each bundled set -> its sources: pictures first, as they take the least time, then clips."""
    folder = samples_dir / GALLERY
    listed = [sidecar.stem for sidecar in sorted(folder.glob("*.toml"))]
    pictures, own_clips = ([folder / f"{name}{suffix}" for name in listed] for suffix in (".jpg", ".mp4"))
    files = [str(path) for path in (*pictures, *own_clips) if path.is_file()]
    return {GALLERY: [*files, *(name for name in bundled_clips(samples_dir) if name in listed)]}


def local_path(spec: str) -> Path:
    """The path that a user means: a file of that very name, else with its `~` as the home folder, if there is one."""
    path = Path(spec)
    with suppress(ValueError, RuntimeError):  # a NUL byte; no such user, or one without a home
        return path if os.path.lexists(spec) else path.expanduser()
    return path


def _local_file(spec: str, samples_dir: Path) -> Path:
    """The readable file that a path or the name of a bundled clip stands for; a path wins. Raises SourceError."""
    names = bundled_clips(samples_dir)
    shown = spec if spec.isprintable() and len(spec) <= 200 else repr(spec[:200])
    expected = f"pass a video file, a picture, a URL or a bundled clip ({', '.join(names) or 'none found'})"
    try:
        path = local_path(spec)
        if spec in names and not path.is_file():
            path = samples_dir / f"{spec}.mp4"
        if is_pattern(path):
            if group_of(path) is None:
                raise SourceError("not_found", f"{shown}: fewer than two numbered pictures of that name", expected)
            return path
        if not path.exists():
            raise SourceError("not_found", f"{shown}: no such file", expected)
        if not path.is_file():
            raise SourceError("unreadable", f"{shown}: not a regular file", expected)
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError("empty", f"{shown}: the file is empty (0 bytes)")
    except (OSError, ValueError) as error:  # ValueError: a NUL byte
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(
            "unreadable", f"{shown}: cannot be read ({reason})", "check the name and the permissions of the file"
        ) from None
    return path


def _with_sidecar(path: Path, sha256: str) -> Source:
    sidecar = path.with_suffix(".toml")
    group = group_of(path) if is_pattern(path) else None
    usual_title = group.title if group is not None else path.stem
    if not sidecar.is_file():
        return Source(path, sha256, title=usual_title)
    try:
        entries = tomllib.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # ValueError: TOML or UTF-8
        raise SourceError("bad_sidecar", f"{sidecar}: not a readable TOML file ({error})") from None

    def text(key: str) -> str | None:
        return str(entries[key]) if key in entries else None

    return Source(
        path,
        sha256,
        title=text("title") or usual_title,
        url=text("source"),
        author=text("author"),
        licence=text("licence"),
        attribution=text("attribution"),
        truth=_truth(entries.get("truth", {}), sidecar),
    )


def _truth(table: Any, sidecar: Path) -> dict[str, Path]:
    """Domain name -> file beside the sidecar. A sidecar can be anyone's, so no path may lead elsewhere. Raises SourceError."""
    if not isinstance(table, dict):
        raise SourceError("bad_sidecar", f"{sidecar}: 'truth' must be a table of domain = \"file\"")
    truth: dict[str, Path] = {}
    for key, name in table.items():
        try:
            domain = get_domain(key).name
        except ValueError as error:  # names the known ones
            raise SourceError("bad_sidecar", f"{sidecar}: in [truth]: {error}", CORRECT_LINE) from None
        if domain in truth:
            raise SourceError("bad_sidecar", f"{sidecar}: two truths of {domain}", "remove one of the lines")
        is_bare = isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")
        if not is_bare:
            raise SourceError(
                "bad_sidecar",
                f"{sidecar}: truth of {key} is {str(name)[:200]!r}",
                "write the bare name of a file beside the sidecar",
            )
        if not sidecar.with_name(name).is_file():
            raise SourceError("bad_sidecar", f"{sidecar}: truth of {key} names {name!r}, no such file", CORRECT_LINE)
        truth[domain] = sidecar.with_name(name)
    return truth


def fingerprint(path: Path) -> tuple[str, Stamp]:
    """The SHA-256 of a file's bytes, or of all that a pattern stands for, and its stamp before they were read. Raises
    SourceError."""
    try:
        stamp = _stamp(path)
        if is_pattern(path):
            group = _group(path)
            sha256 = digest_of((group.place(file), _sha256(file.path)) for file in group.files)
        else:
            sha256 = _sha256(path)
    except OSError as error:
        raise SourceError("unreadable", f"{path}: cannot be read to its end ({error.strerror})") from None
    return sha256, replace(stamp, sha256=sha256)


def require_unchanged(path: Path, stamp: Stamp, *, is_last: bool = True) -> Stamp:
    """Raise SourceError if the file of that name is missing or no longer the one that was hashed; its stamp for the next time.

    Some network drives number their files anew while size, time and bytes stay. Such a file is hashed again when that is noticed,
    and in the last look; between them its size and time count, since hashing takes as long as reading it all.
    """
    try:
        now = _stamp(path)
    except FileNotFoundError:
        raise _changed(path) from None
    except OSError as error:
        raise SourceError("unreadable", f"{path}: cannot be examined ({error.strerror})") from None
    if (now.n_bytes, now.changed_ns) != (stamp.n_bytes, stamp.changed_ns):
        raise _changed(path)
    is_renumbered = (now.device, now.inode) != (stamp.device, stamp.inode)
    if stamp.is_unstable and not is_last:
        return stamp
    if not is_renumbered and not stamp.is_unstable:
        return stamp
    if fingerprint(path)[0] != stamp.sha256:
        raise _changed(path)
    return replace(stamp, is_unstable=True)


def _changed(path: Path) -> SourceError:
    return SourceError("changed", f"{path}: has changed since the job started to read it")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> Stamp:
    if not is_pattern(path):
        stat = path.stat()
        return Stamp(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    stats = [(file.number, file.path.stat()) for file in _group(path).files]
    inodes = tuple(stat.st_ino for _, stat in stats)
    times = tuple((number, stat.st_size, stat.st_mtime_ns) for number, stat in stats)
    return Stamp(stats[0][1].st_dev, hash(inodes), sum(stat.st_size for _, stat in stats), hash(times))


def _group(pattern: Path) -> Group:
    group = group_of(pattern)
    if group is None:
        raise FileNotFoundError(errno.ENOENT, "fewer than two numbered pictures", str(pattern))
    return group
