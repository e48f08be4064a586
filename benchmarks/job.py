"""Compares the job with a plain loop and with the limits of the machine: `python -m benchmarks.job [--pages mini normals full]`.

Three pages of work on the bundled walk-through: `mini` is every configuration of the bundled zoo; `normals` and `full` are the
energy of normals and everything on X-TC's page, with the released architectures and random weights (whose numbers mean
nothing, but which take as long as trained ones). The plain loop is the obvious program: float32, one frame at a time, every
path computed from the image. Both get the same clip, weights and threads; they alternate, and medians are printed.
As in `run`, networks of `mini` that exceed the bound in half precision are in float32. All networks of X-TC's pages compute in
half precision, because random weights show little about trained ones; how many `run` would keep in float32 is measured and
written next to the times.
Results are written after each part, to benchmarks/figures/job.json (or job-gpu.json), or to the folder $OUT.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import islice, pairwise
from operator import truediv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import FIGURES
from benchmarks.random_zoo import random_zoo
from cache.store import Store
from cache.writer import TrackWriter
from consistency.cuda_graph import CapturedGraph
from consistency.domains import get_domain
from consistency.energy import block_means, disagreement_maps, raw_terms, standardise
from consistency.models import fused_ops
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import MERGED, Chain, Edge, Merge, Zoo
from precompute.jobs import compute_clip, device_worker, precision, predict
from precompute.jobs.batches import FrameBatch
from precompute.jobs.measures.optical_flow import motion, places_before
from precompute.jobs.measures.stability import change, is_measured
from precompute.jobs.measures.warp import Warp
from precompute.jobs.output.encode import start_encoder
from precompute.jobs.output.packs import PackBuilder, PackWriter, encode_chunks, n_encoders
from precompute.jobs.output.tracks import TrackSpec, chains_of, term_maps
from precompute.jobs.plan import Plan, make_plan
from precompute.jobs.predict import Compute, Networks, Precision
from precompute.media import decoder, sources
from precompute.media.sampling import Sampling

CONVOLUTION_DEFAULTS = (None, None, None, (1, 1), (0, 0), (1, 1), 1)
"""Image, weight, bias, stride, padding, dilation, groups."""
PAGES = ("mini", "normals", "full")
BATCH = {"cpu": 8, "cuda": 32}
GPU_BATCHES = (32, 64)
ROOF_BANDWIDTH = 4.3e12
"""Bytes per second of the GPU for which the roofs below were computed."""
ROOFS = {"normals": (704, 1857), "full": (147, 383)}
"""Frames per second if every byte moved at that bandwidth: with each step by itself (eager), and with steps fused."""


@dataclass(frozen=True)
class Page:
    """An amount of work on a clip."""

    name: str
    zoo: Zoo
    patterns: tuple[str, ...]
    source: sources.Source
    frames: np.ndarray
    """uint8, (N, H, W, 3)."""
    scratch: Path
    networks: Networks
    """The job's networks, loaded once for all measurements."""
    exact: frozenset[str] = frozenset()
    """Digests of the networks that the job computes in float32 regardless of the dtype."""

    def precision(self, dtype: torch.dtype) -> Precision:
        return Precision(dtype, self.exact)

    @cached_property
    def plan(self) -> Plan:
        return self.plan_in(Store(self.scratch / "empty"))

    def plan_in(self, store: Store, n_frames: int = 0) -> Plan:
        sampling = sampling_of(n_frames or len(self.frames), self.frames.shape[1])
        return make_plan(store, self.source, sampling, self.zoo, list(self.patterns))

    @property
    def specs(self) -> list[TrackSpec]:
        return list(self.plan.specs)

    @cached_property
    def paths(self) -> list[Chain]:
        """Every distinct path, longest last."""
        return sorted(set(chains_of(self.specs)), key=len)

    def batch(self, first: int, n_frames: int) -> FrameBatch:
        """Frames of the clip, from its start again where it ends; the true maps of this clip are left out of the timing."""
        index = np.arange(first, first + n_frames) % len(self.frames)
        truth = {
            name: np.zeros((n_frames, *self.frames.shape[1:3], channels), np.uint8)
            for name, channels in (("normal", 3), ("depth", 1), ("reshading", 1))
            if name in self.source.truth
        }
        return FrameBatch(self.frames[index], index / 30, truth, first)


def sampling_of(n_frames: int, size: int) -> Sampling:
    return Sampling(max_frames=n_frames, size=size)


class PlainLoop:
    """The networks in float32, one frame at a time, with nothing shared between paths."""

    def __init__(self, page: Page, device: torch.device) -> None:
        self.page, self.device = page, device
        self.networks = {
            edge: load_network(edge, device=device, dtype=torch.float32).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            for edge in {edge for chain in page.paths for edge in chain}
        }

    def follow(self, image: Tensor, chain: tuple[Edge, ...]) -> Tensor:
        with fused_ops.plain():
            for edge in chain:
                made = self.networks[edge](image)
                image = made[edge.head] if edge.head and isinstance(made, dict) else made
        return image

    def image_of(self, frame: np.ndarray) -> Tensor:
        return torch.from_numpy(frame).to(self.device).permute(2, 0, 1)[None].float().contiguous() / 255

    @torch.inference_mode()
    def networks_only(self, frame: np.ndarray, chains: Sequence[Chain]) -> None:
        image = self.image_of(frame)
        for chain in chains:
            self.follow(image, chain)

    @torch.inference_mode()
    def whole_job(self, n_frames: int, folder: Path) -> None:
        """Decode, predict, score and write, track by track; returns when all images are on the disk."""
        capture = cv2.VideoCapture(str(self.page.source.path))
        for index in range(n_frames):
            frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
            image = self.image_of(cv2.resize(frame, self.page.frames.shape[2:0:-1]))
            for number, spec in enumerate(spec for spec in self.page.specs if spec.chains):
                outputs = [self.follow(image, chain) for chain in spec.chains]
                picture = outputs[0]
                if spec.head.kind == "energy":
                    maps = term_maps(spec.terms, dict(zip(spec.chains, outputs, strict=True)))
                    constants = spec.head.constants
                    weights = constants.get("weights", {}).get("weighted")
                    picture = standardise(maps, constants["mu"], constants["sigma"], weights)[:, None]
                    block_means(maps)
                elif len(outputs) > 1:
                    maps = disagreement_maps(outputs[0], outputs[1:])
                if len(outputs) > 1:
                    raw_terms(maps)
                pixels = (picture[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).cpu().numpy()
                cv2.imwrite(str(folder / f"{number}-{index}.png"), pixels)


class Convolutions(TorchDispatchMode):
    """While active, records every convolution: its arguments, how often it ran, and its floating point operations."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[Any, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.conv2d.default:  # the name of convolutions without gradients
            given: tuple[Any, ...] = (*args, *CONVOLUTION_DEFAULTS[len(args) :])
            x, weight, bias, stride, padding, _, groups = given
            key = tuple(x.shape), tuple(weight.shape), bias is not None, tuple(stride), tuple(padding), groups, x.dtype
            self.seen[key] += 1
        return func(*args, **(kwargs or {}))

    @property
    def gigaflops(self) -> float:
        """Floating point operations: two per multiply-add."""
        total = 0.0
        for (x, weight, _, stride, padding, _, _), count in self.seen.items():
            height = (x[2] + 2 * padding[0] - weight[2]) // stride[0] + 1
            width = (x[3] + 2 * padding[1] - weight[3]) // stride[1] + 1
            total += count * 2 * x[0] * height * width * weight[0] * weight[1] * weight[2] * weight[3]
        return total / 1e9

    @torch.inference_mode()
    def seconds_alone(self, n_frames: int, device: torch.device) -> float:
        """Seconds of the convolutions alone for `n_frames`: no norms, no joins, no memory but their own."""
        total = 0.0
        for (x, weight, has_bias, stride, padding, groups, dtype), count in self.seen.items():
            images = torch.randn(x[0] * n_frames, *x[1:], device=device, dtype=dtype)
            images = images.contiguous(memory_format=torch.channels_last)
            filters = torch.randn(weight, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
            # On a GPU a bias is a separate pass, which can be avoided.
            is_biased = has_bias and device.type != "cuda"
            bias = torch.randn(weight[0], device=device, dtype=dtype) if is_biased else None

            def work(images=images, filters=filters, bias=bias, stride=stride, padding=padding, groups=groups) -> None:
                functional.conv2d(images, filters, bias, stride, padding, 1, groups)

            work()
            total += count * min(seconds(work) for _ in range(3))
        return total


def seconds(work: Callable[[], object]) -> float:
    """Wait until all work is done, on a GPU too."""
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - start


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_seconds(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run each once to warm up, then in turn, so that a slow minute of the machine affects all of them."""
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            taken[name].append(seconds(work))
    return {name: statistics.median(times) for name, times in taken.items()}


# The machine


def machine_peaks(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Measure the best case of a device: operations per second of matrix product and convolution, bytes per second of a copy."""
    is_cuda = device.type == "cuda"
    peaks: dict[str, float] = {}
    for kind in dict.fromkeys([torch.float32, dtype]):
        name = predict.dtype_name(kind)
        side = (8192 if is_cuda else 2048) // (1 if kind == dtype or not is_cuda else 2)
        a = torch.randn(side, side, device=device, dtype=kind)
        b = torch.randn(side, side, device=device, dtype=kind)
        peaks[f"matmul {name} TFLOP/s"] = 2 * side**3 / best(lambda a=a, b=b: a @ b) / 1e12
        n, channels, size = (64, 256, 64) if is_cuda else (4, 128, 64)
        x = torch.randn(n, channels, size, size, device=device, dtype=kind).to(memory_format=torch.channels_last)
        w = torch.randn(channels, channels, 3, 3, device=device, dtype=kind).to(memory_format=torch.channels_last)
        flops = 2 * n * size**2 * channels**2 * 9
        peaks[f"convolution {name} TFLOP/s"] = flops / best(lambda x=x, w=w: functional.conv2d(x, w, padding=1)) / 1e12
    n_bytes = 2**32 if is_cuda else 2**28
    source = torch.empty(n_bytes, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    peaks["copy GB/s, read and written"] = 2 * n_bytes / best(lambda: target.copy_(source)) / 1e9
    if is_cuda:
        host = torch.empty(2**28, dtype=torch.uint8, pin_memory=True)
        peaks["to host GB/s"] = 2**28 / best(lambda: host.copy_(source[: 2**28], non_blocking=True)) / 1e9
    return peaks


@torch.inference_mode()
def best(work: Callable[[], object]) -> float:
    work()
    return min(seconds(work) for _ in range(5))


# Pages


def networks_stage(
    page: Page, device: torch.device, dtype: torch.dtype, rounds: int, peaks: dict[str, float]
) -> dict[str, Any]:
    """Time the networks alone: the job against the plain loop, and against the convolutions of the networks."""
    size = BATCH[device.type]
    plain = PlainLoop(page, device)
    graph = predict.make_graph(chains_of(page.specs), device, page.precision(dtype), page.networks)
    tracks = chains_of(page.specs)
    counter, plain_counter = Convolutions(), Convolutions()
    with counter:
        predict.predict(graph, page.batch(0, 1), device, page.zoo.size_multiple)
    with plain_counter:
        plain.networks_only(page.frames[0], page.paths)
    works: dict[str, Callable[[], object]] = {
        "plain": lambda: plain.networks_only(page.frames[0], page.paths),
        "ours": lambda: predict.predict(graph, page.batch(0, size), device, page.zoo.size_multiple),
    }
    if page.name == "mini":
        works["plain, track by track"] = lambda: plain.networks_only(page.frames[0], tracks)
    taken = median_seconds(works, rounds)
    alone = counter.seconds_alone(size, device) / size
    ours = taken["ours"] / size
    result = {
        "network runs per frame": graph.n_runs,
        "network runs per frame, plain": sum(map(len, page.paths)),
        "GFLOP per frame": round(counter.gigaflops, 1),
        "GFLOP per frame, plain": round(plain_counter.gigaflops, 1),
        "frames per measurement, plain and ours": [1, size],
        "measurements": rounds,
        "frames/s": rate(ours),
        "frames/s, plain loop": rate(taken["plain"]),
        "times the plain loop": round(taken["plain"] / ours, 2),
        "TFLOP/s": round(counter.gigaflops / ours / 1e3, 3),
        "frames/s if its convolutions were all": rate(alone),
        "of what its convolutions allow": round(alone / ours, 3),
    }
    peak = peaks.get(f"convolution {predict.dtype_name(dtype)} TFLOP/s")
    if peak is not None:
        result["of the best convolution's operations per second"] = round(result["TFLOP/s"] / peak, 3)
    if "plain, track by track" in taken:
        result["network runs per frame, track by track"] = sum(map(len, tracks))
        result["times the loop that computes each track by itself"] = round(taken["plain, track by track"] / ours, 2)
    return result


def accuracy(page: Page, device: torch.device, dtype: torch.dtype) -> precision.Measured:
    """Measure the errors of a dtype, as `run` does on its own example frames, regardless of `--size`.

    X-TC's pages use only one of the two frames, as their networks take seconds for each.
    """
    frames = precision.example_frames()[: 2 if page.name == "mini" else 1]
    return precision.measure(page.zoo, page.specs, device, dtype, frames, Networks())


def accuracy_stage(page: Page, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    found = accuracy(page, device, dtype)
    digests = {edge.network_digest for chain in page.paths for edge in chain if edge.weights}
    return {
        "weights": "trained" if page.name == "mini" else "random, not trained ones",
        "networks beyond the bound, kept in float32 by run": f"{len(digests & found.exact)} of {len(digests)}",
        "in float32 when the page was timed": f"{len(digests & page.exact)} of {len(digests)}",
        "largest mean error of the others, in 1/255": round(found.worst_code * 255, 3),
        "largest error of an energy then, in sigma": round(found.worst_energy, 4),
    }


def stages(page: Page, graph: Any, device: torch.device, size: int) -> dict[str, Any]:
    """Time each stage, in milliseconds per frame, and its share of the sum; encoding and storing use all threads."""
    batch = page.batch(0, size)
    images = predict.to_codes(batch.rgb, device)
    predictions = predict.predict(graph, batch, device, page.zoo.size_multiple)
    with torch.inference_mode():
        chunks = {spec.head.key: spec.score(predictions) for spec in page.specs}
        on_host = {key: chunk.to_host() for key, chunk in chunks.items()}
        synchronize()
    sampling = sampling_of(size, page.frames.shape[1])

    def decode() -> None:
        with closing(decoder.frames(page.source.path, sampling)) as frames:
            for _ in islice(frames, size):
                pass

    @torch.inference_mode()
    def score() -> None:
        for spec in page.specs:
            spec.score(predictions)

    with (
        tempfile.TemporaryDirectory(dir=page.scratch) as root,
        ThreadPoolExecutor(n_encoders(), "encode", start_encoder) as encoders,
    ):
        store = Store(root)
        writer = PackWriter(TrackWriter(store, spec.head) for spec in page.plan_in(store).specs)
        pack = PackBuilder(0)

        def encode() -> None:
            pack.add(encode_chunks(on_host, encoders))
            pack.add({})  # waits for them

        def write() -> None:
            writer.put(pack)
            writer.close()

        taken = {
            "decode (with the start of its process)": seconds(decode),
            "host to device": best(lambda: predict.to_codes(batch.rgb, device)),
            "networks": best(lambda: graph.run(images)),
            "scores": best(score),
            "to host": best(lambda: [chunk.to_host() for chunk in chunks.values()]),
            "encode": seconds(encode),
            "store": seconds(write),
        }
    milliseconds = {name: round(1000 * time_ / size, 3) for name, time_ in taken.items()}
    total = sum(milliseconds.values())
    return {
        "milliseconds per frame": milliseconds,
        "share": {name: round(value / total, 3) for name, value in milliseconds.items()},
        "encoder threads": n_encoders(),
        "images per frame": len(chunks),
    }


def measures_stage(page: Page, graph: Any, device: torch.device, size: int) -> dict[str, Any]:
    """Time what is measured on stored frames, on one thread: milliseconds per frame of the clip, or of one track."""
    batch = page.batch(0, size)
    predictions = predict.predict(graph, batch, device, page.zoo.size_multiple)
    measured = [spec for spec in page.specs if spec.head.kind == "prediction" and is_measured(spec.head.domain)]
    codes = {spec.head.path: np.asarray(spec.score(predictions).to_host().images) for spec in measured}
    domains = {spec.head.path: spec.head.domain for spec in measured}
    pairs = list(pairwise(batch.rgb))
    motions = [motion(*pair) for pair in pairs]
    start_encoder()  # one thread, as in the job

    def warps() -> list[Warp]:
        found = [Warp(*places_before(one.flow, *one.is_visible.shape), one.is_visible) for one in motions]
        for warp in found:
            change(blank, blank, warp, depth)  # what all tracks share is made for the first of them
        return found

    def change_of(path: str) -> None:
        for (before, now), warp in zip(pairwise(codes[path]), made, strict=True):
            change(np.squeeze(before), np.squeeze(now), warp, domains[path])

    blank, depth = np.zeros(batch.rgb.shape[1:3], np.uint8), get_domain("depth").record()
    made = warps()
    works: dict[str, Callable[[], object]] = {
        "optical flow, both directions": lambda: [motion(*pair) for pair in pairs],
        "warp, shared by all tracks": warps,
        **{f"stability of {path}": partial(change_of, path) for path in codes},
    }
    return {name: round(1000 * thread_seconds(work) / len(pairs), 3) for name, work in works.items()}


def thread_seconds(work: Callable[[], object]) -> float:
    """The least of five runs, in CPU seconds of this thread: what other processes do hardly matters."""
    taken = []
    for _ in range(5):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return min(taken)


def whole_job(page: Page, device: torch.device, dtype: torch.dtype, n_frames: int, size: int) -> float:
    """Seconds per frame from the file to the store, start of the decoder included; networks are loaded before."""
    with tempfile.TemporaryDirectory(dir=page.scratch) as root:
        store = Store(root)
        plan = page.plan_in(store, n_frames)
        for one in device_worker.all_devices(device):
            predict.make_graph(chains_of(plan.pending), one, page.precision(dtype), page.networks)
        compute = Compute(device, page.precision(dtype), size, page.networks)
        return seconds(lambda: compute_clip.compute_clip(store, plan, compute)) / n_frames


def additions_stage(page: Page, device: torch.device, dtype: torch.dtype, n_frames: int, rounds: int) -> dict[str, Any]:
    """What weights, merges and the mirrored picture add to one method's whole job: CPU seconds of this process, which other
    processes hardly change, in turn."""
    zoo, source = page.zoo, replace(page.source, truth={})
    paper = {target: row.without_weights for target, row in zoo.energies.items()}
    variants = {
        "the paper's energy": replace(zoo, merges={}, expected={}, energies=paper),
        "weighted and merged": replace(
            zoo, merges={target: without_mirror(recipe) for target, recipe in zoo.merges.items()}, expected={}
        ),
        "weighted, merged and the mirrored picture": zoo,
    }
    pages = {}
    for name, variant in variants.items():
        patterns = (f"{zoo.name}/baseline/*", *([f"{zoo.name}/{MERGED}/*"] if variant.merges else []))
        pages[name] = replace(page, zoo=variant, source=source, patterns=patterns)
    taken: dict[str, list[float]] = {name: [] for name in pages}
    for one in range(rounds + 1):
        for name, variant in pages.items():
            start = time.process_time()
            whole_job(variant, device, dtype, n_frames, BATCH[device.type])
            if one:  # the first one loads the networks
                taken[name].append(1000 * (time.process_time() - start) / n_frames)
    first, *others = taken
    ratios = {
        f"{name}, times {first}": round(statistics.median(map(truediv, taken[name], taken[first])), 3)
        for name in others
    }
    runs = [
        predict.make_graph(chains_of(one.specs), device, page.precision(dtype), page.networks).n_runs
        for one in pages.values()
    ]
    cpu = {f"CPU ms per frame, {name}": round(statistics.median(times), 1) for name, times in taken.items()}
    return {"frames": n_frames, "measurements": rounds, "network runs per frame": runs, **cpu, **ratios}


def without_mirror(recipe: Merge) -> Merge:
    """The merge of the paths alone."""
    return replace(recipe, mirror=0.0, weights=tuple(weight / (1 - recipe.mirror) for weight in recipe.weights))


def job_stage(page: Page, device: torch.device, dtype: torch.dtype, n_frames: int) -> dict[str, Any]:
    """Time the whole job against the plain loop, which writes its few frames too."""
    plain = PlainLoop(page, device)
    n_plain = 4 if page.name == "mini" else 1
    with tempfile.TemporaryDirectory(dir=page.scratch) as folder:
        by_hand = seconds(lambda: plain.whole_job(n_plain, Path(folder))) / n_plain
    ours = whole_job(page, device, dtype, n_frames, BATCH[device.type])
    return {
        "frames, plain and ours": [n_plain, n_frames],
        "frames/s": rate(ours),
        "frames/s, plain loop track by track": rate(by_hand),
        "times the plain loop": round(by_hand / ours, 2),
    }


# A GPU


def gpu_variants(page: Page, device: torch.device, dtype: torch.dtype, bandwidth: float) -> dict[str, Any]:
    """The networks alone: each step by itself, fused, and fused and captured."""
    graph = predict.make_graph(chains_of(page.specs), device, page.precision(dtype), page.networks)
    counter = Convolutions()
    with fused_ops.plain(), counter:
        predict.predict(graph, page.batch(0, 1), device, page.zoo.size_multiple)
    result: dict[str, Any] = {"network runs per frame": graph.n_runs, "GFLOP per frame": round(counter.gigaflops, 1)}
    if page.name != "full":  # whose networks in float32 take longer to read than all the rest to run
        with attempt(result, "plain loop"), fused_ops.plain():
            plain = PlainLoop(page, device)
            result["frames/s, plain loop"] = rate(best(lambda: plain.networks_only(page.frames[0], page.paths)))
            print(f"  {page.name}, plain loop: {result['frames/s, plain loop']} frames/s", flush=True)
    for size in GPU_BATCHES:
        images = predict.to_codes(page.batch(0, size).rgb, device)
        for name, new, context in (
            ("eager", lambda: graph, fused_ops.plain()),
            ("fused", lambda: graph, nullcontext()),
            ("fused, captured", lambda: CapturedGraph(graph), nullcontext()),
        ):
            with attempt(result, f"{name}, batch {size}"), context:
                runner = new()
                warm_up = seconds(lambda runner=runner, images=images: runner.run(images))
                taken = best(lambda runner=runner, images=images: runner.run(images)) / size
                row = {"frames/s": rate(taken), "TFLOP/s": round(counter.gigaflops / taken / 1e3, 1)}
                row["first batch seconds"] = round(warm_up, 2)
                row["GiB"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
                if page.name in ROOFS:
                    for roof, frames in zip(("eager", "fused"), ROOFS[page.name], strict=True):
                        scaled = frames * bandwidth / ROOF_BANDWIDTH
                        row[f"of the {roof} roof ({scaled:.0f} frames/s here)"] = round(1 / taken / scaled, 3)
                result[f"{name}, batch {size}"] = row
                print(f"  {page.name}, {name}, batch {size}: {row}", flush=True)
                del runner
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    alone = counter.seconds_alone(GPU_BATCHES[0], device) / GPU_BATCHES[0]
    result["frames/s if its convolutions were all"] = rate(alone)
    return result


def gpu_job(page: Page, device: torch.device, dtype: torch.dtype, n_frames: int) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for size in GPU_BATCHES:
        with attempt(result, f"batch {size}"):
            taken = [whole_job(page, device, dtype, n_frames, size) for _ in range(2)]
            result[f"batch {size}"] = {
                "frames": n_frames,
                "frames/s, first": rate(taken[0]),
                "frames/s": rate(taken[1]),
            }
    with attempt(result, "stages"):
        graph = predict.make_graph(chains_of(page.specs), device, page.precision(dtype), page.networks)
        result["stages"] = stages(page, graph, device, GPU_BATCHES[0])
    return result


# Running all of it


def rate(seconds_per_frame: float) -> float:
    return float(f"{1 / seconds_per_frame:.4g}")


@contextmanager
def attempt(result: dict[str, Any], part: str) -> Iterator[None]:
    """Record failures and continue, as a borrowed machine may not come back."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        result[part] = {"failed": f"{type(error).__name__}: {error}"}


def failed_parts(result: dict[str, Any]) -> list[str]:
    """The names of the parts that `attempt` recorded as failed."""
    rows = {name: row for name, row in result.items() if isinstance(row, dict)}
    return [name for name, row in rows.items() if "failed" in row] + [
        f"{name}, {inner}" for name, row in rows.items() for inner in failed_parts(row)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="+", choices=PAGES, default=PAGES)
    parser.add_argument(
        "--rounds", type=int, default=3, help="measurements of each; X-TC's pages take one (default: 3)"
    )
    parser.add_argument("--size", type=int, default=256, help="pixels; the figures to compare are of 256 (default)")
    arguments = parser.parse_args()
    device = device_worker.choose_device("auto")
    dtype = precision.choose_dtype(device)
    if device.type == "cuda":
        device = torch.device("cuda", 0)
        torch.backends.cudnn.benchmark = True
    else:
        device_worker.keep_memory()  # the plain loop benefits too
    report = Report(device, dtype, arguments.size)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with attempt(report.result, "peaks"):
            report.put("peaks", {name: float(f"{value:.4g}") for name, value in machine_peaks(device, dtype).items()})
        source = sources.resolve("walkthrough", media_dir=scratch)
        with closing(decoder.frames(source.path, sampling_of(64, arguments.size))) as found:
            frames = np.stack([frame.rgb for frame in found])
        pages = list(arguments.pages)
        xtc = None
        networks = Networks()
        for name in pages:
            with attempt(report.result, name):
                if name != "mini" and xtc is None:
                    xtc = load_zoo(str(random_zoo(scratch / "xtc", "full" if "full" in pages else "normals")))
                zoo = load_zoo("mini") if name == "mini" else xtc
                assert zoo is not None
                patterns = (f"{zoo.name}/baseline/rgb-normal",) if name == "normals" else ("*",)
                made = sources.resolve("walkthrough", media_dir=scratch)
                made = made if name == "mini" else replace(made, truth={})
                page = Page(name, zoo, patterns, made, frames, scratch, networks)
                if name == "mini" and dtype != torch.float32:
                    page = replace(page, exact=accuracy(page, device, dtype).exact)
                one_page(report, page, device, dtype, arguments.rounds)
            report.write()  # failures too
    if failed := failed_parts(report.result):
        sys.exit(f"error: {len(failed)} parts failed: {', '.join(failed)}")


def one_page(report: Report, page: Page, device: torch.device, dtype: torch.dtype, rounds: int) -> None:
    name = page.name
    if device.type == "cuda":
        bandwidth = report.result.get("peaks", {}).get("copy GB/s, read and written", 0.0) * 1e9 or ROOF_BANDWIDTH
        with attempt(report.result, f"{name}, networks"):
            report.put(f"{name}, networks", gpu_variants(page, device, dtype, bandwidth))
        with attempt(report.result, f"{name}, whole job"):
            report.put(f"{name}, whole job", gpu_job(page, device, dtype, 192 if name != "full" else 128))
        if name != "full":  # see `gpu_variants`
            with attempt(report.result, f"{name}, accuracy"):
                report.put(f"{name}, accuracy", accuracy_stage(page, device, dtype))
        return
    with attempt(report.result, f"{name}, networks"):
        peaks = report.result.get("peaks", {})
        report.put(f"{name}, networks", networks_stage(page, device, dtype, rounds if name == "mini" else 1, peaks))
    with attempt(report.result, f"{name}, stages"):
        graph = predict.make_graph(chains_of(page.specs), device, page.precision(dtype), page.networks)
        report.put(f"{name}, stages", stages(page, graph, device, BATCH[device.type]))
        report.put(f"{name}, measures", measures_stage(page, graph, device, 2 * BATCH[device.type]))
        del graph
    with attempt(report.result, f"{name}, whole job"):
        report.put(f"{name}, whole job", job_stage(page, device, dtype, {"mini": 64, "normals": 16}.get(name, 8)))
    if name == "mini":
        with attempt(report.result, f"{name}, additions"):
            report.put(f"{name}, additions", additions_stage(page, device, dtype, 32, rounds))
    if dtype != torch.float32:
        with attempt(report.result, f"{name}, accuracy"):
            report.put(f"{name}, accuracy", accuracy_stage(page, device, dtype))


class Report:
    """Prints each part when it is done, and writes all parts so far."""

    def __init__(self, device: torch.device, dtype: torch.dtype, size: int) -> None:
        is_cuda = device.type == "cuda"
        folder = Path(os.environ.get("OUT") or FIGURES)
        self.path = folder / ("job-gpu.json" if is_cuda else "job.json")
        self.result: dict[str, Any] = {
            "machine": machine_name(device),
            "torch": torch.__version__,
            "dtype": predict.dtype_name(dtype),
            "size": f"{size}x{size}",
        }
        print(", ".join(map(str, self.result.values())), flush=True)

    def put(self, part: str, found: dict[str, Any]) -> None:
        self.result[part] = found
        print(f"{part}:", flush=True)
        for name, value in found.items():
            print(f"  {name}: {value}", flush=True)
        self.write()

    def write(self) -> None:
        self.path.write_text(json.dumps(self.result, indent=2) + "\n")


def machine_name(device: torch.device) -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].split(":", maxsplit=1)[1].strip() if lines else model
        flags = cpuinfo.read_text()
        model += "".join(f" + {flag}" for flag in ("avx512_bf16", "amx_bf16") if flag in flags)
    threads = f"{model}, {torch.get_num_threads()} threads"
    return f"{torch.cuda.get_device_name(device)}; {threads}" if device.type == "cuda" else threads


if __name__ == "__main__":
    main()
