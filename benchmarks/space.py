"""Measures the Space page in headless Chromium: orbit, scrub, first view, memory, and what stays on the graphics device after leaving.

    python -m benchmarks.space [--quick] [--only NAME ...]

Prints a line for each figure and writes all of them to benchmarks/figures/space.json with the name of the machine; exits with 1 if a
goal is missed. The bundled phone clip, whose page shows two surfaces of 256 x 256 pixels, is read from $CROSSCHECK_STORE (`make
precompute-sample`). Goals are those of a machine without a GPU; where there is one, Chromium still draws on the CPU, as in the tests.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page

from benchmarks import FIGURES
from benchmarks.player import MEMORY_LIMIT_MB, NOISE, STORES, Bench, Figure, measure, percentile, server
from cache.store import STORE_VARIABLE, Store
from tests.fixtures.stores import build_store

RESULTS = FIGURES / "space.json"
CLIP_TITLE = "Phone clip of a room"
FRAME = 5
LONG_FRAMES = 1000
STORE_VERSION = 1  # increases when the contents of packs change
SETTLE_MS = 5000
"""Until plots and neighbouring frames have loaded."""
GROWTH_GOAL_MB = 100
"""What the second half of the frames may add: the frames in memory are bounded, and textures are filled again."""

ORBIT_JS = """async (el, {seconds}) => {
  const root = el.querySelector(".stage"), rect = el.xc.rects()[1], box = root.getBoundingClientRect();
  const [left, right] = [box.left + rect.x + 5, box.left + rect.x + rect.width - 5];
  let x = (left + right) / 2;
  const y = box.top + rect.y + rect.height / 2;
  const send = (type) => root.dispatchEvent(new PointerEvent(type,
    {clientX: x, clientY: y, button: 0, pointerId: 1, bubbles: true, composed: true, pointerType: "touch"}));
  root.setPointerCapture = () => {};
  send("pointerdown");
  const paints = el.xc.paints, start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    x = x + 1.5 > right ? left : x + 1.5;
    send("pointermove");
    await new Promise(requestAnimationFrame);
  }
  const found = {paints: el.xc.paints - paints, seconds: (performance.now() - start) / 1000};
  send("pointerup");
  return found;
}"""
"""A finger that drags to and fro."""

SCRUB_JS = """async (el, {seconds}) => {
  const count = el.xc.state().nReady, paints = el.xc.paints, start = performance.now();
  for (let frame = 0; performance.now() - start < 1000 * seconds; frame += 1) {
    el.xc.seek(frame % count);
    await new Promise(requestAnimationFrame);
  }
  return {paints: el.xc.paints - paints, seconds: (performance.now() - start) / 1000};
}"""

EVERY_FRAME_JS = """async (el, {from, to}) => {
  for (let frame = from; frame < to; frame += 1) {
    el.xc.seek(frame);
    while (el.xc.painted !== frame) await new Promise(requestAnimationFrame);
  }
}"""

FIRST_SURFACE_JS = """() => {
  const find = (root) => {
    for (const one of root.querySelectorAll("*")) {
      if (one.xc) return one;
      const inside = one.shadowRoot && find(one.shadowRoot);
      if (inside) return inside;
    }
    return null;
  };
  const look = () => {
    const el = document.body && find(document.body);
    if (el?.xc.painted >= 0 && el.xc.stage.painter?.surface.held.size >= 2) window.firstSurfaceMs = el.xc.paintedAtMs;
    else setTimeout(look, 10);
  };
  look();
}"""
"""When two surfaces are painted first, in ms from the start of the navigation. Frames are not waited for: the next one comes after
plotly.js is evaluated, for half a second and more, while the surfaces are on the screen."""


def main() -> int:
    return measure(__doc__, MEASUREMENTS, RESULTS)


# Measurements


def moving(bench: Bench) -> Iterator[Figure]:
    """Paints a second while the camera moves, and while the frames do."""
    root_of_store, key = phone_clip()
    with (
        server("dashboard/app.py", root_of_store) as address,
        opened(bench, f"{address}/space?clip={key}&frame={FRAME}") as root,
    ):
        root.page.wait_for_timeout(SETTLE_MS)
        for name, script, goal in (("orbit", ORBIT_JS, ">= 20"), ("scrub", SCRUB_JS, ">= 15")):
            root.evaluate(script, {"seconds": 1})  # the pace of a surface that moves is measured as it is drawn
            before = cpu_seconds()
            found = root.evaluate(script, {"seconds": bench.seconds(10)})
            spent = cpu_seconds() - before
            yield Figure(f"2 x 256x256: {name}", found["paints"] / found["seconds"], "paints/s", goal)
            yield Figure(f"2 x 256x256: {name}, processor time of a paint", 1000 * spent / found["paints"], "ms", "")


def first_view(bench: Bench) -> Iterator[Figure]:
    """From the navigation to two painted surfaces, on a server that has had a visitor."""
    root_of_store, key = phone_clip()
    with server("dashboard/app.py", root_of_store) as address:
        link = f"{address}/space?clip={key}&frame={FRAME}"
        new, again = [], []
        for visit in range(3 if bench.is_quick else 6):
            with opened(bench, link) as root:
                first = root.page.evaluate("window.firstSurfaceMs")
                root.page.wait_for_timeout(1000)
                root.page.goto(link)
                root.page.wait_for_function("window.firstSurfaceMs", timeout=60_000)
                if visit:
                    new.append(first)
                    again.append(root.page.evaluate("window.firstSurfaceMs"))
    yield Figure("2 x 256x256: first view, a browser that was never here, median", percentile(new, 50), "ms", "")
    yield Figure("2 x 256x256: first view, a browser that was, median", percentile(again, 50), "ms", "<= 1500")


def memory(bench: Bench) -> Iterator[Figure]:
    """Memory of the browser over 1,000 frames, and what is left of the graphics context on another page."""
    n_frames = bench.n_frames(LONG_FRAMES)
    with server("dashboard/app.py", store_of(n_frames)) as address, opened(bench, f"{address}/space?frame=0") as root:
        root.page.wait_for_timeout(SETTLE_MS)
        root.evaluate(
            """el => {
              const {gl} = el.xc.stage.painter.surface, create = gl.createTexture;
              Object.assign(window, {gl, nMade: 0});
              gl.createTexture = () => { window.nMade += 1; return create.call(gl); };
            }"""
        )
        before = memory_mb()
        sizes = []
        for start in range(0, n_frames, 100):
            root.evaluate(EVERY_FRAME_JS, {"from": start, "to": min(start + 100, n_frames)})
            sizes.append(memory_mb())
        half = len(sizes) // 2
        growth = max(sizes[half:]) - max(sizes[:half])
        name = f"{n_frames} frames scrubbed"
        yield Figure(f"{name}: memory of the browser before", before, "MB", "")
        yield Figure(f"{name}: memory of the browser, most", max(sizes), "MB", f"<= {MEMORY_LIMIT_MB}")
        yield Figure(f"{name}: what the second half adds", growth, "MB", f"<= {GROWTH_GOAL_MB}")
        yield Figure(f"{name}: textures made", root.page.evaluate("nMade"), "", "<= 0")
        root.page.get_by_role("link", name="Flat, in Compare").click()
        root.page.wait_for_url(lambda url: "/space" not in url)
        root.page.wait_for_function("!document.querySelector('[data-space]')")
        root.page.wait_for_timeout(1000)
        held = 0 if root.page.evaluate("gl.isContextLost()") else 1
        yield Figure("graphics contexts held after leaving", held, "", "<= 0")


MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "moving": moving,
    "first-view": first_view,
    "memory": memory,
}


# Helpers


def phone_clip() -> tuple[Path, str]:
    """The store with the bundled clips, and the key of the phone clip."""
    if STORE_VARIABLE not in os.environ:
        raise SystemExit(f"${STORE_VARIABLE} must be a store with the bundled clips; run `make bench-space`")
    store = Store(os.environ[STORE_VARIABLE], read_only=True)
    keys = {track.head.clip.title: track.head.clip.key for track in store.tracks()}
    if CLIP_TITLE not in keys:
        raise SystemExit(f"{store.root} has no '{CLIP_TITLE}'; run `make precompute-sample`")
    return Path(store.root), keys[CLIP_TITLE][:12]


def store_of(n_frames: int) -> Path:
    """A clip of 256 x 256 pixels with two predictions of depth; made once."""
    folder = STORES / f"depth-{n_frames}-v{STORE_VERSION}"
    if not folder.exists():
        STORES.mkdir(parents=True, exist_ok=True)
        print(f"making {n_frames} frames of depth in {folder} ...", flush=True)
        with tempfile.TemporaryDirectory(dir=STORES) as unfinished:
            build_store(
                Path(unfinished) / "store",
                n_frames=n_frames,
                size=(256, 256),
                frames_per_pack=64,
                noise=NOISE,
                targets=("depth",),
                truths=(),
                readouts={},
            )
            shutil.move(Path(unfinished) / "store", folder)
    return folder


@contextmanager
def opened(bench: Bench, link: str) -> Iterator[Locator]:
    """The player of the page, once two surfaces are painted."""
    context = bench.browser.new_context(viewport={"width": 1280, "height": 720})
    page: Page = context.new_page()
    page.add_init_script(f"({FIRST_SURFACE_JS})()")
    page.goto(link)
    page.wait_for_function("window.firstSurfaceMs", timeout=60_000)
    yield page.locator(".xc[role=region]").first
    context.close()


def browser_processes() -> list[Path]:
    """Processes of the browser that this one has started, as folders of /proc."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents.setdefault(int(stat.read_text().rsplit(")", 1)[1].split()[1]), []).append(int(stat.parent.name))
        except (OSError, ProcessLookupError):
            continue
    found, waiting = [], [os.getpid()]
    while waiting:
        waiting.extend(children := parents.get(waiting.pop(), []))
        found.extend(Path("/proc") / str(pid) for pid in children)
    return [process for process in found if "chrom" in _read(process / "comm") or "headless" in _read(process / "comm")]


def memory_mb() -> float:
    """Resident memory of the browser, all of its processes together, each with its own share of what they share."""
    sizes = [line for one in browser_processes() for line in _read(one / "smaps_rollup").splitlines()]
    return sum(int(line.split()[1]) for line in sizes if line.startswith("Pss:")) / 1000


def cpu_seconds() -> float:
    """Processor time that the browser has used."""
    ticks = 0
    for process in browser_processes():
        fields = _read(process / "stat").rsplit(")", 1)[-1].split()
        ticks += int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    raise SystemExit(main())
