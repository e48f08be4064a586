"""The tracks of a clip that are given up because a network failed on it, while the others are computed to the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cache.store import Store
from consistency.path_graph import Graph
from consistency.zoo.records import ZooError
from precompute.jobs.output.packs import PackBuilder, PackWriter
from precompute.jobs.output.tracks import TrackChunk

NAMES_SHOWN = 6
"""Most configurations that the failure names."""
COMPLETES_OTHERS = "a run without --shard or --ray completes everything else"


class FailedTracks:
    """Those given up so far."""

    def __init__(self, store: Store | None, names: Mapping[str, str]) -> None:
        """`names`: key of each track that is computed -> its configuration. `store`: where they are removed, as the caller holds
        `writing` of the clip; None for parts, which the job that completes the clip finds to fail again, and removes."""
        self._store, self._names = store, names
        self._first_frames: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._first_frames)

    def give_up(self, keys: Iterable[str], frame: int, pack: PackBuilder, disk: PackWriter) -> None:
        """From that frame on, compute nothing more of those tracks, and remove what is stored of them."""
        new = [key for key in keys if key not in self._first_frames]
        if new:
            self._first_frames |= dict.fromkeys(new, frame)
            pack.drop(new)
            disk.drop(new)
            if self._store is not None:
                self._store.remove(new)

    def others(self, chunks: Mapping[str, TrackChunk]) -> dict[str, TrackChunk]:
        """The chunks of all other tracks."""
        return {key: chunk for key, chunk in chunks.items() if key not in self._first_frames}

    def error(self, graphs: Iterable[Graph]) -> ZooError | None:
        """What to report; None if there is nothing. `graphs` know why their networks failed."""
        if not self._first_frames:
            return None
        failed = list(dict.fromkeys(self._names[key] for key in self._first_frames))
        names = ", ".join(failed[:NAMES_SHOWN]) + (", ..." if len(failed) > NAMES_SHOWN else "")
        reason = next((error for graph in graphs for error in graph.failures.values()), None)
        stored, then = "everything else is stored", ""
        if self._store is None:  # other machines compute the other parts
            stored, then = "everything else of this part is stored", f"; {COMPLETES_OTHERS}"
        if reason is not None:
            return ZooError(f"{reason.found}; {stored}, not {names}", reason.next_step + then)
        verb, whose = ("returns", "its") if len(failed) == 1 else ("return", "the")
        at = min(self._first_frames.values())
        return ZooError(
            f"{names} {verb} values that are not finite (frame {at}); {stored}",
            f"check {whose} weights, or try another --device{then}",
        )
