"""Measures everything but the networks of a job: `python -m benchmarks.host [--frames 96] [--rounds 3]`.

The job computes the bundled walk-through with the networks' outputs of its first frames stored in memory in place of the networks:
it decodes the video and its ground truth, scores, encodes and stores 34 images per frame, those of two methods of `mini`. Reported
are CPU milliseconds per frame (user and system, of all its processes), which other work on the machine disturbs least, and frames
per second, on one core and on two; what of it each kind of thread takes, and the frames per second that the busiest single thread
allows on any number of cores; what the networks take, and the job's share outside them; then each stage by itself on one core,
beside its floor; and the shortest job, `run` on the 41 frames of the phone clip in a new process, with the networks.
Results are written to benchmarks/figures/host.json, or to the folder $OUT.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from benchmarks import FIGURES
from benchmarks.job import BATCH, Page, machine_name, sampling_of
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import get_domain
from consistency.path_graph import Graph
from consistency.zoo.read import load_zoo
from consistency.zoo.records import IMAGE, Chain
from precompute.jobs import compute_clip, device_worker, precision, predict
from precompute.jobs.batches import FrameRange, Remarks, read_batches
from precompute.jobs.output.encode import start_encoder
from precompute.jobs.output.packs import PackBuilder, PackWriter, encode_chunks, n_encoders
from precompute.jobs.output.tracks import chains_of, truth_chains_of
from precompute.jobs.predict import Compute, Networks, Precision
from precompute.media import decoder, sources

PATTERNS = ("mini/baseline/*", "mini/consistency/*")
SIZE = 256
STORED_BATCHES = 2
"""Batches of outputs that are kept, and come again and again."""
SHORT_FRAMES = 41
SPINS = "1000"
"""GOMP_SPINCOUNT, as the command line sets it; another is measured where the environment has it."""


@dataclass
class StoredOutputs:
    """Stands for a graph of networks: runs them on its first batches, then returns their outputs again."""

    graph: Graph
    outputs: list[Mapping[Chain, Tensor]] = field(default_factory=list)
    n_calls: int = 0

    @property
    def failures(self) -> dict[str, Any]:
        return {}

    def run(self, images: Tensor, frame: tuple[int, int] | None = None) -> dict[Chain, Tensor]:
        if len(self.outputs) < STORED_BATCHES:
            self.outputs.append(self.graph.run(images, frame=frame))
        self.n_calls += 1
        found = self.outputs[self.n_calls % len(self.outputs)]
        return {chain: output[: len(images)] for chain, output in found.items()}


def cpu_seconds() -> float:
    """User and system, of this process and of its children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cost(work: Callable[[], object], decodes: bool = True) -> tuple[float, float]:
    """(CPU seconds, seconds). Decoders count once they have ended, and so does the server that they are forked from, which is
    started where the work decodes."""
    cpu, start = cpu_seconds(), time.perf_counter()
    with decoder.FORKS.ready() if decodes else nullcontext():
        work()
    return cpu_seconds() - cpu, time.perf_counter() - start


@contextmanager
def thread_times() -> Iterator[dict[str, list[float]]]:
    """The CPU seconds of the threads that end within the block, by the first part of their names."""
    found: dict[str, list[float]] = {}
    run = Thread.run

    def timed(thread: Thread) -> None:
        run(thread)
        found.setdefault(thread.name.partition("_")[0], []).append(time.thread_time())

    with mock.patch.object(Thread, "run", timed):
        yield found


def measure(cores: int, n_frames: int, rounds: int) -> dict[str, Any]:
    """In this process, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    torch.set_num_threads(cores)
    device_worker.keep_memory()
    device = torch.device("cpu")
    dtype = precision.choose_dtype(device)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        source = sources.resolve("walkthrough", media_dir=scratch)
        size = BATCH["cpu"]
        with closing(decoder.frames(source.path, sampling_of(size, SIZE))) as found:
            frames = np.stack([frame.rgb for frame in found])
        page = Page("mini", load_zoo("mini"), PATTERNS, source, frames, scratch, Networks())
        graphs: dict[frozenset[Chain], StoredOutputs] = {}
        make = predict.make_graph

        def stored(chains: Any, *rest: Any, **settings: Any) -> Any:
            wanted = frozenset(chains)
            if wanted not in graphs:
                graphs[wanted] = StoredOutputs(make(chains, *rest, **settings))
            return graphs[wanted]

        def job(n: int) -> None:
            with tempfile.TemporaryDirectory(dir=scratch) as root:
                store = Store(root)
                plan = page.plan_in(store, n)
                compute = Compute(device, Precision(dtype), size, page.networks)
                with mock.patch.object(compute_clip, "make_graph", stored):
                    compute_clip.compute_clip(store, plan, compute)

        job(STORED_BATCHES * size)
        whole = [cost(lambda: job(n_frames)) for _ in range(rounds)]
        cpu, wall = (1000 * statistics.median(times) / n_frames for times in zip(*whole, strict=True))
        with thread_times() as threads:
            main = time.thread_time()
            job(n_frames)
            threads["main"] = [time.thread_time() - main]
        busiest = 1000 * max(map(max, threads.values())) / n_frames
        networks = statistics.median(networks_ms(graphs, page, size) for _ in range(rounds))
        result: dict[str, Any] = {
            "frames": n_frames,
            "measurements": rounds,
            "images per frame": len(page.specs),
            "CPU ms per frame": round(cpu, 2),
            "frames/s": round(1000 / wall, 1),
            "threads, CPU ms per frame": {
                name: round(1000 * sum(times) / n_frames, 2) for name, times in sorted(threads.items())
            },
            "the busiest single thread, CPU ms per frame": round(busiest, 2),
            "networks, CPU ms per frame": round(networks, 1),
            "share of the processor time outside the networks, %": round(100 * cpu / (cpu + networks), 1),
        }
        if cores == 1:
            result["stages, CPU ms per frame"] = stages(page, graphs, rounds)
        return result


def networks_ms(graphs: Mapping[frozenset[Chain], StoredOutputs], page: Page, size: int) -> float:
    """CPU milliseconds per frame of all networks of the job, on frames and on ground truth."""
    images = predict.to_codes(page.frames[:size], torch.device("cpu"))

    def run() -> None:
        for stored in graphs.values():
            begins = next(iter(stored.outputs[0]))[0].source
            stored.graph.run(images if begins == IMAGE else images[:, : get_domain(begins).channels])

    return 1000 * cost(run, decodes=False)[0] / size


def stages(page: Page, graphs: Mapping[frozenset[Chain], StoredOutputs], rounds: int) -> dict[str, Any]:
    """Each by itself, on the frames of one pack."""
    device, size, n_frames = torch.device("cpu"), BATCH["cpu"], 64
    videos = {
        page.source.path: None,
        **{path: 1 if name != "normal" else 3 for name, path in page.source.truth.items()},
    }

    def decode(n: int) -> None:
        for path, channels in videos.items():
            with closing(decoder.frames(path, sampling_of(n, SIZE), channels=channels)) as frames:
                for _ in islice(frames, n):
                    pass

    specs = page.plan_in(Store(page.scratch / "planned"), n_frames).specs
    graph = graphs[frozenset(chains_of(specs))]
    of_truth = {name: graphs[frozenset(chains)] for name, chains in truth_chains_of(specs).items()}
    wanted = FrameRange(page.source, sampling_of(n_frames, SIZE), 0, size, n_frames)
    batches = list(read_batches(wanted, Remarks()))

    @torch.inference_mode()
    def score() -> list[dict[str, Any]]:
        made = []
        for batch in batches:
            found = predict.predict(graph, batch, device, page.zoo.size_multiple, truth_graphs=of_truth)  # type: ignore[arg-type]
            made.append({spec.head.key: spec.score(found).to_host() for spec in specs})
        return made

    chunks = score()

    def encode() -> None:
        with ThreadPoolExecutor(n_encoders(), "encode", start_encoder) as encoders:
            for one in chunks:
                pack.add(encode_chunks(one, encoders))
            pack.add({})  # waits for them

    def store() -> None:
        root = tempfile.mkdtemp(dir=page.scratch)
        opened = Store(root)
        disk = PackWriter(TrackWriter(opened, spec.head) for spec in page.plan_in(opened, n_frames).specs)
        disk.put(pack)
        disk.wait()
        disk.close()

    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        pack = PackBuilder(0)
        works = {
            "server": lambda: None,
            "first": lambda: decode(1),
            "decode": lambda: decode(n_frames),
            "scores": score,
            "encode": encode,
            "store": store,
        }
        for name, work in works.items():
            decodes = name in ("server", "first", "decode")
            taken.setdefault(name, []).append(1000 * cost(work, decodes)[0])
    found = {name: statistics.median(times) for name, times in taken.items()}
    server, starting = found.pop("server"), found.pop("first")
    found["decode"] -= starting
    pixels = sum(chunk.images.nbytes for chunk in chunks[0].values()) / size
    return {
        **{name: round(value / n_frames, 2) for name, value in found.items()},
        "starting the decoders' server, CPU ms per job": round(server, 1),
        "starting the decoders of the video and its ground truth, CPU ms per clip": round(starting - server, 1),
        "floor: one copy of the codes and of the float32 outputs they are made of": round(copying_ms(int(pixels)), 2),
        "codes, kB per frame": round(pixels / 1000, 1),
    }


def copying_ms(n_codes: int) -> float:
    """Milliseconds to copy so many bytes once, and four times as many."""
    source = np.ones(5 * n_codes, np.uint8)
    target = np.zeros_like(source)

    def copies(n: int) -> float:
        start = time.process_time()
        for _ in range(n):
            np.copyto(target, source)
        return time.process_time() - start

    return 1000 * min(copies(20) / 20 for _ in range(5))


def short_path(rounds: int) -> dict[str, Any]:
    """`run` on the phone clip in a new process and a new store: its start, the comparison of dtypes and all networks included."""
    taken = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as root:
            command = [
                sys.executable,
                "-m",
                "precompute",
                "run",
                "phone",
                "--max-frames",
                str(SHORT_FRAMES),
                "--store",
                root,
            ]
            taken.append(cost(lambda command=command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
    cpu, wall = (statistics.median(times) for times in zip(*taken, strict=True))
    return {"frames": SHORT_FRAMES, "measurements": rounds, "CPU seconds": round(cpu, 2), "seconds": round(wall, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=96, help="frames of the clip (default: 96; it has 240)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts")
    parser.add_argument("--cores", type=int, help="only measure on so many cores, and print the result as JSON")
    arguments = parser.parse_args()
    if arguments.cores:
        print(json.dumps(measure(arguments.cores, arguments.frames, arguments.rounds)))
        return
    result: dict[str, Any] = {
        "machine": machine_name(torch.device("cpu")),
        "torch": torch.__version__,
        "size": f"{SIZE}x{SIZE}",
    }
    load = result["load average before"] = round(os.getloadavg()[0], 1)
    path = Path(os.environ.get("OUT") or FIGURES) / "host.json"
    for cores in (1, 2):
        command = [sys.executable, "-m", "benchmarks.host", "--cores", str(cores)]
        command += ["--frames", str(arguments.frames), "--rounds", str(arguments.rounds)]
        done = subprocess.run(
            command,
            check=True,
            stdout=subprocess.PIPE,
            env={"GOMP_SPINCOUNT": SPINS, **os.environ, "OMP_NUM_THREADS": str(cores)},
        )
        result[f"{cores} cores" if cores > 1 else "1 core"] = json.loads(done.stdout)
    # On a busy machine the frames per second say what the others left; the processor time is what can be compared.
    scaling = result["2 cores"]["frames/s"] / result["1 core"]["frames/s"]
    result["times the frames/s of 1 core, on 2"] = round(scaling, 2) if load < 1 else "not measurable at this load"
    result["the shortest job"] = short_path(1)
    print(json.dumps(result, indent=2))
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
