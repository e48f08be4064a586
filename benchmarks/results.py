"""Measures how fast `results add` brings 1,000 maps of 640x480 to a clip, and the memory it takes, compared with goals.

    python -m benchmarks.results [--frames 1000]

Writes 16-bit PNGs as KITTI's and a stack in an npz, adds each as a prediction to a clip of that size, and prints frames per second and
the largest memory of the command and its reader together. Writes both to benchmarks/figures/results.json; exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from benchmarks import FIGURES
from cache.keys import clip_key, track_key
from cache.records import Clip, Head
from cache.store import Store
from cache.writer import TrackWriter
from consistency.domains import DOMAINS
from precompute.jobs.output.encode import encode_image

ROOT = Path(__file__).parents[1]
RESULTS = FIGURES / "results.json"
WIDTH, HEIGHT = 640, 480
GOAL_FRAMES_PER_SECOND = 30.0
GOAL_BYTES = 1_000_000_000
PACK = 13
"""Frames per pack of the input."""
LOOK_SECONDS = 0.05


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=1000)
    n_frames = parser.parse_args(arguments).frames
    load, rows = os.getloadavg()[0], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "store"
        write_clip(Store(store), n_frames)
        write_maps(folder, n_frames)
        sources = {"png": (folder / "png", ["--format", "kitti"]), "npz": (folder / "depth.npz", ["--unit", "m"])}
        for kind, (path, options) in sources.items():
            seconds, peak, cpu = timed(
                ["add", str(path), "--clip", "bench", "--as", kind, *options, "--store", str(store)]
            )
            rows[kind] = {"frames_per_second": n_frames / seconds, "peak_bytes": peak, "processor_seconds": cpu}
            print(f"{kind}: {n_frames / seconds:.1f} frames/s, {peak / 1e6:.0f} MB, {cpu:.1f} s of processor time")
    print(f"{n_frames} frames of {WIDTH}x{HEIGHT}; load {load:.1f} on {os.cpu_count()} threads")
    measured = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "n_frames": n_frames, "load": load, **rows}
    RESULTS.write_text(json.dumps(measured, indent=1) + "\n")
    is_met = all(
        row["frames_per_second"] >= GOAL_FRAMES_PER_SECOND and row["peak_bytes"] <= GOAL_BYTES for row in rows.values()
    )
    return 0 if is_met else 1


def write_clip(store: Store, n_frames: int) -> None:
    """A clip of one picture, repeated."""
    sha256 = "0" * 64
    sampling = {"size": HEIGHT, "crop": "none"}
    clip = Clip(clip_key(sha256, sampling), "bench", sha256, sampling, WIDTH, HEIGHT, n_frames)
    head = Head(
        key=track_key(clip.key, "input", "", "", "rgb", {}),
        kind="input",
        clip=clip,
        zoo="",
        method="",
        path="rgb",
        domain=DOMAINS["rgb"].record(),
        codec="png",
        edges={},
        columns={"pts_seconds": {"title": "Presentation time", "unit": "s"}},
    )
    writer, image = TrackWriter(store, head), encode_image(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    for start in range(0, n_frames, PACK):
        frames = range(start, min(start + PACK, n_frames))
        writer.append(start, [image] * len(frames), {"pts_seconds": np.array(frames) / 30.0})
    writer.finish()


def write_maps(folder: Path, n_frames: int) -> None:
    """Slanted planes with noise, moving."""
    (folder / "png").mkdir()
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.02, (HEIGHT, WIDTH)).astype(np.float32)
    plane = np.linspace(1, 8, HEIGHT, dtype=np.float32)[:, None] + np.linspace(0, 2, WIDTH, dtype=np.float32)[None]
    stack = np.lib.format.open_memmap(folder / "depth.npy", "w+", np.float16, (n_frames, HEIGHT, WIDTH))
    for at in range(n_frames):
        depth = plane + 0.5 + 0.5 * np.sin(at / 20) + np.roll(noise, at, axis=1)
        cv2.imwrite(str(folder / "png" / f"{at:06d}.png"), (depth * 256).astype(np.uint16))
        stack[at] = depth
    stack.flush()
    np.savez(folder / "depth.npz", depth=stack)


def timed(words: list[str]) -> tuple[float, int, float]:
    """Seconds, most bytes of the command and its children together, and processor seconds."""
    before = os.times()
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "precompute", "results", *words], cwd=ROOT)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(resident_bytes, [process.pid, *children_of(process.pid)])))
        time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise SystemExit(f"results {' '.join(words)} failed")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, peak, cpu


def children_of(pid: int) -> list[int]:
    found = [int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in read(path).split()]
    return found + [below for child in found for below in children_of(child)]


def resident_bytes(pid: int) -> int:
    words = read(Path(f"/proc/{pid}/statm")).split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if len(words) > 1 else 0


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())
