"""The one visible loop: read, predict, score, encode, store. Resumable; memory does not grow with the clip."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Event

import numpy as np
import torch

from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import get_domain
from precompute.failures import SourceError
from precompute.jobs.batches import Batch
from precompute.jobs.chunk import DISK_THREADS, PackBuilder, PackWriter, chunk_frames, encode, n_encoders
from precompute.jobs.device_worker import DeviceWorker, in_order
from precompute.jobs.devices import all_devices, clip_dtype, dtype_name
from precompute.jobs.encode import start_encoder
from precompute.jobs.plan import Plan
from precompute.jobs.predict import Networks, Precision, make_graph, require_finite
from precompute.jobs.read_ahead import frame_batches, read_ahead
from precompute.jobs.tracks import TrackSpec
from precompute.media import sources

BAD_FOR_GOOD = ("truncated", "damaged", "bad_truth", "no_frames")
"""Failures that lie in the source itself: nothing of it stays. After others, such as a disk's, another run goes on."""
SLOW_SECONDS = 2.0
"""Where one frame takes longer, it alone is timed before a run."""


def run_plan(
    store: Store,
    plan: Plan,
    *,
    device: torch.device,
    dtype: torch.dtype,
    batch_size: int,
    exact: frozenset[str] = frozenset(),
    networks: Networks | None = None,
    report: Callable[[int, int], None] = lambda n_done, n_resumed: None,
    on_wait: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda message: None,
    stop: Event | None = None,
) -> int:
    """Compute the pending tracks of a clip; returns the number of frames computed.

    `cuda` means every GPU. The networks in `exact` compute in float32 whatever the dtype (`precompute.precision`); those
    in `networks` need not be loaded again. `report(frames done, frames found done)` is called after every batch,
    `on_wait()` while another job has the clip, `say(message)` where the job goes on otherwise than asked.
    Once `stop` is set it ends with the chunk in hand; the tracks are then not finished unless that was the last.
    Stopped at any moment, the store keeps every finished pack and the next run goes on from there; it keeps to the
    clip's dtype, so that its tracks can be compared. Raises SourceError, ZooError, StoreError and OSError.
    """
    with store.writing(plan.clip.key, on_wait=on_wait):
        # Another job may have finished some of them while this one waited.
        pending = [spec for spec in plan.pending if not store.holds(spec.head.key)]
        if not pending:
            return 0
        precision = Precision(clip_dtype(store, plan, dtype), exact)
        heads = [replace(spec.head, computed_on=_describe(spec, device, precision, plan)) for spec in pending]
        with ThreadPoolExecutor(DISK_THREADS, "disk") as disk:
            writers = {writer.head.key: writer for writer in disk.map(partial(TrackWriter, store), heads)}
        stored = {key: writer.n_frames for key, writer in writers.items()}
        start = n_frames = min(stored.values())
        size = chunk_frames(plan.clip)

        def needing(batch: Batch) -> list[TrackSpec]:
            """The tracks that an earlier run has not brought as far as the batch's chunk."""
            chunk_start = batch.start - (batch.start - start) % size
            return [spec for spec in pending if stored[spec.head.key] <= chunk_start]

        damages: list[str] = []
        networks = networks or Networks()
        names = {spec.head.key: spec.head.configuration for spec in pending}
        with ExitStack() as stack:
            workers = []
            for one in all_devices(device):
                graph = make_graph(pending, one, precision, networks)
                workers.append(DeviceWorker(graph, one, plan.zoo, batch_size, needing, say))
                stack.callback(workers[-1].close)
            encoders = stack.enter_context(ThreadPoolExecutor(n_encoders(), "encode", start_encoder))
            shelf = stack.enter_context(closing(PackWriter(writers.values())))
            batches = stack.enter_context(
                closing(
                    read_ahead(lambda stopped: frame_batches(plan, start, batch_size, size, stopped, damages.append))
                )
            )
            chunk = PackBuilder(start)
            try:
                for scored in in_order(batches, workers):
                    scored.wait()
                    require_finite(scored.products, names)
                    shelf.wait()  # only what one chunk holds is ever done and not safe
                    chunk.add(scored.products, encoders)
                    n_frames += len(scored.batch.rgb)
                    report(n_frames, start)
                    if n_frames - chunk.start >= size:
                        _require_unchanged(plan)
                        shelf.put(chunk)
                        chunk = PackBuilder(n_frames)
                        if stop is not None and stop.is_set():
                            shelf.wait()
                            return n_frames - start
                _require_unchanged(plan)
            except SourceError as error:
                # A source that turns out bad at its end leaves nothing behind.
                if error.code in BAD_FOR_GOOD:
                    shelf.close()
                    store.remove(list(writers))
                raise
            shelf.put(chunk)
            shelf.wait()
            shelf.finish(damages)
        return n_frames - start


def seconds_per_frame(
    plan: Plan,
    device: torch.device,
    dtype: torch.dtype,
    batch_size: int,
    exact: frozenset[str] = frozenset(),
    networks: Networks | None = None,
) -> float:
    """Time noise through networks, scores and encoders: a fair guess before a run."""
    specs = list(plan.pending)
    random = np.random.default_rng(0)
    devices = all_devices(device)
    graph = make_graph(specs, devices[0], Precision(dtype, exact), networks)

    def once(n_frames: int) -> float:
        def noise(channels: int) -> np.ndarray:
            return random.integers(0, 255, (n_frames, plan.clip.height, plan.clip.width, channels), np.uint8)

        truth = {name: noise(get_domain(name).channels) for name in plan.source.truth}
        frames = Batch(noise(3), np.arange(n_frames) / 30, truth, {})
        start = time.perf_counter()
        with closing(DeviceWorker(graph, devices[0], plan.zoo, n_frames, lambda batch: specs)) as worker:
            for scored in worker.score(frames):
                scored.wait()
                with ThreadPoolExecutor(n_encoders(), "encode", start_encoder) as encoders:
                    for product in scored.products.values():
                        encoders.submit(encode, np.asarray(product.images))
        return (time.perf_counter() - start) / n_frames / len(devices)

    first = once(1)  # allocates
    return first if first > SLOW_SECONDS else once(batch_size)


def _require_unchanged(plan: Plan) -> None:
    """The frames read so far are to be those of the bytes that were hashed; asked before each chunk is stored."""
    for path, stamp in plan.stamps.items():
        sources.require_unchanged(path, stamp)


def _describe(spec: TrackSpec, device: torch.device, precision: Precision, plan: Plan) -> dict[str, str]:
    """What stands in the manifest of how the frames were made."""
    exact = {edge.name for chain in spec.chains for edge in chain if edge.network_digest in precision.exact}
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": dtype_name(precision.dtype),
        **({"in_float32": ", ".join(sorted(exact))} if exact else {}),
        "torch": torch.__version__,
        "zoo_version": plan.zoo.version,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
