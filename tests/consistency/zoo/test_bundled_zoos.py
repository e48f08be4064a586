"""What ships: the zoos are small and whole, `mini` is trained, and the bundled clips are what their sidecars say."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import cv2
import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from consistency.domains import DOMAINS
from consistency.energy import disagreement_maps, raw_terms, standardise
from consistency.metrics import frame_errors
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import ZOOS, bundled_zoos, load_zoo
from consistency.zoo.records import SHARED, Zoo
from precompute.jobs import predict
from precompute.jobs.batches import FrameBatch
from precompute.jobs.output.tracks import select_configurations
from precompute.media import decoder, sources
from precompute.media.sampling import Sampling

CPU = torch.device("cpu")
MEGABYTE = 1e6
LARGEST_MEGABYTES = {"mini": 12, "lab": 25}


@pytest.fixture(scope="module")
def mini() -> Zoo:
    return load_zoo("mini")


@pytest.fixture(scope="module")
def walkthrough(tmp_path_factory: pytest.TempPathFactory) -> FrameBatch:
    """Every thirtieth frame of the bundled walk-through, with its ground truth."""
    source = sources.resolve("walkthrough", media_dir=tmp_path_factory.mktemp("media"))
    sampling = Sampling(fps=1)
    frames = [frame.rgb for frame in decoder.frames(source.path, sampling)]
    truth = {
        name: np.stack([f.rgb for f in decoder.frames(path, sampling, channels=DOMAINS[name].channels)])
        for name, path in source.truth.items()
    }
    return FrameBatch(np.stack(frames), np.arange(len(frames), dtype=float), truth)


def test_mini_has_the_networks_it_promises(mini):
    counts = Counter(edge.method for edge in mini.edges if edge.weights)
    assert counts == {"baseline": 3, "consistency": 3, "multitask": 3, SHARED: 12}
    kinds = Counter(path.count("-") for _, path in select_configurations(mini, ["*"]))
    assert kinds == {1: 12, 2: 27}  # three predictions and nine readouts of each method, and three merged predictions
    assert set(mini.energies) == {"normal", "depth", "reshading"}


@pytest.mark.parametrize("name", bundled_zoos())
def test_a_bundled_zoo_keeps_to_its_size_and_has_no_file_that_nothing_uses(name):
    weights = {edge.weights for edge in load_zoo(name).edges if edge.weights}
    assert sum(path.stat().st_size for path in weights) <= LARGEST_MEGABYTES[name] * MEGABYTE
    assert weights == set((ZOOS / name).glob("*.safetensors"))


@pytest.mark.parametrize("name", bundled_zoos())
def test_every_network_loads_with_its_digest_and_gives_codes_of_its_domain(name):
    for edge in load_zoo(name).edges:
        image = torch.full((1, DOMAINS[edge.source].channels, 64, 64), 0.5)
        codes = Graph([(edge,)], loader(torch.float32)).run(image)[(edge,)]
        assert codes.shape == (1, DOMAINS[edge.target].channels, 64, 64), edge.name
        assert codes.min() >= 0 and codes.max() <= 1, edge.name


def test_every_network_of_mini_stays_under_its_budget_for_each_of_its_outputs(mini):
    outputs = Counter(edge.weights for edge in mini.edges if edge.weights)
    for edge in mini.edges:
        network = load_network(edge, device=CPU, dtype=torch.float32)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(torch.zeros(1, DOMAINS[edge.source].channels, 256, 256))
        assert counter.get_total_flops() <= 1.2e9 * max(outputs[edge.weights], 1), edge.name


@pytest.mark.parametrize("method", ["baseline", "consistency"])
def test_the_networks_are_trained(mini, walkthrough, method):
    """Far better than guessing: an average room gives 41 degrees and 0.46 (MODEL_CARD.md)."""
    graph = Graph([mini.chain(method, f"rgb-{name}") for name in ("normal", "depth")], loader(torch.float32))
    outputs = predict.predict(graph, walkthrough, CPU, mini.size_multiple).outputs
    found = {}
    for name in ("normal", "depth"):
        truth = torch.from_numpy(walkthrough.truth[name]).permute(0, 3, 1, 2).float() / 255
        errors = frame_errors(DOMAINS[name], outputs[mini.chain(method, f"rgb-{name}")], truth)
        found |= {column: values.mean().item() for column, values in errors.items()}
    assert found["angle_degrees"] < 20 and found["absrel"] < 0.25


def loader(dtype: torch.dtype):
    return lambda edge: load_network(edge, device=CPU, dtype=dtype)


def energies(zoo: Zoo, frames: FrameBatch, dtype: torch.dtype, method: str) -> dict[str, torch.Tensor]:
    chains = [zoo.chain(method, path) for path in zoo.paths(method)]
    chains += [zoo.chain(method, path) for constants in zoo.energies.values() for path in constants.paths]
    outputs = predict.predict(Graph(chains, loader(dtype)), frames, CPU, zoo.size_multiple).outputs
    found = {}
    for target, constants in zoo.energies.items():
        direct = outputs[zoo.chain(method, f"rgb-{target}")]
        maps = disagreement_maps(direct, [outputs[zoo.chain(method, path)] for path in constants.paths])
        found[target] = standardise(raw_terms(maps), constants.mu, constants.sigma)
    return found


@pytest.mark.parametrize("method", ["baseline", "consistency"])
def test_bfloat16_scores_frames_as_float32_does_within_a_twentieth_of_sigma(mini, walkthrough, method):
    exact = energies(mini, walkthrough, torch.float32, method)
    fast = energies(mini, walkthrough, torch.bfloat16, method)
    for target, values in exact.items():
        assert (fast[target] - values).abs().max() <= 0.05, target


def test_energy_rises_when_the_picture_is_blurred(mini, walkthrough):
    """The shift that the paper's page shows; docs/results.md has the levels for `lab`."""
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), sigmaX=4) for frame in walkthrough.rgb])
    clear = energies(mini, walkthrough, torch.float32, "baseline")
    shifted = energies(mini, FrameBatch(blurred, walkthrough.pts_seconds), torch.float32, "baseline")
    assert shifted["normal"].mean() > clear["normal"].mean()


def test_the_bundled_clips_name_their_licences_and_fit_their_size(tmp_path):
    assert sources.bundled_clips() == ["phone", "walkthrough"]
    for name in sources.bundled_clips():
        source = sources.resolve(name, media_dir=tmp_path)
        assert source.licence in ("CC0-1.0", "CC-BY-SA-4.0") and source.author and source.attribution
    assert sum(path.stat().st_size for path in sources.SAMPLES.iterdir()) <= 15 * MEGABYTE


def test_the_walk_through_has_a_truth_for_every_frame_that_fits_its_picture(tmp_path):
    source = sources.resolve("walkthrough", media_dir=tmp_path)
    assert set(source.truth) == {"normal", "depth", "reshading"}
    info = decoder.probe(source)
    assert (info.width, info.height, round(info.fps)) == (256, 256, 30)
    counts = {name: sum(1 for _ in decoder.frames(path)) for name, path in {**source.truth, "rgb": source.path}.items()}
    assert set(counts.values()) == {240}
    normals = np.stack([f.rgb for f in islice(decoder.frames(source.truth["normal"], channels=3), 5)])
    lengths = np.linalg.norm(2 * normals.astype(float) / 255 - 1, axis=-1)
    assert np.abs(lengths - 1).max() < 0.02
