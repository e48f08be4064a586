"""Networks of transformers, of the true classes with random weights, against the library's own processors and pipeline."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from typer.testing import CliRunner, Result

from cache.store import Store
from consistency.domains import DOMAINS
from consistency.zoo.load import load_network
from consistency.zoo.networks.adapters import InputSpec, OutputSpec, read_spec
from consistency.zoo.networks.transformers_models import DEPTH as DEPTH_OUTPUT
from consistency.zoo.networks.transformers_models import DepthOnly
from consistency.zoo.read import load_zoo
from precompute.cli.app import app
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.zoos.hub import client, specs
from tests.fixtures.media import write_video
from tests.fixtures.web.sites import running
from tests.hub.tiny import PROCESSORS, files_of, model, serve

transformers = pytest.importorskip("transformers", reason="needs requirements/hf.txt: make test-hf")

RGB, DEPTH = DOMAINS["rgb"], DOMAINS["depth"]
CPU = torch.device("cpu")
SIZES = [(48, 80), (96, 64), (200, 300), (70, 70)]


def processor_of(kind: str):
    from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
    from transformers.models.glpn.image_processing_pil_glpn import GLPNImageProcessorPil
    from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

    fields = {key: value for key, value in PROCESSORS[kind].items() if key != "image_processor_type"}
    classes = {"glpn": GLPNImageProcessorPil, "zoedepth": ZoeDepthImageProcessorPil}
    return classes.get(kind, DPTImageProcessorPil)(**fields)


def picture(height: int, width: int) -> np.ndarray:
    """Smooth and noisy, uint8 (H, W, 3)."""
    rng = np.random.default_rng(height)
    ramp = np.linspace(0, 200, height)[:, None, None] + np.linspace(0, 30, width)[None, :, None]
    return (ramp + rng.integers(0, 25, (height, width, 3))).clip(0, 255).astype(np.uint8)


def codes_of(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", list(PROCESSORS))
def test_a_picture_becomes_the_tensor_that_the_library_makes_of_it(kind, size):
    image = picture(*size)
    expected = processor_of(kind)(images=image, return_tensors="pt")["pixel_values"]
    spec = read_spec(InputSpec, specs.ports_of({"model_type": kind.split()[0]}, PROCESSORS[kind]).input)
    found = spec.to_numbers(codes_of(image), RGB)
    assert found.shape == expected.shape
    difference = (found - expected).abs()
    assert difference.mean() < 1e-3
    assert difference.max() < 1.01 / 255 / min(PROCESSORS[kind].get("image_std", [1.0]))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", [kind for kind in PROCESSORS if kind != "zoedepth"])
def test_each_pass_of_scaling_is_that_of_pil_but_for_ties_of_its_rounding(kind, size):
    """PIL interpolates with integer weights, along the width, then along the height of what that gave."""
    ports = specs.ports_of({"model_type": kind.split()[0]}, PROCESSORS[kind])
    rule = read_spec(InputSpec, ports.input).resize
    height, width = rule.placement(*size).scaled
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    levels = picture(*size)
    for new in ((size[0], width), (height, width)):
        before = torch.from_numpy(levels).permute(2, 0, 1)[None].double()
        levels = np.array(Image.fromarray(levels).resize(new[::-1], filters[rule.resample]))
        one_pass = replace(rule, side="stretch", px=new[0], width_px=new[1], multiple=1)
        found = (one_pass.apply(before / 255) * 255).round()
        exact = F.interpolate(before, size=new, mode=rule.resample, align_corners=False, antialias=True).clamp(0, 255)
        is_tie = (exact - exact.floor() - 0.5).abs() < 1e-3
        difference = (found - torch.from_numpy(levels).permute(2, 0, 1)[None]).abs()
        assert (difference[~is_tie] == 0).all() and difference.max() <= 1


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("depth_anything", {}),
        ("depth_anything", {"depth_estimation_type": "metric", "max_depth": 20}),
        ("dpt", {}),
        ("dpt bilinear", {}),
        ("glpn", {}),
    ],
    ids=str,
)
def test_the_map_is_the_one_of_the_library_s_own_post_processing(kind, fields):
    processor, stated = processor_of(kind), PROCESSORS[kind]
    kind, size = kind.split()[0], (48, 80)
    made = model(kind, **fields)
    config = {**json.loads(made.config.to_json_string()), "model_type": kind}
    ports = specs.ports_of(config, stated)
    inputs = processor(images=picture(*size), return_tensors="pt")
    with torch.no_grad():
        outputs = made(**inputs)
    (expected,) = processor.post_process_depth_estimation(outputs, target_sizes=[size])
    spec = read_spec(InputSpec, ports.input)
    found = spec.resize.undo(outputs.predicted_depth[:, None], size)[0, 0]
    torch.testing.assert_close(found, expected["predicted_depth"], atol=1e-3, rtol=1e-3)
    assert ports.is_relative is (kind == "dpt" or (kind == "depth_anything" and not fields))


TWO_HEADS = [
    {"name": "nyu", "n_bins": 8, "min_depth": 0.001, "max_depth": 10.0},
    {"name": "kitti", "n_bins": 8, "min_depth": 0.001, "max_depth": 80.0},
]


@pytest.mark.parametrize("fields", [{}, {"bin_configurations": TWO_HEADS}], ids=["one head", "two heads"])
@pytest.mark.parametrize("size", [(48, 80), (96, 64)], ids=str)
def test_zoedepth_gives_the_metres_of_the_library_without_the_reflected_margins(monkeypatch, fields, size):
    from transformers.models.zoedepth import image_processing_pil_zoedepth as library

    def resize(depth, size, interpolation, antialias):  # as torchvision's does, which the tests do not have
        assert interpolation == "bicubic" and not antialias
        return F.interpolate(depth[None], size=tuple(size), mode="bicubic", align_corners=False)[0]

    modes = SimpleNamespace(BICUBIC="bicubic")
    monkeypatch.setattr(library, "tvF", SimpleNamespace(resize=resize, InterpolationMode=modes), raising=False)
    processor, made = processor_of("zoedepth"), model("zoedepth", **fields)
    config = {**json.loads(made.config.to_json_string()), "model_type": "zoedepth"}
    ports = specs.ports_of(config, PROCESSORS["zoedepth"])
    image = picture(*size)
    with torch.no_grad():
        outputs = made(**processor(images=image, return_tensors="pt"))
    (expected,) = processor.post_process_depth_estimation(outputs, source_sizes=[size])
    given, read = read_spec(InputSpec, ports.input), read_spec(OutputSpec, ports.output)
    with torch.no_grad():
        own = DepthOnly(made, votes=True)(given.to_numbers(codes_of(image), RGB))[DEPTH_OUTPUT]
    metres = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** read.to_codes(own[:, None], DEPTH, size, given.resize)
    top = ports.output["range"][1]
    assert top == (80 if fields else 10) and not ports.is_relative
    assert expected["predicted_depth"].std() > 1e-3
    torch.testing.assert_close(metres[0, 0], expected["predicted_depth"].clamp(0.1, min(top, 16)), atol=1e-3, rtol=1e-3)


def test_a_frame_of_zoedepth_is_the_same_alone_and_in_a_batch_whose_other_frames_are_roads(site):
    """The library chooses one head for a whole batch."""
    serve(site, "someone/tiny", files_of("zoedepth", bin_configurations=TWO_HEADS), "mit")
    assert (result := call("zoo", "add", "hf:someone/tiny", "--as", "tiny")).exit_code == 0, result.output
    network = load_network(load_zoo("tiny").edges[0], device=CPU, dtype=torch.float32)
    frames = torch.cat([codes_of(picture(64, 96)), torch.ones(1, 3, 64, 96)])
    numbers, library = network.input_spec.to_numbers(frames, RGB), network.network.module
    with torch.no_grad():
        alone = torch.cat([library(one[None])[DEPTH_OUTPUT] for one in numbers])
        assert not torch.allclose(library(numbers)[DEPTH_OUTPUT], alone, atol=1e-3)
        torch.testing.assert_close(network(frames), torch.cat([network(frame[None]) for frame in frames]))


def test_depth_pro_gives_the_metres_of_the_library_s_formula():
    """`post_process_depth_estimation` of the library, written out: its processor's module needs torchvision."""
    size = (48, 80)
    generator = torch.Generator().manual_seed(0)
    inverse = torch.rand(2, 96, 96, generator=generator) + 0.2
    fields = torch.tensor([40.0, 75.0])
    focal_px = 0.5 * size[1] / torch.tan(0.5 * torch.deg2rad(fields)).view(-1, 1, 1, 1)
    scaled = F.interpolate(inverse[:, None] * size[1] / focal_px, size=size, mode="bilinear")
    expected = 1 / scaled.clamp(1e-4, 1e4)

    class Made(torch.nn.Module):
        def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(predicted_depth=inverse, field_of_view=fields)

    ports = specs.ports_of({"model_type": "depth_pro"}, {})
    given, read = read_spec(InputSpec, ports.input), read_spec(OutputSpec, ports.output)
    pictures = torch.rand(2, 3, *size, generator=generator)
    numbers = given.to_numbers(pictures, RGB)
    stretched = F.interpolate(pictures, size=(1536, 1536), mode="bilinear", align_corners=False)
    torch.testing.assert_close(numbers, (stretched - 0.5) / 0.5, atol=1e-5, rtol=1e-5)
    (made,) = DepthOnly(Made(), is_depth_pro=True)(numbers).values()
    codes = read.to_codes(made[:, None], DEPTH, size, given.resize)
    metres = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** codes
    torch.testing.assert_close(metres, expected.clamp(DEPTH.lo, DEPTH.hi), atol=1e-4, rtol=1e-4)
    assert not ports.is_relative


@pytest.fixture
def site(tmp_path, monkeypatch):
    with running() as found:
        monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
        monkeypatch.setenv("CROSSCHECK_STORE", str(tmp_path / "store"))
        monkeypatch.setenv(ALLOW_LOOPBACK_VARIABLE, "1")
        monkeypatch.setenv(client.ENDPOINT_VARIABLE, found.address)
        yield found


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_metric_model_is_added_with_its_commit_and_gives_the_metres_of_the_library(site):
    files = files_of("glpn", max_depth=10)
    serve(site, "someone/tiny", files, "mit")
    result = call("zoo", "add", "hf:someone/tiny", "--as", "tiny")
    assert result.exit_code == 0, result.output
    assert (
        "licence: mit" in result.output and "at cccccccccccc" in result.output and "MB of safetensors" in result.output
    )
    zoo = load_zoo("tiny")
    assert zoo.version == "c" * 12 and zoo.licence == "mit" and "auto_map" not in zoo.edges[0].arguments["config"]
    image = picture(64, 96)
    codes = load_network(zoo.edges[0], device=CPU, dtype=torch.float32)(codes_of(image))
    processor, made = processor_of("glpn"), model("glpn", max_depth=10)
    with torch.no_grad():
        outputs = made(**processor(images=image, return_tensors="pt"))
    (expected,) = processor.post_process_depth_estimation(outputs, target_sizes=[(64, 96)])
    metres = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** codes[0, 0]
    torch.testing.assert_close(metres, expected["predicted_depth"].clamp(0.1, 10), atol=1e-3, rtol=1e-3)
    again = call("zoo", "add", "hf:someone/tiny", "--as", "tiny")
    assert again.exit_code == 1 and "there is a zoo 'tiny' already" in again.output


def test_weights_of_another_model_are_refused_and_nothing_is_added(site, tmp_path):
    files = files_of("glpn")
    serve(site, "someone/tiny", {**files, "model.safetensors": files_of("dpt")["model.safetensors"]}, "mit")
    result = call("zoo", "add", "hf:someone/tiny", "--as", "tiny")
    assert result.exit_code == 1 and "do not fit its configuration" in result.output
    assert not (tmp_path / "zoos" / "tiny").exists()


def test_a_network_computes_in_the_dtype_that_its_zoo_states(site):
    serve(site, "someone/tiny", files_of("glpn"), "mit")
    assert call("zoo", "add", "hf:someone/tiny", "--as", "tiny").exit_code == 0
    whole = load_zoo("tiny").edges[0]
    toml = whole.weights.parent / "zoo.toml"
    toml.write_text(toml.read_text().replace('format = "transformers"', 'format = "transformers"\ndtype = "bfloat16"'))
    half = load_zoo("tiny").edges[0]
    assert half.digest != whole.digest
    networks = [load_network(edge, device=CPU, dtype=torch.float32) for edge in (whole, half)]
    assert {p.dtype for p in networks[1].parameters()} == {torch.bfloat16}
    made = [network(codes_of(picture(64, 96))) for network in networks]
    assert 0 < (made[0] - made[1]).abs().mean() < 0.02 and made[1].dtype == torch.float32


def test_the_five_commands_of_the_documentation_compare_a_relative_model_with_one_s_own(site, tmp_path, monkeypatch):
    """docs/networks.md, with a tiny model under the name of the large one and a tiny network of one's own."""
    text = Path("docs/networks.md").read_text()
    commands = re.search(r"in five commands.*?```sh\n(.*?)```", text, re.DOTALL).group(1).strip().splitlines()
    assert len(commands) == 5
    own = re.search(r"`my-zoo/zoo.toml`.*?```toml\n(.*?)```", text, re.DOTALL).group(1)
    serve(site, "depth-anything/Depth-Anything-V2-Small-hf", files_of("depth_anything"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-zoo").mkdir()
    (tmp_path / "my-zoo" / "zoo.toml").write_text(own)
    own_network = torch.nn.Sequential(torch.nn.Conv2d(3, 1, 1), torch.nn.Sigmoid())
    torch.onnx.export(
        own_network,
        (torch.rand(2, 3, 64, 96),),
        tmp_path / "my-zoo" / "my-network.onnx",
        dynamic_axes={"x": [0, 2, 3], "y": [0, 2, 3]},
        input_names=["x"],
        output_names=["y"],
        dynamo=False,
    )
    write_video(tmp_path / "my-video.mp4", 3)
    for command in commands[:4]:
        words = shlex.split(command, comments=True)
        assert words[:3] == ["python", "-m", "precompute"]
        result = call(*words[3:])
        assert result.exit_code == 0, f"{command}\n{result.output}"
    assert commands[4].startswith("streamlit run dashboard/app.py")
    names = {track.head.configuration for track in Store(tmp_path / "store").tracks()}
    assert {"dav2/dav2/rgb-depth", "mine/mine/rgb-depth"} <= names
    relative = {
        track.head.configuration
        for track in Store(tmp_path / "store").tracks()
        if track.head.constants.get("known_up_to") == "inverse-scale-and-shift"
    }
    assert relative == {"dav2/dav2/rgb-depth"}
    toml = (tmp_path / "zoos" / "dav2" / "zoo.toml").read_text()
    assert 'known_up_to = "inverse-scale-and-shift"' in toml
