"""What became of each source, and who is told? The terminal, the events of `--json`, and the store's report of the run."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cache.reports import Item, Report, report_name, write_report
from precompute.cli.report import public
from precompute.failures import KINDS
from precompute.jobs.events import Stored, name_error
from precompute.text import one_line

PROGRESS_SECONDS = 1.0
"""Seconds between two progress events of one stage."""


class Outcomes:
    """Told as it happens. With `as_json`, `out` gets one JSON object per line and nothing else."""

    def __init__(self, root: Path, sources: list[str], *, as_json: bool, out: Console, err: Console) -> None:
        self.out, self.err, self.as_json = out, err, as_json
        began = datetime.now(UTC)
        self.report = Report(_iso(began), None, tuple(sources), ())
        self._root, self._name = root, report_name(began)
        self._item: Item | None = None
        self._last_progress: dict[str, float] = {}
        self._is_written = True
        self._write()

    @property
    def failed(self) -> tuple[Item, ...]:
        return self.report.failed

    def say(self, message: str) -> None:
        """A line for people."""
        (self.err if self.as_json else self.out).print(Text(message), soft_wrap=True)

    def started(self, source: str) -> None:
        self._item = Item(source, "stopped", began=_iso(datetime.now(UTC)))
        self._last_progress.clear()
        self._tell("started", source=source)

    def progress(self, stage: Literal["download", "compute"], n_done: int, n_total: int | None) -> None:
        """Bytes of a download, frames of a computation; `n_total` None where it is not known."""
        now = time.monotonic()
        if self._item and now - self._last_progress.get(stage, -PROGRESS_SECONDS) >= PROGRESS_SECONDS:
            self._last_progress[stage] = now
            self._tell("progress", source=self._item.source, stage=stage, n_done=n_done, n_total=n_total or None)

    def stored(self, stored: Stored) -> None:
        item = self._end("stored", title=stored.title, clip=stored.clip)
        self._tell(
            "stored",
            source=item.source,
            title=item.title,
            clip=item.clip,
            n_tracks=stored.n_tracks,
            n_frames_computed=stored.n_frames_computed,
        )

    def failed_by(self, error: Exception) -> None:
        assert self._item is not None
        named = name_error(self._item.source, error)
        facts = {
            "code": named.code,
            "message": named.found,
            "next_step": named.next_step,
            "can_retry": KINDS[named.code].can_retry,
        }
        item = self._end("failed", **facts)
        self.err.print(Text(f"error[{named.code}] {named} (again: {_again(item)})"), soft_wrap=True)
        self._tell("failed", source=item.source, **facts)

    def finish(self) -> None:
        """The last word, also after an interruption: the one source that was begun then counts as stopped."""
        if self._item is not None:
            self._end("stopped")
        self.report = replace(self.report, ended=_iso(datetime.now(UTC)))
        self._write()
        counts = {f"n_{name}": sum(item.outcome == name for item in self.report.items) for name in ("stored", "failed")}
        n_sources = len(self.report.sources)
        rest = n_sources - sum(counts.values())
        self._tell(
            "done", n_sources=n_sources, **counts, n_not_done=rest, report=str(self._root / "reports" / self._name)
        )
        if self.failed and n_sources > 1:
            self.err.print(_table(self.failed))
            self.err.print(Text(f"failed: {len(self.failed)} of {n_sources} sources"), soft_wrap=True)

    def _end(self, outcome: str, **facts: Any) -> Item:
        assert self._item is not None
        item = replace(self._item, outcome=outcome, ended=_iso(datetime.now(UTC)), **facts)
        self._item = None
        self.report = replace(self.report, items=(*self.report.items, item))
        self._write()
        return item

    def _write(self) -> None:
        """A report that cannot be written is said once and stops nothing."""
        try:
            write_report(self._root, self._name, public(self.report, self._root))
        except OSError as error:
            if self._is_written:
                self._is_written = False
                self.err.print(Text(f"warning: no report of this run ({error.strerror or error})"), soft_wrap=True)

    def _tell(self, event: str, **facts: Any) -> None:
        if self.as_json:
            line = json.dumps({"event": event, "time": _iso(datetime.now(UTC))} | facts)
            self.out.print(Text(line), soft_wrap=True)


def _table(failed: tuple[Item, ...]) -> Table:
    """Texts as they are: sources may be anyone's."""
    table = Table(box=None, pad_edge=False)
    for name in ("failed", "code", "what to do", "again"):
        table.add_column(name, overflow="fold")
    for item in failed:
        table.add_row(Text(one_line(item.source)), Text(item.code), Text(item.next_step), Text(_again(item)))
    return table


def _again(item: Item) -> str:
    """Whether the same command can succeed later with nothing mended."""
    return "may help" if item.can_retry else "no help"


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
