"""Small stores for tests, written through the real store API, whose every image tells its frame and its track.

An image is a grid of 8 x 8 blocks. Rows 0-1 hold the frame index as 16 bits, row 2 the track's number as 8 bits, row 7
the reference 0 1 0 1 0 1 0 1; the rest is a picture-like gradient. A reader compares each block with the two reference
colours, so the pattern survives colour maps and scaling: `read_pattern` here, `READ_PATTERN_JS` on a canvas.
"""

# N frames, H x W pixels, P paths of an energy

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cache.keys import clip_key, track_key
from cache.records import Clip, Head, Track
from cache.store import Store
from consistency.domains import DOMAINS, ENERGY
from precompute.encode import encode_preview

BLOCKS = 8
ZERO, ONE = 40, 215
"""Codes of the two bits: apart in every colour map, and far from 0 and 255."""
BLOCK_MEANS = 32
"""The side of an energy's stored block means."""


def build_store(
    root: Path | str,
    *,
    titles: Sequence[str] = ("Counting frames",),
    n_frames: int = 24,
    size: tuple[int, int] = (64, 64),
    frames_per_pack: int = 10,
    methods: Sequence[str] = ("baseline", "consistency"),
    targets: Sequence[str] = ("normal",),
    readouts: Mapping[str, Sequence[str]] | None = None,
    truths: Sequence[str] = ("normal", "reshading"),
    ready_frames: int | None = None,
    pts_seconds: Sequence[float] | None = None,
    noise: int = 0,
    has_previews: bool = True,
) -> Store:
    """A store with, on every clip: input, truths, and for each target and method a prediction, readouts and an energy.

    `readouts` is target -> last domains (default: reshading for every target). With `ready_frames` the predictions,
    readouts and energies are those of a job that still runs: not complete, that many frames there (whole packs only).
    `noise` (0..30 codes) makes the images as hard to compress as real ones. `has_previews=False` writes packs as they once were.
    """
    store = Store(root)
    if readouts is None:
        readouts = dict.fromkeys(targets, ("reshading",))
    for title in titles:
        clip = make_clip(title, n_frames=n_frames, size=size)
        common: dict[str, Any] = {
            "frames_per_pack": frames_per_pack,
            "pts_seconds": pts_seconds,
            "noise": noise,
            "has_previews": has_previews,
        }
        growing = {**common, "ready_frames": ready_frames}
        add_track(store, clip, kind="input", path="rgb", number=1, **common)
        for number, domain in enumerate(truths, start=2):
            add_track(store, clip, kind="truth", path=domain, number=number, **common)
        number = 16
        for target in targets:
            for method in methods:
                configuration = {"zoo": "mini", "method": method, **growing}
                for kind, path in (
                    ("prediction", f"rgb-{target}"),
                    *(("readout", f"rgb-{target}-{last}") for last in readouts.get(target, ())),
                    ("energy", f"rgb-{target}"),
                ):
                    knows_truth = kind != "energy" and path.rsplit("-", 1)[-1] in truths
                    add_track(
                        store, clip, kind=kind, path=path, number=number, knows_truth=knows_truth, **configuration
                    )
                    number += 1
    return store


def make_clip(title: str, *, n_frames: int, size: tuple[int, int] = (64, 64)) -> Clip:
    """A clip of that many frames, `size` = (width, height) pixels; its digests follow from the title."""
    source = hashlib.sha256(title.encode()).hexdigest()
    sampling = {"size": min(size), "n_frames": n_frames, "version": 1}
    return Clip(
        key=clip_key(source, sampling),
        title=title,
        source_sha256=source,
        sampling=sampling,
        width=size[0],
        height=size[1],
        n_frames=n_frames,
        author="the tests",
        licence="CC0-1.0",
        attribution=f"{title}, made by the tests",
    )


@dataclass(frozen=True)
class _Numbers:
    """What the columns of one track are made from."""

    pts_seconds: np.ndarray
    """(N,) float64, s."""
    seed: int

    def curve(self, low: float, high: float, shift: float = 0.0) -> np.ndarray:
        """A smooth curve with a few peaks between low and high, (N,) float32; its shape follows from the seed."""
        phase = np.arange(len(self.pts_seconds)) / 7.0 + self.seed * 0.9 + shift
        return (low + (high - low) * (0.5 + 0.3 * np.sin(phase) + 0.2 * np.sin(2.7 * phase))).astype(np.float32)


def add_track(
    store: Store,
    clip: Clip,
    *,
    kind: str,
    path: str,
    number: int,
    zoo: str = "",
    method: str = "",
    domain: Mapping[str, Any] | None = None,
    frames_per_pack: int = 10,
    ready_frames: int | None = None,
    pts_seconds: Sequence[float] | None = None,
    knows_truth: bool = False,
    noise: int = 0,
    has_previews: bool = True,
) -> Track:
    """Write one track whose images carry `number` (0..255). With `ready_frames` it stays growing after so many; a growing
    one is gone on with."""
    if domain is None:
        domain = (ENERGY if kind == "energy" else DOMAINS[path.rsplit("-", 1)[-1]]).record()
    pts = np.asarray(pts_seconds if pts_seconds is not None else np.arange(clip.n_frames) / 30.0, np.float64)
    columns, described, constants = _columns(_Numbers(pts, seed=number), kind, path, knows_truth)
    edges = {edge: hashlib.sha256(f"{zoo}/{method}/{edge}".encode()).hexdigest() for edge in _edges(path)}
    head = Head(
        key=track_key(clip.key, kind, zoo, method, path, {"edges": edges, "number": number}),
        kind=kind,
        clip=clip,
        zoo=zoo,
        method=method,
        path=path,
        domain=domain,
        codec="png",
        edges=edges,
        constants=constants,
        columns=described,
        computed_on={"device": "cpu", "dtype": "float32", "time": f"2026-01-01T00:00:{number % 60:02d}"},
    )
    with store.writing(clip.key):
        writer = store.writer(head)
        for start in range(0, clip.n_frames, frames_per_pack):
            if start < writer.n_frames:
                continue
            stop = min(start + frames_per_pack, clip.n_frames)
            if ready_frames is not None and stop > ready_frames:
                found = store.get(head.key)
                assert found is not None
                return found
            images = [
                draw_pattern(
                    index,
                    number,
                    width=clip.width,
                    height=clip.height,
                    channels=int(domain["channels"]),
                    noise=noise,
                )
                for index in range(start, stop)
            ]
            previews = [encode_preview(image) for image in images] if has_previews else []
            writer.append(
                start,
                [encode_png(image) for image in images],
                {name: values[start:stop] for name, values in columns.items()},
                previews,
            )
        return writer.finish()


def draw_pattern(frame: int, number: int, *, width: int, height: int, channels: int, noise: int = 0) -> np.ndarray:
    """The image of that frame of the track with that number: uint8, (H, W) or RGB (H, W, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    codes = (60 + 100 * x / max(width - 1, 1) + 60 * y / max(height - 1, 1)).astype(np.uint8)
    image = np.repeat(codes[..., None], channels, axis=2)
    if channels == 3:
        image[..., 1] = (codes.astype(int) + number * 7) % 256
        image[..., 2] = 255 - codes
    if noise:
        grain = np.random.default_rng(frame).integers(-noise, noise + 1, image.shape)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    bits = [*_bits(frame, 16), *_bits(number, 8)]
    for at, bit in enumerate(bits):
        _block(image, at // BLOCKS, at % BLOCKS)[:] = ONE if bit else ZERO
    for column in range(BLOCKS):
        _block(image, BLOCKS - 1, column)[:] = ONE if column % 2 else ZERO
    return image[..., 0] if channels == 1 else image


def read_pattern(image: np.ndarray) -> tuple[int, int]:
    """(frame, track number) of an image drawn by `draw_pattern`, also scaled or colour-mapped: (H, W) or (H, W, C)."""
    values = np.asarray(image, float).reshape(image.shape[0], image.shape[1], -1)
    means = np.array([[_block(values, row, column).mean(axis=(0, 1)) for column in range(BLOCKS)] for row in range(8)])
    zero, one = means[7, 0::2].mean(axis=0), means[7, 1::2].mean(axis=0)
    is_one = np.abs(means - one).sum(axis=-1) < np.abs(means - zero).sum(axis=-1)
    bits = is_one[:3].reshape(-1)
    return _number(bits[:16]), _number(bits[16:24])


READ_PATTERN_JS = """
(context, rect) => {
  const image = context.getImageData(rect.x, rect.y, rect.width, rect.height);
  const at = (row, column) => {
    const x = Math.floor((column + 0.5) * image.width / 8), y = Math.floor((row + 0.5) * image.height / 8);
    return image.data.subarray(4 * (y * image.width + x), 4 * (y * image.width + x) + 3);
  };
  const distance = (a, b) => Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]);
  const zero = at(7, 0), one = at(7, 1);
  if (distance(zero, one) < 60) return null;
  const bits = Array.from({length: 24}, (_, i) => {
    const block = at(Math.floor(i / 8), i % 8);
    return distance(block, one) < distance(block, zero) ? 1 : 0;
  });
  const number = (part) => part.reduce((sum, bit) => 2 * sum + bit, 0);
  return {frame: number(bits.slice(0, 16)), number: number(bits.slice(16))};
}
"""
"""The same on a 2D context: (context, {x, y, width, height} in canvas pixels) -> {frame, number}; null: no pattern."""


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of a grey (H, W) or RGB (H, W, 3) image, uint8."""
    if image.ndim == 3:
        image = image[..., ::-1]  # OpenCV writes BGR
    is_coded, data = cv2.imencode(".png", np.ascontiguousarray(image), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    assert is_coded
    return data.tobytes()


def _columns(
    numbers: _Numbers, kind: str, path: str, knows_truth: bool
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, str]], dict[str, Any]]:
    """The columns, their titles and units, and the constants of a track of that kind."""
    n_frames = len(numbers.pts_seconds)
    columns: dict[str, np.ndarray] = {"pts_seconds": numbers.pts_seconds}
    described = {"pts_seconds": {"title": "time", "unit": "s"}}
    constants: dict[str, Any] = {}
    if kind == "readout":
        columns["disagreement"] = numbers.curve(0.02, 0.2)
        described["disagreement"] = {"title": "readout disagreement", "unit": ""}
    if kind in ("prediction", "readout") and knows_truth:
        columns["error"] = numbers.curve(0.01, 0.15)
        described["error"] = {"title": "mean absolute error", "unit": ""}
        last = path.rsplit("-", 1)[-1]
        if last == "normal":
            columns["angle_degrees"] = numbers.curve(4.0, 30.0)
            described["angle_degrees"] = {"title": "mean angular error", "unit": "°"}
        if last == "depth":
            columns["absrel"] = numbers.curve(0.05, 0.4)
            described["absrel"] = {"title": "relative error", "unit": ""}
    if kind == "energy":
        target = path.rsplit("-", 1)[-1]
        paths = [f"rgb-{middle}-{target}" for middle in ("depth", "normal", "reshading", "edge2d") if middle != target]
        terms = np.stack([numbers.curve(0.02, 0.2, shift=0.3 * p) for p in range(len(paths))], axis=1)  # (N, P)
        columns["terms"] = terms
        columns["blocks"] = np.broadcast_to(
            terms[:, :, None, None], (n_frames, len(paths), BLOCK_MEANS, BLOCK_MEANS)
        ).astype(np.float16)
        described["terms"] = {"title": "|path - direct|", "unit": ""}
        described["blocks"] = {"title": "block means of |path - direct|", "unit": ""}
        constants = {"paths": paths, "mu": [0.1] * len(paths), "sigma": [0.04] * len(paths)}
    return columns, described, constants


def _edges(path: str) -> list[str]:
    domains = path.split("-")
    return [f"{a}-{b}" for a, b in itertools.pairwise(domains)]


def _bits(value: int, count: int) -> list[int]:
    if not 0 <= value < 1 << count:
        raise ValueError(f"{value} does not fit {count} bits")
    return [(value >> shift) & 1 for shift in range(count - 1, -1, -1)]


def _number(bits: np.ndarray) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _block(image: np.ndarray, row: int, column: int) -> np.ndarray:
    height, width = image.shape[:2]
    return image[
        row * height // BLOCKS : (row + 1) * height // BLOCKS,
        column * width // BLOCKS : (column + 1) * width // BLOCKS,
    ]
