"""Tiny zoos with random weights, for tests of loading and of the job; they are never shown to anyone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from consistency import networks
from consistency.domains import DOMAINS

METHODS = ("baseline", "consistency")
LAB_METHODS = (
    "baseline",
    "consistency",
    "consistency-unsupervised",
    "multitask",
    "perceptual-random",
    "cycle",
    "geonet",
    "pix2pix",
)
LAB_TARGETS = ("normal", "depth", "reshading")
WIDTHS = [4, 4]


def write_zoo(folder: Path, *, targets: tuple[str, ...] = ("normal", "depth"), scale: float = 1.0) -> Path:
    """Two methods for each target, every cross edge among the targets and edge2d, and energy constants.

    `scale` multiplies the weights.
    """
    torch.manual_seed(0)
    domains = ["rgb", *targets, "edge2d"]
    zoo = _Writer(folder, "tiny", domains, scale)
    edges = [("rgb", target, method) for target in targets for method in METHODS]
    edges += [(a, b, "shared") for a in (*targets, "edge2d") for b in (*targets, "edge2d") if a != b]
    for edge in edges:
        zoo.add_small_unet(*edge)
    zoo.add("rgb", "edge2d", "shared", "sobel-edges")
    return zoo.finish(targets)


def write_lab(folder: Path) -> Path:
    """All nine domains and eight methods: one of several heads, one that lacks a target, and two fixed filters."""
    torch.manual_seed(0)
    zoo = _Writer(folder, "lab", list(DOMAINS), 1.0)
    others = [name for name in DOMAINS if name != "rgb"]
    for method in LAB_METHODS:
        if method == "multitask":
            heads = {name: DOMAINS[name].channels for name in (*LAB_TARGETS, "curvature")}
            zoo.add_heads(method, heads, "multi-head-unet", {"in_channels": 3, "heads": heads, "widths": WIDTHS})
        elif method == "geonet":
            zoo.add_heads(method, ("normal", "depth"), "geo-net", {"widths": WIDTHS})
        else:
            for target in LAB_TARGETS:
                zoo.add_small_unet("rgb", target, method)
    for target in ("curvature", "edge3d", "keypoint3d"):
        zoo.add_small_unet("rgb", target, "shared")
    zoo.add("rgb", "edge2d", "shared", "sobel-edges")
    zoo.add("rgb", "keypoint2d", "shared", "hessian-keypoints")
    for a in others:
        for b in others:
            if a != b and (a in LAB_TARGETS or b in LAB_TARGETS):
                zoo.add_small_unet(a, b, "shared")
    return zoo.finish(LAB_TARGETS, fallback="baseline")


class _Writer:
    """Collects the lines of a zoo.toml beside its weights."""

    def __init__(self, folder: Path, name: str, domains: Sequence[str], scale: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.domains, self.scale = folder, domains, scale
        self.head = [f'name = "{name}"', 'version = "1"', 'licence = "MIT"', "multiple = 4"]
        self.head.append(f"domains = {json.dumps(list(domains))}")
        self.edges: list[str] = []

    def add(self, source: str, target: str, method: str, architecture: str, **more: str) -> None:
        self.edges += ["[[edge]]", f'source = "{source}"', f'target = "{target}"', f'method = "{method}"']
        self.edges += [f'architecture = "{architecture}"', *(f"{name} = {value}" for name, value in more.items())]

    def add_small_unet(self, source: str, target: str, method: str) -> None:
        channels = {"in_channels": DOMAINS[source].channels, "out_channels": DOMAINS[target].channels}
        made = self._weights(f"{source}-{target}.{method}", "small-unet", {**channels, "widths": WIDTHS})
        self.add(source, target, method, "small-unet", **made)

    def add_heads(
        self, method: str, heads: Sequence[str] | Mapping[str, int], architecture: str, arguments: dict
    ) -> None:
        made = self._weights(f"rgb.{method}", architecture, arguments)
        for head in heads:
            self.add("rgb", head, method, architecture, **made, head=f'"{head}"')

    def finish(self, targets: Sequence[str], fallback: str | None = None) -> Path:
        lines = [*self.head, *([f'fallback = "{fallback}"'] if fallback else []), *self.edges]
        for target in targets:
            paths = [f"rgb-{middle}-{target}" for middle in self.domains[1:] if middle != target]
            lines += [f"[energy.{target}]", f"paths = {paths}", f"mu = {[0.1] * len(paths)}"]
            lines += [f"sigma = {[0.05] * len(paths)}"]
        (self.folder / "zoo.toml").write_text("\n".join(lines) + "\n")
        return self.folder

    def _weights(self, name: str, architecture: str, arguments: dict[str, Any]) -> dict[str, str]:
        """Write random weights; the lines that name them."""
        path = self.folder / f"{name}.safetensors"
        state = networks.build(architecture, **arguments).state_dict()
        save_file({key: tensor * self.scale for key, tensor in state.items()}, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"arguments": _inline(arguments), "weights": f'"{path.name}"', "sha256": f'"{digest}"'}


def _inline(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_inline(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)
