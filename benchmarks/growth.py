"""Measures how a store of many clips and one of a long clip are listed and opened, in new processes, compared with goals.

    python -m benchmarks.growth [--clips 10000] [--frames 100000] [--store DIR]

Writes both stores into build/growth (five minutes on an idle machine, 3 GB), unless they are there. Prints what it finds, writes it to
benchmarks/figures/growth.json, and exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import FIGURES
from benchmarks.growth_store import N_TRACKS, fill, keep_rows, told
from cache.store import Store

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "growth"
FIGURE = FIGURES / "growth.json"
SHORT = 48
"""Frames of each of the many clips."""
GOAL_SECONDS = {"list": 2.0, "first page": 2.0, "Overview": 2.0, "long clip": 2.0}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--store", type=Path, help="folder of the two stores")
    parser.add_argument("--look", choices=list(LOOKS), help="one look at the store, in this process")
    chosen = parser.parse_args(arguments)
    folder = chosen.store or BUILD / f"{chosen.clips}-{chosen.frames}"
    if chosen.look:
        print(json.dumps(timed(LOOKS[chosen.look], folder)))
        return 0
    many, long = folder / "many", folder / "long"
    prepare(many, chosen.clips, SHORT)
    prepare(long, 1, chosen.frames)
    found = {"list": run([sys.executable, "-m", "precompute", "list", "--store", str(many)])}
    for name in LOOKS:
        place = long if name == "long clip" else many
        looked = subprocess.run(
            [sys.executable, "-m", "benchmarks.growth", "--look", name, "--store", str(place)],
            check=True,
            capture_output=True,
            cwd=ROOT,
        )
        found[name] = json.loads(looked.stdout)
    for name, row in found.items():
        print(f"{name}: {', '.join(f'{what} {value:.2f}' for what, value in row.items())}")
    measured = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_clips": chosen.clips,
        "n_tracks": chosen.clips * N_TRACKS,
        "n_frames_of_long_clip": chosen.frames,
        "load": os.getloadavg()[0],
        "threads": os.cpu_count(),
        "goal_seconds": GOAL_SECONDS,
        **found,
    }
    FIGURE.write_text(json.dumps(measured, indent=1) + "\n")
    return 0 if all(found[name]["seconds"] <= goal for name, goal in GOAL_SECONDS.items()) else 1


def prepare(root: Path, n_clips: int, n_frames: int) -> None:
    """Write what the store lacks of these clips, and the rows about them."""
    store, began = Store(root), time.perf_counter()
    for done, _ in enumerate(fill(store, n_clips, n_frames), 1):
        told(done, n_clips, began)
    if not (root / "rows-kept").exists():
        keep_rows(store, n_clips, n_frames)
        (root / "rows-kept").touch()
        print(f"rows kept after {time.perf_counter() - began:.0f} s", file=sys.stderr)


def run(command: list[str]) -> dict[str, float]:
    """A command in a process of its own."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": after.ru_maxrss / 1e3}


def timed(look: Callable[[Path], Callable[[], dict[str, float]]], root: Path) -> dict[str, float]:
    """The second of two equal looks of a process is that of the next visitor."""
    act = look(root)
    found: dict[str, float] = {}
    for name in ("", "again_"):
        began, computed = time.perf_counter(), time.process_time()
        counted = act()
        found[f"{name}seconds"] = time.perf_counter() - began
        found[f"{name}cpu_seconds"] = time.process_time() - computed
        found |= counted
    return found | {"peak_mb": peak_mb()}


def peak_mb() -> float:
    """The largest memory of this process; what `getrusage` says begins with that of the process that started it."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1e3


def first_page(root: Path) -> Callable[[], dict[str, float]]:
    """What Compare computes and sends for a link without a clip."""
    from analysis.columns import Columns
    from dashboard.catalogue import catalogue_of
    from dashboard.compare.comparison import compare
    from dashboard.compare.plots import read
    from dashboard.player_data import chart_data
    from dashboard.selection.link import from_query
    from dashboard.selection.menus import menus

    store = Store(root, read_only=True)
    columns = Columns(store)

    def act() -> dict[str, float]:
        catalogue = catalogue_of(store, {})
        selection, _ = from_query({}, catalogue)
        assert selection is not None
        shown = compare(catalogue, selection.clip, selection.target, selection.readout, selection.configurations)
        charts = [chart_data(read(columns, plot, selection.scale).chart) for plot in shown.plots]
        options = [menu.options for menu in menus(catalogue, selection)]
        return {"sent_mb": len(json.dumps([charts, options])) / 1e6}

    return act


def overview(root: Path) -> Callable[[], dict[str, float]]:
    """The ranking and the table of all clips."""
    from dashboard.overview.data import for_visitor
    from dashboard.overview.reading import drawn, read_overview

    store = Store(root, read_only=True)

    def act() -> dict[str, float]:
        found = read_overview(store, {}, float("inf"))
        shown = drawn(found, {})
        sent = json.dumps(for_visitor(shown.data, shown.table, found.unlisted, {}))
        return {"cells": len(shown.table.cells), "sent_mb": len(sent) / 1e6}

    return act


def study(root: Path) -> Callable[[], dict[str, float]]:
    """The choices of Study, and the frames that it gathers."""
    from analysis.columns import Columns
    from dashboard.catalogue import catalogue_of
    from dashboard.study.frames import gather, measures_of

    store = Store(root, read_only=True)
    columns = Columns(store)

    def act() -> dict[str, float]:
        catalogue = catalogue_of(store, {})
        measures = measures_of(catalogue, "normal")
        frames = gather(catalogue, columns, "normal", measures[0])
        return {"samples": len(frames.samples)}

    return act


def one_more(root: Path) -> Callable[[], dict[str, float]]:
    """What a job does for the lists once it has stored a clip, which is here the first one again."""
    from analysis.summaries.briefs import keep_summaries
    from benchmarks.growth_store import clip_of

    store = Store(root)

    def act() -> dict[str, float]:
        keep_summaries(store, clip_of(0, SHORT).key)
        return {"manifests_in_memory": len(store._parsed)}

    return act


LOOKS: dict[str, Callable[[Path], Callable[[], dict[str, float]]]] = {
    "first page": first_page,
    "Overview": overview,
    "Study": study,
    "keep one clip": one_more,
    "long clip": first_page,
}

if __name__ == "__main__":
    sys.exit(main())
