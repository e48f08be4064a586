"""Laws of computing fast: order, smaller batches on a full GPU, half precision within its bound, the plain loop's numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cache.growing import PART
from cache.store import Store
from consistency.models import fused_ops
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from consistency.zoo.records import Edge
from precompute.jobs import compute_clip, device_worker, precision, predict
from precompute.jobs.batches import FrameBatch
from precompute.jobs.device_worker import DeviceWorker
from precompute.jobs.events import UNHEARD, BatchHalved, Events
from precompute.jobs.output import packs
from precompute.jobs.output.encode import decode_image, encode_image
from precompute.jobs.output.tracks import TrackChunk, TrackSpec, chains_of
from precompute.jobs.plan import make_plan
from precompute.jobs.predict import Compute, Networks, Precision, Predictions
from precompute.jobs.units import Unit
from precompute.media import sampling, sources
from tests.fixtures.events import Recorded
from tests.fixtures.media import write_video
from tests.fixtures.web.waits import wait_until
from tests.fixtures.zoos import write_zoo

CPU = torch.device("cpu")
EDGE = Edge("rgb", "normal", "baseline", "same", {}, None, "")


def numbered(n_frames: int, start: int = 0) -> FrameBatch:
    """Frames whose pixels are their number."""
    numbers = np.arange(start, start + n_frames)
    rgb = np.broadcast_to(numbers[:, None, None, None], (n_frames, 4, 4, 3)).astype(np.uint8)
    return FrameBatch(rgb, numbers / 30, start=start)


def specs_of(tmp_path: Path, patterns: str = "*", scale: float = 1.0) -> tuple[Path, list[TrackSpec]]:
    folder = write_zoo(tmp_path / "zoo", scale=scale)
    source = sources.resolve(str(write_video(tmp_path / "clip.mp4", 2)), media_dir=tmp_path)
    plan = make_plan(Store(tmp_path / "store"), source, sampling.Sampling(), load_zoo(str(folder)), [patterns])
    return folder, list(plan.specs)


class Same(nn.Module):
    """Gives its input back, once `wait` has returned, and only to so many images at once."""

    def __init__(self, most: int = 100, wait: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.most, self.wait, self.batches = most, wait, []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.wait()
        return images.clone()


def worker_of(network: nn.Module, batch_size: int, events: Events = UNHEARD, n_scorers: int = 1) -> DeviceWorker:
    return DeviceWorker(Graph([(EDGE,)], lambda _: network), CPU, 1, batch_size, events, n_scorers=n_scorers)


def nothing_of(predictions: Predictions) -> dict[str, TrackChunk]:
    return {}


def test_a_slice_of_a_batch_keeps_the_index_and_the_truth_of_its_frames():
    truth = {"depth": np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)}
    whole = replace(numbered(5, start=7), truth=truth)
    part = whole[2:4]
    assert (part.start, len(part), part.rgb[:, 0, 0, 0].tolist()) == (9, 2, [9, 10])
    assert part.truth["depth"].ravel().tolist() == [2, 3] and part.pts_seconds.tolist() == [9 / 30, 10 / 30]


def test_a_batch_whose_parts_differ_in_length_is_refused():
    with pytest.raises(ValueError, match="differ in length"):
        FrameBatch(np.zeros((2, 4, 4, 3), np.uint8), np.zeros(3))


def test_a_full_memory_halves_the_batch_says_so_once_and_loses_no_frame():
    network, said = Same(most=3), Recorded()
    worker = worker_of(network, 6, said)
    scored = [*worker.run(numbered(8), nothing_of), *worker.run(numbered(6, start=8), nothing_of)]
    assert [s.frames.start for s in scored] == [0, 3, 6, 8, 11]
    assert np.concatenate([s.frames.rgb[:, 0, 0, 0] for s in scored]).tolist() == list(range(14))
    assert network.batches == [6, 3, 3, 2, 3, 3] and said == [BatchHalved(3)]


@pytest.mark.parametrize(("n_frames", "starts"), [(8, [0, 3, 6]), (3, [0, 2]), (2, [0]), (1, [0])])
def test_the_cores_score_the_frames_of_a_batch_in_their_order(n_frames, starts):
    before = torch.get_num_threads()
    worker = worker_of(Same(), 8, n_scorers=3)
    assert torch.get_num_threads() == before, "the networks keep all threads"

    def score(predictions: Predictions) -> dict[str, TrackChunk]:
        assert torch.get_num_threads() == 1 or len(starts) == 1
        assert torch.is_inference_mode_enabled()
        numbers = predictions.outputs[(EDGE,)][:, 0, 0, 0] * 255
        assert numbers.round().tolist() == predictions.frames.rgb[:, 0, 0, 0].tolist()
        return {"": TrackChunk(predictions.frames.rgb, {})}

    scored = worker.submit(numbered(n_frames), score).result()
    worker.close()
    assert [s.frames.start for s in scored] == starts
    assert np.concatenate([s.chunks[""].images[:, 0, 0, 0] for s in scored]).tolist() == list(range(n_frames))


def test_an_error_of_one_core_is_the_error_of_the_batch():
    def score(predictions: Predictions) -> dict[str, TrackChunk]:
        if predictions.frames.start == 4:
            raise OSError("one of two")
        return {}

    worker = worker_of(Same(), 8, n_scorers=2)
    with pytest.raises(OSError, match="one of two"):
        worker.submit(numbered(8), score).result()
    worker.close()


def test_one_frame_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        worker_of(Same(most=0), 4).run(numbered(4), nothing_of)


def test_batches_come_back_in_their_order_whichever_device_is_slower():
    fast = Same()
    slow = Same(
        wait=lambda: wait_until(lambda: len(fast.batches) >= len(slow.batches), "the batch of the other device")
    )
    spread = [worker_of(slow, 2), worker_of(fast, 2)]
    batches = (numbered(2, start) for start in range(0, 20, 2))
    scored = device_worker.in_order(batches, spread, nothing_of)
    assert [s.frames.start for s in scored] == list(range(0, 20, 2))
    assert len(slow.batches) == len(fast.batches) == 5
    for worker in spread:
        worker.close()


def test_a_batch_filled_up_gives_what_it_gives_alone():
    network = Same()
    graph = Graph([(EDGE,)], lambda _: network)
    filled = predict.predict(graph, numbered(3), CPU, 4, batch_size=5).outputs[(EDGE,)]
    assert network.batches == [5]
    torch.testing.assert_close(filled, predict.predict(graph, numbered(3), CPU, 4).outputs[(EDGE,)])


def test_networks_that_visit_a_device_give_the_same_and_go_home():
    torch.manual_seed(0)
    network = nn.Conv2d(3, 3, 3, padding=1).requires_grad_(False)
    home = network.weight.data_ptr()
    images = torch.rand(2, 3, 8, 8)
    resident = Graph([(EDGE,)], lambda _: network).run(images)
    visiting = Graph([(EDGE,)], lambda _: network, visited=torch.device("cpu")).run(images)
    torch.testing.assert_close(visiting[(EDGE,)], resident[(EDGE,)])
    assert network.weight.data_ptr() == home


def test_only_networks_that_are_not_loaded_yet_are_new(tmp_path):
    """Whether networks fit a GPU goes by these."""
    edge = load_zoo(str(write_zoo(tmp_path))).edge("rgb", "normal", "baseline")
    networks = Networks()
    assert not networks.has(edge, CPU, torch.float32)
    networks.load(edge, CPU, torch.float32)
    assert networks.has(edge, CPU, torch.float32)
    assert not networks.has(edge, CPU, torch.bfloat16) and not networks.has(
        edge, torch.device("cuda", 0), torch.float32
    )


def test_networks_that_visit_several_gpus_are_loaded_for_each(tmp_path):
    """While one device has a network, another must neither find it there nor take it away."""
    edge = load_zoo(str(write_zoo(tmp_path))).edge("rgb", "normal", "baseline")
    networks = Networks()
    first, second = (torch.device("cuda", index) for index in (0, 1))
    visitor = networks.load(edge, CPU, torch.float32, first)
    assert networks.load(edge, CPU, torch.float32, first) is visitor
    assert networks.load(edge, CPU, torch.float32, second) is not visitor
    assert networks.load(edge, CPU, torch.float32) is not visitor and not networks.has(edge, first, torch.float32)


def test_every_path_and_energy_is_within_the_bound_of_the_plain_loop(tmp_path):
    """Shared prefixes, merged batches, channels last and the processor's fastest dtype, against one frame at a time."""
    zoo, frames = load_zoo("mini"), precision.example_frames()
    source = sources.resolve("phone", media_dir=tmp_path)
    plan = make_plan(Store(tmp_path), source, sampling.Sampling(), zoo, ["*"])
    dtype = precision.choose_dtype(CPU)
    found = precision.measure(zoo, plan.specs, CPU, dtype, frames, Networks())
    graph = predict.make_graph(chains_of(plan.specs), CPU, Precision(dtype, found.exact))
    outputs = predict.predict(graph, frames, CPU, zoo.size_multiple).outputs
    chains = {chain for spec in plan.specs for chain in spec.chains}
    networks = {edge: load_network(edge, device=CPU, dtype=torch.float32) for chain in chains for edge in chain}
    plain = {}
    for chain in chains:
        images = []
        for frame in frames.rgb:
            x = torch.from_numpy(frame).permute(2, 0, 1)[None].float().contiguous() / 255
            with torch.inference_mode():
                for edge in chain:
                    x = networks[edge](x)
                    x = x[edge.head] if edge.head else x
            images.append(x)
        plain[chain] = torch.cat(images)
        assert precision.mean_error(outputs[chain], plain[chain]) <= precision.MEAN_ERROR_BOUND
    energies = [spec for spec in plan.specs if spec.head.kind == "energy"]
    assert len(energies) == len(zoo.energies) * len(zoo.methods)
    for spec in energies:
        difference = precision.energy_of(spec, outputs) - precision.energy_of(spec, plain)
        assert difference.abs().max() <= precision.ENERGY_ERROR_BOUND


@pytest.mark.parametrize("scale", [1.0, 40.0])
def test_networks_beyond_the_bound_compute_in_float32_until_all_are_within(tmp_path, scale):
    folder, specs = specs_of(tmp_path, scale=scale)
    zoo, frames = load_zoo(str(folder)), precision.example_frames()
    found = precision.measure(zoo, specs, CPU, torch.bfloat16, frames, Networks())
    assert bool(found.exact) == (scale > 1), "large weights amplify what bfloat16 rounds"
    assert found.worst_code <= precision.MEAN_ERROR_BOUND and found.worst_energy <= precision.ENERGY_ERROR_BOUND

    def outputs(chosen: Precision) -> dict:
        graph = predict.make_graph(chains_of(specs), CPU, chosen)
        return dict(predict.predict(graph, frames, CPU, zoo.size_multiple).outputs)

    true, made = outputs(Precision(torch.float32)), outputs(Precision(torch.bfloat16, found.exact))
    errors = [precision.mean_error(made[chain], true[chain]) for chain in true]
    assert max(errors) == pytest.approx(found.worst_code, rel=1e-3, abs=1e-6)


def test_what_was_measured_is_remembered_for_these_networks_and_no_others(tmp_path):
    folder, specs = specs_of(tmp_path)
    zoo = load_zoo(str(folder))
    found = partial(precision.measured, tmp_path, zoo, device=CPU, dtype=torch.bfloat16, networks=Networks())
    first = found(specs)
    (path,) = (tmp_path / "precision").iterdir()
    path.write_text('{"exact": ["x"], "worst_code": 0.5, "worst_energy": 0.25}')
    assert found(specs) == precision.Measured(frozenset({"x"}), 0.5, 0.25)
    path.write_text("{")
    assert found(specs) == first
    found([spec for spec in specs if spec.head.kind == "prediction"])
    assert len(list((tmp_path / "precision").iterdir())) == 2


def test_other_constants_of_an_energy_are_measured_anew(tmp_path):
    """Its bound is in sigma."""
    folder, specs = specs_of(tmp_path)
    found = partial(precision.measured, tmp_path, load_zoo(str(folder)), device=CPU, networks=Networks())

    def with_sigma(sigma: float) -> list[TrackSpec]:
        heads = [
            replace(s.head, constants={**s.head.constants, "sigma": [sigma] * len(s.head.constants["sigma"])})
            if s.head.constants
            else s.head
            for s in specs
        ]
        return [replace(spec, head=head) for spec, head in zip(specs, heads, strict=True)]

    worst = [found(with_sigma(sigma), dtype=torch.bfloat16).worst_energy for sigma in (1.0, 0.5, 1.0)]
    assert worst[1] == pytest.approx(2 * worst[0]) and worst[2] == worst[0]
    assert len(list((tmp_path / "precision").iterdir())) == 2


def test_the_manifest_names_what_was_computed_in_float32(tmp_path):
    folder, _ = specs_of(tmp_path)
    zoo, store = load_zoo(str(folder)), Store(tmp_path / "store")
    source = sources.resolve(str(tmp_path / "clip.mp4"), media_dir=tmp_path)
    plan = make_plan(store, source, sampling.Sampling(size=32), zoo, ["*/baseline/rgb-normal-depth"])
    exact = zoo.edge("normal", "depth", "baseline").network_digest
    compute_clip.compute_clip(store, plan, Compute(CPU, Precision(torch.bfloat16, frozenset({exact})), 2))
    named = {t.head.path: t.head.computed_on.get("in_float32") for t in store.tracks() if t.head.kind == "readout"}
    assert named == {"rgb-normal-depth": "normal-depth.shared"}


def test_a_machine_that_takes_over_the_dtype_of_another_measures_which_networks_stay_in_float32(tmp_path, monkeypatch):
    folder, _ = specs_of(tmp_path)
    zoo, store = load_zoo(str(folder)), Store(tmp_path / "store")
    source = sources.resolve(str(tmp_path / "clip.mp4"), media_dir=tmp_path)
    monkeypatch.setattr(packs, "PACK_PIXELS", 32 * 32)  # a frame per pack
    exact = frozenset({zoo.edge("normal", "depth", "baseline").network_digest})
    used, before = [], compute_clip._new_worker

    def new_worker(plan, pending, compute, *rest):
        used.append(compute.precision)
        return before(plan, pending, compute, *rest)

    def measured(root, zoo, specs, device, dtype, networks):
        return precision.Measured(exact if dtype == torch.bfloat16 else frozenset(), 0.0, 0.0)

    monkeypatch.setattr(compute_clip, "_new_worker", new_worker)
    monkeypatch.setattr(precision, "measured", measured)
    plan = make_plan(store, source, sampling.Sampling(size=32), zoo, ["*/baseline/rgb-normal-depth"])
    began, joined = Precision(torch.bfloat16, exact), Precision(torch.float32)
    for chosen, unit in ((began, Unit(0, 1)), (joined, Unit(1, 2))):
        compute_clip.compute_clip(store, plan, Compute(CPU, chosen, 2), unit=unit)
    completing = make_plan(store, source, sampling.Sampling(size=32), zoo, ["*/baseline/rgb-normal-depth"])
    next(store.root.rglob(f"00000001{PART}")).unlink()
    compute_clip.compute_clip(store, completing, Compute(CPU, joined, 2))
    assert used == [began] * 3


def test_steps_give_the_same_with_and_without_gradients_and_leave_their_input_alone():
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(4, 8)
    image, skip = torch.randn(2, 8, 6, 6), torch.randn(2, 8, 12, 12)
    before = image.clone()
    works = [
        lambda: fused_ops.conv_norm_relu(conv, norm, image),
        lambda: fused_ops.norm_conv_relu(norm, conv, image),
        lambda: fused_ops.conv_relu(conv, image),
        lambda: fused_ops.double_and_join(image, skip),
        lambda: fused_ops.double_and_convolve(image, conv),
    ]
    for work in works:
        expected = work()
        with torch.inference_mode():
            torch.testing.assert_close(work(), expected.detach())
        assert torch.equal(image, before)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (2, 7), (6, 5)], ids=str)
def test_doubling_within_a_convolution_gives_what_one_after_the_other_gives_up_to_the_border(size):
    torch.manual_seed(0)
    image, conv = torch.randn(2, 4, *size, dtype=torch.float64), nn.Conv2d(4, 3, 3, padding=1).double()
    with torch.inference_mode():
        torch.testing.assert_close(fused_ops.double_and_convolve(image, conv), conv(fused_ops.double(image)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 3), (300, 7, 1), (64, 64, 3)])
def test_a_png_of_any_shape_comes_back(shape):
    codes = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert np.array_equal(decode_image(encode_image(codes)), codes)
