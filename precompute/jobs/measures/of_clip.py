"""The measures that a job adds to a clip: its flow, and the stability of every prediction that has one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analysis.stability import cuts
from cache.records import BadRecord, Track
from cache.store import Store
from precompute.jobs.events import UNHEARD, Events, Note
from precompute.jobs.measures.derive import compute_measures
from precompute.jobs.measures.stability import flow_spec, is_measured, stability_spec
from precompute.signals import Stop

CUTS_NAMED = 8
"""Most cuts that the note lists."""


class Added(NamedTuple):
    """The measures of a clip."""

    n_tracks: int = 0
    """Flow and stabilities in the store."""
    n_computed: int = 0
    """Those completed by this call."""


def add_stability(store: Store, keys: Sequence[str], *, events: Events = UNHEARD, stop: Stop | None = None) -> Added:
    """Compute the stability of the tracks with those keys, and the flow.

    Tracks that are not finished, and those of one frame, have none. Raises StoreError and OSError.
    """
    tracks = [track for key in keys if (track := _finished(store, key)) is not None]
    input_track = next((track for track in tracks if track.head.kind == "input"), None)
    predictions = [track for track in tracks if track.head.kind == "prediction" and is_measured(track.head.domain)]
    if input_track is None or input_track.n_frames < 2:
        return Added()
    specs = [stability_spec(track) for track in predictions if track.n_frames == input_track.n_frames]
    flow = flow_spec(input_track)
    if all(store.holds(spec.head.key) for spec in specs):
        return Added(len(specs) + store.holds(flow.head.key) if specs else 0)
    n_done = compute_measures(store, input_track, [flow, *specs], flow=flow.head.key, events=events, stop=stop)
    if n_done and (found := store.get(flow.head.key)):
        _name_cuts(store, found, events)
    return Added(sum(store.holds(spec.head.key) for spec in (flow, *specs)), n_done)


def _name_cuts(store: Store, flow: Track, events: Events) -> None:
    found = cuts(store.column(flow, "found")).tolist()
    if found:
        named = ", ".join(map(str, found[:CUTS_NAMED])) + (", ..." if len(found) > CUTS_NAMED else "")
        what, them = ("scene cut", "it") if len(found) == 1 else (f"{len(found)} scene cuts", "them")
        events.emit(Note(f"{flow.head.clip.title}: {what} at frame {named}; stability leaves {them} out"))


def _finished(store: Store, key: str) -> Track | None:
    try:
        track = store.get(key)
    except BadRecord:
        return None
    return track if track is not None and track.is_complete else None
