"""The command's films are the browser's: both draw the same picture of a real room, from the same place of a path."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page

from consistency.domains import DOMAINS
from precompute.films.camera_path import CameraPath, Extent, Window
from precompute.films.rendering import draw
from precompute.films.surface import DepthScale, meshes_of
from tests.browser.helpers import painted
from tests.fixtures.stores import build_store
from tests.fixtures.web.serving import StartApp

SAMPLES = Path(__file__).resolve().parents[3] / "precompute" / "sample"
FRAME, DEGREES, FOCUS = 60, 68, 2.5
SIDE = 384
DRAW = """async (el, {codes, rgb, domain, film, time, degrees, side}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const image = (values, perPixel) => {
    const made = new ImageData(256, 256);
    for (let i = 0; i < made.data.length; i += 1)
      made.data[i] = i % 4 === 3 ? 255 : values[perPixel * Math.floor(i / 4) + (perPixel === 3 ? i % 4 : 0)];
    return made;
  };
  const {painter} = el.xc.stage, lens = {width: 256, height: 256, step: (2 * Math.tan((degrees * Math.PI) / 360)) / 256};
  Object.assign(painter, {editedFilm: film, filmTime: time});
  const scene = {camera: painter.matrix(lens), lens, surface: {name: "tear", tolerance: 0.04}, isShaded: false,
    isDebanded: false, stride: 1, gaps: "filled", isSealed: true};
  painter.editedFilm = null;
  const picture = {codes: image(bytes(codes), 1), domain, colours: image(bytes(rgb), 3), version: [time]};
  painter.surface.draw(99, picture, scene, [], {width: side, height: side});
  const read = new OffscreenCanvas(side, side).getContext("2d");
  read.drawImage(painter.surface.canvas, 0, 0);
  const {data} = read.getImageData(0, 0, side, side);
  let text = "";
  for (const one of data) text += String.fromCharCode(one);
  return btoa(text);
}"""
"""Draws a frame of a film with the browser's code, and gives its RGBA."""


def room() -> tuple[np.ndarray, np.ndarray]:
    """Codes of the true depth (256, 256), and the picture (256, 256, 3)."""
    found = []
    for name, form in (("walkthrough.depth.mkv", "gray"), ("walkthrough.mp4", "rgb24")):
        with av.open(str(SAMPLES / name)) as container:
            frame = next(frame for at, frame in enumerate(container.decode(video=0)) if at == FRAME)
            found.append(frame.to_ndarray(format=form))
    return found[0], found[1]


def test_a_frame_of_the_command_is_the_browsers_but_for_the_edges_of_triangles(
    page: Page, tmp_path: Path, dashboard: StartApp
):
    store = build_store(tmp_path, titles=("one",), n_frames=1, targets=("depth",), truths=("depth",), readouts={})
    page.goto(f"{dashboard(store.root)}/space?clip=one")
    root = painted(page)
    codes, rgb = room()
    domain = DOMAINS["depth"].record()
    path = CameraPath("zoom", end=Window(0.52, 0.56, 1.25))
    end = [path.end.u, path.end.v, path.end.zoom]
    film = {"kind": "zoom", "from": [0.5, 0.5, 1], "to": end, "depth": 1, "motion": "once", "ease": "smooth"}
    extent, scale = Extent.of(256, 256, DEGREES), DepthScale.of(domain)
    meshes = meshes_of(codes, rgb, scale, extent)
    for time in (0, 0.6, 1):
        request: dict[str, Any] = {
            "codes": base64.b64encode(codes.tobytes()).decode(),
            "rgb": base64.b64encode(rgb.tobytes()).decode(),
            "domain": domain,
            "film": film | {"focus": FOCUS, "seconds": 4},
            "time": time,
            "degrees": DEGREES,
            "side": SIDE,
        }
        drawn = np.frombuffer(base64.b64decode(root.evaluate(DRAW, request)), np.uint8).reshape(SIDE, SIDE, 4)
        own = draw(meshes, path.camera(time, extent), extent, FOCUS, SIDE, SIDE)
        apart = np.abs(drawn[..., :3].astype(int) - own.rgb).max(2)
        is_both = own.is_covered & (drawn[..., 3] == 255)
        assert is_both.mean() > 0.999, time
        assert apart[is_both].mean() < 1, time
        assert (apart[is_both] > 8).mean() < 0.01, time
        if time:
            assert apart[own.is_invented & is_both].mean() < 4
            assert own.is_invented.sum() > 500
