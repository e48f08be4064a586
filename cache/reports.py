"""Reports of runs, the outcome of each source: STORE/reports/<UTC time>-<process>.json, the latest 100."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cache.files import write_whole

MAX_REPORTS = 100
MAX_REPORT_BYTES = 16 << 20
OUTCOMES = ("stored", "failed", "stopped")
_NAME = re.compile(r"\d{8}T\d{12}Z-\d+\.json")


@dataclass(frozen=True)
class Item:
    """The outcome of one source. Sources, titles and messages come from outside: show them as text, never as markup."""

    source: str
    """A file's name, a URL or a bundled clip's name."""
    outcome: str
    """One of OUTCOMES; `stopped`: by the user, before it was finished."""
    title: str = ""
    """Title of the clip; empty where the source gave none."""
    clip: str = ""
    """Key of the clip; empty where the source gave none."""
    code: str = ""
    """Error code of a failure, as docs/errors.md lists them."""
    message: str = ""
    """What a failing source was, and what was found."""
    next_step: str = ""
    """The suggested fix of a failure."""
    can_retry: bool = False
    """Whether the same command can succeed later without a fix."""
    began: str = ""
    """UTC, ISO 8601."""
    ended: str = ""
    """UTC, ISO 8601."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not isinstance(getattr(self, field.name), bool if field.name == "can_retry" else str):
                raise ValueError(f"{field.name} is {getattr(self, field.name)!r}")
        if self.outcome not in OUTCOMES:
            raise ValueError(f"outcome is {self.outcome!r}; it is one of {', '.join(OUTCOMES)}")


@dataclass(frozen=True)
class Report:
    """One call of `run`."""

    began: str
    """UTC, ISO 8601."""
    ended: str | None
    """None while it runs, or if it was killed."""
    sources: tuple[str, ...]
    """Everything the run was given, named as in the items."""
    items: tuple[Item, ...]
    """The finished sources, in order."""

    @property
    def failed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.outcome == "failed")


def report_name(began: datetime) -> str:
    """The file name of a run of this process; names sort by time."""
    return f"{began.astimezone(UTC):%Y%m%dT%H%M%S%f}Z-{os.getpid()}.json"


def write_report(root: Path, name: str, report: Report) -> Path:
    """Write or replace a report, and remove the oldest beyond MAX_REPORTS. Raises OSError."""
    folder = root / "reports"
    folder.mkdir(exist_ok=True)
    write_whole(folder / name, [json.dumps(asdict(report), indent=1).encode()])
    for old in _names(folder)[:-MAX_REPORTS]:
        (folder / old).unlink(missing_ok=True)
    return folder / name


def last_report(root: Path) -> Report | None:
    """The report of the latest run; None without one. Unreadable files are skipped."""
    folder = root / "reports"
    for name in reversed(_names(folder)):
        with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
            path = folder / name
            if path.stat().st_size <= MAX_REPORT_BYTES:
                return _from_json(json.loads(path.read_bytes()))
    return None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if _NAME.fullmatch(entry.name))
    except OSError:  # missing, or not readable by this user
        return []


def _from_json(data: Mapping[str, Any]) -> Report:
    """Ignores fields of a newer version."""
    known = {field.name for field in fields(Item)}
    items = tuple(Item(**{name: row[name] for name in row if name in known}) for row in data["items"])
    texts = (data["began"], data["ended"] or "", *data["sources"])
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("times and sources of a report must be text")
    return Report(data["began"], data["ended"], tuple(data["sources"]), items)
