"""How good are the exported networks on rooms they have not seen? Errors, energies, and how the two go together.

N frames, P paths, H x W pixels. All outputs are in eval mode and clamped to [0, 1], in float32.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from consistency.energy import disagreement_maps, raw_terms, standardise
from consistency.errors import angles_degrees
from consistency.graph import Graph
from consistency.networks import SobelEdges
from consistency.zoo import Chain, Edge, Zoo, load_network

from .data import CHANNELS, Frames
from .methods import TARGETS, to_tensor

BATCH = 8
ANGLE_BINS = np.linspace(0, 180, 3601)  # degrees; 0.05 degrees wide, far below the differences reported
CLOSE_DEGREES = (11.25, 22.5, 30.0)
N_SHIFT_FRAMES = 120
SHIFTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda image: image,
    "blur 1": lambda image: cv2.GaussianBlur(image, (0, 0), 1),
    "blur 2": lambda image: cv2.GaussianBlur(image, (0, 0), 2),
    "blur 4": lambda image: cv2.GaussianBlur(image, (0, 0), 4),
    "jpeg 30": lambda image: jpeg(image, 30),
    "jpeg 10": lambda image: jpeg(image, 10),
    "jpeg 5": lambda image: jpeg(image, 5),
}


@dataclass
class Errors:
    """Running errors of one prediction of one target."""

    target: str
    l1: list[float] = field(default_factory=list)
    """Per frame, in codes."""
    angles: np.ndarray = field(default_factory=lambda: np.zeros(len(ANGLE_BINS) - 1, np.int64))
    """Histogram of angular errors over all pixels (normals only)."""
    relative: list[float] = field(default_factory=list)
    """Per frame: mean of |d - truth| / truth (depth only)."""
    relative_scaled: list[float] = field(default_factory=list)
    """The same after the frame's median depth is set right (depth only)."""

    def add(self, prediction: Tensor, truth: Tensor) -> None:
        """(N, C, H, W) codes."""
        self.l1 += (prediction - truth).abs().mean(dim=(1, 2, 3)).tolist()
        if self.target == "normal":
            self.angles += np.histogram(angles_degrees(prediction, truth).numpy(), ANGLE_BINS)[0]
        elif self.target == "depth":
            ratio = DEPTH_MAX_METRES / DEPTH_MIN_METRES
            guess, true = (DEPTH_MIN_METRES * ratio ** codes.flatten(1) for codes in (prediction, truth))
            self.relative += ((guess - true).abs() / true).mean(dim=1).tolist()
            scale = true.median(dim=1, keepdim=True).values / guess.median(dim=1, keepdim=True).values
            self.relative_scaled += ((guess * scale - true).abs() / true).mean(dim=1).tolist()

    def figures(self) -> dict[str, float]:
        """Means over all frames; medians and shares over all pixels."""
        found = {"L1": float(np.mean(self.l1))}
        if self.target == "normal":
            middles = (ANGLE_BINS[:-1] + ANGLE_BINS[1:]) / 2
            share = np.cumsum(self.angles) / self.angles.sum()
            found["mean angle"] = float((self.angles * middles).sum() / self.angles.sum())
            found["median angle"] = float(middles[np.searchsorted(share, 0.5)])
            for limit in CLOSE_DEGREES:
                found[f"% < {limit}"] = 100 * float(share[np.searchsorted(ANGLE_BINS, limit) - 1])
        elif self.target == "depth":
            found["AbsRel"] = float(np.mean(self.relative))
            found["AbsRel scaled"] = float(np.mean(self.relative_scaled))
        return found


@dataclass(frozen=True)
class Constants:
    """Energy constants of one target."""

    paths: list[str]
    mu: list[float]
    """Mean of each term."""
    sigma: list[float]
    """Mean absolute deviation of each term from mu."""


@dataclass(frozen=True)
class Evaluation:
    """Everything the model card reports. Keys are (target, method) unless said."""

    n_frames: int
    errors: dict[tuple[str, str], Errors]
    trivial: dict[str, Errors]
    """By target: the per-pixel median of training frames."""
    cross: dict[str, Errors]
    """By edge, `depth-normal`: cross networks on ground truth."""
    energy: dict[tuple[str, str], np.ndarray]
    """(N,) standardised with the zoo's constants."""
    terms: dict[tuple[str, str], np.ndarray]
    """(N, P) raw disagreement of each path with the direct prediction."""
    readout_gap: dict[tuple[str, str], float]
    """Mean L1 between readouts of prediction and of truth, over the target's readouts."""
    shifts: dict[tuple[str, str, str], float]
    """(target, method, shift): mean energy over the first frames."""

    def correlations(self, target: str, method: str) -> tuple[float, float]:
        """Pearson's and Spearman's, over frames, between energy and L1 error."""
        energy, error = self.energy[target, method], self.errors[target, method].l1
        pearson = np.corrcoef(energy, error)[0, 1]
        spearman = np.corrcoef(stats.rankdata(energy), stats.rankdata(error))[0, 1]
        return float(pearson), float(spearman)


def energy_paths(zoo: Zoo, target: str) -> list[str]:
    """rgb-y-target for every other domain y, in the zoo's order."""
    return [f"rgb-{middle}-{target}" for middle in zoo.domains if middle not in ("rgb", target)]


def energy_constants(zoo: Zoo, frames: Frames, report: Callable[[int], None]) -> dict[str, Constants]:
    """Measure mu and sigma of every target with `baseline`."""
    graph, chains = energy_graph(zoo, ("baseline",))
    terms: dict[str, list[Tensor]] = {target: [] for target in TARGETS}
    for batch in batches(frames):
        outputs = graph.run(to_tensor(batch[..., CHANNELS["rgb"]]))
        for target in TARGETS:
            terms[target].append(disagreement_terms(outputs, chains[target, "baseline"]))
        report(len(batch))
    constants = {}
    for target in TARGETS:
        values = torch.cat(terms[target])  # (N, P)
        mu = values.mean(dim=0)
        sigma = (values - mu).abs().mean(dim=0)
        constants[target] = Constants(energy_paths(zoo, target), mu.tolist(), sigma.tolist())
    return constants


def evaluate(zoo: Zoo, test: Frames, train: Frames, seed: int, report: Callable[[int], None]) -> Evaluation:
    """All figures of the model card, on the test rooms."""
    graph, chains = energy_graph(zoo, zoo.methods)
    pairs = list(chains)
    errors = {(target, method): Errors(target) for target, method in pairs}
    medians = median_images(train, seed)
    trivial = {target: Errors(target) for target in TARGETS}
    cross_networks = {
        f"{e.source}-{e.target}": load_network(e, device=torch.device("cpu"), dtype=torch.float32)
        for e in zoo.edges
        if e.method == "shared" and e.source != "rgb"
    }
    cross = {name: Errors(name.split("-")[1]) for name in cross_networks}
    terms: dict[tuple[str, str], list[Tensor]] = {pair: [] for pair in pairs}
    gaps: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    for batch in batches(test):
        truth = {name: to_tensor(batch[..., channels]) for name, channels in CHANNELS.items()}
        truth["edge2d"] = SobelEdges()(truth["rgb"])
        outputs = graph.run(truth["rgb"])
        with torch.inference_mode():
            read_truth = {name: network(truth[name.split("-")[0]]) for name, network in cross_networks.items()}
            for name, read in read_truth.items():
                cross[name].add(read, truth[name.split("-")[1]])
            for target, method in pairs:
                prediction = outputs[chains[target, method][0]]
                errors[target, method].add(prediction, truth[target])
                terms[target, method].append(disagreement_terms(outputs, chains[target, method]))
                for name, network in cross_networks.items():
                    if name.startswith(f"{target}-"):
                        gaps[target, method].append(float((network(prediction) - read_truth[name]).abs().mean()))
        for target in TARGETS:
            trivial[target].add(medians[target].expand(len(batch), -1, -1, -1), truth[target])
        report(len(batch))
    raw = {pair: torch.cat(values) for pair, values in terms.items()}
    return Evaluation(
        n_frames=len(test),
        errors=errors,
        trivial=trivial,
        cross=cross,
        energy={pair: energies(zoo, pair[0], values) for pair, values in raw.items()},
        terms={pair: values.numpy() for pair, values in raw.items()},
        readout_gap={pair: float(np.mean(values)) for pair, values in gaps.items()},
        shifts=shifted_energies(zoo, graph, chains, test, report),
    )


def shifted_energies(
    zoo: Zoo, graph: Graph, chains: dict[tuple[str, str], list[Chain]], test: Frames, report: Callable[[int], None]
) -> dict[tuple[str, str, str], float]:
    """Mean energy of the first test frames under each shift."""
    found = {}
    for shift, change in SHIFTS.items():
        terms: dict[tuple[str, str], list[Tensor]] = {pair: [] for pair in chains}
        for batch in batches(test, N_SHIFT_FRAMES):
            rgb = np.stack([change(np.ascontiguousarray(image)) for image in batch[..., CHANNELS["rgb"]]])
            outputs = graph.run(to_tensor(rgb))
            for pair, group in chains.items():
                terms[pair].append(disagreement_terms(outputs, group))
            report(len(batch))
        for (target, method), values in terms.items():
            found[target, method, shift] = float(energies(zoo, target, torch.cat(values)).mean())
    return found


def energy_graph(zoo: Zoo, methods: tuple[str, ...]) -> tuple[Graph, dict[tuple[str, str], list[Chain]]]:
    """The graph of all energies of the methods, and by (target, method) its chains: the direct one, then the indirect."""
    chains = {
        (target, method): [zoo.chain(method, path) for path in (f"rgb-{target}", *energy_paths(zoo, target))]
        for method in methods
        for target in TARGETS
    }

    def load(edge: Edge) -> nn.Module:
        return load_network(edge, device=torch.device("cpu"), dtype=torch.float32)

    return Graph([chain for group in chains.values() for chain in group], load), chains


def disagreement_terms(outputs: dict[Chain, Tensor], chains: list[Chain]) -> Tensor:
    """(N, P) raw terms of the indirect chains against the first, direct one."""
    direct, *indirect = (outputs[chain] for chain in chains)
    return raw_terms(disagreement_maps(direct, indirect))


def energies(zoo: Zoo, target: str, terms: Tensor) -> np.ndarray:
    constants = zoo.energies[target]
    return standardise(terms, constants.mu, constants.sigma).numpy()


def median_images(train: Frames, seed: int) -> dict[str, Tensor]:
    """The guess that knows only where in the image a pixel lies: (1, C, H, W) per target, of 400 training frames."""
    chosen = np.random.default_rng(seed).choice(len(train), size=min(400, len(train)), replace=False)
    median = np.median(train[np.sort(chosen)], axis=0).astype(np.uint8)[None]
    return {target: to_tensor(median[..., CHANNELS[target]]) for target in TARGETS}


def batches(frames: Frames, at_most: int | None = None) -> Iterator[np.ndarray]:
    n = min(len(frames), at_most or len(frames))
    for start in range(0, n, BATCH):
        yield frames[np.arange(start, min(start + BATCH, n))]


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """RGB uint8 (H, W, 3), compressed and decoded."""
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]


def n_reports(validation: Frames, test: Frames) -> int:
    """Frames that energy_constants and evaluate report together."""
    return len(validation) + len(test) + len(SHIFTS) * min(len(test), N_SHIFT_FRAMES)


def open_frames(folder: Path) -> tuple[Frames, Frames, Frames]:
    """Training, validation and test frames."""
    return Frames(folder, "train"), Frames(folder, "validation"), Frames(folder, "test")
