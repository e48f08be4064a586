"""Downloads an archive of weights, resuming what was cut off, and checks its digest."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pooch
import requests

from consistency.zoo.lock import entry, lock_of, write_lock
from consistency.zoo.records import Archive, ZooError
from precompute.net.public_http import public_request
from precompute.text import one_line

Report = Callable[[int, int | None], None]
"""Told bytes done, and of how many."""

MAX_ARCHIVE_BYTES = 8 << 30
CHUNK_BYTES = 1 << 16


# --- downloading ---


def size_of(archive: Archive) -> int:
    """Bytes of an archive, as its server says; 0 where it does not. Raises ZooError."""
    try:
        with public_request(archive, "HEAD") as answer:
            return int(answer.headers.get("Content-Length", 0)) if answer.ok else 0
    except (requests.RequestException, ValueError):
        return 0  # a server that does not answer HEAD


def download(archive: Archive, home: Path, report: Report) -> Path:
    """The archive as a file, with the SHA-256 that zoo.toml pins or that its first download had. Raises ZooError."""
    folder = home / ".downloads"
    known = archive.sha256 or _known_digest(archive, home)
    pooch.get_logger().setLevel("WARNING")
    downloader = _Resumable(archive, folder, report)
    try:
        path = Path(
            pooch.retrieve(
                archive.url,
                known_hash=f"sha256:{known}" if known else None,
                fname=f"{archive.name}.zip",
                path=folder,
                downloader=downloader,  # type: ignore[arg-type]  # pooch's protocol is not what it calls
            )
        )
    except ZooError as error:
        raise ZooError(f"{archive.name}: {error}") from error
    except requests.RequestException as error:
        raise ZooError(
            f"{archive.name}: {one_line(str(error))[:300]}; check the network, then run the same command again: it goes on "
            "where it stopped"
        ) from error
    except ValueError as error:
        raise ZooError(
            f"{archive.name}: what {urlsplit(archive.url).hostname} sent is not what it was (SHA-256 {known[:12]} is "
            "expected); nothing of it is kept. Ask its makers, or give a file that you trust to `zoo import`"
        ) from error
    except OSError as error:
        raise ZooError(
            f"{archive.name}: cannot be stored in {folder} ({error.strerror}); free space, run again"
        ) from error
    if not zipfile.is_zipfile(path):
        path.unlink()
        raise ZooError(
            f"{archive.name}: {archive.url} gives no zip archive, or half of one; run again, or use `zoo import`"
        )
    if not known:
        lock = lock_of(home)
        lock.setdefault("archives", {})[archive.name] = {"url": archive.url, **entry(path)}
        write_lock(home, lock)
    return path


class _Resumable:
    """How pooch downloads here: into a file beside, which the next try goes on with."""

    def __init__(self, archive: Archive, folder: Path, report: Report) -> None:
        self.archive, self.report = archive, report
        self.part, self.note = folder / f"{archive.name}.part", folder / f"{archive.name}.part.json"

    def __call__(self, url: str, output: Any, pooch: Any) -> None:
        """Raises requests' exceptions, OSError and ZooError."""
        n_bytes, version = self._begun()
        headers = {"Range": f"bytes={n_bytes}-", "If-Range": version} if n_bytes else {}
        with public_request(self.archive, "GET", headers) as answer:
            if answer.status_code == 416:
                if answer.headers.get("Content-Range") != f"bytes */{n_bytes}":  # else what is there is all
                    self.part.unlink(missing_ok=True)
                    raise requests.ConnectionError("the server cannot go on where the download stopped")
                return self._done(output)
            if not answer.ok:
                raise ZooError(f"the server answered {answer.status_code}; check {url} in a browser")
            n_bytes = n_bytes if answer.status_code == 206 else 0
            total = n_bytes + int(answer.headers.get("Content-Length", 0)) or None
            # Only a strong validator tells that the rest belongs to the same file.
            validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            self.note.write_text(json.dumps({"url": url, "version": validator}))
            with self.part.open("ab" if n_bytes else "wb") as file:
                for chunk in answer.iter_content(CHUNK_BYTES):
                    n_bytes += len(chunk)
                    if n_bytes > MAX_ARCHIVE_BYTES:
                        raise ZooError(f"more than {MAX_ARCHIVE_BYTES / 1e9:.0f} GB; not fetched")
                    file.write(chunk)
                    self.report(n_bytes, total)
        self._done(output)

    def _done(self, output: Any) -> None:
        self.part.replace(output)
        self.note.unlink()

    def _begun(self) -> tuple[int, str]:
        """(bytes there are, the version of the file they are of); 0 where they cannot be gone on with."""
        try:
            note = json.loads(self.note.read_text())
            is_same = note["url"] == self.archive.url and note["version"] and not note["version"].startswith("W/")
            return (self.part.stat().st_size, note["version"]) if is_same else (0, "")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0, ""


def _known_digest(archive: Archive, home: Path) -> str:
    row = lock_of(home).get("archives", {}).get(archive.name, {})
    return str(row.get("sha256", "")) if row.get("url") == archive.url else ""
