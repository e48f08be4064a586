"""X-TC's networks are the released ones: names, sizes and costs as published, and a zoo that lists them all."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy import ndimage
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.random_zoo import describe, wanted_edges, write_lock
from cache.records import Clip
from consistency.energy import disagreement_maps, raw_terms
from consistency.models import fused_ops, registry
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.networks.adapters import Adapted, OutputSpec
from consistency.zoo.read import load_zoo, read_zoo
from consistency.zoo.records import Edge, Zoo, ZooError
from precompute.jobs import predict
from precompute.jobs.batches import FrameBatch
from precompute.jobs.output.tracks import chains_of, plan_tracks
from precompute.zoos import install

UNET_5 = {"downsample": 5, "in_channels": 3, "out_channels": 3}
UNET_6 = {"downsample": 6, "in_channels": 3, "out_channels": 3}


def on_meta(architecture: str, **arguments) -> nn.Module:
    """A network without numbers: its shapes cost nothing."""
    with torch.device("meta"):
        return registry.build(architecture, **arguments).eval()


@pytest.mark.parametrize(
    ("architecture", "arguments", "million_parameters", "gigaflop"),
    [
        ("xtc-unet", UNET_6, 75.5, 29.1),
        ("xtc-unet", UNET_5, 18.9, 24.5),
        ("xtc-unet-reshade", UNET_5, 18.9, 24.5),
        ("xtc-unet", {**UNET_6, "downsample": 4}, 4.7, 20.0),
        ("xtc-unet-depth", {}, 75.5, 31.8),
        ("xtc-unet-old2", {}, 75.5, 29.3),
        ("xtc-dense-1by1", {}, 0.34, 44.7),
    ],
)
def test_the_networks_have_the_size_and_the_cost_that_were_published(
    architecture, arguments, million_parameters, gigaflop
):
    network = on_meta(architecture, **arguments)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(million_parameters, rel=0.01)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network(torch.rand(1, 3, 256, 256))
    assert counter.get_total_flops() / 1e9 == pytest.approx(gigaflop, rel=0.003)


def block(prefix: str) -> set[str]:
    return {f"{prefix}.{kind}{i}.{part}" for kind in ("conv", "bn") for i in (1, 2, 3) for part in ("weight", "bias")}


def ends() -> set[str]:
    names = {f"{kind}{i}" for kind in ("mid_conv", "bn") for i in (1, 2, 3)} | {"last_conv1", "last_bn", "last_conv2"}
    return {f"{name}.{part}" for name in names for part in ("weight", "bias")}


def test_state_dicts_have_the_released_names():
    unet = ends() | block("down1")
    for i in range(5):
        unet |= block(f"down_blocks.{i}") | block(f"up_blocks.{i}")
    assert set(on_meta("xtc-unet", **UNET_5).state_dict()) == unet
    assert set(on_meta("xtc-unet-reshade", **UNET_5).state_dict()) == unet

    depth = ends().union(*(block(f"down_block{i}") for i in range(1, 8)), *(block(f"up_block{i}") for i in range(1, 7)))
    assert set(on_meta("xtc-unet-depth").state_dict()) == depth
    pre_norm = {f"{i}.{kind}.{part}" for i in range(7) for kind in ("bn", "conv") for part in ("weight", "bias")}
    assert set(on_meta("xtc-unet-old2").state_dict()) == depth | {f"initial.{n}" for n in pre_norm if n[0] in "01"}
    assert set(on_meta("xtc-dense-1by1").state_dict()) == {f"decoder.{name}" for name in pre_norm}


def test_widths_double_down_to_1024_channels_and_the_skip_comes_last():
    state = on_meta("xtc-unet", **UNET_6).state_dict()
    assert state["down_blocks.5.conv1.weight"].shape == (1024, 512, 3, 3)
    assert state["up_blocks.5.conv1.weight"].shape == (512, 1536, 3, 3)
    assert state["last_conv2.weight"].shape == (3, 16, 1, 1)
    old = on_meta("xtc-unet-old2").state_dict()
    assert old["initial.0.conv.weight"].shape == (16, 3, 1, 1) and old["down_block1.conv1.weight"].shape[:2] == (16, 16)
    assert old["up_block1.conv1.weight"].shape == (512, 1536, 3, 3)
    assert on_meta("xtc-unet-depth").state_dict()["down_block1.conv1.weight"].shape == (16, 3, 3, 3)


def test_reshading_is_one_grey_image_given_three_times_whatever_its_channels():
    network = registry.build("xtc-unet-reshade", downsample=1, in_channels=3, out_channels=1).eval()
    output = network(torch.rand(1, 3, 8, 8))
    assert output.shape == (1, 3, 8, 8)
    assert torch.equal(output[:, 0], output[:, 1]) and torch.equal(output[:, 0], output[:, 2])


def test_a_reshading_that_overflows_is_no_picture():
    network = registry.build("xtc-unet-reshade", downsample=1, in_channels=3, out_channels=1).eval()
    nn.init.constant_(network.get_submodule("last_conv2").bias, torch.inf)
    assert network(torch.rand(1, 3, 8, 8)).isnan().all()


def test_depth_of_normals_may_be_negative_and_other_outputs_may_not():
    torch.manual_seed(0)
    small = {"downsample": 1, "in_channels": 3, "out_channels": 3}
    assert registry.build("xtc-unet", **small)(torch.rand(1, 3, 8, 8)).min() >= 0
    depth = registry.build("xtc-unet-depth", in_channels=1)
    nn.init.constant_(depth.get_submodule("last_conv2").bias, -1000.0)
    assert depth(torch.rand(1, 1, 32, 32)).max() < 0


def test_sobel_edges_are_those_of_the_reference_up_to_the_border():
    image = torch.rand(1, 3, 12, 20)
    blurred = ndimage.gaussian_filter(image[0].mean(0).double().numpy(), 2)
    expected = np.hypot(*(ndimage.sobel(blurred, axis, mode="constant") for axis in (0, 1))).clip(0, 1)
    np.testing.assert_allclose(registry.build("xtc-sobel-edges")(image)[0, 0].numpy(), expected, atol=1e-5)


def test_the_zoo_lists_the_36_released_networks_and_has_none_of_them(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path))
    zoo = read_zoo("xtc")
    assert len({edge.weights for edge in zoo.missing}) == len(zoo.missing) == 36
    assert [edge.name for edge in zoo.edges] == ["rgb-edge2d.shared"]
    with pytest.raises(ZooError, match="python -m precompute zoo pull xtc"):
        load_zoo("xtc")


PAGE = {
    "rgb-normal": ("xtc-unet", {"downsample": 2, "in_channels": 3, "out_channels": 3}),
    "rgb-depth": ("xtc-unet", {"downsample": 1, "in_channels": 3, "out_channels": 1}),
    "rgb-reshading": ("xtc-unet-reshade", {"downsample": 1, "in_channels": 3, "out_channels": 1}),
    "rgb-edge2d": ("xtc-sobel-edges", {}),
    "normal-curvature": ("xtc-dense-1by1", {}),
    "normal-depth": ("xtc-unet-depth", {}),
    "rgb-curvature": ("xtc-unet", {"downsample": 1, "in_channels": 3, "out_channels": 3}),
    "curvature-normal": ("xtc-unet-old2", {}),
    "depth-normal": ("xtc-unet", {"downsample": 2, "in_channels": 1, "out_channels": 3}),
    "reshading-normal": ("xtc-unet", {"downsample": 1, "in_channels": 3, "out_channels": 3}),
    "edge2d-normal": ("xtc-unet", {"downsample": 1, "in_channels": 1, "out_channels": 3}),
}
"""Every architecture of X-TC, the UNets flatter than the released ones."""
IN_METRES = "{ physical = [0.0, 15.625], invalid = 1.0 }"
GREY_THRICE = "{ channels = 3 }"


def write_page(folder: Path, hops: str = "codes") -> Zoo:
    """A zoo of X-TC's architectures with random weights, an energy of normals over every other domain."""
    torch.manual_seed(0)
    lines = ['name = "page"', 'version = "1"', 'licence = "MIT"', "multiple = 64", f'hops = "{hops}"']
    lines += ['domains = ["rgb", "normal", "depth", "reshading", "curvature", "edge2d"]']
    for name, (architecture, arguments) in PAGE.items():
        source, target = name.split("-")
        lines += ["[[edge]]", f'source = "{source}"', f'target = "{target}"', f'architecture = "{architecture}"']
        lines += [f'method = "{"baseline" if source == "rgb" and target != "edge2d" else "shared"}"']
        ports = {"input": {"depth": IN_METRES, "reshading": GREY_THRICE}.get(source)}
        ports |= {"output": {"depth": IN_METRES, "reshading": GREY_THRICE}.get(target, "{ range = [0.0, 1.0] }")}
        lines += [f"{end} = {port}" for end, port in ports.items() if port and architecture != "xtc-sobel-edges"]
        if architecture == "xtc-sobel-edges":
            continue
        save_file(registry.build(architecture, **arguments).state_dict(), folder / f"{name}.safetensors")
        lines += [f'weights = "{name}.safetensors"']
        lines += [f"arguments = {{ {', '.join(f'{key} = {value}' for key, value in arguments.items())} }}"]
    paths = [f"rgb-{middle}-normal" for middle in ("depth", "reshading", "curvature", "edge2d")]
    lines += ["[energy.normal]", f"paths = {paths}", f"mu = {[0.1] * 4}", f"sigma = {[0.05] * 4}"]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    install.record(read_zoo(str(folder)))
    return load_zoo(str(folder))


def test_a_page_of_its_architectures_gives_what_the_plain_loop_gives(tmp_path):
    """Shared prefixes, merged batches, fused steps and channels last, against one frame, path and step at a time."""
    zoo, device = write_page(tmp_path), torch.device("cpu")
    clip = Clip("c" * 64, "clip", "a" * 64, {}, width=64, height=60, n_frames=2)
    specs = plan_tracks(clip, zoo, ["*"], {})
    rgb = np.random.default_rng(0).integers(0, 256, (2, 60, 64, 3), np.uint8)
    loaded = predict.Networks()
    graph = predict.make_graph(chains_of(specs), device, predict.Precision(torch.float32), loaded)
    outputs = predict.predict(graph, FrameBatch(rgb, np.zeros(2)), device, zoo.size_multiple).outputs
    chains = {chain for spec in specs for chain in spec.chains}
    assert {edge.architecture for chain in chains for edge in chain} == {
        architecture for architecture, _ in PAGE.values()
    }
    plain = {
        edge: deepcopy(loaded.load(edge, device, torch.float32)).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        for edge in {edge for chain in chains for edge in chain}
    }
    for chain in chains:
        assert outputs[chain].std() > 0.01, f"{[edge.name for edge in chain]} tells nothing"
        for index, image in enumerate(predict.to_codes(rgb, device)):
            x = functional.pad(image[None], (0, 0, 0, 4), mode="replicate").contiguous()
            with torch.inference_mode(), fused_ops.plain():
                for edge in chain:
                    x = plain[edge](x)
            difference = (outputs[chain][index] - x[0, :, :60]).abs()
            # The digits of float32; logarithms of depths near nothing multiply them.
            assert difference.mean() < 1e-4 and difference.max() < 1 / 255


def test_the_paper_s_networks_pass_their_numbers_unclamped_as_a_plain_chain_does(tmp_path, monkeypatch):
    """Two hops and the terms of the energy, with random weights: each output goes to the next network as it is, and only the last
    one becomes codes. Clamped between hops, the same paths differ by tens of codes."""
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path))
    assert all(edge.passes_numbers for edge in read_zoo("xtc").missing)
    (tmp_path / "numbers").mkdir()
    (tmp_path / "codes").mkdir()
    zoo, clamped = write_page(tmp_path / "numbers", "numbers"), write_page(tmp_path / "codes")
    paths = [path for path in zoo.paths("baseline") if path != "rgb-edge2d"]
    paths += [path for path in zoo.energies["normal"].paths if path not in paths]
    chains = {path: zoo.chain("baseline", path) for path in paths}

    def load(edge: Edge) -> nn.Module:
        network = load_network(edge, device=torch.device("cpu"), dtype=torch.float32)
        # Random weights give numbers around 0; trained ones overshoot [0, 1], too.
        last = [part for part in network.modules() if isinstance(part, nn.Conv2d)][-1:]
        for part in last:
            part.weight.mul_(4)
        return network

    networks = {edge.digest: load(edge) for chain in chains.values() for edge in chain}
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    outputs = Graph(chains.values(), lambda edge: networks[edge.digest]).run(images)
    at_hops = Graph([clamped.chain("baseline", path) for path in paths], load).run(images)
    plain, n_far = {}, 0
    for path, chain in chains.items():
        x = images
        with torch.inference_mode(), fused_ops.plain():
            for edge in chain:
                network = networks[edge.digest]
                x = network.network(x) if isinstance(network, Adapted) else network(x)
            spec = chain[-1].output_spec or OutputSpec()
            plain[path] = spec.to_codes(x, chain[-1].target_domain, (64, 64))
        torch.testing.assert_close(outputs[chain], plain[path], atol=1e-4, rtol=0)
        n_far += float((at_hops[clamped.chain("baseline", path)] - plain[path]).abs().max()) > 0.05
    assert n_far >= 2, "clamping between hops would have gone unnoticed"
    indirect = zoo.energies["normal"].paths
    direct = chains["rgb-normal"]
    found = raw_terms(disagreement_maps(outputs[direct], [outputs[chains[path]] for path in indirect]))
    terms = torch.stack([(plain[path] - plain["rgb-normal"]).abs().mean(dim=(1, 2, 3)) for path in indirect], dim=1)
    torch.testing.assert_close(found, terms, atol=1e-5, rtol=0)


def test_direct_predictions_keep_their_digests_and_networks_that_read_numbers_have_others(tmp_path):
    (tmp_path / "numbers").mkdir()
    (tmp_path / "codes").mkdir()
    zoo, clamped = write_page(tmp_path / "numbers", "numbers"), write_page(tmp_path / "codes")
    for edge in zoo.edges:
        twin = clamped.edge(edge.source, edge.target, edge.method)
        assert (edge.digest == twin.digest) == (edge.source == "rgb")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hops = "numbers"', 'hops = "floats"', "hops is 'floats'; use one of codes, numbers"),
        (
            "input = { physical = [0.0, 15.625], invalid = 1.0 }",
            "input = { physical = [0.0, 10.0] }",
            "the same encoding of depth",
        ),
        ("output = { physical", "output = { size = [64, 64], physical", "`output` of rgb-depth.* has size"),
        ("input = { channels = 3 }", "input = { channels = 3, resize = { px = 64 } }", "`input` of .* has resize"),
        ("{ channels = 3 }", "{ channels = 3, layout = 'nhwc' }", "has layout"),
    ],
)
def test_networks_that_would_misread_each_other_s_numbers_are_refused(tmp_path, old, new, message):
    write_page(tmp_path, "numbers")
    toml = tmp_path / "zoo.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))
    with pytest.raises(ZooError, match=message):
        read_zoo(str(tmp_path))


@cache
def gigaflop_of(architecture: str, arguments: str) -> float:
    """Per frame of 256x256; counted at 64x64, as all of it is convolutions."""
    given = json.loads(arguments)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        on_meta(architecture, **given)(torch.rand(1, given.get("in_channels", 3), 64, 64))
    return counter.get_total_flops() / 1e9 * (256 / 64) ** 2


class Counts(nn.Module):
    """Stands for a network: gives black images of its target, and counts what they would have cost."""

    def __init__(self, edge: Edge, costs: list[float]):
        super().__init__()
        self.edge, self.costs = edge, costs

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        if self.edge.weights:
            self.costs += [gigaflop_of(self.edge.architecture, json.dumps(self.edge.arguments))] * len(codes)
        return codes.new_zeros(len(codes), self.edge.target_domain.channels, 4, 4)


@pytest.mark.parametrize(
    ("page", "n_networks", "n_runs", "gigaflop"), [("normals", 14, 14, 348), ("full", 46, 67, 1692)]
)
def test_pages_of_random_weights_cost_what_the_released_networks_do(tmp_path, page, n_networks, n_runs, gigaflop):
    describe(tmp_path, page)
    files = [edge.weights for edge in wanted_edges(tmp_path, page) if edge.weights]
    assert len(files) == n_networks
    for file in files:
        file.touch()
    write_lock(tmp_path, {file.name: {"sha256": file.name} for file in files})
    zoo = load_zoo(str(tmp_path))
    assert len(zoo.energies["normal"].paths) == 7
    paths = [(method, path) for method in zoo.methods for path in zoo.paths(method)]
    paths += [
        (method, path)
        for method in zoo.methods
        for target in zoo.targets(method)
        if target in zoo.energies
        for path in zoo.energies[target].paths
    ]
    costs: list[float] = []
    graph = Graph([zoo.chain(method, path) for method, path in paths], lambda edge: Counts(edge, costs))
    graph.run(torch.rand(1, 3, 4, 4))
    assert len(costs) == n_runs == graph.n_runs - 1  # the filter
    assert sum(costs) == pytest.approx(gigaflop, rel=0.001)
