"""Third-party networks: every format, the documented examples verbatim, and the explanations of `zoo check`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from cache.store import Store
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo, read_zoo
from consistency.zoo.records import ZooError
from precompute.cli.app import app
from precompute.zoos.install import record

ROOT = Path(__file__).parents[3]
EXAMPLES = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "own-networks.md").read_text(encoding="utf-8"), re.DOTALL)
CPU = torch.device("cpu")


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def write_onnx(
    path: Path, weight: np.ndarray, bias: np.ndarray, shape: list, outputs: tuple[str, ...] = ("350",)
) -> None:
    """A 1x1 convolution as an ONNX graph; further outputs are its negative."""
    constants = [
        numpy_helper.from_array(weight.astype(np.float32), "w"),
        numpy_helper.from_array(bias.astype(np.float32), "b"),
    ]
    nodes = [helper.make_node("Conv", ["0", "w", "b"], [outputs[0]])]
    nodes += [helper.make_node("Neg", [outputs[0]], [name]) for name in outputs[1:]]
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in outputs]
    given = helper.make_tensor_value_info("0", onnx.TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "small", [given], values, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def brightness_as_metres(path: Path) -> None:
    """The input and output of FastDepth: one frame of 224x224 RGB, metres. Here 10 times the mean of the channels."""
    write_onnx(path, np.full((1, 3, 1, 1), 10 / 3), np.zeros(1), [1, 3, 224, 224])


def write(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "zoo.toml").write_text(text, encoding="utf-8")
    return folder


def edge_toml(*, source: str = "rgb", target: str = "depth", **more: str) -> str:
    lines = ['name = "mine"', 'version = "1"', 'licence = "MIT"', "multiple = 1", f'domains = ["{source}", "{target}"]']
    lines += ["[[edge]]", f'source = "{source}"', f'target = "{target}"', 'method = "own"']
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in more.items())]) + "\n"


@pytest.fixture
def example(tmp_path) -> Path:
    """The documented FastDepth zoo, with a small network in its place."""
    folder = write(tmp_path / "my-zoo", EXAMPLES[0])
    brightness_as_metres(folder / "fastdepth.onnx")
    return folder


def test_the_documented_onnx_example_predicts_metres_and_has_readouts_and_an_energy(example, tmp_path):
    with pytest.raises(ZooError, match=r"no digest is recorded for fastdepth.onnx.*--record"):
        load_zoo(str(example))
    checked = invoke("zoo", "check", str(example), "--record")
    assert checked.exit_code == 0, checked.output
    zoo = load_zoo(str(example))
    chain = zoo.chain("fastdepth", "rgb-depth")
    codes = Graph([chain], lambda e: load_network(e, device=CPU, dtype=torch.bfloat16)).run(
        torch.full((3, 3, 64, 96), 0.5)
    )
    depth = zoo.domain("depth")
    metres = depth.lo * (depth.hi / depth.lo) ** codes[chain]
    assert metres.shape == (3, 1, 64, 96)
    torch.testing.assert_close(metres, torch.full_like(metres, 5.0), rtol=1e-3, atol=0)

    ran = invoke("run", "phone", "--zoo", str(example), "--configurations", "mine/fastdepth/*", "--max-frames", "2",
                 "--size", "64", "--store", str(tmp_path / "store"))  # fmt: skip
    assert ran.exit_code == 0, ran.output
    tracks = {(track.head.kind, track.head.path): track.head for track in Store(tmp_path / "store").tracks()}
    assert {("prediction", "rgb-depth"), ("readout", "rgb-depth-normal"), ("energy", "rgb-depth")} <= set(tracks)
    assert tracks["energy", "rgb-depth"].constants["origin"] == f"zoo mini, version {load_zoo('mini').version}"


def test_a_zoo_that_extends_another_keeps_what_it_has_of_its_own(example):
    record(read_zoo(str(example)))
    zoo = load_zoo(str(example))
    assert zoo.size_multiple == 32
    assert zoo.methods == ("fastdepth", "baseline", "consistency", "multitask")
    assert zoo.energies["depth"] == load_zoo("mini").energies["depth"]
    assert zoo.targets("fastdepth") == ("depth",)


def test_the_documented_domain_is_declared_and_its_record_travels_in_the_manifest(tmp_path):
    folder = write(tmp_path / "walls", EXAMPLES[1])
    network = nn.Conv2d(3, 1, 1)
    nn.init.constant_(network.weight, 4.0)
    nn.init.constant_(network.bias, -6.0)  # type: ignore[arg-type]
    torch.jit.save(torch.jit.script(network), folder / "segmenter.pt")
    assert invoke("zoo", "check", str(folder), "--record", "--allow-code").exit_code == 0
    arguments = [
        "run",
        "phone",
        "--zoo",
        str(folder),
        "--max-frames",
        "2",
        "--size",
        "64",
        "--store",
        str(tmp_path / "s"),
    ]
    refused = invoke(*arguments)
    assert refused.exit_code == 2 and "--allow-code" in refused.output
    ran = invoke(*arguments, "--allow-code")
    assert ran.exit_code == 0, ran.output
    head = next(t.head for t in Store(tmp_path / "s").tracks() if t.head.kind == "prediction")
    assert head.path == "rgb-wall"
    assert {name: head.domain[name] for name in ("title", "lo", "hi", "unit", "colour_map")} == {
        "title": "Wall", "lo": -8.0, "hi": 8.0, "unit": "logit", "colour_map": "magma",
    }  # fmt: skip


@pytest.fixture
def alone(tmp_path) -> Path:
    """A zoo of that network and nothing else."""
    keys = {"input": "{ size = [224, 224] }", "output": "{ range = [0.0, 10.0], physical = [0.0, 10.0] }"}
    folder = write(tmp_path / "alone", edge_toml(format='"onnx"', weights='"fastdepth.onnx"', **keys))
    brightness_as_metres(folder / "fastdepth.onnx")
    return folder


NETWORK = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sigmoid(), nn.Conv2d(4, 1, 1), nn.Sigmoid()).eval()


def save_torchscript(path: Path) -> None:
    torch.jit.save(torch.jit.script(NETWORK), path)


def save_export(path: Path) -> None:
    torch.export.save(torch.export.export(NETWORK, (torch.rand(1, 3, 64, 128),)), path)


def save_weights(path: Path) -> None:
    save_file(NETWORK.state_dict(), path)


def new_network(scale: float) -> nn.Module:
    """A factory, as `format = "code"` names it."""
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Sigmoid(), nn.Conv2d(4, 1, 1), nn.Sigmoid())


@pytest.mark.parametrize(
    ("save", "keys"),
    [
        (save_torchscript, {"format": '"torchscript"'}),
        (save_export, {"format": '"torch-export"', "input": "{ size = [64, 128] }"}),
        (
            save_weights,
            {"format": '"code"', "architecture": f'"{__name__}:new_network"', "arguments": "{ scale = 1.0 }"},
        ),
    ],
)
def test_programs_run_where_code_is_allowed_and_give_what_they_gave(tmp_path, save, keys):
    folder = write(tmp_path / "zoo", edge_toml(target="reshading", weights='"network"', **keys))
    save(folder / "network")
    record(read_zoo(str(folder)))
    with pytest.raises(ZooError, match=r"rgb-reshading\.own run third-party code .*--allow-code"):
        load_zoo(str(folder))
    edge = load_zoo(str(folder), allow_code=True).edges[0]
    network = load_network(edge, device=CPU, dtype=torch.bfloat16)
    image = torch.rand(3, 3, 64, 128)
    with torch.inference_mode():
        torch.testing.assert_close(network(image), NETWORK(image), atol=1e-5, rtol=1e-4)


def test_the_digest_of_code_follows_its_source(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    source = tmp_path / "factory_for_a_test.py"
    text = "import torch\n\ndef make():\n    return torch.nn.Conv2d(3, 1, 1)\n"
    folder = write(tmp_path / "zoo", edge_toml(format='"code"', architecture='"factory_for_a_test:make"'))
    digests = []
    for more in ("", "# changed\n"):
        source.write_text(text + more)
        digests.append(load_zoo(str(folder), allow_code=True).edges[0].digest)
    assert digests[0] != digests[1]
    assert "factory_for_a_test" not in sys.modules


def test_of_an_onnx_graph_with_several_outputs_the_head_is_taken(tmp_path):
    def zoo_with(**more: str) -> Path:
        return write(tmp_path / "zoo", edge_toml(target="reshading", format='"onnx"', weights='"two.onnx"', **more))

    folder = zoo_with()
    write_onnx(folder / "two.onnx", np.full((1, 3, 1, 1), 1 / 3), np.zeros(1), ["n", 3, "h", "w"], ("plus", "minus"))
    assert "set `head` to one of plus, minus" in invoke("zoo", "check", str(folder), "--record").output
    zoo_with(head='"minus"', output="{ range = [-1.0, 0.0] }")
    network = load_network(load_zoo(str(folder)).edges[0], device=CPU, dtype=torch.float32)
    torch.testing.assert_close(network(torch.full((2, 3, 4, 6), 0.25)), torch.full((2, 1, 4, 6), 0.75))


def test_without_onnx_runtime_it_is_said_what_to_install(alone, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = invoke("zoo", "check", str(alone), "--record")
    assert result.exit_code == 1 and "pip install onnxruntime" in result.output


def test_an_onnx_graph_cannot_read_files_elsewhere(tmp_path):
    """Its weights may lie in files beside it, and only there."""
    folder = write(tmp_path / "zoo", edge_toml(format='"onnx"', weights='"outside.onnx"'))
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones(3, np.float32).tobytes())
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1, 3, 1, 1])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(secret))
    given = helper.make_tensor_value_info("0", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    made = helper.make_tensor_value_info("1", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Conv", ["0", "w"], ["1"])], "x", [given], [made], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "outside.onnx").write_bytes(model.SerializeToString())
    result = invoke("zoo", "check", str(folder), "--record")
    assert result.exit_code == 1 and "save it as one file, or with the data beside it" in result.output


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, r"the network failed on \(2, 3, 64, 128\) numbers from .*fix `input` \(channels, size, layout\)"),
        ({"input": "{ size = [224, 224], layout = 'nhwc' }"}, "the network failed"),
        ({"input": "{ size = [224, 224] }"}, r"gives .* outside `output.range` \[0, 1\]"),
        (
            {"input": "{ size = [224, 224] }", "output": "{ range = [0.0, 10.0], channels = 3 }"},
            r"gives \(2, 1, 224, 224\) for 2 frames, expected 3 channels",
        ),
        ({"input": "{ size = [224, 224], mean = [0.5, 0.5], std = [1.0, 1.0] }"}, "`input` does not fit rgb"),
        ({"input": "{ size = [224, 224] }", "output": "{ range = [20.0, 30.0] }"}, "gives 0 everywhere"),
        ({"input": "{ resize = { px = 2100 } }"}, "`input` does not fit rgb: resize makes .* at most 4096 a side"),
    ],
)
def test_check_explains_what_does_not_fit(tmp_path, keys, message):
    folder = write(tmp_path / "zoo", edge_toml(target="reshading", format='"onnx"', weights='"fastdepth.onnx"', **keys))
    brightness_as_metres(folder / "fastdepth.onnx")
    result = invoke("zoo", "check", str(folder), "--record")
    assert result.exit_code == 1
    assert re.search(message, result.output), result.output


@pytest.mark.parametrize(("end", "of"), [("input", "rgb"), ("output", "depth")])
def test_axes_of_what_is_no_direction_are_refused(tmp_path, end, of):
    keys = {"format": '"onnx"', "weights": '"fastdepth.onnx"', end: "{ axes = ['x', '-y', '-z'] }"}
    with pytest.raises(ZooError, match=f"edge rgb-depth: `{end}` states axes, but {of} does not hold directions"):
        read_zoo(str(write(tmp_path / "zoo", edge_toml(**keys))))


class NamesDevices(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=1, keepdim=True) + torch.zeros(1, device=torch.device("cpu"))


def test_a_dtype_of_a_program_that_names_devices_is_refused(tmp_path):
    keys = {"format": '"torchscript"', "weights": '"net.pt"', "dtype": '"float16"'}
    folder = write(tmp_path / "zoo", edge_toml(**keys))
    torch.jit.trace(NamesDevices(), torch.rand(1, 3, 8, 8)).save(str(folder / "net.pt"))
    record(read_zoo(str(folder)))
    with pytest.raises(ZooError, match="dtype is 'float16', but its program names devices"):
        load_network(read_zoo(str(folder)).edges[0], device=CPU, dtype=torch.float32)


def test_a_network_that_changed_after_it_was_recorded_is_not_run(alone):
    assert invoke("zoo", "check", str(alone), "--record").exit_code == 0
    write_onnx(alone / "fastdepth.onnx", np.ones((1, 3, 1, 1)), np.zeros(1), [1, 3, 224, 224])
    result = invoke("zoo", "check", str(alone))
    assert result.exit_code == 1 and "the zoo states" in result.output
    assert invoke("zoo", "check", str(alone), "--record").exit_code == 0


def test_a_zoo_of_ones_own_cannot_redeclare_depth(tmp_path):
    folder = write(tmp_path / "zoo", EXAMPLES[1].replace("wall", "depth"))
    with pytest.raises(ZooError, match="cannot declare a domain 'depth'"):
        load_zoo(str(folder))
