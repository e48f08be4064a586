"""The events of `run --json`: one JSON object per line, as docs/stability.md lists them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from precompute.cli.output.console import out
from precompute.jobs import events

PROGRESS_SECONDS = 1.0
"""Least seconds between two progress events of one stage."""


class JsonEvents:
    """Prints on stdout. `report`: the file of the store's report, named by the last event."""

    def __init__(self, report: Path) -> None:
        self._report = report
        self._n_sources = self._n_stored = self._n_failed = 0
        self._source = ""
        self._last_progress: dict[str, float] = {}

    def emit(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._n_sources = len(event.sources)
            case events.Started():
                self._source = event.source
                self._last_progress.clear()
                self._print("started", source=event.source)
            case events.Downloading():
                self._progress("download", event.n_bytes, event.n_total)
            case events.Computing():
                self._progress("compute", event.n_frames, event.n_total)
            case events.Nodes():
                self._show_nodes(event)
            case events.Stored():
                self._n_stored += not event.is_partial
                self._print(
                    "part_stored" if event.is_partial else "stored",
                    source=event.source,
                    title=event.title,
                    clip=event.clip,
                    n_tracks=event.n_tracks,
                    n_frames_computed=event.n_frames_computed,
                )
            case events.Failed():
                self._n_failed += 1
                self._print("failed", source=event.source, **event.facts)
            case events.RunEnded():
                self._print(
                    "done",
                    n_sources=self._n_sources,
                    n_stored=self._n_stored,
                    n_failed=self._n_failed,
                    n_not_done=self._n_sources - self._n_stored - self._n_failed,
                    report=str(self._report),
                )

    def _show_nodes(self, event: events.Nodes) -> None:
        now = time.monotonic()
        if now - self._last_progress.get("nodes", -PROGRESS_SECONDS) >= PROGRESS_SECONDS:
            self._last_progress["nodes"] = now
            self._print("nodes", nodes=[asdict(rate) for rate in event.rates])

    def _progress(self, stage: str, n_done: int, n_total: int | None) -> None:
        now = time.monotonic()
        if now - self._last_progress.get(stage, -PROGRESS_SECONDS) >= PROGRESS_SECONDS:
            self._last_progress[stage] = now
            self._print("progress", source=self._source, stage=stage, n_done=n_done, n_total=n_total or None)

    def _print(self, event: str, **fields: object) -> None:
        row = {"event": event, "time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        out.print(Text(json.dumps(row)), soft_wrap=True)
