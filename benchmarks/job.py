"""How much faster is the job than a plain loop? `python -m benchmarks.job [--frames N]`

The plain loop is what one writes first: float32, one frame at a time, every path computed from the image, each image
written by OpenCV. Both get the same clip, weights, tracks and threads; the two alternate, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch

from cache.store import Store
from consistency.energy import block_means, disagreement_maps, raw_terms, standardise
from consistency.zoo import Chain, Edge, Zoo, load_network, load_zoo
from precompute import pipeline, recipes, video

RESULTS = Path(__file__).parent / "job.json"
ROUNDS = 3


def plain_chains(zoo: Zoo) -> list[tuple[Chain, ...]]:
    """For each track, the chains it needs, in the order a plain loop computes them."""
    tracks: list[tuple[Chain, ...]] = []
    for method in zoo.methods:
        for path in zoo.paths(method):
            last = path.split("-")[-1]
            tracks.append((zoo.chain(method, path),))
            if path.count("-") == 2:
                tracks[-1] += (zoo.chain(method, f"rgb-{last}"),)
        for target in zoo.targets(method):
            tracks.append(
                (zoo.chain(method, f"rgb-{target}"), *(zoo.chain(method, p) for p in zoo.energies[target].paths))
            )
    return tracks


class PlainLoop:
    """The networks in float32, one frame at a time, nothing shared."""

    def __init__(self, zoo: Zoo, device: torch.device) -> None:
        self.zoo, self.device = zoo, device
        self.tracks = plain_chains(zoo)
        self.networks = {
            edge: load_network(edge, device=device, dtype=torch.float32).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            for edge in {edge for track in self.tracks for chain in track for edge in chain}
        }

    def follow(self, image: torch.Tensor, chain: tuple[Edge, ...]) -> torch.Tensor:
        for edge in chain:
            image = self.networks[edge](image)
        return image

    @torch.inference_mode()
    def networks_only(self, frames: np.ndarray) -> None:
        for frame in frames:
            image = torch.from_numpy(frame).to(self.device).permute(2, 0, 1)[None].float() / 255
            for chains in self.tracks:
                for chain in chains:
                    self.follow(image, chain)

    @torch.inference_mode()
    def whole_job(self, path: Path, n_frames: int, folder: Path) -> None:
        """Decode, predict, score and write; returns when all images are on the disk."""
        capture = cv2.VideoCapture(str(path))
        for index in range(n_frames):
            frame = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
            image = torch.from_numpy(frame).to(self.device).permute(2, 0, 1)[None].float() / 255
            for number, chains in enumerate(self.tracks):
                outputs = [self.follow(image, chain) for chain in chains]
                picture = outputs[0]
                if len(outputs) > 1:
                    maps = disagreement_maps(outputs[0], outputs[1:])
                    raw_terms(maps)
                if len(outputs) > 2:
                    constants = self.zoo.energies[chains[0][-1].target]
                    picture = standardise(maps, constants.mu, constants.sigma)[:, None] / 32
                    block_means(maps)
                pixels = (picture[0].clamp(0, 1) * 255).byte().permute(1, 2, 0).cpu().numpy()
                cv2.imwrite(str(folder / f"{number}-{index}.png"), pixels)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32, help="frames per measurement (default: 32)")
    n_frames = parser.parse_args().frames
    zoo, device = load_zoo("mini"), pipeline.choose_device("auto")
    batch_size = 32 if device.type == "cuda" else 8
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        source = video.resolve("walkthrough", media_dir=scratch)
        sampling = video.Sampling(max_frames=n_frames)
        frames = np.stack([frame.rgb for frame in islice(video.frames(source.path, sampling), n_frames)])
        plain = PlainLoop(zoo, device)
        stages: dict[str, Callable[[], object]] = {"plain loop, networks": lambda: plain.networks_only(frames)}
        stages["plain loop, whole job"] = lambda: plain.whole_job(source.path, n_frames, scratch)

        def shared_networks(dtype: torch.dtype) -> Callable[[], object]:
            plan = pipeline.make_plan(Store(scratch / "empty"), source, sampling, zoo, ["*"])
            graph = pipeline.make_graph(list(plan.recipes), device, dtype)

            def work() -> None:
                for first in range(0, n_frames, batch_size):
                    batch = recipes.Batch(frames[first : first + batch_size], np.zeros(0), {}, {})
                    pipeline.predict(graph, batch, device, zoo.multiple)

            return work

        def job(dtype: torch.dtype) -> Callable[[], object]:
            def work() -> None:
                with tempfile.TemporaryDirectory(dir=scratch) as root:
                    store = Store(root)
                    plan = pipeline.make_plan(store, source, sampling, zoo, ["*"])
                    pipeline.run_plan(store, plan, device=device, dtype=dtype, batch_size=batch_size)

            return work

        dtypes = dict.fromkeys([torch.float32, pipeline.choose_dtype(device)])
        for dtype in dtypes:
            name = str(dtype).removeprefix("torch.")
            stages[f"Crosscheck {name}, networks"] = shared_networks(dtype)
            stages[f"Crosscheck {name}, whole job"] = job(dtype)
        taken: dict[str, list[float]] = {name: [] for name in stages}
        for work in stages.values():
            work()  # warm-up
        for _ in range(ROUNDS):
            for name, work in stages.items():
                taken[name].append(seconds(work))
    report(taken, n_frames, device)


def report(taken: dict[str, list[float]], n_frames: int, device: torch.device) -> None:
    """Print the table and write it beside this file."""
    machine = f"{torch.cuda.get_device_name() if device.type == 'cuda' else platform.processor() or platform.machine()}"
    result = {
        "machine": f"{machine}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "frames": n_frames,
        "frames_per_second": {name: round(n_frames / statistics.median(times), 2) for name, times in taken.items()},
        "times_the_plain_loop": {},
    }
    print(f"{result['machine']}, torch {torch.__version__}, {n_frames} frames of 256x256, median of {ROUNDS}")
    for name, rate in result["frames_per_second"].items():
        plain = result["frames_per_second"][f"plain loop, {name.rsplit(', ', maxsplit=1)[-1]}"]
        result["times_the_plain_loop"][name] = round(rate / plain, 2)
        print(f"{name:38} {rate:8.2f} frames/s  {rate / plain:5.2f} x the plain loop")
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
