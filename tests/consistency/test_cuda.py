"""The same results on a GPU as on the CPU. Skipped where there is none; with FAIL_WITHOUT_CUDA=1 it then fails."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from cache.store import Store
from consistency.cuda_graph import CapturedGraph
from consistency.models import fused_ops
from consistency.models.registry import build
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import bundled_zoos, load_zoo, read_zoo
from consistency.zoo.records import Edge
from precompute.jobs import compute_clip, precision, predict
from precompute.jobs.batches import FrameBatch
from precompute.jobs.device_worker import DeviceWorker
from precompute.jobs.events import BatchHalved
from precompute.jobs.output.tracks import TrackChunk, chains_of
from precompute.jobs.plan import make_plan
from precompute.jobs.predict import Compute, Precision, Predictions
from precompute.media import sampling, sources
from precompute.zoos.install import record
from tests.fixtures.events import Recorded
from tests.fixtures.zoos import write_zoo

pytestmark = pytest.mark.needs_cuda


@pytest.fixture
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        (pytest.fail if os.environ.get("FAIL_WITHOUT_CUDA") == "1" else pytest.skip)("torch finds no CUDA GPU")
    return torch.device("cuda")


@pytest.mark.parametrize("name", bundled_zoos())
def test_a_gpu_scores_the_bundled_clip_as_the_cpu_does_within_a_twentieth_of_sigma(cuda, tmp_path, name):
    zoo = load_zoo(name)
    source = sources.resolve("walkthrough", media_dir=tmp_path)
    energies = {}
    for device, dtype in ((cuda, precision.choose_dtype(cuda)), (torch.device("cpu"), torch.float32)):
        store = Store(tmp_path / device.type)
        plan = make_plan(store, source, sampling.Sampling(max_frames=8), zoo, ["*"])
        assert compute_clip.compute_clip(store, plan, Compute(device, Precision(dtype), 4)).n_frames == 8
        for track in store.tracks(kind="energy"):
            constants = track.head.constants
            terms = (store.column(track, "terms") - constants["mu"]) / constants["sigma"]
            energies.setdefault(track.head.configuration, []).append(terms.mean(axis=1))
    assert len(energies) == sum(target in zoo.energies for method in zoo.methods for target in zoo.targets(method))
    for configuration, (on_gpu, on_cpu) in energies.items():
        assert np.abs(on_gpu - on_cpu).max() <= 0.05, configuration


SHAPES = [(2, 16, 64, 48, 8), (3, 96, 20, 12, 8), (1, 1024, 4, 4, 8), (2, 3, 33, 17, 3), (2, 64, 7, 5, 8)]
"""Images, channels, height, width, groups."""


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_fused_step_gives_what_its_parts_give_in_double_precision(cuda, shape, has_bias):
    n, channels, height, width, groups = shape
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, channels, 3, padding=1, bias=has_bias).to(cuda, torch.float16)
    norm = nn.GroupNorm(groups, channels).to(cuda, torch.float16)
    nn.init.normal_(norm.weight), nn.init.normal_(norm.bias, std=3.0)
    image = torch.randn(n, channels, height, width, device=cuda).half() + 5.0
    for step, parts in ((fused_ops.conv_norm_relu, (conv, norm)), (fused_ops.norm_conv_relu, (norm, conv))):
        with torch.inference_mode():
            fused = step(*parts, image.contiguous(memory_format=torch.channels_last))
            x = image.double()
            for part in parts:
                x = _in_double(part, x)
        assert ((fused - x.relu()).norm() / x.relu().norm()).item() < 4e-3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_comes_out_of_a_fused_step_as_none(cuda, value):
    """ReLU must not make a picture of it."""
    conv = nn.Conv2d(8, 8, 3, padding=1).to(cuda, torch.float16)
    norm = nn.GroupNorm(2, 8).to(cuda, torch.float16)
    image = torch.rand(1, 8, 16, 16, device=cuda).half()
    image[0, :, 4, 4] = value
    works = (
        lambda: fused_ops.conv_norm_relu(conv, norm, image),
        lambda: fused_ops.norm_conv_relu(norm, conv, image),
        lambda: fused_ops.conv_relu(conv, torch.full_like(image, float("nan"))),
    )
    with torch.inference_mode():
        for work in works:
            assert work().isnan().all()


def _in_double(part: nn.Module, x: torch.Tensor) -> torch.Tensor:
    bias = None if part.bias is None else part.bias.double()
    if isinstance(part, nn.Conv2d):
        return functional.conv2d(x, part.weight.double(), bias, padding=1)
    assert isinstance(part, nn.GroupNorm)
    return functional.group_norm(x, part.num_groups, part.weight.double(), bias, part.eps)


@pytest.mark.parametrize("widths", [(32, 16), (1024, 512), (96, 64), (44, 32)])
def test_doubling_and_joining_at_once_gives_what_one_after_the_other_gives(cuda, widths):
    torch.manual_seed(0)
    for height, width in ((1, 1), (5, 7), (32, 16)):
        x = torch.randn(3, widths[0], height, width, device=cuda).half().contiguous(memory_format=torch.channels_last)
        skip = torch.randn(3, widths[1], 2 * height, 2 * width, device=cuda).half()
        with torch.inference_mode():
            joined = fused_ops.double_and_join(x, skip.contiguous(memory_format=torch.channels_last))
            with fused_ops.plain():
                expected = fused_ops.double_and_join(x, skip)
        torch.testing.assert_close(joined, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("is_captured", [True, False])
def test_every_path_on_a_gpu_is_within_the_bound_of_the_plain_loop(cuda, is_captured):
    zoo, frames = load_zoo("mini"), precision.example_frames()
    chains = [zoo.chain(method, path) for method in zoo.methods for path in zoo.paths(method)]
    chains += [zoo.chain("baseline", path) for constants in zoo.energies.values() for path in constants.paths]
    graph = Graph(chains, partial(load_network, device=cuda, dtype=torch.float16))
    runner = CapturedGraph(graph) if is_captured else graph
    predict.predict(runner, frames, cuda, zoo.size_multiple)
    outputs = predict.predict(runner, frames, cuda, zoo.size_multiple).outputs
    networks = {edge: load_network(edge, device=cuda, dtype=torch.float32) for chain in chains for edge in chain}
    for chain in chains:
        for index, codes in enumerate(predict.to_codes(frames.rgb, cuda)):
            x = codes[None]
            with torch.inference_mode(), fused_ops.plain():
                for edge in chain:
                    x = networks[edge](x)
            assert precision.mean_error(outputs[chain][index], x[0]) <= precision.MEAN_ERROR_BOUND


def test_networks_that_visit_the_gpu_give_what_resident_ones_give(cuda, tmp_path):
    zoo = load_zoo(str(write_zoo(tmp_path)))
    chains = [zoo.chain("baseline", "rgb-normal-depth"), zoo.chain("consistency", "rgb-depth-normal")]
    images = torch.rand(2, 3, 32, 32, device=cuda)
    resident = Graph(chains, partial(load_network, device=cuda, dtype=torch.float16)).run(images)
    cpu = torch.device("cpu")
    visiting = Graph(chains, partial(load_network, device=cpu, dtype=torch.float16), visited=cuda).run(images)
    for chain in chains:
        torch.testing.assert_close(visiting[chain], resident[chain])


def test_a_job_loads_each_network_once_for_measuring_and_for_running(cuda, tmp_path, monkeypatch):
    testing = pytest.importorskip("typer.testing")  # the machine may have little more than torch
    from precompute.cli.app import app

    loaded: list[tuple[str, str, torch.dtype]] = []

    def noted(edge: Edge, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
        loaded.append((edge.network_digest, str(device), dtype))
        return load_network(edge, device=device, dtype=dtype)

    monkeypatch.setattr(predict, "load_network", noted)
    words = ["run", "phone", "--zoo", str(write_zoo(tmp_path / "zoo")), "--max-frames", "2", "--size", "64"]
    result = testing.CliRunner().invoke(app, [*words, "--device", "cuda", "--store", str(tmp_path / "store")])
    assert result.exit_code == 0, result.output
    assert len(loaded) == len(set(loaded)) and {device for _, device, _ in loaded} >= {"cuda:0"}


def test_networks_that_are_on_the_gpu_stay_there_however_little_of_it_is_free(cuda, tmp_path, monkeypatch):
    source = sources.resolve("phone", media_dir=tmp_path)
    zoo = load_zoo(str(write_zoo(tmp_path / "zoo")))
    plan = make_plan(Store(tmp_path / "store"), source, sampling.Sampling(), zoo, ["*"])
    kept = predict.Networks()

    def is_resident(networks: predict.Networks) -> bool:
        return predict.make_graph(chains_of(plan.pending), cuda, Precision(torch.float16), networks).can_be_recorded

    assert is_resident(kept)
    monkeypatch.setattr(predict, "RESIDENT_SHARE", 0.0)
    assert is_resident(kept) and not is_resident(predict.Networks())


def test_memory_that_torch_keeps_for_its_next_tensors_counts_as_free(cuda):
    torch.cuda.empty_cache()
    before = predict.free_bytes(cuda)
    torch.empty(2**30, dtype=torch.uint8, device=cuda)
    assert torch.cuda.memory_reserved(cuda) - torch.cuda.memory_allocated(cuda) >= 2**30
    assert abs(predict.free_bytes(cuda) - before) < 2**26


def test_a_full_gpu_halves_the_batch_and_gives_the_same(cuda, tmp_path):
    zoo = load_zoo(str(write_zoo(tmp_path / "zoo")))
    store = Store(tmp_path / "store")
    source = sources.resolve("phone", media_dir=tmp_path)
    plan = make_plan(store, source, sampling.Sampling(), zoo, ["*"])
    rgb = np.random.default_rng(0).integers(0, 255, (128, 256, 256, 3), np.uint8)
    frames = FrameBatch(rgb, np.arange(128.0))

    def score_all(predictions: Predictions) -> dict[str, TrackChunk]:
        return {spec.head.key: spec.score(predictions).to_host() for spec in plan.pending}

    def score(said: Recorded) -> dict[str, np.ndarray]:
        graph = predict.make_graph(chains_of(plan.pending), cuda, Precision(torch.float16))
        worker = DeviceWorker(graph, cuda, zoo.size_multiple, 128, said)
        found = worker.run(frames, score_all)
        worker.close()
        for scored in found:
            scored.wait()
        keys = found[0].chunks
        return {key: np.concatenate([np.asarray(s.chunks[key].images) for s in found]) for key in keys}

    said = Recorded()
    score(said)  # the first run also tries kernels, which takes more memory than any of them
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    whole = score(said)
    assert not said
    peak, total = torch.cuda.max_memory_reserved(), torch.cuda.get_device_properties(cuda).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / total)
    try:
        halved = score(said)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert said[0] == BatchHalved(64)
    assert all(np.abs(whole[key].astype(int) - halved[key]).max() <= 1 for key in whole)


def test_edges_that_ask_the_gpu_for_numbers_still_run(cuda):
    class Asks(nn.Module):
        """Cannot be recorded."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images * float(images.max())

    edge = Edge("rgb", "normal", "asks", "asks", {}, None, "")
    frames = FrameBatch(np.full((2, 8, 8, 3), 255, np.uint8), np.zeros(2))
    zoo = load_zoo("mini")
    worker = DeviceWorker(Graph([(edge,)], lambda _: Asks()), cuda, zoo.size_multiple, 2)
    outputs = worker.predict(frames).outputs
    worker.close()
    assert float(outputs[(edge,)].min()) == 1.0


PORTS = """
[[edge]]
source = "rgb"
target = "depth"
method = "own"
architecture = "xtc-unet"
arguments = { downsample = 1, in_channels = 3, out_channels = 1 }
weights = "ours.safetensors"
input = { size = [32, 48], order = "bgr", mean = [0.5, 0.4, 0.3], std = [0.2, 0.2, 0.2] }
output = { physical = [0.0, 15.625], invalid = 1.0 }

[[edge]]
source = "depth"
target = "normal"
method = "shared"
format = "torchscript"
weights = "theirs.pt"
input = { physical = [0.0, 10.0], range = [0.0, 10.0], channels = 3 }
output = { range = [-1.0, 1.0] }
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_networks_between_ports_give_on_a_gpu_what_they_give_on_the_cpu_recorded_or_not(cuda, tmp_path):
    torch.manual_seed(0)
    save_file(
        build("xtc-unet", downsample=1, in_channels=3, out_channels=1).state_dict(), tmp_path / "ours.safetensors"
    )
    torch.jit.save(torch.jit.script(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Tanh())), tmp_path / "theirs.pt")
    head = 'name = "mine"\nversion = "1"\nlicence = "MIT"\nmultiple = 2\ndomains = ["rgb", "depth", "normal"]\n'
    (tmp_path / "zoo.toml").write_text(head + PORTS)
    record(read_zoo(str(tmp_path)))
    zoo = load_zoo(str(tmp_path), allow_code=True)
    images = torch.rand(3, 3, 64, 80)
    own, both = zoo.chain("own", "rgb-depth"), zoo.chain("own", "rgb-depth-normal")

    def load(device: torch.device, dtype: torch.dtype) -> Graph:
        return Graph([own, both], partial(load_network, device=device, dtype=dtype))

    expected = load(torch.device("cpu"), torch.float32).run(images)
    graph = load(cuda, torch.float16)
    assert not graph.can_be_recorded
    recorded = CapturedGraph(Graph([own], partial(load_network, device=cuda, dtype=torch.float16)))
    for found in (graph.run(images.to(cuda)), recorded.run(images.to(cuda)), recorded.run(images.to(cuda))):
        for chain, codes in found.items():
            assert precision.mean_error(codes.cpu(), expected[chain]) <= 2 * precision.MEAN_ERROR_BOUND
