"""A tiny zoo with random weights, for tests of loading and of the job; it is never shown to anyone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors.torch import save_file

from consistency import networks

CHANNELS = {"rgb": 3, "normal": 3, "depth": 1, "reshading": 1, "edge2d": 1}
METHODS = ("baseline", "consistency")


def write_zoo(folder: Path, *, targets: tuple[str, ...] = ("normal", "depth"), scale: float = 1.0) -> Path:
    """Two methods for each target, every cross edge among the targets and edge2d, and energy constants.

    `scale` multiplies the weights.
    """
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    domains = ["rgb", *targets, "edge2d"]
    lines = ['name = "tiny"', 'version = "1"', 'licence = "MIT"', "multiple = 4", f"domains = {domains}"]
    edges = [("rgb", target, method) for target in targets for method in METHODS]
    edges += [(a, b, "shared") for a in (*targets, "edge2d") for b in (*targets, "edge2d") if a != b]
    for source, target, method in edges:
        arguments = {"in_channels": CHANNELS[source], "out_channels": CHANNELS[target], "widths": [4, 4]}
        weights = folder / f"{source}-{target}.{method}.safetensors"
        state = networks.build("small-unet", **arguments).state_dict()
        save_file({name: tensor * scale for name, tensor in state.items()}, weights)
        lines += [
            "[[edge]]",
            f'source = "{source}"',
            f'target = "{target}"',
            f'method = "{method}"',
            'architecture = "small-unet"',
            "arguments = { " + ", ".join(f"{name} = {value}" for name, value in arguments.items()) + " }",
            f'weights = "{weights.name}"',
            f'sha256 = "{hashlib.sha256(weights.read_bytes()).hexdigest()}"',
        ]
    lines += ["[[edge]]", 'source = "rgb"', 'target = "edge2d"', 'method = "shared"', 'architecture = "sobel-edges"']
    for target in targets:
        paths = [f"rgb-{middle}-{target}" for middle in domains[1:] if middle != target]
        lines += [f"[energy.{target}]", f"paths = {paths}", f"mu = {[0.1] * len(paths)}"]
        lines += [f"sigma = {[0.05] * len(paths)}"]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    return folder
