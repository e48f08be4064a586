"""Several edges read one run of a network, each with its own head, axes, mask and scale; where pixels were, they stay."""

from __future__ import annotations

import math
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from consistency.domains import DOMAINS
from consistency.path_graph import Graph
from consistency.zoo.check import _problems_of_a_run, smooth_noise
from consistency.zoo.load import load_network
from consistency.zoo.networks.adapters import Adapted, InputSpec, OutputSpec, read_spec
from consistency.zoo.networks.foreign import Foreign
from consistency.zoo.networks.resizing import Resize
from consistency.zoo.read import load_zoo, read_zoo
from consistency.zoo.records import ZooError
from precompute.jobs.batches import FrameBatch
from precompute.jobs.output import tracks
from precompute.jobs.output.tracks import TrackSpec, plan_tracks
from precompute.jobs.predict import predict
from precompute.zoos import install
from tests.fixtures.stores import make_clip

RGB, NORMAL, DEPTH = (DOMAINS[name] for name in ("rgb", "normal", "depth"))
CPU = torch.device("cpu")
AXES = [
    tuple(sign + letter for sign, letter in zip(signs, letters, strict=True))
    for letters in permutations("xyz")
    for signs in product(("", "-"), repeat=3)
]


@pytest.mark.parametrize("axes", AXES, ids=" ".join)
def test_normals_of_every_sign_and_order_are_read_and_written_as_stated(axes):
    ours = {"x": 0.1, "y": -0.3, "z": -0.9, "-x": -0.1, "-y": 0.3, "-z": 0.9}
    theirs = torch.tensor([ours[axis] for axis in axes]).view(1, 3, 1, 1)
    fields = {"axes": axes, "range": (-1.0, 1.0)}
    codes = OutputSpec(**fields).to_codes(theirs, NORMAL, (1, 1))
    torch.testing.assert_close(codes.flatten() * 2 - 1, torch.tensor([0.1, -0.3, -0.9]))
    torch.testing.assert_close(InputSpec(**fields).to_numbers(codes, NORMAL), theirs)


def ramp(height: int, width: int) -> Tensor:
    """Linear in x and y, so that every correct resampling keeps it, away from the border."""
    y, x = torch.meshgrid(torch.linspace(0.1, 0.9, height), torch.linspace(0.2, 0.8, width), indexing="ij")
    return torch.stack([x, y, (x + y) / 2])[None]


RULES = [
    ({"side": "short", "px": 70, "multiple": 14}, (48, 80), (70, 112)),
    ({"side": "long", "px": 70, "multiple": 14}, (48, 80), (42, 70)),
    ({"side": "nearest", "px": 56, "multiple": 14, "resample": "bicubic"}, (48, 80), (56, 98)),
    ({"side": "nearest", "px": 64, "multiple": 32, "round": "up"}, (100, 200), (64, 128)),
    ({"side": "stretch", "px": 60, "width_px": 60, "multiple": 8}, (48, 80), (64, 64)),
    ({"multiple": 32, "pad": (0.0,)}, (48, 80), (64, 96)),
    ({"side": "fit", "px": 64, "width_px": 128, "pad": (0.4, 0.5, 0.6)}, (48, 80), (64, 128)),
    ({"side": "fit", "px": 60, "width_px": 60, "multiple": 32, "pad": (0.5,)}, (80, 48), (64, 64)),
]


@pytest.mark.parametrize(("fields", "size", "seen"), RULES)
def test_a_size_rule_gives_the_size_it_states_and_pixels_stay_where_they_were(fields, size, seen):
    given = []

    class Same(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            given.append(x)
            return x

    images = ramp(*size)
    network = Adapted(Same(), RGB, RGB, InputSpec(resize=Resize(**fields)), OutputSpec())
    made = network(images)
    assert tuple(given[0].shape[-2:]) == seen and made.shape == images.shape
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(made[inside], images[inside], atol=0.012, rtol=0)


def test_padding_has_its_colour_and_the_picture_its_aspect():
    rule = Resize(side="fit", px=64, width_px=128, pad=(0.4, 0.5, 0.6))
    padded = rule.apply(torch.ones(1, 3, 40, 40))
    place = rule.placement(40, 40)
    assert place.scaled == (64, 64) and place.offset == (0, 32)
    assert padded[0, :, 5, 31].tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert padded[..., 32:96].min() == 1


def test_an_output_of_lower_resolution_is_put_back_to_the_picture_without_its_padding():
    rule = Resize(multiple=32, pad=(0.0,))
    size = (48, 80)
    quarter = nn.functional.avg_pool2d(rule.apply(ramp(*size)), 4)
    back = rule.undo(quarter, size)
    torch.testing.assert_close(back[..., 8:-8, 8:-8], ramp(*size)[..., 8:-8, 8:-8], atol=0.012, rtol=0)


def test_metres_follow_from_the_focal_length_of_what_the_network_saw():
    """A network in a canonical camera of 1000 px says 10 m; the picture of 60° and 100 px, seen at twice its size, has f = 173 px."""
    spec = OutputSpec(range=(0.0, 300.0), physical=(0.0, 300.0), canonical_focal_px=1000.0, field_of_view_degrees=60.0)
    rule = Resize(side="short", px=200)
    codes = spec.to_codes(torch.full((1, 1, 200, 400), 10.0), DEPTH, (100, 200), rule)
    metres = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** codes.mean().item()
    assert metres == pytest.approx(10.0 * (100 / math.tan(math.radians(30))) / 1000, rel=1e-3)


def test_the_field_of_view_is_that_of_the_frame_without_its_padding():
    spec = OutputSpec(range=(0.0, 300.0), physical=(0.0, 300.0), canonical_focal_px=1000.0)
    numbers = torch.full((1, 1, 128, 256), 10.0)
    alone = spec.to_codes(numbers[..., :100, :200], DEPTH, (100, 200))
    padded = spec.to_codes(numbers, DEPTH, (128, 256), frame=(100, 200))
    assert padded.mean().item() == pytest.approx(alone.mean().item(), abs=1e-6)


def write_net(path: Path) -> None:
    """Depth (N, H, W) = 10 x the mean; normals of OpenGL towards the viewer; a mask that is valid where red is above 0.5."""
    weight = np.full((1, 3, 1, 1), 10 / 3, np.float32)
    facing = np.array([0.0, 0.0, 1.0], np.float32).reshape(1, 3, 1, 1)
    values = {"w": weight, "axes": np.array([1], np.int64), "zero": np.zeros(1, np.float32), "facing": facing}
    values |= {"starts": np.array([0], np.int64), "ends": np.array([1], np.int64)}
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["d4"]),
        helper.make_node("Squeeze", ["d4", "axes"], ["depth"]),
        helper.make_node("Mul", ["image", "zero"], ["none"]),
        helper.make_node("Add", ["none", "facing"], ["normal"]),
        helper.make_node("Slice", ["image", "starts", "ends", "axes"], ["mask"]),
    ]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("depth", "normal", "mask")]
    given = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, "H", "W"])]
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "g", given, made, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())


EDGES = {
    "depth": 'head = "depth"\noutput = { range = [0.0, 10.0], physical = [0.0, 10.0], mask = "mask" }',
    "normal": 'head = "normal"\noutput = { range = [-1.0, 1.0], axes = ["x", "-y", "-z"] }',
}


def write_zoo(folder: Path, edges: dict[str, str]) -> Path:
    write_net(folder / "net.onnx")
    lines = [
        'name = "theirs"',
        'version = "1"',
        'licence = "MIT"',
        "multiple = 1",
        'domains = ["rgb", "normal", "depth"]',
    ]
    for target, rest in edges.items():
        lines += ["[[edge]]", 'source = "rgb"', f'target = "{target}"', 'method = "m"', 'format = "onnx"']
        lines += ['weights = "net.onnx"', rest]
    (folder / "zoo.toml").write_text("\n".join(lines) + "\n")
    return folder


def test_depth_normals_and_mask_come_of_one_run_and_as_each_alone(tmp_path):
    folder = write_zoo(tmp_path, EDGES)
    install.record(read_zoo(str(folder)))
    zoo = load_zoo(str(folder))
    chains = {target: zoo.chain("m", f"rgb-{target}") for target in EDGES}
    images = torch.rand(3, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    graph = Graph(chains.values(), lambda edge: load_network(edge, device=CPU, dtype=torch.float32))
    assert graph.n_runs == 1
    outputs = graph.run(images)
    metres = DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** outputs[chains["depth"]]
    is_valid = images[:, :1] > 0.5
    expected = images.mean(dim=1, keepdim=True) * 10
    torch.testing.assert_close(metres[is_valid], expected[is_valid], rtol=1e-4, atol=1e-4)
    assert (outputs[chains["depth"]][~is_valid] == DEPTH.invalid).all()
    facing = torch.tensor([0.5, 0.5, 0.0]).view(1, 3, 1, 1).expand_as(images)
    torch.testing.assert_close(outputs[chains["normal"]], facing)
    for target, chain in chains.items():
        alone = load_network(chain[0], device=CPU, dtype=torch.float32)
        assert torch.equal(alone(images), outputs[chain]), target


def test_tracks_state_whether_a_mask_leaves_pixels_unknown_and_others_keep_their_keys(tmp_path):
    planned = {}
    for name, depth in {"masked": EDGES["depth"], "whole": EDGES["depth"].replace(', mask = "mask"', "")}.items():
        (tmp_path / name).mkdir()
        install.record(read_zoo(str(write_zoo(tmp_path / name, EDGES | {"depth": depth}))))
        specs = plan_tracks(make_clip("room", n_frames=2), load_zoo(str(tmp_path / name)), ["*"], {})
        planned[name] = {spec.head.path: spec.head for spec in specs if spec.head.kind == "prediction"}
    masked, whole = planned["masked"], planned["whole"]
    assert masked["rgb-depth"].constants == {"has_mask": True} and whole["rgb-depth"].constants == {}
    assert masked["rgb-normal"].constants == {} and masked["rgb-normal"].key == whole["rgb-normal"].key


def test_what_a_mask_leaves_unknown_has_no_error_and_its_errors_have_keys_of_their_own(tmp_path, monkeypatch):
    install.record(read_zoo(str(write_zoo(tmp_path, EDGES))))
    zoo, clip = load_zoo(str(tmp_path)), make_clip("room", n_frames=1, size=(24, 16))

    def planned(truth: dict[str, str]) -> TrackSpec:
        return next(one for one in plan_tracks(clip, zoo, ["*depth"], truth) if one.head.kind == "prediction")

    spec, alone = planned({"depth": "a" * 64}), planned({})
    rgb = np.full((1, 16, 24, 3), 51, np.uint8)  # the mask excludes it
    rgb[:, :, :8] = (153, 0, 0)  # 2 m
    code = round(255 * math.log(2 / DEPTH.lo) / math.log(DEPTH.hi / DEPTH.lo))
    frames = FrameBatch(rgb, np.zeros(1), {"depth": np.full((1, 16, 24, 1), code, np.uint8)})
    graph = Graph(spec.chains, lambda edge: load_network(edge, device=CPU, dtype=torch.float32))
    found = spec.score(predict(graph, frames, CPU, 1)).columns
    assert float(found["absrel"][0]) < 0.02 and float(found["delta1"][0]) == 100
    monkeypatch.setattr(tracks, "_left_unknown", lambda chain: {})
    assert planned({"depth": "a" * 64}).head.key != spec.head.key and planned({}).head.key == alone.head.key


def test_padding_to_the_zoo_s_multiple_does_not_change_the_metres_of_a_canonical_camera(tmp_path):
    edge = 'head = "depth"\noutput = { range = [0.0, 10.0], physical = [0.0, 10.0], canonical_focal_px = 10.0 }'
    install.record(read_zoo(str(write_zoo(tmp_path, {"depth": edge}))))
    chain = load_zoo(str(tmp_path)).chain("m", "rgb-depth")
    graph = Graph([chain], lambda edge: load_network(edge, device=CPU, dtype=torch.float32))
    frames = FrameBatch(np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), np.uint8), np.arange(2.0))
    plain, padded = (predict(graph, frames, CPU, multiple).outputs[chain] for multiple in (1, 64))
    torch.testing.assert_close(plain, padded)


def test_two_zoos_that_use_other_outputs_of_one_file_do_not_share_its_runs(tmp_path):
    for name, edges in {"both": EDGES, "one": {"normal": EDGES["normal"]}}.items():
        (tmp_path / name).mkdir()
        install.record(read_zoo(str(write_zoo(tmp_path / name, edges))))
    both, one = (load_zoo(str(tmp_path / name)).edge("rgb", "normal", "m") for name in ("both", "one"))
    assert both.digest == one.digest and both.run_digest != one.run_digest


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_numbers_that_a_mask_excludes_may_be_infinite_and_do_not_spread(odd):
    spec = OutputSpec(range=(0.0, 10.0), physical=(0.0, 10.0), mask="mask")
    numbers, valid = torch.full((1, 1, 16, 24), 5.0), torch.ones(1, 1, 16, 24)
    numbers[..., :8], valid[..., :8] = odd, 0.0
    codes = spec.to_codes(numbers, DEPTH, (16, 24), Resize(side="stretch", px=32, width_px=48), valid)
    assert torch.isfinite(codes).all() and (codes[..., :8] == DEPTH.invalid).all()
    assert torch.isfinite(spec.to_codes(numbers, DEPTH, (16, 24), None, valid[..., ::2, ::2])).all()
    numbers[..., -1] = odd
    assert (spec.without_excluded(numbers, valid).isfinite() == (valid > 0) & numbers.isfinite() | (valid == 0)).all()


def test_a_network_that_is_infinite_where_its_mask_is_false_passes_the_check(tmp_path):
    install.record(read_zoo(str(write_zoo(tmp_path, EDGES))))
    (depth,) = load_zoo(str(tmp_path)).chain("m", "rgb-depth")
    network = load_network(depth, device=CPU, dtype=torch.float32)
    assert isinstance(network, Adapted)
    inner = network.network

    def infinite(numbers: Tensor) -> dict[str, Tensor]:
        made = dict(inner(numbers))
        return {**made, "depth": torch.where(made["mask"][:, 0] > 0.5, made["depth"], torch.inf)}

    codes = smooth_noise(RGB, 2, 64, 128)
    network.network = Foreign(infinite, "x", head="depth", heads=("depth", "mask"))
    assert _problems_of_a_run(depth, network, codes) == []
    network.network = Foreign(
        lambda x: {**infinite(x), "mask": torch.ones(2, 1, 64, 128)}, "x", heads=("depth", "mask")
    )
    assert "non-finite" in _problems_of_a_run(depth, network, codes)[0]


def test_a_network_whose_mask_is_missing_is_named(tmp_path):
    folder = write_zoo(tmp_path, {"depth": EDGES["depth"].replace('mask = "mask"', 'mask = "valid"')})
    install.record(read_zoo(str(folder)))
    with pytest.raises(ZooError, match=r"several outputs; set `head` to one of depth, normal, mask"):
        load_network(load_zoo(str(folder)).edges[0], device=CPU, dtype=torch.float32)


def test_an_edge_that_names_no_head_beside_one_that_does_is_refused(tmp_path):
    write_zoo(tmp_path, {**EDGES, "depth": ""})
    with pytest.raises(ZooError, match="names no head, and other lines read normal"):
        read_zoo(str(tmp_path))


def test_onnx_computes_on_cuda_where_its_runtime_can_and_the_job_does(tmp_path, monkeypatch):
    import onnxruntime

    asked = []
    real = onnxruntime.InferenceSession

    def session(graph, options, providers):
        asked.append(providers)
        return real(graph, options, providers=["CPUExecutionProvider"])

    folder = write_zoo(tmp_path, {"normal": EDGES["normal"]})
    install.record(read_zoo(str(folder)))
    edge = load_zoo(str(folder)).edges[0]
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    monkeypatch.setattr("consistency.zoo.load.nn.Module.to", lambda self, *_: self)
    for available in (["CUDAExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda available=available: available)
        for device in ("cpu", "cuda:1"):
            load_network(edge, device=torch.device(device), dtype=torch.float32)
    cpu = ["CPUExecutionProvider"]
    assert asked == [cpu, [("CUDAExecutionProvider", {"device_id": 1}), *cpu], cpu, cpu]


@pytest.mark.parametrize(
    ("end", "row", "message"),
    [
        (OutputSpec, {"axes": ["x", "y"]}, "axes is .*each of x .*once"),
        (OutputSpec, {"axes": ["x", "y", "-y"]}, "axes is .*each of x .*once"),
        (OutputSpec, {"axes": "xyz", "mask": 3}, "mask is 3"),
        (OutputSpec, {"axes": [1, 2, 3]}, "axes is .*each of x .*once"),
        (OutputSpec, {"known_up_to": "luck"}, "known_up_to is 'luck'; use one of scale, scale-and-shift"),
        (OutputSpec, {"canonical_focal_px": 1000.0}, "needs `physical`"),
        (OutputSpec, {"canonical_focal_px": -1.0, "physical": [0.0, 1.0]}, "give pixels, above 0"),
        (OutputSpec, {"field_of_view_degrees": 180}, "between 0 and 180"),
        (OutputSpec, {"resize": {"px": 5}}, "resize is a field of `input`"),
        (InputSpec, {"mask": "m"}, "mask is a field of `output`"),
        (InputSpec, {"resize": 518}, "give a table"),
        (InputSpec, {"resize": {"pixels": 5}}, "unknown field resize.pixels; the fields are side"),
        (InputSpec, {"resize": {"px": 0}}, "give 1 to 4096 pixels"),
        (InputSpec, {"resize": {"px": 1.5}}, "give 1 to 4096 pixels"),
        (InputSpec, {"resize": {"side": "wide"}}, "use one of short, long, nearest, fit, stretch"),
        (InputSpec, {"resize": {"side": "fit"}}, "give px, the height"),
        (InputSpec, {"resize": {"width_px": 5}}, "give px, the height"),
        (InputSpec, {"resize": {"pad": [2.0]}}, "one code from 0 to 1"),
        (InputSpec, {"resize": {"pad": "grey"}}, "one code from 0 to 1"),
        (InputSpec, {"resize": {"resample": "lanczos"}}, "use one of bilinear, bicubic"),
        (InputSpec, {"resize": {"rounds_to_8_bits": 1}}, "use true or false"),
        (InputSpec, {"resize": {"px": 5}, "size": [5, 5]}, "size and resize are both given"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_with_what_was_given_and_expected(end, row, message):
    with pytest.raises(ValueError, match=message):
        read_spec(end, row)


def test_a_size_that_no_memory_holds_is_refused():
    with pytest.raises(ValueError, match="at most 4096 a side"):
        Resize(px=4000).placement(10, 1000)
