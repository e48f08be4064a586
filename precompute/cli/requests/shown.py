"""How the commands show a request: what it is about, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cache.requests.records import Progress, Request
from precompute.net.urls import shown_url
from precompute.text import count

ID_LETTERS = 12
"""Shown of an id; enough to tell requests apart."""


def short_id(request: Request) -> str:
    return request.id[:ID_LETTERS]


def name_of(request: Request) -> str:
    """The source, for people: without folders, and without keys in an address."""
    source = request.asked.source
    if request.ended and request.ended.result and request.ended.result.title:
        return request.ended.result.title
    if request.progress.title:
        return request.progress.title
    if source.kind == "address":
        return shown_url(source.name)
    return source.title or Path(source.name).name


def state_of(request: Request) -> str:
    """The state, with how far it is or why it ended so, on one line."""
    ended = request.ended
    if ended and ended.failure:
        return f"failed [{ended.failure.code}]: {ended.failure.message}; {ended.failure.next_step}"
    if ended and ended.result:
        frames = count(ended.result.n_frames_computed, "frame")
        return f"done: {count(ended.result.n_tracks, 'track')}, {frames} computed"
    if request.is_stopping:
        return f"{request.state}, stopping"
    return f"running{_how_far(request.progress)}" if request.state == "running" else request.state


def _how_far(progress: Progress) -> str:
    if progress.stage == "download":
        total = f" of {progress.n_total / 1e6:.1f}" if progress.n_total else ""
        return f": {progress.n_done / 1e6:.1f}{total} MB downloaded"
    if progress.stage == "compute":
        return f": {progress.n_done} of {count(progress.n_total, 'frame') if progress.n_total else 'unknown frames'}"
    return ""


def row_of(request: Request) -> dict[str, Any]:
    """A request in `requests --json`."""
    ended, progress = request.ended, request.progress
    row: dict[str, Any] = {
        "id": request.id,
        "state": request.state,
        "stopping": request.is_stopping,
        "source": request.asked.source.name,
        "kind": request.asked.source.kind,
        "who": request.asked.who,
        "when": request.asked.when,
        "stage": progress.stage,
        "n_done": progress.n_done,
        "n_total": progress.n_total,
        "clip": (ended.clip if ended else progress.clip) or None,
    }
    if ended and ended.failure:
        failure = ended.failure
        row |= {
            "code": failure.code,
            "message": failure.message,
            "next_step": failure.next_step,
            "can_retry": failure.can_retry,
        }
    if ended and ended.result:
        row |= {
            "title": ended.result.title,
            "n_tracks": ended.result.n_tracks,
            "n_frames_computed": ended.result.n_frames_computed,
        }
    return row
