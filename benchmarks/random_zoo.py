"""Writes zoos of X-TC's architectures with random weights, for timing.

`normals` is the energy of normals: 14 networks and a filter, 348 GFLOP per 256x256 frame. `full` is everything on the project
page of X-TC: 46 networks in 67 runs, 1,692 GFLOP. Ten of these, from the other domains to depth and reshading, were never
released; they get the shapes of the ones to normals.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from consistency.models import registry
from consistency.zoo.lock import LOCK
from consistency.zoo.read import ZOOS, read_zoo
from consistency.zoo.records import SHARED, Edge

Page = Literal["normals", "full"]
_TO_NORMAL = ("curvature_taskonomy", "edge2d", "edge3d", "keypoint2d", "keypoint3d")
"""Domains whose networks to normals were released, but not those to depth and reshading."""


def random_zoo(folder: Path, page: Page) -> Path:
    """Write a zoo with weights in 16 bit (2.6 GB for `full`, 1.0 GB for `normals`); returns the folder, for `load_zoo`."""
    describe(folder, page)
    weights = {}
    for index, edge in enumerate(wanted_edges(folder, page)):
        assert edge.weights is not None
        torch.manual_seed(index)
        state = registry.build(edge.architecture, **edge.arguments).state_dict()
        save_file({name: tensor.half() for name, tensor in state.items()}, edge.weights)
        with edge.weights.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        weights[edge.weights.name] = {"sha256": digest, "bytes": edge.weights.stat().st_size}
    write_lock(folder, weights)
    return folder


def describe(folder: Path, page: Page) -> None:
    """Write zoo.toml: that of X-TC, for the full page with the networks that were not released."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (ZOOS / "xtc" / "zoo.toml").read_text(encoding="utf-8").replace('name = "xtc"', f'name = "xtc-{page}"', 1)
    if page == "full":
        for target in ("depth", "reshading"):
            more = "".join(f', "rgb-{domain}-{target}"' for domain in _TO_NORMAL)
            last = f'"rgb-reshading-{target}"' if target == "depth" else f'"rgb-depth-{target}"'
            text = text.replace(f"{last}]", f"{last}{more}]")
            text += "".join(_unreleased(domain, target) for domain in _TO_NORMAL)
    (folder / "zoo.toml").write_text(text, encoding="utf-8")


def wanted_edges(folder: Path, page: Page) -> list[Edge]:
    """The networks of the page, in the order of zoo.toml."""
    edges = read_zoo(str(folder)).missing
    if page == "full":
        return list(edges)
    methods = ("baseline", SHARED)
    return [edge for edge in edges if edge.method in methods and (edge.source == "rgb" or edge.target == "normal")]


def write_lock(folder: Path, weights: dict[str, dict]) -> None:
    """Complete zoo.toml with digests, and with made-up constants so that every energy is a number."""
    energy = {
        target: {"paths": list(paths), "mu": [0.1] * len(paths), "sigma": [0.05] * len(paths), "origin": "made up"}
        for target, paths in read_zoo(str(folder)).energy_paths.items()
    }
    (folder / LOCK).write_text(json.dumps({"weights": weights, "energy": energy}))


def _unreleased(source: str, target: str) -> str:
    is_grey = source != "curvature_taskonomy"
    arguments = f"in_channels = {1 if is_grey else 3}, out_channels = 1"
    architecture = "xtc-unet" if is_grey else "xtc-unet-old2"
    output = "physical = [0.0, 15.625], invalid = 1.0" if target == "depth" else "range = [0.0, 1.0]"
    return f"""
[[edge]]
source = "{source}"
target = "{target}"
method = "{SHARED}"
architecture = "{architecture}"
arguments = {{ {"downsample = 5, " if is_grey else ""}{arguments} }}
weights = "{source}2{target}.safetensors"
output = {{ {output} }}
"""
