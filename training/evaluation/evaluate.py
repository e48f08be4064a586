"""How good are a zoo's networks on rooms they have not seen? Errors, readouts, energies, and how the two go together.

N frames, C channels, P paths, H x W pixels. All outputs are in eval mode and clamped to [0, 1], in float32. A pixel is valid
where the renderer knows the truth; all others are left out of errors, energies and readout gaps. Domains that are fixed
filters of the image are known everywhere.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from analysis.statistics import pearson, spearman
from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from consistency.energy import disagreement_maps, standardise
from consistency.metrics import angles_degrees
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.records import IMAGE, SHARED, Chain, Edge, EnergyConstants, Zoo, ZooError
from training.learning.plan import TARGETS
from training.scenes.frames import CHANNELS, Frames

BASELINE = "baseline"
GEOMETRIC = "geo-net"
"""The architecture that computes with the field of view."""
BATCH = 4
"""Frames at a time: a zoo of all methods keeps some 200 images of each."""
ANGLE_BINS_PER_DEGREE = 20  # 0.05 degrees wide, far below the differences reported
CLOSE_DEGREES = (11.25, 22.5, 30.0)
CLOSE_RATIO = 1.25
"""delta1 counts the pixels whose depth is off by less than this factor."""
DEPTH_JUMP = 0.02
"""In codes: 10 % of the distance between neighbouring pixels is an edge in depth."""
EDGE_REACH_PX = 3
"""Pixels this near to an edge in depth are counted apart: thin things are made of them."""
READOUT_EVERY = 3
"""Readouts are measured on every third test frame, one of each room: there are seven of every prediction."""
PIXELS_PER_FRAME = 256
"""Valid pixels of each frame, drawn at random, that stand for all in the figures over pixels."""
TRIVIAL_FRAMES = 300
"""Training frames whose median at each pixel is the guess that sees nothing."""

Pair = tuple[str, str]
"""A target and a method."""


@dataclass
class Errors:
    """Running errors of one prediction of one domain. Means are over frames; medians and shares over all pixels."""

    domain: str
    l1: list[float] = field(default_factory=list)
    """Per frame, in codes; NaN for a frame without a valid pixel."""
    l1_near_edges: list[float] = field(default_factory=list)
    """The same over the pixels near edges in depth."""
    angles: np.ndarray = field(default_factory=lambda: np.zeros(180 * ANGLE_BINS_PER_DEGREE + 1, np.int64))
    """Histogram of angular errors over all pixels (normals only)."""
    relative: list[float] = field(default_factory=list)
    """Per frame: mean of |d - truth| / truth (depth only)."""
    relative_scaled: list[float] = field(default_factory=list)
    """The same after the frame's median depth is set right (depth only)."""
    close: list[float] = field(default_factory=list)
    """Per frame: share of the pixels whose depth is off by less than CLOSE_RATIO (depth only)."""

    def add(self, prediction: Tensor, truth: Tensor, valid: Tensor | None = None, near: Tensor | None = None) -> None:
        """(N, C, H, W) codes twice; the valid pixels and, of them, those near edges in depth: (N, H, W) of booleans."""
        valid = torch.ones_like(truth[:, 0], dtype=torch.bool) if valid is None else valid
        difference = (prediction - truth).abs().mean(dim=1)  # (N, H, W)
        self.l1 += masked_mean(difference, valid).tolist()
        if near is not None:
            self.l1_near_edges += masked_mean(difference, near).tolist()
        if self.domain == "normal":
            bins = (angles_degrees(prediction, truth)[valid] * ANGLE_BINS_PER_DEGREE).long()
            self.angles += torch.bincount(bins.cpu(), minlength=len(self.angles)).numpy()
        elif self.domain == "depth":
            guess, true = metres(prediction)[:, 0], metres(truth)[:, 0]  # (N, H, W)
            self.relative += masked_mean((guess - true).abs() / true, valid).tolist()
            ratio = torch.maximum(guess / true, true / guess)
            self.close += masked_mean((ratio < CLOSE_RATIO).float(), valid).tolist()
            scale = masked_median(true, valid) / masked_median(guess, valid)
            guess = guess * scale[:, None, None]
            self.relative_scaled += masked_mean((guess - true).abs() / true, valid).tolist()

    def figures(self) -> dict[str, float]:
        """Name -> value, the first the most telling; NaN where no pixel was valid."""
        found = {}
        if self.domain == "normal":
            found |= angle_figures(self.angles)
        elif self.domain == "depth":
            found["AbsRel"] = mean_known(self.relative)
            found["AbsRel scaled"] = mean_known(self.relative_scaled)
            found["% delta1"] = 100 * mean_known(self.close)
        found["L1"] = mean_known(self.l1)
        if self.l1_near_edges:
            found["L1 near edges"] = mean_known(self.l1_near_edges)
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
class Energies:
    """Energies of one target by one method, with the zoo's constants."""

    frames: np.ndarray
    """(N,) over the valid pixels; NaN for a frame without any."""
    whole: np.ndarray
    """(N,) over all pixels, as for a video, of which nobody knows the valid ones."""
    terms: np.ndarray
    """(N, P) raw disagreement of each path with the direct prediction, over the valid pixels."""
    pixels: np.ndarray
    """(S,) of the drawn pixels."""
    pixel_errors: np.ndarray
    """(S,) L1 error of the direct prediction there, in codes."""


@dataclass(frozen=True)
class Evaluation:
    """What was measured on the test rooms. A key that is not there was not measured."""

    n_frames: int
    n_readout_frames: int
    """Of these, every READOUT_EVERY-th."""
    valid_share: float
    """Of all pixels."""
    errors: dict[Pair, Errors]
    known_lens: dict[Pair, Errors]
    """Of methods that take a field of view and were given the true one."""
    trivial: dict[str, Errors]
    """By target: the per-pixel median of training frames."""
    readouts_of_truth: dict[str, Errors]
    """By edge, `depth-normal`: what the cross networks make of the truth."""
    readouts: dict[tuple[str, str], Errors]
    """(method, edge): what they make of the method's prediction, against the truth."""
    gaps: dict[tuple[str, str], list[float]]
    """(method, edge): per frame, the L1 between that and what they make of the truth, in codes."""
    energies: dict[Pair, Energies]

    def correlations(self, target: str, method: str) -> tuple[float, float]:
        """Pearson's and Spearman's, over frames, between energy and L1 error."""
        energy, error = self.energies[target, method].frames, np.array(self.errors[target, method].l1)
        return pearson(energy, error), spearman(energy, error)


def energy_paths(zoo: Zoo, target: str) -> list[str]:
    """rgb-y-target for every other domain y from which the baseline gets there, in the zoo's order."""
    paths = [f"{IMAGE}-{middle}-{target}" for middle in zoo.domains if middle not in (IMAGE, target)]
    return [path for path in paths if chain_of(zoo, BASELINE, path)]


def energy_constants(
    zoo: Zoo, frames: Frames, report: Callable[[int], None], device: str = "cpu"
) -> dict[str, Constants]:
    """Measure mu and sigma of every target that `baseline` predicts, over the valid pixels of the frames."""
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
        constants[target] = Constants(paths[target], mu.tolist(), sigma.tolist())
    return constants


def evaluate(
    zoo: Zoo, test: Frames, train: Frames, seed: int, report: Callable[[int], None], device: str = "cpu"
) -> Evaluation:
    """Everything that is measured on the test rooms."""
    rooms = RoomFigures(zoo, median_images(train, seed), device)
    for indices in batches(len(test)):
        rooms.add(test[indices], test.field_of_view(indices), draw_seed=[seed, int(indices[0])])
        report(len(indices))
    readouts = ReadoutFigures(zoo, device)
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
    """Errors and energies of a zoo's direct predictions, gathered batch by batch."""

    def __init__(self, zoo: Zoo, medians: dict[str, Tensor], device: str) -> None:
        self.device, self.medians = device, medians
        self.direct, self.indirect = direct_chains(zoo), energy_chains(zoo)
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
        """Stored frames (N, H, W, C) and their lenses (N,)."""
        image = picture(batch, IMAGE, self.device)
        truth = {target: picture(batch, target, self.device) for target in TARGETS}
        valid = valid_pixels(batch, self.device)
        near = near_depth_edges(truth["depth"], valid)
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
    """Errors of what the cross networks make of truth and of predictions, gathered batch by batch."""

    def __init__(self, zoo: Zoo, device: str) -> None:
        self.device = device
        self.filters = fixed_filters(zoo, device)
        self.cross = cross_networks(zoo, device)
        self.chains = readouts_of_predictions(zoo)
        self.graph = new_graph(list(self.chains.values()), device)
        self.of_truth = {name: Errors(end(name)) for name in self.cross}
        self.of_predictions = {key: Errors(end(key[1])) for key in self.chains if end(key[1]) in self.known}
        self.gaps: dict[tuple[str, str], list[float]] = {key: [] for key in self.chains if key[1] in self.cross}

    @property
    def known(self) -> set[str]:
        """The domains whose truth is known."""
        return {*CHANNELS, *self.filters}

    def add(self, batch: np.ndarray) -> None:
        """Stored frames (N, H, W, C)."""
        truth = {name: picture(batch, name, self.device) for name in CHANNELS if name != "valid"}
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
    """The errors alone, of the networks of another seed."""
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


class PictureEnergies:
    """Energies of pictures of which nothing else is known, over all their pixels."""

    def __init__(self, zoo: Zoo, methods: Sequence[str], device: str = "cpu") -> None:
        self.device = device
        self.chains = {pair: group for pair, group in energy_chains(zoo).items() if pair[1] in methods}
        self.scales = {target: (zoo.energies[target].mu, zoo.energies[target].sigma) for target, _ in self.chains}
        self.graph = new_graph([chain for group in self.chains.values() for chain in group], device)

    def of(self, pictures: np.ndarray, report: Callable[[int], None] = lambda n: None) -> dict[Pair, np.ndarray]:
        """RGB uint8 (N, H, W, 3) -> for each target and method its energies, (N,)."""
        found: dict[Pair, list[np.ndarray]] = {pair: [] for pair in self.chains}
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            outputs = self.graph.run(to_tensor(batch, self.device))
            for pair, group in self.chains.items():
                terms = maps_of(outputs, group).mean(dim=(2, 3))
                found[pair].append(standardise(terms, *self.scales[pair[0]]).cpu().numpy())
            report(len(batch))
        return {pair: np.concatenate(values) if values else np.zeros(0) for pair, values in found.items()}


class RunningEnergies:
    """Gathers the energies of one target by one method, batch by batch."""

    def __init__(self, constants: EnergyConstants) -> None:
        self.mu, self.sigma = constants.mu, constants.sigma
        self.terms: list[Tensor] = []
        self.whole: list[Tensor] = []
        self.pixels: list[Tensor] = []
        self.pixel_errors: list[Tensor] = []

    def add(self, maps: Tensor, error: Tensor, valid: Tensor, drawn: Tensor) -> None:
        """Disagreement (N, P, H, W), error (N, H, W), valid pixels (N, H, W) and the drawn ones' flat indices."""
        self.terms.append(masked_mean(maps, valid[:, None]).cpu())
        self.whole.append(standardise(maps.mean(dim=(2, 3)), self.mu, self.sigma).cpu())
        flat = maps.permute(0, 2, 3, 1).flatten(0, 2)[drawn]  # (S, P)
        self.pixels.append(standardise(flat, self.mu, self.sigma).cpu())
        self.pixel_errors.append(error.flatten()[drawn].cpu())

    def result(self) -> Energies:
        terms = torch.cat(self.terms)
        return Energies(
            frames=standardise(terms, self.mu, self.sigma).numpy(),
            whole=torch.cat(self.whole).numpy(),
            terms=terms.numpy(),
            pixels=torch.cat(self.pixels).numpy(),
            pixel_errors=torch.cat(self.pixel_errors).numpy(),
        )


# Which chains there are


def direct_chains(zoo: Zoo) -> dict[Pair, Chain]:
    """rgb -> target of every method that predicts the target itself."""
    return {
        (target, method): zoo.chain(method, f"{IMAGE}-{target}")
        for method in zoo.methods
        for target in TARGETS
        if target in zoo.targets(method)
    }


def energy_chains(zoo: Zoo) -> dict[Pair, list[Chain]]:
    """The direct chain, then the indirect ones in the order of the constants, for every energy that can be had.

    A method that lacks one of the paths has no energy: over fewer paths it would be on another scale.
    """
    found = {}
    for (target, method), direct in direct_chains(zoo).items():
        if target in zoo.energies:
            indirect = [chain_of(zoo, method, path) for path in zoo.energies[target].paths]
            chains = [chain for chain in indirect if chain]
            if len(chains) == len(indirect):
                found[target, method] = [direct, *chains]
    return found


def readouts_of_predictions(zoo: Zoo) -> dict[tuple[str, str], Chain]:
    """(method, `depth-normal`) -> the chain rgb-depth-normal."""
    return {
        (method, f"{target}-{last}"): chain
        for target, method in direct_chains(zoo)
        for last in zoo.domains
        if last not in (IMAGE, target) and (chain := chain_of(zoo, method, f"{IMAGE}-{target}-{last}"))
    }


def chain_of(zoo: Zoo, method: str, path: str) -> Chain | None:
    """The chain, or None where the zoo lacks one of its edges."""
    try:
        return zoo.chain(method, path)
    except ZooError:
        return None


# Networks


def new_graph(chains: list[Chain], device: str) -> Graph:
    return Graph(chains, lambda edge: load(edge, device))


def load(edge: Edge, device: str) -> nn.Module:
    return load_network(edge, device=torch.device(device), dtype=torch.float32)


def cross_networks(zoo: Zoo, device: str) -> dict[str, nn.Module]:
    """By name, `depth-normal`: the shared networks between domains that are rendered or filtered."""
    filtered = fixed_filters(zoo, device)
    known = {*CHANNELS, *filtered} - {IMAGE}
    return {
        f"{edge.source}-{edge.target}": load(edge, device)
        for edge in zoo.edges
        if edge.method == SHARED and {edge.source, edge.target} <= known
    }


def fixed_filters(zoo: Zoo, device: str) -> dict[str, nn.Module]:
    """By domain: the filters of the image, which are their own truth."""
    return {edge.target: load(edge, device) for edge in zoo.edges if edge.source == IMAGE and edge.weights is None}


@torch.inference_mode()
def run(network: nn.Module, source: Tensor) -> Tensor:
    """(N, C, H, W) of one domain -> of another."""
    return network(source)


# Frames


def batches(n_frames: int, every: int = 1) -> Iterator[np.ndarray]:
    """Numbers of frames, BATCH at a time."""
    chosen = np.arange(0, n_frames, every)
    for start in range(0, len(chosen), BATCH):
        yield chosen[start : start + BATCH]


def picture(batch: np.ndarray, domain: str, device: str) -> Tensor:
    """One domain of stored frames as codes, (N, C, H, W) float32."""
    return to_tensor(batch[..., CHANNELS[domain]], device)


def to_tensor(images: np.ndarray, device: str = "cpu") -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255


def valid_pixels(batch: np.ndarray, device: str = "cpu") -> Tensor:
    """(N, H, W) of booleans."""
    return torch.from_numpy(batch[..., CHANNELS["valid"]][..., 0] > 0).to(device)


def near_depth_edges(depth: Tensor, valid: Tensor) -> Tensor:
    """The valid pixels within EDGE_REACH_PX of a jump in depth: codes (N, 1, H, W) -> (N, H, W) of booleans."""
    highest = functional.max_pool2d(depth, 3, 1, 1)
    lowest = -functional.max_pool2d(-depth, 3, 1, 1)
    jump = (highest - lowest > DEPTH_JUMP).float()
    side = 2 * EDGE_REACH_PX + 1
    return (functional.max_pool2d(jump, side, 1, EDGE_REACH_PX)[:, 0] > 0) & valid


def draw_pixels(valid: Tensor, seed: Sequence[int]) -> Tensor:
    """Flat indices into (N, H, W): PIXELS_PER_FRAME valid ones of each frame, or all where there are fewer."""
    rng = np.random.default_rng(seed)
    chosen = []
    for number, mask in enumerate(valid.flatten(1).cpu().numpy()):
        indices = np.flatnonzero(mask)
        chosen.append(rng.permutation(indices)[:PIXELS_PER_FRAME] + number * mask.size)
    return torch.from_numpy(np.concatenate(chosen)).to(valid.device)


def median_images(train: Frames, seed: int) -> dict[str, Tensor]:
    """The guess that knows only where in the image a pixel lies: (1, C, H, W) per target, over the valid pixels."""
    rng = np.random.default_rng(seed)
    frames = train[np.sort(rng.choice(len(train), size=min(TRIVIAL_FRAMES, len(train)), replace=False))]
    valid = frames[..., CHANNELS["valid"]] > 0  # (N, H, W, 1)
    middle = np.maximum(valid.sum(axis=0, keepdims=True) - 1, 0) // 2
    found = {}
    for target in TARGETS:
        codes = np.where(valid, frames[..., CHANNELS[target]], np.uint16(256))  # what is unknown is sorted last
        codes.sort(axis=0)
        median = np.take_along_axis(codes, middle, axis=0)  # (1, H, W, C)
        found[target] = to_tensor(np.minimum(median, 255).astype(np.uint8))
    return found


def n_reports(validation: Frames, test: Frames) -> int:
    """Frames that energy_constants and evaluate report together."""
    return len(validation) + n_evaluated(test)


def n_evaluated(test: Frames) -> int:
    """Frames that evaluate reports."""
    return len(test) + len(range(0, len(test), READOUT_EVERY))


def open_frames(folder: Path) -> tuple[Frames, Frames, Frames]:
    """Training, validation and test frames."""
    return Frames(folder, "train"), Frames(folder, "validation"), Frames(folder, "test")


# Pure maths


def maps_of(outputs: dict[Chain, Tensor], chains: list[Chain]) -> Tensor:
    """(N, P, H, W): disagreement of the indirect chains with the first, direct one."""
    direct, *others = (outputs[chain] for chain in chains)
    return disagreement_maps(direct, others)


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the last two dimensions, of the valid pixels alone; NaN where there are none."""
    kept = torch.where(valid, values, torch.zeros((), device=values.device))
    return kept.sum(dim=(-2, -1)) / valid.sum(dim=(-2, -1))


def masked_median(values: Tensor, valid: Tensor) -> Tensor:
    """(N, H, W) -> (N,); NaN where no pixel is valid."""
    unknown = torch.full((), torch.nan, device=values.device)
    return torch.where(valid, values, unknown).flatten(1).nanmedian(dim=1).values


def metres(codes: Tensor) -> Tensor:
    return DEPTH_MIN_METRES * (DEPTH_MAX_METRES / DEPTH_MIN_METRES) ** codes


def angle_figures(histogram: np.ndarray) -> dict[str, float]:
    """Mean, median and shares below CLOSE_DEGREES, from counts per bin."""
    middles = (np.arange(len(histogram)) + 0.5) / ANGLE_BINS_PER_DEGREE
    n = int(histogram.sum())
    names = ["mean angle", "median angle", *(f"% < {limit:g}°" for limit in CLOSE_DEGREES)]
    if n == 0:
        return dict.fromkeys(names, float("nan"))
    share = np.cumsum(histogram) / n
    below = [100 * float(share[round(limit * ANGLE_BINS_PER_DEGREE) - 1]) for limit in CLOSE_DEGREES]
    middle = float(middles[np.searchsorted(share, 0.5)])
    return dict(zip(names, [float((histogram * middles).sum() / n), middle, *below], strict=True))


def mean_known(values: Sequence[float]) -> float:
    """Mean of the finite ones; NaN where there is none."""
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def end(path: str) -> str:
    """The last domain of a path."""
    return path.rsplit("-", 1)[1]
