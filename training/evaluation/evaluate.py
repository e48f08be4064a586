"""Evaluates a zoo on rooms that it has not seen: errors, readouts, energies, and how energy and error correlate.

N frames, C channels, P paths, H x W pixels. Outputs are clamped to [0, 1], in float32. Invalid pixels do not count in errors,
energies and readout gaps. Domains that are fixed filters of the image are known everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from analysis.statistics import pearson, spearman
from consistency.zoo.records import IMAGE, Zoo
from training.evaluation.energies import Energies, RunningEnergies, draw_pixels, maps_of
from training.evaluation.errors import Errors, masked_mean, median_images, near_depth_edges
from training.evaluation.measures.chains import (
    Pair,
    batches,
    cross_networks,
    direct_chains,
    end,
    energy_chains,
    fixed_filters,
    new_graph,
    picture,
    readouts_of_predictions,
    run,
    valid_pixels,
)
from training.learning.plan import TARGETS
from training.scenes.frames import CHANNELS, Frames

GEOMETRIC = "geo-net"
"""The architecture that uses the field of view."""
READOUT_EVERY = 3
"""Readouts are measured on every third test frame, one per room, because every prediction has seven."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured on the test rooms. A missing key was not measured."""

    n_frames: int
    n_readout_frames: int
    """Frames of these on which readouts were measured."""
    valid_share: float
    """Share of valid pixels."""
    errors: dict[Pair, Errors]
    known_lens: dict[Pair, Errors]
    """Errors of methods that use a field of view, when given the true one."""
    trivial: dict[str, Errors]
    """By target: errors of the per-pixel median of training frames."""
    readouts_of_truth: dict[str, Errors]
    """By edge, such as `depth-normal`: errors of cross networks that read the truth."""
    readouts: dict[tuple[str, str], Errors]
    """(method, edge): errors of cross networks that read the prediction of a method."""
    gaps: dict[tuple[str, str], list[float]]
    """(method, edge): L1 per frame between readouts of the prediction and of the truth, in codes."""
    energies: dict[Pair, Energies]

    def correlations(self, target: str, method: str) -> tuple[float, float]:
        """Pearson's r and Spearman's ρ between energy and L1 error, over frames."""
        energy, error = self.energies[target, method].frames, np.array(self.errors[target, method].l1)
        return pearson(energy, error), spearman(energy, error)


def evaluate(
    zoo: Zoo, test: Frames, train: Frames, seed: int, report: Callable[[int], None], device: str = "cpu"
) -> Evaluation:
    """Evaluate a zoo on the test rooms; `report` gets the number of frames just done."""
    rooms = RoomFigures(zoo, median_images(train, seed), device, test.domains)
    for indices in batches(len(test)):
        rooms.add(test[indices], test.field_of_view(indices), draw_seed=[seed, int(indices[0])])
        report(len(indices))
    readouts = ReadoutFigures(zoo, device, test.domains)
    for indices in batches(len(test), READOUT_EVERY):
        readouts.add(test[indices])
        report(len(indices))
    return Evaluation(
        n_frames=len(test),
        n_readout_frames=len(range(0, len(test), READOUT_EVERY)),
        valid_share=rooms.n_valid / rooms.n_pixels,
        errors=rooms.errors,
        known_lens=rooms.known_lens,
        trivial=rooms.trivial,
        energies={pair: found.result() for pair, found in rooms.energies.items()},
        readouts_of_truth=readouts.of_truth,
        readouts=readouts.of_predictions,
        gaps=readouts.gaps,
    )


class RoomFigures:
    """Accumulates errors and energies of a zoo's direct predictions, batch by batch, where the truth is one of `domains`."""

    def __init__(
        self, zoo: Zoo, medians: dict[str, Tensor], device: str, domains: Collection[str] = frozenset(CHANNELS)
    ) -> None:
        self.device, self.medians, self.domains = device, medians, domains
        self.direct = {pair: chain for pair, chain in direct_chains(zoo).items() if pair[0] in domains}
        self.indirect = {pair: chains for pair, chains in energy_chains(zoo).items() if pair in self.direct}
        groups = [list(self.direct.values()), *self.indirect.values()]
        self.graph = new_graph([chain for group in groups for chain in group], device)
        takes_a_lens = {pair: chain for pair, chain in self.direct.items() if chain[0].architecture == GEOMETRIC}
        self.lens_graph = new_graph(list(takes_a_lens.values()), device)
        self.errors = {pair: Errors(pair[0]) for pair in self.direct}
        self.known_lens = {pair: Errors(pair[0]) for pair in takes_a_lens}
        self.trivial = {target: Errors(target) for target in medians}
        self.energies = {pair: RunningEnergies(zoo.energies[pair[0]]) for pair in self.indirect}
        self.n_valid = self.n_pixels = 0

    def add(self, batch: np.ndarray, field_of_view_degrees: np.ndarray, draw_seed: list[int]) -> None:
        """Add stored frames (N, H, W, C) and their fields of view (N,)."""
        image = picture(batch, IMAGE, self.device)
        truth = {target: picture(batch, target, self.device) for target in TARGETS if target in self.domains}
        valid = valid_pixels(batch, self.device)
        near = near_depth_edges(truth["depth"], valid) if "depth" in truth else None
        drawn = draw_pixels(valid, draw_seed)
        outputs = self.graph.run(image)
        for pair, chain in self.direct.items():
            self.errors[pair].add(outputs[chain], truth[pair[0]], valid, near)
        lens = torch.from_numpy(field_of_view_degrees).to(self.device)
        refined = self.lens_graph.run(image, lens)
        for pair, errors in self.known_lens.items():
            errors.add(refined[self.direct[pair]], truth[pair[0]], valid, near)
        for target, median in self.medians.items():
            guess = median.to(self.device).expand_as(truth[target])
            self.trivial[target].add(guess, truth[target], valid, near)
        for pair, chains in self.indirect.items():
            error = (outputs[chains[0]] - truth[pair[0]]).abs().mean(dim=1)  # (N, H, W)
            self.energies[pair].add(maps_of(outputs, chains), error, valid, drawn)
        self.n_valid += int(valid.sum())
        self.n_pixels += valid.numel()


class ReadoutFigures:
    """Accumulates errors of the readouts of truth and of predictions, batch by batch, where the truth is one of `domains`."""

    def __init__(self, zoo: Zoo, device: str, domains: Collection[str] = frozenset(CHANNELS)) -> None:
        self.device, self.domains = device, {*domains} - {"valid"}
        self.filters = fixed_filters(zoo, device)
        self.cross = cross_networks(zoo, device, self.domains)
        chains = readouts_of_predictions(zoo)
        self.chains = {key: chain for key, chain in chains.items() if key[1].split("-")[0] in self.domains}
        self.graph = new_graph(list(self.chains.values()), device)
        self.of_truth = {name: Errors(end(name)) for name in self.cross}
        self.of_predictions = {key: Errors(end(key[1])) for key in self.chains if end(key[1]) in self.known}
        self.gaps: dict[tuple[str, str], list[float]] = {key: [] for key in self.chains if key[1] in self.cross}

    @property
    def known(self) -> set[str]:
        """Domains whose truth is known."""
        return {*self.domains, *self.filters}

    def add(self, batch: np.ndarray) -> None:
        """Add stored frames (N, H, W, C)."""
        truth = {name: picture(batch, name, self.device) for name in CHANNELS if name in self.domains}
        truth |= {name: run(network, truth[IMAGE]) for name, network in self.filters.items()}
        valid = valid_pixels(batch, self.device)
        masks = {name: torch.ones_like(valid) if name in self.filters else valid for name in truth}
        read = {name: run(network, truth[name.split("-")[0]]) for name, network in self.cross.items()}
        for name, errors in self.of_truth.items():
            errors.add(read[name], truth[end(name)], masks[end(name)])
        outputs = self.graph.run(truth[IMAGE])
        for key, errors in self.of_predictions.items():
            errors.add(outputs[self.chains[key]], truth[end(key[1])], masks[end(key[1])])
        for key in self.gaps:
            difference = (outputs[self.chains[key]] - read[key[1]]).abs().mean(dim=1)  # (N, H, W)
            self.gaps[key] += masked_mean(difference, masks[end(key[1])]).tolist()


def evaluate_seed(zoo: Zoo, test: Frames, report: Callable[[int], None], device: str = "cpu") -> dict[Pair, Errors]:
    """Measure only the errors of the networks of another seed."""
    direct = direct_chains(zoo)
    graph = new_graph(list(direct.values()), device)
    errors = {pair: Errors(pair[0]) for pair in direct}
    for indices in batches(len(test)):
        batch = test[indices]
        outputs = graph.run(picture(batch, IMAGE, device))
        valid = valid_pixels(batch, device)
        near = near_depth_edges(picture(batch, "depth", device), valid)
        for (target, method), chain in direct.items():
            errors[target, method].add(outputs[chain], picture(batch, target, device), valid, near)
        report(len(batch))
    return errors


def n_reports(validation: Frames, test: Frames) -> int:
    """Number of frames that energy_constants and evaluate report together."""
    return len(validation) + n_evaluated(test)


def n_evaluated(test: Frames) -> int:
    """Number of frames that evaluate reports."""
    return len(test) + len(range(0, len(test), READOUT_EVERY))
