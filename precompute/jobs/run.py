"""The one visible loop: read, predict, score, encode, store. Resumable; memory does not grow with the clip."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Literal

import numpy as np
import torch

from cache.keys import clip_key
from cache.pack import MAX_FRAMES
from cache.records import BadRecord, Clip
from cache.store import Store, TrackWriter
from consistency.domains import get_domain
from consistency.zoo import Zoo
from precompute import video
from precompute.encode import encode_image, encode_preview, start_encoder
from precompute.errors import SourceError
from precompute.lanes import Lane, Networks, Precision, in_order, make_graph, require_finite
from precompute.recipes import Batch, Product, Recipe, plan_recipes

SAMPLING_RULE = 1
"""Version of the rule by which frames are chosen and resized; part of every clip's key."""
CHUNK_PIXELS = 64 * 256 * 256
"""Pixels per pack and track, 64 frames of 256x256: what a killed job does again at most, and what bounds its memory."""
ENCODED_TOGETHER = 8
"""Images of a track that one encoder takes at a time: fewer cost the threads more than the work."""
BAD_FOR_GOOD = ("truncated", "damaged", "bad_truth", "no_frames")
"""Failures that lie in the source itself: nothing of it stays. After others, such as a disk's, another run goes on."""
DISK_THREADS = 16
"""Files pushed to the disk at a time."""
BATCHES_AHEAD = 2
"""Decoded batches waiting for the networks."""
SLOW_SECONDS = 2.0
"""Where one frame takes longer, it alone is timed before a run."""
BYTES_PER_PIXEL = {3: 1.26, 1: 0.51}
"""Channels -> stored bytes per pixel with its preview, mean over the tracks of the bundled clips: for estimates before a run."""
DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Plan:
    """What one clip still needs."""

    source: video.Source
    sampling: video.Sampling
    clip: Clip
    zoo: Zoo
    recipes: tuple[Recipe, ...]
    """Of every track asked for."""
    pending: tuple[Recipe, ...]
    """Of those that the store does not hold whole."""
    stored_frames: tuple[int, ...]
    """Of each pending track, what an earlier run left."""
    stamps: Mapping[Path, video.Stamp]
    """Of the source and its ground truth when they were hashed: the keys of the tracks name what they held then."""

    @property
    def n_frames_left(self) -> int:
        """To compute, as far as the source's header tells; 0 where it does not."""
        return max(0, self.clip.n_frames - min(self.stored_frames, default=0))

    @property
    def estimated_bytes(self) -> float:
        """Still to be stored."""
        pixels = self.clip.width * self.clip.height
        return sum(
            BYTES_PER_PIXEL[int(recipe.head.domain["channels"])] * pixels * max(0, self.clip.n_frames - stored)
            for recipe, stored in zip(self.pending, self.stored_frames, strict=True)
        )


def make_plan(store: Store, source: video.Source, sampling: video.Sampling, zoo: Zoo, patterns: list[str]) -> Plan:
    """Find out what the store lacks. Reads the source's header, and nothing of it where all tracks are there.

    Raises SourceError and ZooError.
    """
    rule = {**sampling.rule(), "shift": "", "rule": SAMPLING_RULE}
    key = clip_key(source.sha256, rule)
    known = store.tracks(clip=key, kind="input")
    if known and known[0].is_complete:
        clip = known[0].head.clip
    else:
        info = video.probe(source, sampling)
        height, width = video.output_size(info, sampling)
        clip = Clip(
            key=key,
            title=source.title,
            source_sha256=source.sha256,
            sampling=rule,
            width=width,
            height=height,
            n_frames=video.estimate_frames(info, sampling),
            url=source.url,
            author=source.author,
            licence=source.licence,
            attribution=source.attribution,
        )
    truth = {name: video.fingerprint(path) for name, path in source.truth.items()}
    recipes = plan_recipes(clip, zoo, patterns, {name: sha256 for name, (sha256, _) in truth.items()})
    pending = tuple(recipe for recipe in recipes if not store.holds(recipe.head.key))
    stored = tuple(_stored_frames(store, recipe) for recipe in pending)
    stamps = {source.truth[name]: stamp for name, (_, stamp) in truth.items()}
    stamps |= {source.path: source.stamp} if source.stamp else {}
    return Plan(source, sampling, clip, zoo, tuple(recipes), pending, stored, stamps)


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
        pending = [recipe for recipe in plan.pending if not store.holds(recipe.head.key)]
        if not pending:
            return 0
        precision = Precision(clip_dtype(store, plan, dtype), exact)
        heads = [replace(recipe.head, computed_on=_describe(recipe, device, precision, plan)) for recipe in pending]
        with ThreadPoolExecutor(DISK_THREADS, "disk") as disk:
            writers = {writer.head.key: writer for writer in disk.map(store.writer, heads)}
        stored = {key: writer.n_frames for key, writer in writers.items()}
        start = n_frames = min(stored.values())
        size = chunk_frames(plan.clip)

        def needing(batch: Batch) -> list[Recipe]:
            """The tracks that an earlier run has not brought as far as the batch's chunk."""
            chunk_start = batch.start - (batch.start - start) % size
            return [recipe for recipe in pending if stored[recipe.head.key] <= chunk_start]

        damages: list[str] = []
        networks = networks or Networks()
        names = {recipe.head.key: recipe.head.configuration for recipe in pending}
        with ExitStack() as stack:
            lanes = []
            for one in all_devices(device):
                graph = make_graph(pending, one, precision, networks)
                lanes.append(Lane(graph, one, plan.zoo, batch_size, needing, say))
                stack.callback(lanes[-1].close)
            encoders = stack.enter_context(ThreadPoolExecutor(n_encoders(), "encode", start_encoder))
            shelf = stack.enter_context(closing(_Shelf(writers.values())))
            batches = stack.enter_context(
                closing(_read_ahead(lambda stopped: _batches(plan, start, batch_size, size, stopped, damages.append)))
            )
            chunk = _Chunk(start)
            try:
                for scored in in_order(batches, lanes):
                    scored.wait()
                    require_finite(scored.products, names)
                    shelf.wait()  # only what one chunk holds is ever done and not safe
                    chunk.add(scored.products, encoders)
                    n_frames += len(scored.batch.rgb)
                    report(n_frames, start)
                    if n_frames - chunk.start >= size:
                        _require_unchanged(plan)
                        shelf.put(chunk)
                        chunk = _Chunk(n_frames)
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


def chunk_frames(clip: Clip) -> int:
    """Frames per pack of a clip."""
    return max(1, min(MAX_FRAMES, CHUNK_PIXELS // (clip.width * clip.height)))


def n_encoders() -> int:
    """Threads that encode: the codecs let others run, and so do networks on a GPU."""
    return max(2, (os.cpu_count() or 2) - 1)


def seconds_per_frame(
    plan: Plan,
    device: torch.device,
    dtype: torch.dtype,
    batch_size: int,
    exact: frozenset[str] = frozenset(),
    networks: Networks | None = None,
) -> float:
    """Time noise through networks, scores and encoders: a fair guess before a run."""
    recipes = list(plan.pending)
    random = np.random.default_rng(0)
    devices = all_devices(device)
    graph = make_graph(recipes, devices[0], Precision(dtype, exact), networks)

    def once(n_frames: int) -> float:
        def noise(channels: int) -> np.ndarray:
            return random.integers(0, 255, (n_frames, plan.clip.height, plan.clip.width, channels), np.uint8)

        truth = {name: noise(get_domain(name).channels) for name in plan.source.truth}
        frames = Batch(noise(3), np.arange(n_frames) / 30, truth, {})
        start = time.perf_counter()
        with closing(Lane(graph, devices[0], plan.zoo, n_frames, lambda batch: recipes)) as lane:
            for scored in lane.score(frames):
                scored.wait()
                with ThreadPoolExecutor(n_encoders(), "encode", start_encoder) as encoders:
                    for product in scored.products.values():
                        encoders.submit(encode, np.asarray(product.images))
        return (time.perf_counter() - start) / n_frames / len(devices)

    first = once(1)  # allocates
    return first if first > SLOW_SECONDS else once(batch_size)


def clip_dtype(store: Store, plan: Plan, wanted: torch.dtype) -> torch.dtype:
    """The dtype that most of the clip's stored tracks were computed in, else the wanted one."""
    tracks = [store.get(recipe.head.key) for recipe in plan.recipes if recipe.chains and recipe not in plan.pending]
    tracks += [
        store.get(recipe.head.key)
        for recipe, stored in zip(plan.pending, plan.stored_frames, strict=True)
        if recipe.chains and stored
    ]
    begun = Counter(track.head.computed_on.get("dtype", "") for track in tracks if track)
    return DTYPES.get(max(sorted(begun), key=lambda name: begun[name], default=""), wanted)


def choose_device(name: Device) -> torch.device:
    """`auto` is CUDA where there is a usable GPU, else the CPU. Raises ValueError for a `cuda` that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "--device cuda: torch finds no CUDA GPU here; use --device cpu, or install a CUDA build of torch"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def all_devices(device: torch.device) -> list[torch.device]:
    """Every GPU for a plain `cuda`, else the device itself."""
    if device.type == "cuda" and device.index is None:
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [device]


def choose_dtype(device: torch.device) -> torch.dtype:
    """float16 on GPUs, bfloat16 on CPUs with units for it, else float32. Energies are float32 in any case."""
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


class _Chunk:
    """The frames of one pack of every track, being encoded."""

    def __init__(self, start: int) -> None:
        self.start = start
        self._images: dict[str, list[Future[list[tuple[bytes, bytes]]]]] = {}
        self._columns: dict[str, list[dict[str, np.ndarray]]] = {}
        self._encoding: list[Future[list[tuple[bytes, bytes]]]] = []

    def add(self, products: Mapping[str, Product], encoders: ThreadPoolExecutor) -> None:
        """Start encoding; returns once the batch before is coded, so that no more than two are held."""
        before, self._encoding = self._encoding, []
        for key, product in products.items():
            images = np.asarray(product.images)
            for first in range(0, len(images), ENCODED_TOGETHER):
                self._encoding.append(encoders.submit(encode, images[first : first + ENCODED_TOGETHER]))
                self._images.setdefault(key, []).append(self._encoding[-1])
            self._columns.setdefault(key, []).append(
                {name: np.asarray(values) for name, values in product.columns.items()}
            )
        for future in before:
            future.result()

    def write(self, writer: TrackWriter) -> None:
        """Store this chunk of one track, once it is coded."""
        key = writer.head.key
        if parts := self._columns.get(key):
            columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            coded = [pair for future in self._images[key] for pair in future.result()]
            images, previews = zip(*coded, strict=True)
            writer.append(self.start, images, columns, previews)


class _Shelf:
    """Stores chunks while the next frames are computed, many tracks at a time: a disk is slow to say that something is
    safe, and says it of many files as soon as of one."""

    def __init__(self, writers: Iterable[TrackWriter]) -> None:
        self._writers = tuple(writers)
        self._disk = ThreadPoolExecutor(DISK_THREADS, "disk")
        self._writing: list[Future[None]] = []

    def put(self, chunk: _Chunk) -> None:
        """Write it, once the chunk before is written. Raises what stopped that one."""
        self.wait()
        self._writing = [self._disk.submit(chunk.write, writer) for writer in self._writers]

    def wait(self) -> None:
        """Until all is written. Raises what stopped it."""
        writing, self._writing = self._writing, []
        for future in writing:
            future.result()

    def finish(self, damages: Sequence[str]) -> None:
        """Call every track complete, with what is known of damage to its source."""

        def finish(writer: TrackWriter) -> None:
            for damage in damages:
                writer.head = replace(writer.head, computed_on={**writer.head.computed_on, "damage": damage})
            writer.finish()

        list(self._disk.map(finish, self._writers))

    def close(self) -> None:
        self._disk.shutdown()


def _require_unchanged(plan: Plan) -> None:
    """The frames read so far are to be those of the bytes that were hashed; asked before each chunk is stored."""
    for path, stamp in plan.stamps.items():
        video.require_unchanged(path, stamp)


def encode(images: np.ndarray) -> list[tuple[bytes, bytes]]:
    """Images of codes as they are, each with its preview."""
    return [(encode_image(image), encode_preview(image)) for image in images]


def _batches(
    plan: Plan, start: int, batch_size: int, chunk_size: int, stopped: Event, on_damage: Callable[[str], None]
) -> Generator[Batch]:
    """The clip's frames from `start` on, with their ground truth, in batches that end where chunks end.

    Setting `stopped` ends it, also while frames before `start` are skipped. `on_damage` hears where a tolerant one ended.
    """
    with ExitStack() as stack:

        def decode(
            path: Path, sampling: video.Sampling, channels: Literal[1, 3] | None = None
        ) -> Generator[video.Frame]:
            frames = video.frames(path, sampling, channels=channels, stopped=stopped, on_damage=on_damage)
            return stack.enter_context(closing(frames))

        n_frames = 0
        rgb = decode(plan.source.path, plan.sampling)
        strict = replace(plan.sampling, is_tolerant=False)
        truth = {name: decode(path, strict, get_domain(name).channels) for name, path in plan.source.truth.items()}
        held: list[tuple[video.Frame, dict[str, np.ndarray]]] = []
        for frame in rgb:
            n_frames += 1
            codes = {}
            for name, frames in truth.items():
                true_frame = next(frames, None)
                if true_frame is None and stopped.is_set():
                    return
                if true_frame is None:
                    raise SourceError(
                        "bad_truth",
                        f"{plan.source.title}: ground truth of {name} ends before the clip, at frame {frame.index}; "
                        "it needs one frame for each of the clip's",
                    )
                codes[name] = true_frame.rgb
            if frame.index < start:
                continue
            held.append((frame, codes))
            if len(held) == batch_size or (frame.index + 1 - start) % chunk_size == 0:
                yield _stack(held)
                held = []
        if stopped.is_set():
            return
        if held:
            yield _stack(held)
        if n_frames < max(start, 1):
            raise SourceError(
                "no_frames",
                f"{plan.source.title}: gives {n_frames} frames in the chosen range, {start} are stored; "
                "give another --start or --end, or remove its tracks",
            )


def _stack(held: list[tuple[video.Frame, dict[str, np.ndarray]]]) -> Batch:
    return Batch(
        rgb=np.stack([frame.rgb for frame, _ in held]),
        pts_seconds=np.array([frame.pts_seconds for frame, _ in held]),
        truth={name: np.stack([codes[name] for _, codes in held]) for name in held[0][1]},
        outputs={},
        start=held[0][0].index,
    )


def _read_ahead(read_batches: Callable[[Event], Generator[Batch]]) -> Generator[Batch]:
    """The batches, decoded in a thread while the caller computes; its errors are raised here. Closing it sets the event
    that `read_batches` is given."""
    queue: Queue[Batch | BaseException | None] = Queue(BATCHES_AHEAD)
    stopped = Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return queue.put(item, timeout=0.1)
            except Full:
                continue

    def read() -> None:
        try:
            with closing(read_batches(stopped)) as batches:
                for batch in batches:
                    put(batch)
                    if stopped.is_set():
                        return
            put(None)
        except BaseException as error:
            put(error)

    thread = Thread(target=read, name="decode", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


def _stored_frames(store: Store, recipe: Recipe) -> int:
    """What an earlier run left of a track that is not whole; 0 where its manifest cannot be read."""
    try:
        track = store.get(recipe.head.key)
    except BadRecord:
        return 0
    return track.n_frames if track and not track.is_complete else 0


def _describe(recipe: Recipe, device: torch.device, precision: Precision, plan: Plan) -> dict[str, str]:
    """What stands in the manifest of how the frames were made."""
    exact = {edge.name for chain in recipe.chains for edge in chain if edge.network_digest in precision.exact}
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "dtype": dtype_name(precision.dtype),
        **({"in_float32": ", ".join(sorted(exact))} if exact else {}),
        "torch": torch.__version__,
        "zoo_version": plan.zoo.version,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def dtype_name(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")
