"""Networks as other people save them: what they give beside an image, and in what shape, precision and on which device."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from cache.store import Store
from consistency.zoo.explained import BadNetwork
from consistency.zoo.load import load_network
from consistency.zoo.networks import formats
from consistency.zoo.networks.foreign import Foreign
from consistency.zoo.read import load_zoo
from precompute.cli.app import app
from tests.fixtures.media import write_video

CPU = torch.device("cpu")
METRES = "{ range = [0.0, 10.0], physical = [0.0, 10.0] }"
SIZE = (24, 40)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def write_zoo(folder: Path, target: str = "depth", output: str = METRES, **keys: str) -> Path:
    folder.mkdir(exist_ok=True)
    lines = ['name = "theirs"', 'version = "1"', 'licence = "MIT"', "multiple = 1", f'domains = ["rgb", "{target}"]']
    lines += ["[[edge]]", 'source = "rgb"', f'target = "{target}"', 'method = "m"', f"output = {output}"]
    lines += [f'{name} = "{value}"' for name, value in keys.items()]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    return folder


def write_onnx(
    path: Path, more: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto], kind: int = TensorProto.FLOAT
):
    """Ten times the mean of the channels, as `d4`, (N, 1, H, W); `more` makes the outputs of it."""
    weight = np.full((1, 3, 1, 1), 10 / 3, np.float16 if kind == TensorProto.FLOAT16 else np.float32)
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([1], np.int64), "axes")]
    given = helper.make_tensor_value_info("image", kind, ["N", 3, "H", "W"])
    nodes = [helper.make_node("Conv", ["image", "w"], ["d4"]), *more]
    graph = helper.make_graph(nodes, "g", [given], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


DEPTH = helper.make_tensor_value_info("depth", TensorProto.FLOAT, None)
SAME = helper.make_node("Identity", ["d4"], ["depth"])
MEAN = helper.make_node("ReduceMean", ["d4"], ["more"], keepdims=0)
FLAT = helper.make_node("Squeeze", ["d4", "axes"], ["depth"])
PAIR = helper.make_node("SequenceConstruct", ["d4", "d4"], ["more"])
A_NUMBER = helper.make_tensor_value_info("more", TensorProto.FLOAT, [])
A_SEQUENCE = helper.make_tensor_sequence_value_info("more", TensorProto.FLOAT, None)
A_MAP = helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["N", 1, "H", "W"])


@pytest.mark.parametrize(
    ("nodes", "outputs", "keys"),
    [
        ([FLAT], [DEPTH], {}),
        ([SAME, MEAN], [DEPTH, A_NUMBER], {"head": "depth"}),
        ([SAME, MEAN], [A_NUMBER, DEPTH], {"head": "depth"}),
        ([SAME, PAIR], [DEPTH, A_SEQUENCE], {"head": "depth"}),
        ([SAME, MEAN], [A_MAP, A_NUMBER], {}),
        ([SAME, PAIR], [A_SEQUENCE, A_MAP], {}),
    ],
)
def test_an_onnx_network_is_used_whatever_it_gives_beside_its_image(tmp_path, nodes, outputs, keys):
    folder = write_zoo(tmp_path / "zoo", format="onnx", weights="net.onnx", **keys)
    write_onnx(folder / "net.onnx", nodes, outputs)
    checked = call("zoo", "check", folder, "--record")
    assert checked.exit_code == 0, checked.output
    assert metres(folder, torch.full((2, 3, *SIZE), 0.5)) == pytest.approx(5, abs=0.01)


def metres(folder: Path, image: Tensor, **options: bool) -> float:
    """The mean depth that the zoo's network predicts."""
    edge = load_zoo(str(folder), **options).edges[0]
    with torch.inference_mode():
        codes = load_network(edge, device=CPU, dtype=torch.float32)(image)
    assert codes.shape == (len(image), 1, *image.shape[-2:])
    domain = edge.target_domain
    return float((domain.lo * (domain.hi / domain.lo) ** codes).mean())


def test_a_run_computes_what_check_accepts(tmp_path):
    folder = write_zoo(tmp_path / "zoo", format="onnx", weights="net.onnx")
    write_onnx(folder / "net.onnx", [FLAT], [DEPTH])
    assert call("zoo", "check", folder, "--record").exit_code == 0
    video = write_video(tmp_path / "clip.mp4", 3)
    ran = call("run", video, "--zoo", folder, "--store", tmp_path / "s", "--size", "32", "--device", "cpu")
    assert ran.exit_code == 0, ran.output


@pytest.mark.parametrize("keys", [{}, {"head": "elsewhere"}])
def test_of_several_images_the_head_must_be_named(tmp_path, keys):
    folder = write_zoo(tmp_path / "zoo", format="onnx", weights="net.onnx", **keys)
    more = helper.make_node("Neg", ["d4"], ["more"])
    write_onnx(folder / "net.onnx", [SAME, more], [DEPTH, helper.make_tensor_value_info("more", 1, None)])
    result = call("zoo", "check", folder, "--record")
    assert result.exit_code == 1 and "set `head` to one of depth, more" in result.output


def test_half_precision_goes_in_and_comes_out(tmp_path):
    folder = write_zoo(tmp_path / "zoo", format="onnx", weights="net.onnx")
    half = helper.make_tensor_value_info("depth", TensorProto.FLOAT16, None)
    write_onnx(folder / "net.onnx", [SAME], [half], TensorProto.FLOAT16)
    assert call("zoo", "check", folder, "--record").exit_code == 0
    assert metres(folder, torch.full((1, 3, *SIZE), 0.5)) == pytest.approx(5, abs=0.01)


class Depth(nn.Module):
    """Ten times the mean of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.mean.weight, 10 / 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x)


class Cast(Depth):
    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x.half())


class OnGpu(Depth):
    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x) + on_gpu(x)


def on_gpu(x: Tensor) -> Tensor:
    return torch.zeros(1, device=torch.device("cuda:0"), dtype=x.dtype)


class OnCpu(Depth):
    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x) + torch.zeros(x.shape[-1], device=x.device)


EXAMPLE = torch.rand(1, 3, *SIZE)


@pytest.mark.parametrize(
    "program",
    [
        lambda: torch.jit.script(Depth().half()),
        lambda: torch.jit.script(Depth().bfloat16()),
        lambda: torch.jit.trace(Cast().half(), EXAMPLE),
        lambda: torch.jit.script(OnGpu()),
        lambda: torch.jit.script(nn.Sequential(OnGpu())).half(),
        lambda: torch.jit.trace(OnCpu(), EXAMPLE),
    ],
    ids=["half", "bfloat16", "cast inside", "device", "half and device of a part", "device of the machine"],
)
def test_torchscript_runs_in_its_own_precision_and_on_this_device(tmp_path, program):
    folder = write_zoo(tmp_path / "zoo", format="torchscript", weights="net.pt")
    torch.jit.save(program(), folder / "net.pt")
    checked = call("zoo", "check", folder, "--record", "--allow-code")
    assert checked.exit_code == 0, checked.output
    found = metres(folder, torch.full((2, 3, *SIZE), 0.5), allow_code=True)
    assert found == pytest.approx(5, abs=0.05)


def test_a_program_whose_devices_are_set_when_it_is_read_is_not_moved_later(tmp_path):
    torch.jit.save(torch.jit.script(OnGpu()), tmp_path / "net.pt")
    network = formats.read("torchscript", formats.NetworkFile("net", weights=(tmp_path / "net.pt").read_bytes()))
    assert not list(network.parameters())
    moved = network.to("meta")
    assert moved(EXAMPLE).device == CPU and torch.isfinite(moved(EXAMPLE)).all()


def test_an_exported_program_runs_in_its_own_precision(tmp_path):
    folder = write_zoo(tmp_path / "zoo", format="torch-export", weights="net.pt2", input="PLACE")
    toml = (folder / "zoo.toml").read_text().replace('"PLACE"', "{ size = [24, 40] }")
    (folder / "zoo.toml").write_text(toml)
    torch.export.save(torch.export.export(Depth().half(), (EXAMPLE.half(),)), folder / "net.pt2")
    assert call("zoo", "check", folder, "--record", "--allow-code").exit_code == 0
    assert metres(folder, torch.full((2, 3, *SIZE), 0.5), allow_code=True) == pytest.approx(5, abs=0.05)


Pair = namedtuple("Pair", ["depth", "scale"])


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda x: x.mean(1), (2, 1, 4, 6)),
        (lambda x: x.mean(1, keepdim=True)[:, None], (2, 1, 4, 6)),
        (lambda x: (x.mean(1), torch.tensor(3.0)), (2, 1, 4, 6)),
        (lambda x: {"focal": torch.ones(2), "depth": x.mean(1), "text": "no tensor"}, (2, 1, 4, 6)),
        (lambda x: [x.mean(1), [x, x], None], (2, 1, 4, 6)),
        (lambda x: Pair(x.mean(1), 2.0), (2, 1, 4, 6)),
        (lambda x: (255 * x.mean(1)).to(torch.uint8), (2, 1, 4, 6)),
        (lambda x: x.mean(1).double(), (2, 1, 4, 6)),
    ],
)
def test_an_image_is_found_in_whatever_a_program_gives(make, shape):
    made = adapted(Foreign(make, "rgb-depth.m"))(torch.rand(2, 3, 4, 6))
    assert tuple(made.shape) == shape and made.dtype == torch.float32


def test_a_frame_without_its_dimension_is_still_a_frame():
    for make in (lambda x: x.mean(1)[0], lambda x: x.mean(1)):
        assert adapted(Foreign(make, "rgb-depth.m", one_by_one=True))(torch.rand(3, 3, 4, 6)).shape == (3, 1, 4, 6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x: x.mean(), "gives () for 2 frames"),
        (lambda x: x[:1], "gives (1, 3, 4, 6) for 2 frames"),
        (lambda x: (x, x), "set `head` to one of 0, 1"),
        (lambda x: "nothing", "has no output that is a tensor"),
        (torch.fft.fft, "complex"),
        (lambda x: x @ torch.rand(5, 5), "failed on (2, 3, 4, 6) numbers"),
        (lambda x: x.to("cuda"), "save it on the CPU"),
        (lambda x: torch.rand(3, 3).half() @ torch.rand(3, 3), "save it in float32"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_to_do(make, message):
    with pytest.raises(BadNetwork) as caught:
        adapted(Foreign(make, "rgb-depth.m"))(torch.rand(2, 3, 4, 6))
    assert message in str(caught.value) and caught.value.next_step and "\n" not in str(caught.value)


def adapted(network: Foreign) -> nn.Module:
    from consistency.domains import DOMAINS
    from consistency.zoo.networks.adapters import Adapted, InputSpec, OutputSpec

    return Adapted(network, DOMAINS["rgb"], DOMAINS["depth"], InputSpec(), OutputSpec(), name="rgb-depth.m")


def test_a_machine_without_memory_is_not_called_a_bad_network():
    def exhausted(x: Tensor) -> Tensor:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")

    with pytest.raises(RuntimeError, match="allocate"):
        Foreign(exhausted, "rgb-depth.m")(torch.rand(1, 3, 4, 6))


def test_a_network_that_fails_on_a_clip_fails_its_own_tracks_alone(tmp_path, monkeypatch):
    """It depends on the frames' size, so that `zoo check` cannot know."""
    folder = write_zoo(tmp_path / "zoo", format="onnx", weights="net.onnx")
    write_onnx(folder / "net.onnx", [SAME], [DEPTH])
    toml = (folder / "zoo.toml").read_text()
    (folder / "zoo.toml").write_text(
        toml + toml[toml.index("[[edge]]") :].replace('"m"', '"n"').replace("net.", "other.")
    )
    (folder / "other.onnx").write_bytes((folder / "net.onnx").read_bytes() + b"")
    assert call("zoo", "check", folder, "--record").exit_code == 0
    original = formats._read_onnx

    def failing(file: formats.NetworkFile) -> nn.Module:
        return Foreign(lambda x: x @ torch.rand(5, 5), file.name) if file.name.endswith(".n") else original(file)

    monkeypatch.setitem(formats.FORMATS, "onnx", failing)
    toml = (folder / "zoo.toml").read_text()
    (folder / "zoo.toml").write_text(toml.replace('other.onnx"', 'other.onnx"\ninput = { range = [0.0, 0.999] }'))
    video = write_video(tmp_path / "clip.mp4", 3)
    ran = call("run", video, "--zoo", folder, "--store", tmp_path / "s", "--size", "32", "--device", "cpu")
    assert ran.exit_code == 1, ran.output
    assert "error[bad_weights]" in ran.stderr and "network of rgb-depth.n failed on" in ran.stderr
    stored = {track.head.method for track in Store(tmp_path / "s").tracks() if track.is_complete}
    assert stored == {"", "m"}


@pytest.mark.parametrize(("up", "is_wrong"), [(0.98, True), (-0.98, False)])
def test_normals_that_point_away_from_the_camera_have_other_axes(tmp_path, up, is_wrong):
    folder = write_zoo(tmp_path / "zoo", "normal", "{ range = [-1.0, 1.0] }", format="onnx", weights="net.onnx")
    weight = np.zeros((3, 3, 1, 1), np.float32)
    weight[0, 0] = 1e-3
    bias = np.array([0, up, 0.02 if is_wrong else -0.02], np.float32)
    constants = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    given, made = (helper.make_tensor_value_info(name, 1, ["N", 3, "H", "W"]) for name in ("image", "normal"))
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w", "b"], ["normal"])], "g", [given], [made], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    result = call("zoo", "check", folder, "--record")
    assert result.exit_code == is_wrong
    assert ("axes = ['x', '-y', '-z']" in result.output) is is_wrong
