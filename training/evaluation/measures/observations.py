"""Observes a zoo on frames once: every number that weights, merges, expected errors and their judgement need.

N frames, P paths, K predictions of a merge, H x W pixels, S drawn pixels. What is observed is kept in a file, so that a fit
runs no network, and an interrupted evaluation resumes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from cache.files import write_whole
from consistency.domains import get_domain
from consistency.energy import disagreement_maps
from consistency.merging import merge, mirrored, shortening
from consistency.metrics import frame_errors
from consistency.zoo.records import IMAGE, MERGED, Chain, Merge, Zoo
from precompute.media.shifts.graded import Change
from training.evaluation.errors import masked_mean
from training.evaluation.measures.chains import (
    BASELINE,
    BATCH,
    Pair,
    batches,
    direct_chains,
    energy_chains,
    new_graph,
    picture,
    valid_pixels,
)
from training.learning.batches import to_tensor
from training.scenes.frames import Frames
from training.scenes.render_shards import RenderPlan

NORMAL = "normal"
PIXELS_PER_FRAME = 64
"""Random valid pixels of each frame that represent all of them."""
MERGE_PIXELS_PER_FRAME = 512
"""Random valid pixels of each frame that merges are fitted on."""
VIEWS_PER_ROOM = RenderPlan.held_out_views
VERSION = 1
"""Raised when an observation changes: files of other versions are made again."""
Observations = dict[str, np.ndarray]
"""Name, such as `terms|normal|baseline`, -> one row per frame; `pixels` and `pixel errors` have PIXELS_PER_FRAME per frame."""


def name_of(kind: str, *of: str) -> str:
    """The name of an observation."""
    return "|".join((kind, *of))


class Observer:
    """Runs the networks of a zoo on frames, and keeps what they show of each."""

    def __init__(self, zoo: Zoo, methods: Sequence[str], device: str = "cpu") -> None:
        """`methods`: those observed. With them `merged`, if the zoo has it and the method that it merges is observed."""
        self.device = device
        self.groups = {pair: group for pair, group in energy_chains(zoo).items() if pair[1] in methods}
        self.direct = {pair: chain for pair, chain in direct_chains(zoo).items() if pair[1] in methods}
        self.mirrors = {pair: mirrored(chain) for pair, chain in self.direct.items()}
        self.merges: dict[str, tuple[list[Chain], Merge]] = {}
        for target, recipe in zoo.merges.items():
            if (target, recipe.of) in self.direct:
                first, *others = (zoo.chain(recipe.of, path) for path in recipe.paths)
                self.merges[target] = ([first, mirrored(first), *others], recipe)
        self.normals = {method: zoo.chain(method, f"{IMAGE}-{NORMAL}") for _, method in self.direct}
        chains = [chain for group in self.groups.values() for chain in group]
        chains += [*self.direct.values(), *self.mirrors.values(), *self.normals.values()]
        chains += [chain for merged, _ in self.merges.values() for chain in merged]
        self.graph = new_graph(list(dict.fromkeys(chains)), device)

    def observe(self, images: Tensor, truth: Mapping[str, Tensor], valid: Tensor, seed: Sequence[int]) -> Observations:
        """Observe a batch: RGB and true codes (N, C, H, W), and which pixels are known (N, H, W).

        Without truth of a target, its errors are left out.
        """
        outputs = self.graph.run(images)
        drawn = drawn_pixels(valid, seed)
        found: dict[str, Tensor] = {}
        for (target, method), chain in self.direct.items():
            mirror = disagreement_maps(outputs[chain], [outputs[self.mirrors[target, method]]])
            found[name_of("mirror", target, method)] = mirror.mean(dim=(2, 3))[:, 0]
            if target in truth:
                self._add_errors(found, target, method, outputs[chain], truth[target], valid)
        for method, chain in self.normals.items():
            found[name_of("length", method)] = shortening(outputs[chain])
        for (target, method), group in self.groups.items():
            direct, *indirect = (outputs[chain] for chain in group)
            maps = disagreement_maps(direct, indirect)
            found[name_of("terms", target, method)] = maps.mean(dim=(2, 3))
            found[name_of("known terms", target, method)] = masked_mean(maps, valid[:, None])
            found[name_of("pixels", target, method)] = pixels_of(maps, drawn)
            if target in truth:
                error = (direct.float() - truth[target]).abs().mean(dim=1, keepdim=True)
                found[name_of("pixel errors", target, method)] = pixels_of(error, drawn)
        for target, (chains, recipe) in self.merges.items():
            if target in truth:
                weights = (recipe.weights[0], recipe.mirror, *recipe.weights[1:])
                merged = merge([outputs[chain] for chain in chains], weights, get_domain(target))
                self._add_errors(found, target, MERGED, merged, truth[target], valid)
        return {name: values.float().cpu().numpy() for name, values in found.items()}

    @staticmethod
    def _add_errors(
        found: dict[str, Tensor], target: str, method: str, output: Tensor, truth: Tensor, valid: Tensor
    ) -> None:
        errors = frame_errors(get_domain(target), output, truth, valid)
        found.update({name_of(error, target, method): values for error, values in errors.items()})


def drawn_pixels(valid: Tensor, seed: Sequence[int]) -> Tensor:
    """Flat indices (N, S) of random valid pixels of each frame; pixels repeat where there are fewer."""
    rng = np.random.default_rng(seed)
    rows = []
    for mask in valid.flatten(1).cpu().numpy():
        indices = np.flatnonzero(mask)
        indices = indices if len(indices) else np.arange(mask.size)
        rows.append(rng.choice(indices, PIXELS_PER_FRAME, replace=len(indices) < PIXELS_PER_FRAME))
    return torch.from_numpy(np.stack(rows)).to(valid.device)


def pixels_of(maps: Tensor, drawn: Tensor) -> Tensor:
    """The drawn pixels of maps: (N, P, H, W), (N, S) -> (N, S, P)."""
    flat = maps.flatten(2)  # (N, P, H * W)
    return torch.gather(flat, 2, drawn[:, None].expand(-1, flat.shape[1], -1)).transpose(1, 2)


def observe_rooms(
    observer: Observer, frames: Frames, report: Callable[[int], None], change: Change | None = None, every: int = 1
) -> Observations:
    """Observe every `every`-th rendered frame, shifted by `change` if given. `unit` is the room of each frame."""
    numbers = np.arange(0, len(frames), every)
    parts: list[Observations] = []
    for start in range(0, len(numbers), BATCH):
        indices = numbers[start : start + BATCH]
        batch = frames[indices]
        valid = valid_pixels(batch, observer.device)
        truth = {target: picture(batch, target, observer.device) for target, _ in observer.direct}
        rgb = batch[..., :3]
        images = to_tensor(np.stack([change(image) for image in rgb]) if change else rgb, observer.device)
        found = observer.observe(images, truth, valid, [1, int(indices[0])])
        parts.append({**found, "unit": indices // VIEWS_PER_ROOM, "frame": indices})
        report(len(indices))
    return joined(parts)


def observe_parts(zoo: Zoo, frames: Frames, report: Callable[[int], None], device: str = "cpu") -> Observations:
    """What a merge of `baseline` could use, at drawn pixels of one frame per room: predictions (N, S, K, C), truth (N, S, C).

    The predictions are the direct one, its mirror, and those along the paths of the energy.
    """
    groups = {target: group for (target, method), group in energy_chains(zoo).items() if method == BASELINE}
    chains = {target: [group[0], mirrored(group[0]), *group[1:]] for target, group in groups.items()}
    graph = new_graph([chain for group in chains.values() for chain in group], device)
    parts: list[Observations] = []
    for indices in batches(len(frames), VIEWS_PER_ROOM):
        batch = frames[indices]
        outputs = graph.run(picture(batch, IMAGE, device))
        known = [np.flatnonzero(mask) for mask in valid_pixels(batch).flatten(1).numpy()]
        rows = [
            np.random.default_rng(int(number)).choice(pixels, MERGE_PIXELS_PER_FRAME)
            for number, pixels in zip(indices, known, strict=True)
        ]
        drawn = torch.from_numpy(np.stack(rows)).to(device)
        found: Observations = {"unit": indices // VIEWS_PER_ROOM}
        for target, group in chains.items():
            predictions = torch.stack([pixels_of(outputs[chain].float(), drawn) for chain in group], dim=2)
            found[name_of("parts", target)] = predictions.cpu().numpy()
            found[name_of("truth", target)] = pixels_of(picture(batch, target, device), drawn).cpu().numpy()
        parts.append(found)
        report(len(indices))
    return joined(parts)


def observe_pictures(observer: Observer, pictures: np.ndarray, report: Callable[[int], None]) -> Observations:
    """Observe pictures without ground truth: RGB uint8 (N, H, W, 3)."""
    parts = []
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        valid = torch.ones(batch.shape[:3], dtype=torch.bool, device=observer.device)
        parts.append(observer.observe(to_tensor(batch, observer.device), {}, valid, [1, start]))
        report(len(batch))
    return joined(parts)


def joined(parts: Sequence[Observations]) -> Observations:
    """The observations of all batches."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def kept(path: Path, make: Callable[[], Observations], about: object) -> Observations:
    """What a file holds, else what `make` gives, which the file then holds. `about`: what decides the observations."""
    key = hashlib.sha256(json.dumps([VERSION, about], sort_keys=True, default=str).encode()).hexdigest()
    file = path.with_suffix(f".{key[:16]}.npz")
    if file.exists():
        with np.load(file) as stored:
            return dict(stored)
    made = make()
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".tmp.npz")
    np.savez(unfinished, **cast(dict[str, Any], made))
    write_whole(file, [unfinished.read_bytes()])
    unfinished.unlink()
    return made


def about(zoo: Zoo, methods: Sequence[str], frames: Sequence[str], *more: object) -> list[object]:
    """What decides the observations of a zoo: its networks, paths and merges, and the frames."""
    networks = sorted({edge.digest for edge in zoo.edges})
    paths = {target: constants.paths for target, constants in zoo.energies.items()}
    merges = {target: asdict(recipe) for target, recipe in zoo.merges.items()}
    return [networks, paths, merges, list(methods), list(frames), *more]


def pairs_of(found: Observations) -> list[Pair]:
    """The targets and methods whose terms were observed."""
    names = [name.split("|") for name in found if name.startswith("terms|")]
    return [(target, method) for _, target, method in names]
