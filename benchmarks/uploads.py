"""Measures the page and the worker while visitors upload videos all at once, compared with goals.

    python -m benchmarks.uploads [--visitors 20] [--mb 20]

Starts the real dashboard and a real worker (one thread, niced) on a store of its own. Every visitor has a browser's cookie and ticket,
uploads a file of its own in the parts that the page sends, and asks for a few frames of it; the first of them asks for three more
before the others. Meanwhile another client, a process of its own, fetches random ranges of packs, as a player does. Prints a line for each figure and
writes all to benchmarks/figures/uploads.json with the name of the machine; exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import Request, sync_playwright

from benchmarks import FIGURES
from cache.requests.queue import Requests
from cache.store import Store
from tests.fixtures.media import write_video
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, ROOT, free_port, serving
from tools.browser import find_browser

RESULTS = FIGURES / "uploads.json"
PART_BYTES = 2 << 20
"""As the page sends (web/asking/api.mjs)."""
RANGE_BYTES = 256 << 10
RANGE_PAUSE_SECONDS = 0.02
N_GREEDY = 3
IDLE_SECONDS = 8.0
"""Ranges are fetched for so long before the first upload."""
MAX_SECONDS = 900.0
GOAL_MS, GOAL_MB = 50.0, 100.0


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    unit: str
    goal: str
    is_met: bool


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--mb", type=float, default=20.0, help="size of each upload")
    options = parser.parse_args(arguments)
    os.environ |= {
        "CROSSCHECK_REQUESTS": "everyone",
        "CROSSCHECK_REQUEST_LIMITS": "mb-in-all=100000,waiting-in-all=1000",
    }
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(Path(temporary), options.visitors, int(options.mb * 1e6))
    for one in figures:
        print(f"{one.name:52} {one.value:10.1f} {one.unit:4} {one.goal:12} {'' if one.is_met else 'MISSED'}")
    row = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} threads",
        "load in the last 15 minutes": round(os.getloadavg()[2], 1),
        "niceness": os.nice(0),
        "visitors": options.visitors,
        "MB each": options.mb,
        "figures": [asdict(one) for one in figures],
    }
    RESULTS.write_text(json.dumps(row, indent=1) + "\n")
    return 0 if all(one.is_met for one in figures) else 1


def measure(folder: Path, n_visitors: int, n_bytes: int) -> list[Figure]:
    store = build_store(folder / "store", n_frames=120, size=(256, 256), noise=4)
    video = write_video(folder / "clip.mp4", 30, height=256, width=256).read_bytes()
    port = free_port()
    with serving(store.root, log_path=folder / "page.log", port=port) as address, _worker(store, folder) as worker:
        page = _pid_listening(port)
        tickets = _tickets(address, n_visitors)
        ranges = _Ranges(address, store)
        time.sleep(IDLE_SECONDS)
        before_mb = _peak_mb(page)
        began, uploads_began = time.monotonic(), time.time()
        with ThreadPoolExecutor(n_visitors) as pool:
            ids = list(pool.map(lambda at: _visit(address, tickets[at], video, n_bytes, at), range(n_visitors)))
        uploaded, uploads_ended = time.monotonic() - began, time.time()
        while any(request.is_live for request in Requests(store.root).all()) and time.monotonic() - began < MAX_SECONDS:
            time.sleep(0.5)
        answered = time.monotonic() - began
        times = ranges.end()
        ended = {request.id: request for request in Requests(store.root).all()}
        page_mb, worker_mb = _peak_mb(page), _peak_mb(worker)
    idle = [ms for end, ms in times if end < uploads_began]
    sending = [ms for end, ms in times if uploads_began <= end < uploads_ended]
    computing = [ms for end, ms in times if end >= uploads_ended]
    everybody = [id for own in ids for id in own]
    n_done = sum(ended[id].state == "done" for id in everybody)
    return [
        Figure("requests that are done", n_done, "", f"= {len(everybody)}", n_done == len(everybody)),
        Figure("pairs of first requests done in another order than asked", _n_swapped(ended, ids), "", "= 0", not _n_swapped(ended, ids)),
        Figure("first requests done after a second of the greedy visitor", _n_overtaken(ended, ids), "", "= 0", not _n_overtaken(ended, ids)),
        Figure("uploads, all", uploaded, "s", "", True),
        Figure("uploads, MB/s", n_visitors * n_bytes / 1e6 / uploaded, "MB/s", "", True),
        Figure("last answer after", answered, "s", f"<= {MAX_SECONDS:.0f}", answered <= MAX_SECONDS),
        Figure("range of a pack, p50, before", float(np.percentile(idle, 50)), "ms", "", True),
        Figure("range of a pack, p95, before", float(np.percentile(idle, 95)), "ms", "", True),
        Figure("range of a pack, p95, while all upload", float(np.percentile(sending, 95)), "ms", f"<= {GOAL_MS:.0f}", bool(np.percentile(sending, 95) <= GOAL_MS)),
        Figure("range of a pack, p95, while the worker computes", float(np.percentile(computing, 95)), "ms", f"<= {GOAL_MS:.0f}", bool(np.percentile(computing, 95) <= GOAL_MS)),
        Figure("memory of the page, growth of its peak", page_mb - before_mb, "MB", f"<= {GOAL_MB:.0f}", page_mb - before_mb <= GOAL_MB),
        Figure("memory of the page, peak", page_mb, "MB", "", True),
        Figure("memory of the worker, peak", worker_mb, "MB", "", True),
    ]  # fmt: skip


@contextmanager
def _worker(store: Store, folder: Path) -> Iterator[int]:
    command = [
        sys.executable,
        "-m",
        "precompute",
        "serve",
        "--threads",
        "1",
        "--no-files",
        "--device",
        "cpu",
        "--store",
        str(store.root),
    ]
    with (
        (folder / "worker.log").open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log) as process,
    ):
        yield process.pid
        process.terminate()


def _tickets(address: str, n_visitors: int) -> list[str]:
    """One of each visitor, as the page sends it."""
    found: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_OPTIONS)
        for _ in range(n_visitors):
            with browser.new_context() as context:
                page = context.new_page()

                def is_ask(request: Request) -> bool:
                    return request.url.endswith("/asking/requests")

                with page.expect_request(is_ask, timeout=120_000) as waiting:
                    page.goto(address)
                found.append(waiting.value.headers["x-crosscheck-ticket"])
        browser.close()
    return found


def _visit(address: str, ticket: str, video: bytes, n_bytes: int, number: int) -> list[str]:
    """Upload a file of one's own and ask for it; the ids of the requests."""
    padding = random.Random(number).randbytes(max(0, n_bytes - len(video) - 8))
    content = video + struct.pack(">I4s", len(padding) + 8, b"free") + padding
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)

    def ask(method: str, path: str, body: bytes) -> Any:
        connection.request(method, f"/asking/{path}", body, {"X-Crosscheck-Ticket": ticket})
        answer = connection.getresponse()
        row = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {row}")
        return row

    begun = ask("POST", "uploads", json.dumps({"bytes": len(content)}).encode())
    row: dict[str, Any] = {}
    for at in range(0, len(content), PART_BYTES):
        row = ask("PUT", f"uploads/{begun['id']}?at={at}", content[at : at + PART_BYTES])
    ids = []
    for more in range(1 + (N_GREEDY if number == 0 else 0)):
        source = {"upload": row["upload"], "title": f"visitor {number}"}
        options = {"end": 1, "fps": 4, "start": more / 100, "configurations": ["mini/*/rgb-normal*"]}
        ids.append(ask("POST", "requests", json.dumps({"source": source, "options": options}).encode())["id"])
    connection.close()
    return ids


class _Ranges:
    """A process of its own that fetches random ranges of packs, one after the other, and keeps how long each took, ms."""

    def __init__(self, address: str, store: Store) -> None:
        packs = [(f"/packs/{t.head.key}-{p.sha256}.pack", p.bytes) for t in store.tracks() for p in t.packs]
        spawn = multiprocessing.get_context("spawn")
        self._stop, (self._found, its_end) = spawn.Event(), spawn.Pipe(duplex=False)
        self._process = spawn.Process(target=_fetch_ranges, args=(urlsplit(address).netloc, packs, self._stop, its_end))
        self._process.start()
        its_end.close()

    def end(self) -> list[tuple[float, float]]:
        """Stop; the (end in seconds of `time.time`, duration in ms) of each fetch."""
        self._stop.set()
        found = self._found.recv()
        self._process.join()
        return found


def _fetch_ranges(netloc: str, packs: list[tuple[str, int]], stop: Event, found: Connection) -> None:
    connection, choose = http.client.HTTPConnection(netloc, timeout=120), random.Random(0)
    times = []
    while not stop.wait(RANGE_PAUSE_SECONDS):
        path, size = choose.choice(packs)
        start = choose.randrange(max(1, size - RANGE_BYTES))
        began = time.perf_counter()
        connection.request("GET", path, headers={"Range": f"bytes={start}-{min(size, start + RANGE_BYTES) - 1}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 206:
            raise RuntimeError(f"{path} was answered by {answer.status}")
        times.append((time.time(), 1000 * (time.perf_counter() - began)))
    found.send(times)


def _n_swapped(ended: dict[str, Any], ids: list[list[str]]) -> int:
    """Pairs of visitors' first requests that were begun in another order than they were asked."""
    firsts = sorted((ended[own[0]].asked.when, ended[own[0]].ended.began) for own in ids if ended[own[0]].ended)
    return sum(later < began for at, (_, began) in enumerate(firsts) for _, later in firsts[at + 1 :])


def _n_overtaken(ended: dict[str, Any], ids: list[list[str]]) -> int:
    """First requests that waited, already asked, while another one of the greedy visitor was begun."""
    greedy = [ended[id].ended.began for id in ids[0][1:] if ended[id].ended]
    others = [ended[own[0]] for own in ids[1:] if ended[own[0]].ended]
    return sum(one.asked.when < began < one.ended.began for began in greedy for one in others)


def _pid_listening(port: int) -> int:
    """The process of the dashboard: Linux lists which process was started with that port."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            words = (folder / "cmdline").read_bytes().split(b"\0") if (folder / "cmdline").exists() else []
            if str(port).encode() in words and b"streamlit" in words:
                return int(folder.name)
    raise RuntimeError(f"no process serves port {port}")


def _peak_mb(pid: int) -> float:
    """Largest resident memory of that process so far, MB."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    sys.exit(main())
