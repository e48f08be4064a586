"""Axes and the meaning of depth are checked against the truth of the bundled walk-through, not believed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typer.testing import CliRunner, Result

from consistency.domains import DOMAINS, FAR_DEPTH
from consistency.zoo.meaning import CONVENTIONS, axes_of, depth_of
from precompute.cli.app import app
from precompute.zoos.meaning_check import known, verdict_of_depth

DEPTH = DOMAINS["depth"]


@pytest.fixture(scope="module")
def truth() -> Tensor:
    """Vectors of every 16th pixel."""
    return known().normals[..., ::16, ::16] * 2 - 1


def noisy(vectors: Tensor, mean_degrees: float) -> Tensor:
    """The vectors turned at random, smoothly over the picture, by so many degrees on average."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(len(vectors), 3, 6, 6, generator=generator)
    noise = F.interpolate(coarse, size=vectors.shape[-2:], mode="bilinear")
    strength = 1.0
    for _ in range(30):
        made = F.normalize(F.normalize(vectors, dim=1) + strength * noise, dim=1)
        cosine = (made * F.normalize(vectors, dim=1)).sum(dim=1).clamp(-1, 1)
        strength *= mean_degrees / float(torch.rad2deg(cosine.acos()).mean())
    return made


@pytest.mark.parametrize("degrees", [0.5, 25.0])
def test_all_48_signs_and_orders_are_told_apart_down_to_predictions_of_25_degrees(truth, degrees):
    is_valid = truth.abs().amax(dim=1) > 0.02
    made, least = noisy(truth, degrees), 180.0
    for axes in CONVENTIONS:
        # A network of that convention, read as if it were ours: its channels are taken for x, y, z.
        channels = [made[:, "xyz".index(axis[-1])] * (-1 if axis.startswith("-") else 1) for axis in axes]
        verdict = axes_of(torch.stack(channels, dim=1), truth, is_valid)
        assert verdict.best == axes and verdict.best_degrees == pytest.approx(degrees, abs=1.0)
        assert verdict.is_refused == (axes != ("x", "y", "z"))
        least = min(least, verdict.margin)
    assert least > 4.0


def test_stated_axes_that_are_right_are_not_refused_and_wrong_ones_are_named(truth):
    is_valid = truth.abs().amax(dim=1) > 0.02
    right = axes_of(noisy(truth, 25.0), truth, is_valid, ("x", "-y", "-z"))
    assert right.best == right.stated and not right.is_refused and "stated" not in str(right)
    wrong = axes_of(noisy(truth, 25.0) * torch.tensor([1, -1, -1]).view(1, 3, 1, 1), truth, is_valid, ("x", "-y", "-z"))
    assert wrong.best == ("x", "y", "z") and wrong.is_refused and "stated are ['x', '-y', '-z']" in str(wrong)


def test_normals_that_nothing_can_be_said_about_are_not_refused(truth):
    is_valid = truth.abs().amax(dim=1) > 0.02
    facing = torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1).expand_as(truth)
    verdict = axes_of(facing, truth, is_valid)
    assert not verdict.is_refused and "no axes can be told" in str(verdict)


def metres() -> Tensor:
    return DEPTH.lo * (DEPTH.hi / DEPTH.lo) ** known().depth[:, 0, ::16, ::16]


@pytest.mark.parametrize(
    ("change", "known_up_to", "message"),
    [
        (lambda z: z, "", None),
        (lambda z: z * 1.6, "", None),
        (lambda z: z / 10, "", "it is not in metres: true depth is 10 times as large"),
        (lambda z: z / 10, "scale", None),
        (lambda z: 1 / z, "", "it falls with distance"),
        (lambda z: 1 / z, "inverse-scale-and-shift", "it falls with distance"),
        (
            lambda z: (z - z.amin((1, 2), True)) / (z - z.amin((1, 2), True)).amax((1, 2), True),
            "",
            "each picture was scaled to its own minimum",
        ),
        (lambda z: torch.rand(z.shape), "", None),
        (torch.ones_like, "", None),
    ],
)
def test_depth_that_is_not_what_its_zoo_states_is_refused_with_the_reason(change, known_up_to, message):
    true = metres()
    made = change(true)
    found = depth_of(made, made, true, true < 15.9).problems(known_up_to)
    assert (message is None and not found) or (message is not None and message in found[0]), found


def test_depth_of_16_bits_gets_the_verdict_of_the_same_metres_in_8_bits():
    true, codes = metres(), known().depth[:, 0, ::16, ::16]
    far = (true / FAR_DEPTH.lo).log() / torch.tensor(FAR_DEPTH.hi / FAR_DEPTH.lo).log()
    expected = verdict_of_depth(codes, DEPTH, codes, true)
    assert expected.scale == pytest.approx(1, rel=1e-3)
    far[:, 0], far[:, 1] = FAR_DEPTH.invalid, FAR_DEPTH.sky
    found = verdict_of_depth(far, FAR_DEPTH, codes, true)
    assert found.scale == pytest.approx(1, rel=1e-3) and not found.problems("")
    assert found.spearman == pytest.approx(expected.spearman, abs=0.01)


class Painted(nn.Module):
    """Normals of the walk-through itself, found by the mean colour of a frame, in OpenGL's axes."""

    def __init__(self) -> None:
        super().__init__()
        frames = known()
        self.register_buffer("means", frames.images.mean(dim=(1, 2, 3)))
        self.register_buffer("normals", (frames.normals * 2 - 1) * torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.normals.shape[-1]:
            return x * 2 - 1
        nearest = (x.mean(dim=(1, 2, 3))[:, None] - self.means).abs().argmin(dim=1)
        return self.normals[nearest]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_zoo_check_names_the_axes_that_fit_and_refuses_others(tmp_path):
    torch.jit.script(Painted()).save(str(tmp_path / "net.pt"))
    lines = ['name = "theirs"', 'version = "1"', 'licence = "MIT"', "multiple = 1", 'domains = ["rgb", "normal"]']
    lines += [
        "[[edge]]",
        'source = "rgb"',
        'target = "normal"',
        'method = "m"',
        'format = "torchscript"',
        'weights = "net.pt"',
    ]
    for axes, code in (('["x", "-y", "-z"]', 0), ('["x", "y", "z"]', 1)):
        text = "\n".join([*lines, f"output = {{ range = [-1.0, 1.0], axes = {axes} }}"])
        (tmp_path / "zoo.toml").write_text(text)
        result = call("zoo", "check", tmp_path, "--record", "--allow-code")
        assert result.exit_code == code, result.output
        assert "axes ['x', '-y', '-z'] fit best: 0.0° from the truth" in result.output.replace("\n", " ")
        assert ("write axes = ['x', '-y', '-z']" in result.output.replace("\n", " ")) is bool(code)
