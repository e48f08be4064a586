"""Presets that are ONNX files: files with the names and shapes of the true exports, made here, give what their projects' own
programs make of a network's numbers."""

from __future__ import annotations

import math
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from consistency.domains import DOMAINS
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo, read_zoo
from consistency.zoo.records import ZooError
from precompute.cli.app import app
from precompute.net.addresses import ALLOW_LOOPBACK_VARIABLE
from precompute.zoos.hub import client
from precompute.zoos.hub.edges import described
from precompute.zoos.hub.presets import as_markdown, presets
from tests.fixtures.web.sites import running
from tests.hub.tiny import serve

CPU = torch.device("cpu")
DEPTH = DOMAINS["depth"]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIZE = (48, 80)
FOCAL_PX = SIZE[0] / 2 / math.tan(math.radians(30))
"""The focal length for a frame of that size whose shorter side is seen under 60 degrees."""


@pytest.fixture
def site(tmp_path, monkeypatch):
    with running() as found:
        monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
        monkeypatch.setenv(ALLOW_LOOPBACK_VARIABLE, "1")
        monkeypatch.setenv(client.ENDPOINT_VARIABLE, found.address)
        yield found


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def save(
    network: nn.Module, path: Path, given: tuple[Tensor, ...], names: list[str], outputs: list[str], **axes
) -> Path:
    torch.onnx.export(
        network.eval(), given, path, input_names=names, output_names=outputs, dynamic_axes=axes or None, dynamo=False
    )
    return path


def picture() -> np.ndarray:
    """Smooth, uint8 (H, W, 3)."""
    rows, columns = np.linspace(0, 1, SIZE[0])[:, None, None], np.linspace(0, 1, SIZE[1])[None, :, None]
    return (40 + 120 * rows + 50 * columns * np.array([0.4, 1.0, 0.6])).astype(np.uint8)


def codes_of(image: np.ndarray) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def metres_of(codes: Tensor) -> Tensor:
    return DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** codes


def run(zoo: str) -> dict[str, Tensor]:
    """Target -> the codes that the zoo's network gives for the picture."""
    networks = {edge.target: load_network(edge, device=CPU, dtype=torch.float32) for edge in load_zoo(zoo).edges}
    with torch.inference_mode():
        return {target: network(codes_of(picture())) for target, network in networks.items()}


class Metric3D(nn.Module):
    """What onnx/metric3d_onnx_export.py saves: normalises inside, gives the depth of the canonical camera."""

    def forward(self, image: Tensor) -> Tensor:
        mean, std = torch.tensor(MEAN).view(1, 3, 1, 1) * 255, torch.tensor(STD).view(1, 3, 1, 1) * 255
        return 4 + ((image - mean) / std).mean(1, keepdim=True)


def test_metric3d_gives_the_metres_of_its_own_script(site, tmp_path):
    """onnx/test_onnx.py and hubconf.py of the project, written out: scaled and padded, back again, times focal length / 1000."""
    file = save(Metric3D(), tmp_path / "m.onnx", (torch.rand(1, 3, 616, 1064),), ["image"], ["pred_depth"])
    result = call("zoo", "add", f"onnx:{file}", "--as", "metric3d", "--like", "metric3d-v2-vit-small")
    assert result.exit_code == 0 and "licence: bsd-2-clause" in result.output, result.output
    assert load_zoo("metric3d").licence == "bsd-2-clause, as stated for metric3d-v2-vit-small"
    scale = min(616 / SIZE[0], 1064 / SIZE[1])
    height, width = (int(side * scale) for side in SIZE)
    scaled = cv2.resize(picture(), (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    top, left = (616 - height) // 2, (1064 - width) // 2
    padded = np.full((616, 1064, 3), [123.675, 116.28, 103.53], np.float32)
    padded[top : top + height, left : left + width] = scaled
    with torch.no_grad():
        made = Metric3D()(torch.from_numpy(padded).permute(2, 0, 1)[None])[0, 0].numpy()
    own = cv2.resize(made[top : top + height, left : left + width], SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    expected = torch.from_numpy(own) * FOCAL_PX * scale / 1000
    torch.testing.assert_close(metres_of(run("metric3d")["depth"])[0, 0], expected, atol=0.01, rtol=0.005)


class UniDepth(nn.Module):
    """What unidepthv2/export.py saves: points, a confidence and intrinsics of a normalised picture."""

    def forward(self, rgbs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = 5 + rgbs.mean(1, keepdim=True)
        return torch.cat([z * 0.1, z * 0.2, z], 1), z, torch.eye(3).expand(rgbs.shape[0], 3, 3) * z.mean()


def test_unidepth_gives_z_of_its_points_where_the_pixels_were(site, tmp_path):
    names = ["pts_3d", "confidence", "intrinsics"]
    axes = {name: {0: "batch"} for name in ["rgbs", *names]}
    file = save(UniDepth(), tmp_path / "u.onnx", (torch.rand(2, 3, 462, 630),), ["rgbs"], names, **axes)
    words = ("zoo", "add", f"onnx:{file}", "--as", "unidepth", "--like", "unidepth-v2-vitl")
    refused = call(*words)
    assert refused.exit_code == 1 and "licence: cc-by-nc-4.0, non-commercial" in refused.output
    assert "https://github.com/lpiccinelli-eth/UniDepth" in refused.output.replace("\n", "")
    result = call(*words, "--accept-licence")
    assert result.exit_code == 0, result.output
    normalised = (codes_of(picture()) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    expected = 5 + normalised.mean(1)[0]
    inside = (slice(2, -2), slice(2, -2))  # scaled up and down again, which mixes the outermost pixels
    torch.testing.assert_close(
        metres_of(run("unidepth")["depth"])[0, 0][inside], expected[inside], atol=0.02, rtol=0.005
    )


class MoGe(nn.Module):
    """What docs/onnx.md saves: points and normals with channels last, a mask after its sigmoid, a scale per picture."""

    def forward(self, image: Tensor, num_tokens: Tensor) -> dict[str, Tensor]:
        red, green, blue = image.unbind(1)
        z = torch.exp(red) * num_tokens / 1800
        normal = F.normalize(torch.stack([red - 0.5, green - 0.5, -1 - blue], -1), dim=-1)
        return {
            "points": torch.stack([red * z, green * z, z], -1),
            "normal": normal,
            "mask": (green > 0.4).float(),
            "metric_scale": red.mean((1, 2)).exp(),
        }


def moge_file(path: Path) -> Path:
    outputs = ["points", "normal", "mask", "metric_scale"]
    axes = {"image": {0: "batch_size", 2: "height", 3: "width"}}
    given = (torch.rand(1, 3, 56, 56), torch.tensor(1800))
    return save(MoGe(), path, given, ["image", "num_tokens"], outputs, **axes)


def test_moge_gives_normals_as_they_are_and_depth_up_to_scale_and_shift_where_its_mask_is(site, tmp_path):
    preset = next(preset for preset in presets() if preset.name == "moge-2-vits-normal")
    files = {"model.onnx": moge_file(tmp_path / "m.onnx").read_bytes(), "README.md": b"text"}
    serve(site, preset.id.removeprefix("hf:"), files, "mit")
    refused = call("zoo", "add", preset.id, "--as", "moge")
    assert refused.exit_code == 1 and "licence: mit (code); weights not stated" in refused.output
    assert not [path for path in site.requests if "/resolve/" in path]
    result = call("zoo", "add", preset.id, "--as", "moge", "--accept-licence")
    assert result.exit_code == 0 and "MB of ONNX" in result.output, result.output
    with torch.no_grad():
        own = MoGe()(codes_of(picture()), torch.tensor(1800))
    made, is_valid = run("moge"), own["mask"][0] > 0.5
    assert 0.1 < is_valid.float().mean() < 0.9
    normals = own["normal"].permute(0, 3, 1, 2)
    torch.testing.assert_close((made["normal"] * 2 - 1)[0][:, is_valid], normals[0][:, is_valid], atol=1e-5, rtol=1e-5)
    z, metres = own["points"][0, ..., 2][is_valid], metres_of(made["depth"])[0, 0][is_valid]
    line = torch.stack([z, torch.ones_like(z)], 1)
    fit = torch.linalg.lstsq(line, metres[:, None]).solution
    torch.testing.assert_close((line @ fit)[:, 0], metres, atol=1e-3, rtol=1e-3)
    assert fit[0] > 0 and load_zoo("moge").edges[1].output_spec.known_up_to == "scale-and-shift"
    for target, codes in made.items():
        unknown = torch.tensor(DOMAINS[target].invalid).expand(int((~is_valid).sum()))
        torch.testing.assert_close(codes[0, 0][~is_valid], unknown)


class DepthAnything3(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (4 + x.mean(1)) * 3  # (B, H, W)


@pytest.mark.parametrize("name", ["depth-anything-3-metric", "depth-anything-3-mono"])
def test_depth_anything_3_is_scaled_by_its_long_side_and_gives_metres_by_the_focal_length(site, tmp_path, name):
    axes = {"x": {0: "b", 2: "h", 3: "w"}, "depth": {0: "b", 1: "h", 2: "w"}}
    file = save(DepthAnything3(), tmp_path / "d.onnx", (torch.rand(1, 3, 28, 28),), ["x"], ["depth"], **axes)
    result = call("zoo", "add", f"onnx:{file}", "--as", "da3", "--like", name)
    assert result.exit_code == 0, result.output
    edge = load_zoo("da3").edges[0]
    assert edge.input_spec.resize.placement(480, 640).total == (378, 504)
    normalised = (codes_of(picture()) - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)
    own = (4 + normalised.mean(1)[0]) * 3
    metres = metres_of(run("da3")["depth"])[0, 0]
    inside = (slice(2, -2), slice(2, -2))
    if name.endswith("metric"):
        scaled = edge.input_spec.resize.placement(*SIZE).scaled
        focal_px = FOCAL_PX * math.sqrt(scaled[0] * scaled[1] / (SIZE[0] * SIZE[1]))
        own = (own * focal_px / 300).clamp(max=DEPTH.hi)
    else:
        line = torch.stack([own[inside].flatten(), torch.ones(own[inside].numel())], 1)
        own[inside] = (line @ torch.linalg.lstsq(line, metres[inside].reshape(-1, 1)).solution).view_as(own[inside])
        assert edge.output_spec.known_up_to == "scale-and-shift"
    torch.testing.assert_close(metres[inside], own[inside], atol=0.02, rtol=0.005)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "several inputs \\(image, num_tokens\\)"),
        ("arguments = { tokens = 3 }", "has no input 'tokens'; it has image, num_tokens"),
        ("arguments = { num_tokens = 'many' }", "cannot be read as onnx"),
    ],
)
def test_values_of_further_inputs_must_be_those_of_the_graph(tmp_path, arguments, message):
    moge_file(tmp_path / "m.onnx")
    (tmp_path / "zoo.toml").write_text(
        'name = "z"\nversion = "1"\nlicence = "MIT"\nmultiple = 1\ndomains = ["rgb", "normal"]\n[[edge]]\n'
        'source = "rgb"\ntarget = "normal"\nmethod = "m"\nformat = "onnx"\nweights = "m.onnx"\nhead = "normal"\n'
        + arguments
    )
    assert call("zoo", "check", tmp_path, "--record").exit_code == 1
    with pytest.raises(ZooError, match=message):
        load_network(read_zoo(str(tmp_path)).edges[0], device=CPU, dtype=torch.float32)


def test_a_channel_that_the_network_does_not_give_is_named(site, tmp_path):
    (tmp_path / "like.toml").write_text(
        '[[edge]]\ntarget = "depth"\nhead = "points"\noutput = { layout = "nhwc", pick = [3], physical = [0.1, 10.0] }\n'
        "[arguments]\nnum_tokens = 1800\n"
    )
    file = moge_file(tmp_path / "m.onnx")
    result = call("zoo", "add", f"onnx:{file}", "--as", "bad", "--like", tmp_path / "like.toml")
    assert result.exit_code == 1 and "gives 3 channels, `output.pick` names 3" in result.output.replace("\n", " ")
    assert not (tmp_path / "zoos" / "bad").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'edge'"),
        ("edge = 3", "one \\[\\[edge\\]\\] table or more"),
        ("[[edge]]\nhead = 'x'", "'target'"),
        ("[[edge]]\ntarget = 'depth'\nweights = '../x'", "unknown field weights"),
        ("[[edge]]\ntarget = 'depth'\ninput = 3", "are tables"),
        ("[[edge]\n", "Expected"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused_with_the_field(tmp_path, text, message):
    (tmp_path / "like.toml").write_text(text)
    with pytest.raises(ZooError, match=message):
        described(str(tmp_path / "like.toml"))


def test_an_onnx_file_needs_a_description_and_a_name_that_is_none_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCHECK_ZOOS", str(tmp_path / "zoos"))
    (tmp_path / "m.onnx").write_bytes(b"x")
    assert "--like PRESET" in call("zoo", "add", f"onnx:{tmp_path / 'm.onnx'}", "--as", "m").output
    result = call("zoo", "add", f"onnx:{tmp_path / 'm.onnx'}", "--as", "m", "--like", "nobody")
    assert result.exit_code == 1 and "no preset, and no file" in result.output
    result = call("zoo", "add", f"onnx:{tmp_path / 'm.onnx'}", "--as", "m", "--like", "zoedepth")
    assert result.exit_code == 1 and "does not say what an output means" in result.output.replace("\n", " ")


def test_the_documentation_shows_the_table_of_presets_and_a_description_that_is_read(tmp_path):
    text = Path("docs/networks.md").read_text()
    assert as_markdown() in text, "run: python -m precompute.zoos.hub.presets"
    example = re.search(r"`other.toml`, of.*?```toml\n(.*?)```", text, re.DOTALL)
    assert example
    (tmp_path / "other.toml").write_text(example.group(1))
    assert [edge["target"] for edge in described(str(tmp_path / "other.toml")).edges] == ["depth", "normal"]
    (command,) = re.findall(r"zoo add hub:alexsax.*?accept-licence", text, re.DOTALL)
    preset = next(preset for preset in presets() if preset.name == "omnidata-v2-normal")
    assert " ".join(command.replace("\\\n", " ").split()) in preset.command


def test_the_outputs_of_every_preset_are_read_as_those_of_a_zoo(tmp_path):
    for preset in presets():
        if preset.edges:
            assert {edge["target"] for edge in preset.edges} == set(preset.domains)
            outputs = described(preset.name)
            for edge in outputs.edges:
                assert tuple(edge.get("output", {}).get("axes", preset.axes)) == preset.axes
        assert bool(preset.edges) == preset.id.startswith(("hub:", "onnx:", "hf:Ruicheng/")), preset.name
