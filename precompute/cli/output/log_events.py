"""The events of a run in the log, for `run --log-format json`: what happens to each source, and how far it is."""

from __future__ import annotations

import logging
import time
from typing import Any

from precompute.cli.output.logs import FACTS
from precompute.jobs import events

PROGRESS_SECONDS = 10.0
"""Least seconds between two records of progress."""

log = logging.getLogger("precompute.run")


class LogEvents:
    """Logs what people would see as lines and bars."""

    def __init__(self) -> None:
        self._source: dict[str, str] = {}
        self._clip: dict[str, str] = {}
        self._last_progress = 0.0
        self._n_failed = self._n_sources = 0

    def emit(self, event: events.Event) -> None:
        match event:
            case events.RunStarted():
                self._n_sources = len(event.sources)
                _log("run started", n_sources=self._n_sources)
            case events.Note():
                _log(event.text)
            case events.Started():
                self._source, self._clip, self._last_progress = {"source": event.source}, {}, time.monotonic()
                _log("source started", **self._source)
            case events.Downloading():
                self._progress("downloading", n_bytes=event.n_bytes, n_total=event.n_total)
            case events.Planned():
                self._clip = {"clip": event.clip, "title": event.title}
                _log(
                    "planned",
                    **self._source,
                    **self._clip,
                    first_frame=event.first_frame,
                    n_frames=event.n_frames,
                    n_tracks=event.n_tracks,
                    n_pending=event.n_pending,
                    device=event.device,
                    dtype=event.dtype,
                )
            case events.Waiting():
                _log("waiting for another job that is writing this clip", **self._source)
            case events.Computing():
                self._progress("computing", n_frames=event.n_frames, n_total=event.n_total)
            case events.Stored():
                _log(
                    "part stored" if event.is_partial else "stored",
                    **self._source,
                    clip=event.clip,
                    title=event.title,
                    n_tracks=event.n_tracks,
                    n_tracks_computed=event.n_tracks_computed,
                    n_frames_computed=event.n_frames_computed,
                    seconds=round(event.seconds, 3),
                )
            case events.Failed():
                self._n_failed += 1
                _log(str(event.error), source=event.source, **_without_message(event.facts))
            case events.RunEnded():
                _log("run ended", n_sources=self._n_sources, n_failed=self._n_failed)

    def _progress(self, text: str, **facts: Any) -> None:
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            _log(text, **self._source, **self._clip, **facts)


def _log(text: str, **facts: Any) -> None:
    log.log(logging.ERROR if "code" in facts else logging.INFO, "%s", text, extra={FACTS: facts})


def _without_message(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if name != "message"}
