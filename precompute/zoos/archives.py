"""Downloads an archive of weights once and checks it against the digest that is pinned or was recorded."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from consistency.zoo.lock import entry, lock_of, write_lock
from consistency.zoo.records import Archive, ZooError
from precompute.failures import SourceError
from precompute.net import public_http
from precompute.net.public_http import Report

DOWNLOADS = ".downloads"
"""Folder of a zoo with the archives, and parts of them, that are not installed yet."""

MAX_ARCHIVE_BYTES = 8 << 30

NEXT_STEPS = {
    "blocked_address": "download the archive yourself and pass the file to `zoo import`",
    "unsupported_url": "correct it in zoo.toml",
    "network": "check the network, then run the same command again: it resumes where it stopped",
}
"""Code of a failed download -> what to do, if the usual step is for videos."""


def archive_path(archive: Archive, home: Path) -> Path:
    """Where an archive lies until its networks are installed: in a folder of its URL's own."""
    return home / DOWNLOADS / hashlib.sha256(archive.url.encode()).hexdigest()[:32] / f"{archive.name}.zip"


def size_of(archive: Archive) -> int:
    """Bytes of an archive; 0 if its server does not say. Raises ZooError for addresses that are not allowed."""
    try:
        return public_http.size_of(archive.url)
    except SourceError as error:
        raise _failure(archive, error) from error


def download(archive: Archive, home: Path, report: Report) -> Path:
    """The archive as a file, with the SHA-256 that zoo.toml pins or that its first download had. Raises ZooError."""
    path = archive_path(archive, home)
    known = archive.sha256 or _recorded_digest(archive, home)
    try:
        _adopt(archive, home, known)
        row = entry(path) if path.is_file() else None
        if row is None or known not in ("", row["sha256"]):
            path.unlink(missing_ok=True)
            part = public_http.download(archive.url, path.parent, max_bytes=MAX_ARCHIVE_BYTES, report=report)
            part.replace(path)
            row = entry(path)
    except SourceError as error:
        raise _failure(archive, error) from error
    except OSError as error:
        raise ZooError(
            f"{archive.name}: cannot be stored in {path.parent} ({error.strerror})", "free space, then run again"
        ) from error
    if known and row["sha256"] != known:
        path.unlink()
        raise ZooError(
            f"{archive.name}: {urlsplit(archive.url).hostname} sent another file than before (expected SHA-256 {known[:12]}), "
            "which was discarded",
            "ask its makers, or pass a file that you trust to `zoo import`",
        )
    if not zipfile.is_zipfile(path):
        path.unlink()
        raise ZooError(
            f"{archive.name}: {archive.url} is not a zip archive, or a truncated one", "run again, or use `zoo import`"
        )
    if not known:
        lock = lock_of(home)
        lock.setdefault("archives", {})[archive.name] = {"url": archive.url, **row}
        write_lock(home, lock)
    return path


def _adopt(archive: Archive, home: Path, known: str) -> None:
    """Move the archive that version 0.1.0 downloaded to where this version looks for it; parts of it are removed."""
    old, path = home / DOWNLOADS / f"{archive.name}.zip", archive_path(archive, home)
    for suffix in (".part", ".part.json"):
        old.with_name(archive.name + suffix).unlink(missing_ok=True)
    if known and old.is_file() and not path.is_file():  # without a digest, it may be of another URL
        path.parent.mkdir(exist_ok=True)
        old.replace(path)


def _failure(archive: Archive, error: SourceError) -> ZooError:
    next_step = NEXT_STEPS.get(error.code, "open the address in a browser, or use `zoo import`")
    return ZooError(f"{archive.name}: {error.found}", next_step)


def _recorded_digest(archive: Archive, home: Path) -> str:
    row = lock_of(home).get("archives", {}).get(archive.name, {})
    return str(row.get("sha256", "")) if row.get("url") == archive.url else ""
