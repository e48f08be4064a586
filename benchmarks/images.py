"""Measures how soon a warm worker answers a picture, compared with goals.

    python -m benchmarks.images [--times 5] [--zoo mini] [--picture FILE]

Starts a real worker on a store of its own and asks it, through the store as the page does, for the picture again and again, each time
with another comment in the file, so that nothing of it is stored. The first time warms the worker, and is printed apart. Then come
median and worst of the time from the request to the first predicted pixels in the store and to all of them, and the processor
time of the worker with its decoders. On a busy machine, the processor time is what can be compared. Writes all to
benchmarks/figures/images.json, by zoo, and exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks import FIGURES
from cache.requests.queue import Requests
from cache.requests.records import Asked, Options, Source
from cache.requests.uploads import Uploads
from cache.store import Store

ROOT = Path(__file__).parents[1]
RESULTS = FIGURES / "images.json"
PICTURE = ROOT / "precompute" / "sample" / "gallery" / "astronaut.jpg"
LOOK_SECONDS = 0.01
MAX_SECONDS = 600.0
GOAL_SECONDS = {("mini", "first"): 1.5, ("lab", "all"): 6.0}
"""Zoo and moment -> most seconds, on an idle machine of 2 cores."""
FIRST = {"lab": ("lab/consistency/*",)}
"""What the page asks for before everything (dashboard/views/parts/image_start.py)."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--zoo", default="mini", choices=("mini", "lab"))
    parser.add_argument("--picture", type=Path, default=PICTURE, help="a JPEG")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        cold, *warm = measure(Path(folder), options.zoo, options.picture.read_bytes(), options.times + 1)
    print(
        f"{options.picture.name}, zoo {options.zoo}, {options.times} times; load {load:.1f} on {os.cpu_count()} threads"
    )
    print(f"{'':24} {'first pixels':>12} {'all':>8} {'processor':>10}   seconds")
    rows = {
        "worker just started": cold,
        "warm, median": [median(values) for values in zip(*warm, strict=True)],
        "warm, worst": [max(values) for values in zip(*warm, strict=True)],
    }
    for name, (first, everything, cpu) in rows.items():
        print(f"{name:24} {first:12.2f} {everything:8.2f} {cpu:10.2f}")
    first, everything, _ = rows["warm, median"]
    is_met = True
    for moment, value in (("first", first), ("all", everything)):
        if goal := GOAL_SECONDS.get((options.zoo, moment)):
            is_met &= value <= goal
            print(f"goal, {moment}: <= {goal} s {'' if value <= goal else 'MISSED'}")
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[options.zoo] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} threads",
        "load before": round(load, 1),
        "picture": options.picture.name,
        "times": options.times,
        "first, all, processor [s]": {name: [round(value, 3) for value in row] for name, row in rows.items()},
    }
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    return 0 if is_met else 1


def measure(folder: Path, zoo: str, picture: bytes, times: int) -> list[tuple[float, float, float]]:
    """Seconds to the first pixels and to all, and processor seconds, each time."""
    store = Store(folder / "store")
    command = [sys.executable, "-m", "precompute", "serve", "--no-files", "--device", "cpu", "--store", str(store.root)]
    with (folder / "worker.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            return [_ask(store, zoo, _with_comment(picture, number), process) for number in range(times)]
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{error}; the worker said: {log.read()[-2000:]}") from error
        finally:
            process.terminate()
            process.wait()


def _with_comment(jpeg: bytes, number: int) -> bytes:
    """The picture in a file of other bytes: with a comment segment after its first marker."""
    text = f"time {number}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]


def _ask(store: Store, zoo: str, picture: bytes, process: subprocess.Popen[bytes]) -> tuple[float, float, float]:
    upload = Uploads(store.root).put([picture], len(picture))
    requests, source = Requests(store.root), Source("upload", upload.sha256, "picture.jpg")
    cpu, began, first = _cpu_seconds(process.pid), time.monotonic(), None
    ids = [
        requests.ask(Asked(source, Options(zoo, patterns, max_frames=1), "benchmark", time.time(), upload.bytes)).id
        for patterns in ([FIRST[zoo]] if zoo in FIRST else []) + [("*",)]
    ]
    while time.monotonic() - began < MAX_SECONDS and process.poll() is None:
        found = [requests.get(id) for id in ids]
        clips = {clip for one in found if one and (clip := one.ended.clip if one.ended else one.progress.clip)}
        if first is None and any(_has_pixels(store, clip) for clip in clips):
            first = time.monotonic() - began
        if first is not None and all(one and one.state == "done" for one in found):
            return first, time.monotonic() - began, _cpu_seconds(process.pid) - cpu
        if failed := [one.ended.failure for one in found if one and one.ended and one.ended.failure]:
            raise RuntimeError(f"a request failed: {failed[0]}")
        time.sleep(LOOK_SECONDS)
    raise RuntimeError("no answer")


def _has_pixels(store: Store, clip: str) -> bool:
    return any(track.n_frames for track in store.tracks(clip=clip, kind="prediction"))


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process and of those of its children that have ended, by Linux."""
    fields: Sequence[str] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
