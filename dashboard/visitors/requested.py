"""What a visitor asked for, as the page shows it: states in words, places in the line, and what the next one will cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from cache.records import Track
from cache.requests.order import in_turn
from cache.requests.records import Ended, Progress, Request
from dashboard.commands import DEFAULT_ZOO
from dashboard.text import counted, one_line

MAX_SHOWN = 50
"""Requests of a visitor, the newest first."""
DEFAULT_SIDE = 256
"""Short side of the frames, pixels: as `precompute run` uses it."""


def rows(requests: Sequence[Request], who: str, has_frames: Callable[[str], bool]) -> list[dict[str, Any]]:
    """The requests of that visitor in JSON, the newest first. `has_frames`: whether the clip of that key can be shown."""
    line = [request.id for request in in_turn(requests)]
    n_running = sum(request.state == "running" for request in requests)
    own = [request for request in requests if request.asked.who == who]
    found = []
    for request in reversed(own[-MAX_SHOWN:]):
        place = line.index(request.id) + n_running if request.id in line else None
        clip = request.ended.clip if request.ended else request.progress.clip
        found.append(
            {
                "id": request.id,
                "title": title_of(request),
                "state": "stopping" if request.is_stopping else request.state,
                "text": state_text(request, place),
                "share": share_done(request),
                "clip": clip if clip and has_frames(clip) else "",
                "isLive": request.is_live,
                "canRetry": request.state in ("failed", "cancelled"),
            }
        )
    return found


def title_of(request: Request) -> str:
    """The source, on one line: without folders, and without what may be a key in an address."""
    source, ended = request.asked.source, request.ended
    if ended and ended.result and ended.result.title:
        return one_line(ended.result.title)
    if request.progress.title:
        return one_line(request.progress.title)
    if source.title:
        return one_line(source.title)
    if source.kind == "address":
        try:
            parts = urlsplit(source.name)
        except ValueError:
            return "an address"
        return one_line(f"{parts.hostname or ''}{parts.path}")
    return one_line(PurePosixPath(source.name).name)


def state_text(request: Request, place: int | None) -> str:
    """The state in words. `place`: how many requests are before it."""
    if request.ended:
        return _end_text(request.ended)
    if request.is_stopping:
        return "being cancelled"
    if request.state == "waiting":
        return "waiting" + (f": {counted(place, 'request')} before it" if place else ": next")
    return _progress_text(request.progress)


def _end_text(ended: Ended) -> str:
    if failure := ended.failure:
        return one_line(f"failed [{failure.code}]: {failure.message}. Next: {failure.next_step}.", 800)
    if result := ended.result:
        if not result.n_frames_computed:
            return "done: it was stored already"
        return f"done: {counted(result.n_frames_computed, 'frame')} in {result.seconds:.0f} s"
    return "cancelled"


def _progress_text(progress: Progress) -> str:
    if progress.stage == "download":
        total = f" of {progress.n_total / 1e6:.1f}" if progress.n_total else ""
        return f"downloading: {progress.n_done / 1e6:.1f}{total} MB"
    if progress.stage == "compute":
        total = f" of {counted(progress.n_total, 'frame')}" if progress.n_total else " frames"
        return f"computing: {progress.n_done}{total}"
    return "starting"


def share_done(request: Request) -> float | None:
    """How much of the current stage is done, from 0 to 1; None if that is unknown, or if nothing is being done."""
    progress = request.progress
    if request.state != "running" or not progress.n_total:
        return None
    return min(1.0, progress.n_done / progress.n_total)


# What it costs


def offers(tracks: Iterable[Track], requests: Iterable[Request]) -> list[dict[str, Any]]:
    """The zoos that can be asked for, in JSON, with what their predictions cost: those that computed any clip of this store.

    `bytes`: stored bytes per frame of 256 x 256 pixels of each method and target, measured on the stored tracks; the input's
    are `input_bytes`. `seconds`: per stored picture, from the requests done so far; None before the first.
    """
    complete = [track for track in tracks if track.is_complete and track.n_frames]
    inputs = [bytes_per_frame(track) for track in complete if track.head.kind == "input"]
    zoos: dict[str, dict[tuple[str, str], dict[str, float]]] = {}
    for track in complete:
        head = track.head
        if head.zoo and head.kind in ("prediction", "readout", "energy"):
            # An energy is named by its target; a readout belongs to the prediction that it reads.
            domains = head.path.split("-")
            target = domains[1] if len(domains) > 1 else domains[0]
            sizes = zoos.setdefault(head.zoo, {}).setdefault((head.method, target), {})
            name = f"{head.kind} {head.path}"
            sizes[name] = max(sizes.get(name, 0.0), bytes_per_frame(track))
    pace = _seconds_per_picture(requests)
    if not zoos:  # an empty store: all of the bundled zoo, at a cost that nobody knows yet
        return [{"zoo": DEFAULT_ZOO, "bytes": [], "inputBytes": 0, "seconds": None}]
    return [
        {
            "zoo": zoo,
            "bytes": [
                {"method": method, "target": target, "bytes": round(sum(sizes.values())), "pictures": len(sizes)}
                for (method, target), sizes in found.items()
            ],
            "inputBytes": round(max(inputs, default=0.0)),
            "seconds": pace.get(zoo),
        }
        for zoo, found in sorted(zoos.items())
    ]


def bytes_per_frame(track: Track) -> float:
    """Stored bytes of a frame, as if it had DEFAULT_SIDE x DEFAULT_SIDE pixels."""
    clip = track.head.clip
    pixels = max(1, clip.width * clip.height)
    return sum(pack.bytes for pack in track.packs) / track.n_frames * DEFAULT_SIDE**2 / pixels


def _seconds_per_picture(requests: Iterable[Request]) -> dict[str, float]:
    """Zoo -> seconds for a frame of a track, over the requests that computed at least one."""
    seconds: dict[str, float] = {}
    pictures: dict[str, float] = {}
    for request in requests:
        result = request.ended.result if request.ended else None
        if result and result.n_frames_computed and result.n_tracks and not request.asked.options.is_still:
            zoo = request.asked.options.zoo
            seconds[zoo] = seconds.get(zoo, 0.0) + result.seconds
            pictures[zoo] = pictures.get(zoo, 0.0) + result.n_frames_computed * result.n_tracks
    return {zoo: seconds[zoo] / pictures[zoo] for zoo in seconds}
