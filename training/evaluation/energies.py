"""Measures the consistency energies of a zoo on rooms and pictures, and the constants that standardise them.

N frames, P paths, H x W pixels, S drawn pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from consistency.energy import disagreement_maps, standardise
from consistency.zoo.records import IMAGE, Chain, EnergyConstants, Zoo
from training.evaluation.errors import masked_mean
from training.evaluation.measures.chains import (
    BASELINE,
    BATCH,
    Pair,
    batches,
    energy_chains,
    energy_paths,
    new_graph,
    picture,
    valid_pixels,
)
from training.learning.batches import to_tensor
from training.learning.plan import TARGETS
from training.scenes.frames import Frames

PIXELS_PER_FRAME = 256
"""Number of random valid pixels per frame that represent all of them in the figures over pixels."""


@dataclass(frozen=True)
class MeasuredConstants:
    """Energy constants of a target, as measured."""

    paths: list[str]
    mu: list[float]
    """Mean of each term."""
    sigma: list[float]
    """Mean absolute deviation of each term from mu."""


@dataclass(frozen=True)
class Energies:
    """Energies of a target and a method, with the zoo's constants, in sigma."""

    frames: np.ndarray
    """(N,) over valid pixels; NaN for a frame without any."""
    whole: np.ndarray
    """(N,) over all pixels, as for a video, whose valid pixels are unknown."""
    terms: np.ndarray
    """(N, P) raw disagreement of each path with the direct prediction, over valid pixels, in codes."""
    pixels: np.ndarray
    """(S,) energies of the drawn pixels."""
    pixel_errors: np.ndarray
    """(S,) L1 error of the direct prediction there, in codes."""


def energy_constants(
    zoo: Zoo, frames: Frames, report: Callable[[int], None], device: str = "cpu"
) -> dict[str, MeasuredConstants]:
    """Measure mu and sigma of every target that `baseline` predicts, over valid pixels; `report` gets the frames just done."""
    paths = {
        target: found for target in TARGETS if target in zoo.targets(BASELINE) if (found := energy_paths(zoo, target))
    }
    chains = {
        target: [zoo.chain(BASELINE, path) for path in (f"{IMAGE}-{target}", *found)] for target, found in paths.items()
    }
    graph = new_graph([chain for group in chains.values() for chain in group], device)
    terms: dict[str, list[Tensor]] = {target: [] for target in paths}
    for indices in batches(len(frames)):
        batch = frames[indices]
        outputs = graph.run(picture(batch, IMAGE, device))
        valid = valid_pixels(batch, device)
        for target, group in chains.items():
            terms[target].append(masked_mean(maps_of(outputs, group), valid[:, None]).cpu())
        report(len(batch))
    constants = {}
    for target, values in terms.items():
        known = torch.cat(values)  # (N, P)
        known = known[known.isfinite().all(dim=1)]
        mu = known.mean(dim=0)
        sigma = (known - mu).abs().mean(dim=0)
        constants[target] = MeasuredConstants(paths[target], mu.tolist(), sigma.tolist())
    return constants


class RunningEnergies:
    """Accumulates the energies of a target and a method, batch by batch."""

    def __init__(self, constants: EnergyConstants) -> None:
        self.mu, self.sigma = constants.mu, constants.sigma
        self.terms: list[Tensor] = []
        self.whole: list[Tensor] = []
        self.pixels: list[Tensor] = []
        self.pixel_errors: list[Tensor] = []

    def add(self, maps: Tensor, error: Tensor, valid: Tensor, drawn: Tensor) -> None:
        """Add disagreement (N, P, H, W), error (N, H, W), valid pixels (N, H, W) and flat indices of the drawn pixels (S,)."""
        self.terms.append(masked_mean(maps, valid[:, None]).cpu())
        self.whole.append(standardise(maps.mean(dim=(2, 3)), self.mu, self.sigma).cpu())
        flat = maps.permute(0, 2, 3, 1).flatten(0, 2)[drawn]  # (S, P)
        self.pixels.append(standardise(flat, self.mu, self.sigma).cpu())
        self.pixel_errors.append(error.flatten()[drawn].cpu())

    def result(self) -> Energies:
        """The energies of all batches."""
        terms = torch.cat(self.terms)
        return Energies(
            frames=standardise(terms, self.mu, self.sigma).numpy(),
            whole=torch.cat(self.whole).numpy(),
            terms=terms.numpy(),
            pixels=torch.cat(self.pixels).numpy(),
            pixel_errors=torch.cat(self.pixel_errors).numpy(),
        )


class PictureEnergies:
    """Measures the energies of pictures without ground truth, over all their pixels."""

    def __init__(self, zoo: Zoo, methods: Sequence[str], device: str = "cpu") -> None:
        self.device = device
        self.chains = {pair: group for pair, group in energy_chains(zoo).items() if pair[1] in methods}
        self.scales = {target: (zoo.energies[target].mu, zoo.energies[target].sigma) for target, _ in self.chains}
        self.graph = new_graph([chain for group in self.chains.values() for chain in group], device)

    def of(self, pictures: np.ndarray, report: Callable[[int], None] = lambda n: None) -> dict[Pair, np.ndarray]:
        """RGB uint8 (N, H, W, 3) -> the energies of each target and method, (N,)."""
        found: dict[Pair, list[np.ndarray]] = {pair: [] for pair in self.chains}
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            outputs = self.graph.run(to_tensor(batch, self.device))
            for pair, group in self.chains.items():
                terms = maps_of(outputs, group).mean(dim=(2, 3))
                found[pair].append(standardise(terms, *self.scales[pair[0]]).cpu().numpy())
            report(len(batch))
        return {pair: np.concatenate(values) if values else np.zeros(0) for pair, values in found.items()}


def draw_pixels(valid: Tensor, seed: Sequence[int]) -> Tensor:
    """Flat indices into (N, H, W) of PIXELS_PER_FRAME random valid pixels of each frame, or of all where there are fewer."""
    rng = np.random.default_rng(seed)
    chosen = []
    for number, mask in enumerate(valid.flatten(1).cpu().numpy()):
        indices = np.flatnonzero(mask)
        chosen.append(rng.permutation(indices)[:PIXELS_PER_FRAME] + number * mask.size)
    return torch.from_numpy(np.concatenate(chosen)).to(valid.device)


def maps_of(outputs: dict[Chain, Tensor], chains: list[Chain]) -> Tensor:
    """Disagreement of the indirect chains with the first, direct one: (N, P, H, W)."""
    direct, *others = (outputs[chain] for chain in chains)
    return disagreement_maps(direct, others)
