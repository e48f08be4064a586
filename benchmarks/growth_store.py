"""Writes a store of many clips or long ones with real manifests and packs, where equal packs are one file on the disk.

A clip has 30 tracks: the input, two ground truths, and of three methods the predictions of two targets with energy and stability, and
three readouts. Its pictures are of one colour, as nothing here looks at them; its numbers are drawn at random.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from analysis.summaries.briefs import brief_rows
from analysis.summaries.record import Summary
from analysis.summaries.rows import Summaries
from cache.clips.rows import ClipRow
from cache.keys import clip_key, track_key
from cache.pack import MAX_FRAMES, build_pack
from cache.records import Clip, Head, Pack, Track, manifest_bytes
from cache.store import Store

SIDE = 8
METHODS = ("baseline", "consistency", "multitask")
TARGETS = ("normal", "depth")
READOUTS = ("rgb-normal-depth", "rgb-depth-normal", "rgb-normal-reshading")
N_TRACKS = 1 + len(TARGETS) + len(METHODS) * (3 * len(TARGETS) + len(READOUTS))
N_VARIANTS = 40
"""Clips of different numbers: every clip has the packs of one of them."""
TITLES = ("Kitchen", "Corridor", "Stairs", "Garden", "Street", "Workshop", "Library", "Harbour")
DOMAINS: dict[str, dict[str, Any]] = {
    "rgb": {"title": "Image", "channels": 3, "lo": 0.0, "hi": 1.0},
    "normal": {"title": "Surface normals", "channels": 3, "lo": -1.0, "hi": 1.0},
    "depth": {"title": "Depth", "channels": 1, "lo": 0.1, "hi": 16.0, "scale": "log"},
    "reshading": {"title": "Reshading", "channels": 1, "lo": 0.0, "hi": 1.0},
    "energy": {"title": "Consistency energy", "channels": 1, "lo": -2.0, "hi": 10.0, "unit": "σ"},
    "change": {"title": "Change over time", "channels": 1, "lo": 0.0, "hi": 1.0},
}
PTS = {"pts_seconds": {"title": "Presentation time", "unit": "s"}}
ERRORS = {"normal": ("angle_degrees", "Mean angular error", "°", 15.0), "depth": ("absrel", "AbsRel", "", 0.12)}


@dataclass(frozen=True)
class Kind:
    """One track of every clip."""

    kind: str
    method: str
    path: str


def kinds() -> list[Kind]:
    found = [Kind("input", "", "rgb"), *(Kind("truth", "", target) for target in TARGETS)]
    for method in METHODS:
        found += [
            Kind(kind, method, f"rgb-{target}") for target in TARGETS for kind in ("prediction", "energy", "stability")
        ]
        found += [Kind("readout", method, path) for path in READOUTS]
    return found


def clip_of(at: int, n_frames: int) -> Clip:
    source = hashlib.sha256(f"clip {at}".encode()).hexdigest()
    sampling = {"start": 0.0, "end": None, "fps": None, "max_frames": None, "size": SIDE, "crop": "centre", "shift": ""}
    title = f"{TITLES[at % len(TITLES)]} {at:05d}"
    return Clip(clip_key(source, sampling), title, source, sampling, SIDE, SIDE, n_frames, licence="CC0-1.0")


def fill(store: Store, n_clips: int, n_frames: int, first: int = 0) -> Iterator[str]:
    """Write the clips from number `first` on; yields the key of each when all its tracks are there."""
    templates = [_Template(store.root, kind, at, n_frames) for at, kind in enumerate(kinds())]
    for at in range(first, first + n_clips):
        clip = clip_of(at, n_frames)
        for template in templates:
            template.write(store, clip, at)
        yield clip.key


def keep_rows(store: Store, n_clips: int, n_frames: int) -> None:
    """Keep the rows about all clips, as jobs keep them clip by clip: of each variant the summaries are computed once."""
    listing, summaries = store.listing(rest=0.0), Summaries(Store(store.root, read_only=True))
    templates = [_Template(store.root, kind, at, n_frames) for at, kind in enumerate(kinds())]
    known: dict[int, dict[tuple[str, ...], Summary]] = {}
    rows: dict[str, dict[str, ClipRow]] = {}
    for at in range(n_clips):
        clip = clip_of(at, n_frames)
        stamps = listing.stamps(clip.key)
        if stamps is None:
            raise RuntimeError(f"clip {at} is not whole")
        variant = at % N_VARIANTS
        if variant not in known:
            known[variant] = {_name_of(one): one for one in summaries.read(only=listing.keys(clip.key))[0]}
        heads = [template.head(clip) for template in templates]
        own = [replace(known[variant][_name_of(head)], key=head.key, clip=clip, time=_time(at)) for head in heads]
        for name, text in brief_rows(own).items():
            rows.setdefault(name, {})[clip.key] = ClipRow(stamps, text)
    for name, found in rows.items():
        store.keep_clip_rows(name, found)


def _name_of(one: Head | Summary) -> tuple[str, ...]:
    return one.kind, one.zoo, one.method, one.path


class _Template:
    """One kind of track: its packs are written once for each variant, and linked into every clip."""

    def __init__(self, root: Path, kind: Kind, number: int, n_frames: int) -> None:
        self.kind, self._number, self._n_frames = kind, number, n_frames
        self._packs: dict[int, tuple[list[Pack], Path]] = {}

    def write(self, store: Store, clip: Clip, at: int) -> None:
        variant = at % N_VARIANTS
        head = replace(self.head(clip), computed_on={"device": "cpu", "dtype": "float32", "time": _time(at)})
        folder = store.track_folder(head.key)
        if (folder / "manifest.json").exists():
            return
        folder.mkdir(exist_ok=True)
        packs, shared = self._packs.get(variant) or (None, folder)
        if packs is None:
            packs = self._write_packs(folder, head, variant)
        else:
            for name in {pack.sha256 for pack in packs}:
                os.link(shared / f"{name}.pack", folder / f"{name}.pack")
        self._packs[variant] = packs, shared
        # Without the flush to the disk of `Store.complete`, which would take an hour for as many tracks.
        (folder / "manifest.json").write_bytes(manifest_bytes(Track(head, tuple(packs), is_complete=True)))

    def _write_packs(self, folder: Path, head: Head, variant: int) -> list[Pack]:
        image = _png(int(head.domain["channels"]), variant)
        values = self._values(variant)
        packs = []
        for start in range(0, self._n_frames, MAX_FRAMES):
            n = min(MAX_FRAMES, self._n_frames - start)
            columns = {name: column[start : start + n] for name, column in values.items()}
            data = build_pack(
                [image] * n,
                codec="png",
                width=SIDE,
                height=SIDE,
                channels=int(head.domain["channels"]),
                columns=columns,
            )
            name = hashlib.sha256(data).hexdigest()
            (folder / f"{name}.pack").write_bytes(data)
            packs.append(Pack(name, start, n, len(data)))
        return packs

    def _values(self, variant: int) -> dict[str, np.ndarray]:
        n = self._n_frames
        generator = np.random.default_rng([self._number, variant])
        hardness = np.random.default_rng(variant).normal(1, 0.2)
        walk = np.cumsum(generator.normal(0, 1, n)) / np.sqrt(n)
        found = {"pts_seconds": (np.arange(n) / 30).astype(np.float64)}
        target = self.kind.path.rsplit("-", 1)[-1]
        if self.kind.kind == "prediction":
            name, _, _, typical = ERRORS[target]
            method = 1 + 0.02 * METHODS.index(self.kind.method)
            found[name] = np.abs(typical * hardness * method * (1 + 0.2 * walk)).astype(np.float32)
        if self.kind.kind == "energy":
            raw = 0.1 * hardness + 0.03 * walk[:, None] + generator.normal(0, 0.005, (n, 2))
            found["terms"] = np.abs(raw).astype(np.float32)
        if self.kind.kind == "stability":
            found["stability"] = np.abs(0.5 + 0.1 * walk).astype(np.float32)
        if self.kind.kind == "readout":
            found["disagreement"] = np.abs(0.1 + 0.03 * walk).astype(np.float32)
        return found

    def head(self, clip: Clip) -> Head:
        kind, target = self.kind, self.kind.path.rsplit("-", 1)[-1]
        domain = {"energy": "energy", "stability": "change"}.get(kind.kind, target)
        described: dict[str, dict[str, str]] = {
            "prediction": {ERRORS[target][0]: {"title": ERRORS[target][1], "unit": ERRORS[target][2]}}
            if target in ERRORS
            else {},
            "energy": {"terms": {"title": "Path disagreement", "unit": "code"}},
            "stability": {"stability": {"title": "Change over time", "unit": "°"}},
            "readout": {"disagreement": {"title": "Readout disagreement", "unit": "code"}},
        }.get(kind.kind, {})
        paths = [f"rgb-reshading-{target}", f"rgb-edge2d-{target}"]
        constants = {"paths": paths, "mu": [0.1, 0.1], "sigma": [0.04, 0.04]} if kind.kind == "energy" else {}
        hops = kind.path.split("-")
        edges = {
            f"{a}-{b}.{kind.method}": hashlib.sha256(f"{a}{b}{kind.method}".encode()).hexdigest()
            for a, b in pairwise(hops)
        }
        zoo = "mini" if kind.method else ""
        return Head(
            key=track_key(clip.key, kind.kind, zoo, kind.method, kind.path, edges),
            kind=kind.kind,
            clip=clip,
            zoo=zoo,
            method=kind.method,
            path=kind.path,
            domain={"name": domain, "scale": "linear", "unit": "", "meaning": "scalar", **DOMAINS[domain]},
            codec="png",
            edges=edges,
            constants=constants,
            columns={**PTS, **described},
        )


def _time(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(1_760_000_000 + at))


def _png(channels: int, variant: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    grey = 40 + 4 * variant
    picture = Image.new("RGB", (SIDE, SIDE), (grey, 120, 200)) if channels == 3 else Image.new("L", (SIDE, SIDE), grey)
    picture.save(file, "png")
    return file.getvalue()


def told(done: int, whole: int, began: float) -> None:
    if done % 500 == 0 or done == whole:
        print(f"{done} of {whole} clips written, {time.perf_counter() - began:.0f} s", file=sys.stderr)
