"""Measures the speed of the player in headless Chromium: steps, seeks, scrubs and playback, compared with goals.

    python -m benchmarks.player [--quick] [--only NAME ...]

Prints a line for each figure and writes all of them to benchmarks/figures/player.json with the name of the machine; exits with 1 if a
goal is missed. The bundled clips are read from $CROSSCHECK_STORE (`make precompute-sample`); the stores it makes stay in
build/bench. Times are from the key, call or click to the end of the paint that shows the lossless frame in every pane.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks import FIGURES
from cache.store import STORE_VARIABLE, Store
from tests.fixtures.stores import READ_PATTERN_JS, build_store
from tests.fixtures.web.serving import CHROMIUM_OPTIONS, ROOT, serving
from tools.browser import find_browser

RESULTS = FIGURES / "player.json"
STORES = ROOT / "build" / "bench"
STORE_VERSION = 1  # increases when the contents of packs change
NOISE = 4
"""Codes of grain: a frame then takes about what a real one does (60-100 kB in three channels at 256x256)."""
FPS = 30
PANES = "input,A,B,A2,B2,truth,truth2,EA"
METHODS = ("baseline", "consistency", "cycle")
MEMORY_LIMIT_MB = 1000

COMMON_JS = """
  const paintOf = async (frame, ask) => {
    const paints = el.xc.paints, start = performance.now();
    ask();
    while (el.xc.painted !== frame || el.xc.paints === paints || !el.xc.isExact) await new Promise(requestAnimationFrame);
    return el.xc.paintedAtMs - start;
  };
  const press = (key) => el.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, composed: true}));
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
"""

SEEKS_JS = (
    "async (el, {frames}) => {"
    + COMMON_JS
    + """
  const found = {cold: [], warm: [], steps: []};
  for (const frame of frames) found.cold.push(await paintOf(frame, () => el.xc.seek(frame)));
  await paintOf(0, () => el.xc.seek(0));
  for (let i = 1; i <= 120; i += 1) {
    await pause(33); // a held key
    found.steps.push(await paintOf(i, () => press("ArrowRight")));
  }
  for (let i = 0; i < 100; i += 1) {
    const frame = 100 + (i * 7) % 40;
    await paintOf(frame, () => el.xc.seek(frame));
  }
  for (let i = 0; i < 100; i += 1) {
    const frame = 100 + (i * 11) % 40;
    found.warm.push(await paintOf(frame, () => el.xc.seek(frame)));
  }
  return found;
}"""
)

SCRUB_JS = (
    "async (el, {seconds, nFrames}) => {"
    + COMMON_JS
    + """
  const slider = el.querySelector(".slider"), rail = el.querySelector(".rail");
  const send = (type, frame) => {
    const box = rail.getBoundingClientRect();
    const clientX = box.left + ((frame + 0.5) / nFrames) * box.width;
    const init = {bubbles: true, pointerId: 1, button: 0, buttons: 1, clientX, clientY: box.top + 2};
    slider.dispatchEvent(new PointerEvent(type, init));
  };
  slider.setPointerCapture = () => {};
  let frame = 0, cursorsApart = 0, looks = 0;
  send("pointerdown", 0);
  const start = performance.now();
  const paints = el.xc.paints;
  while (performance.now() - start < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    frame = (frame + 1) % nFrames;
    send("pointermove", frame);
    looks += 1; // where a cursor stands is asked of the layout, which costs time: looked at seldom
    if (looks % 20 === 0 && el.xc.cursors().some((cursor) => Math.abs(cursor - el.xc.painted) > 0.1)) cursorsApart += 1;
  }
  const passed = performance.now() - start;
  send("pointerup", frame);
  const checked = Math.floor(looks / 20);
  return {paintsPerSecond: (1000 * (el.xc.paints - paints)) / passed, cursorsApart, checked};
}"""
)

PLAY_JS = (
    "async (el, {seconds, nFrames, fps}) => {"
    + COMMON_JS
    + f"const read = {READ_PATTERN_JS};"
    + """
  await paintOf(0, () => el.xc.seek(0));
  await pause(1500);
  let mixed = 0, checked = 0, exact = 0, looks = 0, shown = 0, last = -1, longest = 0, lastAt = 0;
  press(" ");
  const begin = performance.now();
  let paints = el.xc.paints;
  while (performance.now() - begin < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    if (el.xc.paints === paints) continue;
    paints = el.xc.paints;
    looks += 1;
    exact += el.xc.isExact ? 1 : 0;
    if (el.xc.painted !== last) {
      if (lastAt) longest = Math.max(longest, el.xc.paintedAtMs - lastAt);
      lastAt = el.xc.paintedAtMs;
      shown += 1;
    }
    last = el.xc.painted;
    if (looks % 50) continue; // reading pixels back takes a while: what is looked at too often is late for it
    const frames = el.xc.rects().filter(Boolean).map((rect) => read(el.xc.context(), rect)?.frame);
    checked += 1;
    mixed += new Set(frames).size === 1 ? 0 : 1;
  }
  const passed = performance.now() - begin;
  press(" ");
  return {shown, due: Math.floor((passed / 1000) * fps), mixed, checked, exactShare: exact / looks, longestMs: longest};
}"""
)

FIRST_PAINT_JS = """
() => {
  const Own = window.WebSocket;
  window.WebSocket = function (...given) {
    const socket = new Own(...given);
    socket.addEventListener("open", () => (window.socketAtMs ??= performance.now()));
    return socket;
  };
  Object.assign(window.WebSocket, Own);
  window.WebSocket.prototype = Own.prototype;
  const look = () => {
    const find = (root) => {
      for (const one of root.querySelectorAll("*")) {
        if (one.xc) return one;
        const inside = one.shadowRoot && find(one.shadowRoot);
        if (inside) return inside;
      }
      return null;
    };
    const el = document.body && find(document.body);
    if (el && el.xc.painted >= 0) window.firstPaintMs = el.xc.paintedAtMs;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@dataclass(frozen=True)
class Figure:
    """A measured figure and its goal."""

    name: str
    value: float
    unit: str
    goal: str
    """`<= 20`, `>= 55`; empty if there is none."""

    @property
    def is_reached(self) -> bool | None:
        if not self.goal:
            return None
        sign, limit = self.goal.split()
        return self.value <= float(limit) if sign == "<=" else self.value >= float(limit)

    def line(self) -> str:
        answer = {True: "reached", False: "MISSED", None: ""}[self.is_reached]
        return f"{self.name:58} {self.value:9.4g} {self.unit:10} {self.goal:9} {answer}".rstrip()


@dataclass(frozen=True)
class Bench:
    """What every measurement gets."""

    browser: Browser
    is_quick: bool

    def n_frames(self, wanted: int) -> int:
        return min(wanted, 300) if self.is_quick else wanted

    def seconds(self, wanted: float) -> float:
        return min(wanted, 5.0) if self.is_quick else wanted


def main() -> int:
    return measure(__doc__, MEASUREMENTS, RESULTS)


def measure(
    description: str | None, measurements: Mapping[str, Callable[[Bench], Iterator[Figure]]], results: Path
) -> int:
    """The command of a benchmark of pages: prints its figures and keeps them, and exits with 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tries everything, measures little, and keeps nothing")
    parser.add_argument("--only", nargs="+", choices=list(measurements), help="run only these measurements")
    options = parser.parse_args()
    figures: list[Figure] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=CHROMIUM_OPTIONS)
        for name in options.only or measurements:
            for figure in measurements[name](Bench(browser, options.quick)):
                figures.append(figure)
                print(figure.line(), flush=True)
        version = browser.version
        browser.close()
    if not options.quick:
        made = record(figures, version)
        if options.only and results.exists():  # keep the figures of the others
            names = {row["name"] for row in made["figures"]}
            made["figures"] += [row for row in json.loads(results.read_text())["figures"] if row["name"] not in names]
        results.write_text(json.dumps(made, indent=1) + "\n")
    return int(any(figure.is_reached is False for figure in figures))


def record(figures: Sequence[Figure], chromium: str) -> dict[str, Any]:
    today = datetime.now(UTC).date().isoformat()
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "chromium": chromium},
        "figures": [
            {
                "name": f.name,
                "value": float(f"{f.value:.4g}"),
                "unit": f.unit,
                "goal": f.goal,
                "is_reached": f.is_reached,
                "measured": today,
            }
            for f in figures
        ],
    }


def processor() -> str:
    found = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in found.read_text().splitlines() if line.startswith("model name")]
        if found.exists()
        else []
    )
    return names[0] if names else platform.processor()


# Measurements


def bundled_clip(bench: Bench) -> Iterator[Figure]:
    """The whole page, with its plots, on the bundled walk-through."""
    if STORE_VARIABLE not in os.environ:
        raise SystemExit(f"${STORE_VARIABLE} must be a store with the bundled clips; run `make bench-player`")
    store = Store(os.environ[STORE_VARIABLE], read_only=True)
    clip = max((track.head.clip for track in store.tracks()), key=lambda clip: clip.n_frames)
    with server("dashboard/app.py", store.root) as address:
        page = bench.browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        page.goto(f"{address}?clip={clip.key[:12]}")
        root = page.locator(".xc[role=region]")
        root.wait_for()
        page.wait_for_timeout(3000)
        n_frames = root.evaluate("el => el.xc.state().nReady")
        yield from moved(root, f"walk-through, {n_frames} frames", n_frames)
        yield from scrubbed(root, f"walk-through, {n_frames} frames", bench.seconds(10), n_frames)
        page.context.close()


def four_panes(bench: Bench) -> Iterator[Figure]:
    n_frames = bench.n_frames(1000)
    with player(bench, store_of(n_frames, (256, 256)), panes=4) as root:
        yield from moved(root, "4 x 256x256", n_frames)
        yield from scrubbed(root, "4 x 256x256", bench.seconds(10), n_frames)
        yield from played(root, "4 x 256x256", bench.seconds(20), n_frames, least_share=1.0)


def eight_panes(bench: Bench) -> Iterator[Figure]:
    n_frames = bench.n_frames(1000)
    with player(bench, store_of(n_frames, (512, 512)), panes=8) as root:
        yield from played(root, "8 x 512x512", bench.seconds(20), n_frames, least_share=0.95)


def long_clip(bench: Bench) -> Iterator[Figure]:
    n_frames = bench.n_frames(5000)
    with player(bench, store_of(n_frames, (256, 256)), panes=4) as root:
        before = renderer_mb(root.page)
        rates, memory = [], []
        for _ in range(12):
            found = root.evaluate(SCRUB_JS, {"seconds": bench.seconds(60) / 12, "nFrames": n_frames})
            rates.append(found["paintsPerSecond"])
            memory.append(renderer_mb(root.page))
        yield Figure(f"{n_frames} frames scrubbed: paints", float(np.mean(rates)), "1/s", "")
        yield Figure(f"{n_frames} frames scrubbed: renderer memory before", before, "MB", "")
        yield Figure(f"{n_frames} frames scrubbed: renderer memory, most", max(memory), "MB", f"<= {MEMORY_LIMIT_MB}")


def whole_page(bench: Bench) -> Iterator[Figure]:
    """First paint and swap of methods, on the whole page."""
    with server("dashboard/app.py", store_of(300, (256, 256))) as address:
        firsts: list[float] = []
        swaps: dict[str, list[float]] = {"menu": [], "button": []}
        for _ in range(3 if bench.is_quick else 7):
            context = bench.browser.new_context(viewport={"width": 1280, "height": 720})
            page = context.new_page()
            page.add_init_script(f"({FIRST_PAINT_JS})()")
            page.goto(address)
            page.wait_for_function("window.firstPaintMs", timeout=60_000)
            firsts.append(page.evaluate("window.firstPaintMs - window.socketAtMs"))
            for place, times in swaps.items():
                times.extend(swaps_of(page, in_menu=place == "menu"))
            context.close()
        # The first visitor waits for Python's imports; the others represent normal use.
        yield Figure("first paint after the socket is up, first visitor", firsts[0], "ms", "")
        yield Figure(
            "first paint after the socket is up, median of the others", float(np.median(firsts[1:])), "ms", "<= 1000"
        )
        # The first of three swaps loads new frames; the others return to frames that were shown before.
        cold = [time for at, time in enumerate(swaps["menu"]) if at % 3 == 0]
        warm = [time for at, time in enumerate(swaps["menu"]) if at % 3]
        yield Figure("swap in the pane's menu to what was never shown, median", percentile(cold, 50), "ms", "<= 150")
        yield Figure("swap in the pane's menu to what was never shown, most", max(cold), "ms", "")
        yield Figure("swap in the pane's menu to what was shown, median", percentile(warm, 50), "ms", "<= 150")
        yield Figure("swap of A and B by its button, median", percentile(swaps["button"], 50), "ms", "<= 150")


MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "bundled-clip": bundled_clip,
    "four-panes": four_panes,
    "eight-panes": eight_panes,
    "long-clip": long_clip,
    "whole-page": whole_page,
}


# Helpers


def moved(root: Locator, name: str, n_frames: int) -> Iterator[Figure]:
    frames = random.Random(1).sample(range(n_frames), 100)
    found = root.evaluate(SEEKS_JS, {"frames": frames})
    yield Figure(f"{name}: step by key, median", percentile(found["steps"], 50), "ms", "")
    yield Figure(f"{name}: step by key, p95", percentile(found["steps"], 95), "ms", "<= 50")
    yield Figure(f"{name}: seek from memory, p95", percentile(found["warm"], 95), "ms", "<= 20")
    yield Figure(f"{name}: seek cold, p95", percentile(found["cold"], 95), "ms", "<= 120")


def scrubbed(root: Locator, name: str, seconds: float, n_frames: int) -> Iterator[Figure]:
    found = root.evaluate(SCRUB_JS, {"seconds": seconds, "nFrames": n_frames})
    yield Figure(f"{name}: scrub", found["paintsPerSecond"], "paints/s", ">= 55")
    yield Figure(
        f"{name}: cursors on another frame, of {found['checked']} looked at", found["cursorsApart"], "", "<= 0"
    )


def played(root: Locator, name: str, seconds: float, n_frames: int, least_share: float) -> Iterator[Figure]:
    found = root.evaluate(PLAY_JS, {"seconds": seconds, "nFrames": n_frames, "fps": FPS})
    yield Figure(
        f"{name}: frames shown in time while playing",
        100 * min(found["shown"] / found["due"], 1),
        "%",
        f">= {100 * least_share:g}",
    )
    yield Figure(f"{name}: paints of mixed frames, of {found['checked']} looked at", found["mixed"], "", "<= 0")
    yield Figure(f"{name}: longest time without another frame", found["longestMs"], "ms", "")
    yield Figure(f"{name}: paints that were lossless", 100 * found["exactShare"], "%", "")


def swaps_of(page: Page, *, in_menu: bool) -> list[float]:
    """Choose other methods for B in the pane's menu, or press the swap of A and B; ms from the press to the paint."""
    root = page.locator(".xc[role=region]")
    found = []
    for method in ("cycle", "consistency", "cycle"):
        page.wait_for_timeout(700)
        pressed = root.get_by_role("button", name="swap A and B")
        if in_menu:
            root.get_by_role("button", name="configuration of B:").click()
            pressed = root.get_by_role("dialog", name="configuration of B").get_by_title(method, exact=True)
        pressed.wait_for()
        root.evaluate(SWAP_JS)
        pressed.click()
        page.wait_for_function("window.swapMs !== null", timeout=20_000)
        found.append(page.evaluate("window.swapMs"))
    return found


SWAP_JS = """(el) => {
  const titleOf = () => el.xc.stage.panes.find(({id}) => id === "B").title;
  const before = titleOf();
  window.swapMs = null;
  const begin = () => {
    const start = performance.now();
    const look = () => {
      if (titleOf() === before || el.xc.state().isLate) return void requestAnimationFrame(look);
      // At the end of this frame: plots are drawn after it, and paint once more.
      setTimeout(() => {
        if (el.xc.paintedAtMs < start) requestAnimationFrame(look);
        else window.swapMs = el.xc.paintedAtMs - start;
      }, 0);
    };
    look();
  };
  el.addEventListener("click", begin, {capture: true, once: true});
}"""


def renderer_mb(page: Page) -> float:
    """Resident memory of the largest renderer process, in MB."""
    largest = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes()
            if b"--type=renderer" not in command:
                continue
            line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        except (OSError, StopIteration):
            continue
        largest = max(largest, int(line.split()[1]))
    return largest / 1000


def store_of(n_frames: int, size: tuple[int, int]) -> Path:
    """A store in which every frame shows its number; made once."""
    folder = STORES / f"{n_frames}-{size[0]}x{size[1]}-v{STORE_VERSION}"
    if not folder.exists():
        STORES.mkdir(parents=True, exist_ok=True)
        print(f"making {n_frames} frames of {size[0]}x{size[1]} in {folder} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=STORES) as unfinished:
            frames_per_pack = max(1, min(256, (64 * 256 * 256) // (size[0] * size[1])))  # as in the job
            build_store(
                Path(unfinished) / "store",
                n_frames=n_frames,
                size=size,
                frames_per_pack=frames_per_pack,
                noise=NOISE,
                methods=METHODS if n_frames == 300 else METHODS[:2],
            )
            shutil.move(Path(unfinished) / "store", folder)
    return folder


@contextmanager
def player(bench: Bench, store: Path, panes: int) -> Iterator[Locator]:
    """The root element of a player without a page, with this many panes."""
    with server("tests/browser/player_app.py", store) as address:
        context = bench.browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.goto(f"{address}/?panes=" + ",".join(PANES.split(",")[:panes]))
        root = page.locator(".xc")
        root.wait_for()
        page.wait_for_timeout(3000)
        yield root
        context.close()


@contextmanager
def server(app: str, store: Path) -> Iterator[str]:
    """The address of a Streamlit app with a store."""
    with tempfile.TemporaryDirectory() as folder, serving(store, app, log_path=Path(folder) / "log.txt") as address:
        yield address


def percentile(milliseconds: Sequence[float], share: float) -> float:
    return float(np.percentile(milliseconds, share))


if __name__ == "__main__":
    raise SystemExit(main())
