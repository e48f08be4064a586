"""How fast is the player? Step, seek and play in headless Chromium, on 4 panes of 256 x 256 x 300 frames.

    python -m benchmarks.player [--panes 4] [--seconds 10]

Prints one JSON object; the times are from the key or call to the end of the paint that shows the frame in every pane.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM_OPTIONS, ROOT, free_port, wait_until_healthy
from tests.install_browser import find_browser
from tests.stores import build_store

N_FRAMES = 300
SIZE = (256, 256)
NOISE = 4
"""Codes of grain: a frame then takes about what a real one does (60-100 kB in three channels)."""
PANES = "input,A,B,A2,B2,truth,truth2,EA"

MEASURE_JS = """
async (el, {frames, seconds}) => {
  const paintOf = async (frame, ask) => {
    const paints = el.xc.paints, start = performance.now();
    ask();
    while (el.xc.painted !== frame || el.xc.paints === paints) await new Promise(requestAnimationFrame);
    return el.xc.paintedAtMs - start;
  };
  const press = (key) => el.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const result = {cold: [], warm: [], steps: []};
  for (const frame of frames) result.cold.push(await paintOf(frame, () => el.xc.seek(frame)));
  await paintOf(0, () => el.xc.seek(0));
  for (let i = 1; i <= 120; i += 1) {
    await pause(33); // a held key
    result.steps.push(await paintOf(i, () => press("ArrowRight")));
  }
  for (let i = 0; i < 100; i += 1) {
    const frame = frames[(i * 7) % frames.length];
    result.warm.push(await paintOf(frame, () => el.xc.seek(frame)));
  }
  await paintOf(0, () => el.xc.seek(0));
  const seen = new Set();
  press(" ");
  const begin = performance.now();
  let paints = el.xc.paints, laps = 0, last = 0;
  while (performance.now() - begin < 1000 * seconds) {
    await new Promise(requestAnimationFrame);
    if (el.xc.painted < last) laps += 1;
    last = el.xc.painted;
    seen.add(laps * 1e6 + last);
  }
  press(" ");
  return {...result, played: seen.size, bytes: [el.xc.state().encodedBytes, el.xc.state().decodedBytes]};
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast is the player?")
    parser.add_argument("--panes", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10.0, help="of play")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = build_store(folder, n_frames=N_FRAMES, size=SIZE, frames_per_pack=256, noise=NOISE)
        bytes_per_frame = [
            round(track.bytes / track.n_frames) for track in store.tracks() if track.head.kind != "energy"
        ]
        print(json.dumps({"bytes_per_frame": bytes_per_frame, **measure(Path(folder), options)}, indent=1))


def measure(store: Path, options: argparse.Namespace) -> dict[str, object]:
    port = free_port()
    with (store / "log.txt").open("w+b") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "tests/player_app.py", "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "CROSSCHECK_STORE": str(store), "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_healthy(address, server, log)
            path = find_browser()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
                page = browser.new_page(viewport={"width": 1280, "height": 720})
                page.goto(f"{address}/?panes=" + ",".join(PANES.split(",")[: options.panes]))
                root = page.locator(".xc")
                root.wait_for()
                page.wait_for_timeout(3000)
                frames = random.Random(1).sample(range(N_FRAMES), 200)
                found = root.evaluate(MEASURE_JS, {"frames": frames, "seconds": options.seconds})
                browser.close()
        finally:
            server.terminate()
            server.wait(10)
    return {
        "panes": options.panes,
        "step_ms": percentiles(found["steps"]),
        "seek_cold_ms": percentiles(found["cold"]),
        "seek_again_ms": percentiles(found["warm"]),
        "play": f"{found['played']} of {round(30 * options.seconds)} frames",
        "memory_mb": {"encoded": round(found["bytes"][0] / 1e6), "decoded": round(found["bytes"][1] / 1e6)},
    }


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return {"median": round(float(p50), 1), "p95": round(float(p95), 1)}


if __name__ == "__main__":
    main()
