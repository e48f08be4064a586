"""How long the Overview of many clips takes, from opening the store to the data that the browser gets: in a new process, and again.

    python -m benchmarks.overview [--clips 200] [--configurations 20] [--store DIR]

Writes a store with tiny frames (minutes), unless DIR has one, lets `keep_summaries` keep its rows as a job does, and then times
new processes that only read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from analysis.summaries.briefs import keep_summaries
from cache.keys import clip_key, track_key
from cache.records import Clip, Head
from cache.store import Store
from cache.writer import TrackWriter

N_FRAMES = 48
SIDE = 8
REPEATS = 5
SECONDS_ALLOWED = 1.5
PATHS = ["rgb-depth-normal", "rgb-reshading-normal"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--configurations", type=int, default=20)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--only-read", action="store_true", help="one look, in this process")
    chosen = parser.parse_args()
    if chosen.only_read:
        print(json.dumps(look(chosen.store)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.store or Path(folder) / "store"
        if not (root / "tracks").is_dir():
            fill(Store(root), chosen.clips, chosen.configurations)
        began = time.perf_counter()
        store = Store(root)
        for clip in store.listing().lines:
            keep_summaries(store, clip)
        print(f"rows of a store without any: {time.perf_counter() - began:.1f} s")
        command = [sys.executable, "-m", "benchmarks.overview", "--only-read", "--store", str(root)]
        looks = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(REPEATS)]
    for name in looks[0]:
        print(f"{name}: median {statistics.median(look[name] for look in looks):.2f}")
    if statistics.median(look["first look, s"] for look in looks) > SECONDS_ALLOWED:
        raise SystemExit(f"slower than {SECONDS_ALLOWED} s")


def look(root: Path) -> dict[str, float]:
    """Two looks of one process, as two visitors have them; what is imported once is not counted."""
    from dashboard.overview.data import for_visitor
    from dashboard.overview.reading import drawn, read_overview

    store = Store(root, read_only=True)
    found: dict[str, float] = {}
    for name in ("first look, s", "next look, s"):
        began, computed = time.perf_counter(), time.process_time()
        overview = read_overview(store, {}, seconds=float("inf"))
        shown = drawn(overview, {})
        sent = json.dumps(for_visitor(shown.data, shown.table, overview.unlisted, {}))
        found[name] = time.perf_counter() - began
        found[f"{name.removesuffix(', s')}, CPU s"] = time.process_time() - computed
    found |= {"cells": len(shown.table.cells), "sent, MB": len(sent) / 1e6}
    return found


def fill(store: Store, n_clips: int, n_configurations: int) -> None:
    """Predictions with an error, energies and stabilities of every configuration on every clip."""
    image = _png()
    generator = np.random.default_rng(0)
    for at in range(n_clips):
        source = hashlib.sha256(f"clip {at}".encode()).hexdigest()
        sampling = {"size": SIDE, "version": 1}
        clip = Clip(clip_key(source, sampling), f"Clip {at}", source, sampling, SIDE, SIDE, N_FRAMES)
        hardness = generator.normal(15, 4)
        with store.writing(clip.key):
            for method in range(n_configurations):
                for kind in ("prediction", "energy", "stability"):
                    _write(store, clip, kind, f"method{method}", hardness + 0.1 * method, image, generator)
        if at % 20 == 19:
            print(f"{at + 1} of {n_clips} clips written", file=sys.stderr)


def _write(
    store: Store, clip: Clip, kind: str, method: str, error: float, image: bytes, generator: np.random.Generator
) -> None:
    described = {
        "prediction": {"angle_degrees": {"title": "Mean angular error", "unit": "°"}},
        "energy": {"terms": {"title": "Path disagreement", "unit": "code"}},
        "stability": {"stability": {"title": "Change over time", "unit": "°"}},
    }[kind]
    noise = np.cumsum(generator.normal(0, 0.3, N_FRAMES))
    values = {
        "prediction": error + noise,
        "energy": 0.1 + 0.01 * np.stack([noise, noise], axis=1),
        "stability": 1 + 0.1 * np.abs(noise),
    }[kind]
    constants = {"paths": PATHS, "mu": [0.1, 0.1], "sigma": [0.04, 0.04]} if kind == "energy" else {}
    channels = 1 if kind != "prediction" else 3
    domain = {"name": "normal", "title": "Surface normals", "channels": channels, "lo": -1, "hi": 1, "scale": "linear"}
    head = Head(
        key=track_key(clip.key, kind, "mini", method, "rgb-normal", {}),
        kind=kind,
        clip=clip,
        zoo="mini",
        method=method,
        path="rgb-normal",
        domain=domain,
        codec="png",
        edges={"rgb-normal": hashlib.sha256(method.encode()).hexdigest()},
        constants=constants,
        columns={"pts_seconds": {"title": "Presentation time", "unit": "s"}, **described},
        computed_on={"time": "2026-01-01T00:00:00"},
    )
    writer = TrackWriter(store, head)
    columns = {"pts_seconds": np.arange(N_FRAMES) / 30, next(iter(described)): np.asarray(values, np.float32)}
    writer.append(0, [image] * N_FRAMES, columns, [])
    writer.finish()


def _png() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (90, 120, 200)).save(file, "png")
    return file.getvalue()


if __name__ == "__main__":
    main()
