"""Resumes downloads: only bytes of the same file, by the server's validators and size, are added to a part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cache.files import write_whole
from precompute.net.http_failures import Passing
from precompute.net.limits import require_size

VALIDATORS = "validators.json"
"""File beside a part: what the server said about the file that it is a part of."""


@dataclass(frozen=True)
class Validators:
    """What shows whether two answers are of the same file."""

    etag: str | None
    """Strong ETags only: weak ones may stand for different bytes."""
    last_modified: str | None
    """The server's date, compared as text."""
    total_bytes: int | None
    """Size of the whole file."""

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str]) -> Validators:
        """Those of the whole file, even if the answer is a part of it (206)."""
        etag = headers.get("ETag")
        if status == 206:
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
        """By the ETag if there is one: answers to If-Range omit the date."""
        if self.total_bytes != answer.total_bytes:
            return False
        return self.etag == answer.etag if self.etag else self.last_modified == answer.last_modified


class Part:
    """A folder with what earlier tries have downloaded of one file; emptied if nothing shows which file that is."""

    def __init__(self, folder: Path, url: str, max_bytes: int) -> None:
        self.folder, self.url, self.max_bytes = folder, url, max_bytes
        self.validators = _read(folder / VALIDATORS)
        """Those of the part; None without a part."""
        if self.validators is None:
            self.discard()

    @property
    def if_range(self) -> str | None:
        """The value of the If-Range header of a request for the rest."""
        known = self.validators
        return (known.etag or known.last_modified) if known is not None and known.can_tell else None

    def accept(self, status: int, headers: Mapping[str, str], *, is_rest: bool) -> None:
        """Check an answer before its bytes are used; `is_rest`: the rest of the file was asked for, not its beginning.

        Raises SourceError for a file that is too large, or that is not the part's: then the part is gone.
        """
        answer = Validators.of(status, headers)
        require_size(self.url, answer.total_bytes or 0, self.max_bytes)
        if is_rest and status == 206:
            if self.validators is None or not self.validators.is_same_file(answer):
                raise self.changed()
            return
        self.discard()
        self.validators = answer
        if answer.can_tell:
            write_whole(self.folder / VALIDATORS, [json.dumps(asdict(answer)).encode()])

    def changed(self) -> Passing:
        """Empty the folder; the failure to raise."""
        self.discard()
        return Passing("network", f"{self.url}: the file has changed on the server")

    def discard(self) -> None:
        """Empty the folder."""
        self.validators = None
        for rest in self.folder.iterdir():
            rest.unlink()


def _read(note: Path) -> Validators | None:
    try:
        validators = Validators(**json.loads(note.read_bytes()))
        return validators if validators.can_tell else None
    except (OSError, ValueError, TypeError):
        return None
