"""Laws of merging: a mean of identical paths is that path, directions stay directions, and a mirror is undone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from consistency.domains import DOMAINS
from consistency.merging import merge, mirrored, shortening
from consistency.models.filters import Mirror
from consistency.path_graph import Graph
from consistency.zoo.load import load_network
from consistency.zoo.read import load_zoo
from tests.fixtures.zoos import write_zoo

CPU = torch.device("cpu")
NORMAL, DEPTH = DOMAINS["normal"], DOMAINS["depth"]


def unit_vectors(n_frames: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    return (functional.normalize(torch.randn(n_frames, 3, 4, 6), dim=1) + 1) / 2


def test_merging_identical_paths_gives_the_path():
    normals, depths = unit_vectors(), torch.rand(2, 1, 4, 6)
    for weights in ([0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [2.0, 1.0, 1.0]):
        torch.testing.assert_close(merge([normals] * 3, weights, NORMAL), normals)
        torch.testing.assert_close(merge([depths] * 3, weights, DEPTH), depths)


def test_a_weight_of_zero_leaves_a_path_out_whatever_it_predicts():
    depth, broken = torch.rand(1, 1, 2, 2), torch.full((1, 1, 2, 2), torch.nan)
    assert torch.equal(merge([depth, broken], [1.0, 0.0], DEPTH), depth)


def test_merged_normals_have_length_1_and_point_between():
    x, z = ((torch.tensor(v)[None, :, None, None] + 1) / 2 for v in ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0]))
    vector = 2 * merge([x, z], [0.5, 0.5], NORMAL) - 1
    assert vector.flatten().tolist() == pytest.approx([0.5**0.5, 0, 0.5**0.5])
    opposite = merge([x, 1 - x], [0.5, 0.5], NORMAL)  # no direction at all: not made of rounding noise
    assert torch.isfinite(opposite).all()


def test_directions_of_length_1_are_not_shortened_and_half_of_them_by_half():
    normals = unit_vectors()
    assert shortening(normals).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert shortening((normals - 0.5) / 2 + 0.5).tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("has_directions", [False, True])
def test_two_mirrors_undo_each_other(has_directions):
    image, mirror = unit_vectors(), Mirror(has_directions)
    torch.testing.assert_close(mirror(mirror(image)), image)
    left = mirror(image)[..., 0]
    assert torch.equal(left[:, 1:], image[..., -1][:, 1:])
    assert torch.allclose(left[:, 0], 1 - image[..., -1][:, 0]) == has_directions


def test_a_mirrored_chain_is_the_network_on_the_mirrored_image_mirrored_back(tmp_path: Path):
    zoo = load_zoo(str(write_zoo(tmp_path / "tiny")))
    image = torch.rand(2, 3, 8, 12)
    for target in ("normal", "depth"):
        chain = zoo.chain("baseline", f"rgb-{target}")
        graph = Graph([chain, mirrored(chain)], lambda edge: load_network(edge, device=CPU, dtype=torch.float32))
        found = graph.run(image)[mirrored(chain)]
        back = Mirror(has_directions=target == "normal")(graph.run(image.flip(-1))[chain])
        torch.testing.assert_close(found, back)
        symmetric = torch.cat([image, image.flip(-1)], dim=-1)
        outputs = graph.run(symmetric)
        if target == "depth":  # an image that is its own mirror image cannot tell left from right
            torch.testing.assert_close(outputs[mirrored(chain)], outputs[chain].flip(-1))
