"""Laws of depth, normals and the camera between them."""

from __future__ import annotations

import math

import pytest
import torch

from consistency.domains import DOMAINS
from consistency.models.camera_geometry import normal_from_depth, rays, refine_depth

DEPTH = DOMAINS["depth"]
FLOOR, WALL, SLANTED = (0.0, -1.0, 0.0), (0.0, 0.0, -1.0), (0.4, -0.3, -0.8)


def plane(normal: tuple[float, float, float], distance: float, degrees: float, height: int = 24, width: int = 32):
    """Codes of depth (1, 1, H, W) and normal (1, 3, H, W) of the plane n . p = -distance, where the camera sees it."""
    n = torch.nn.functional.normalize(torch.tensor(normal), dim=0)
    direction = rays(height, width, degrees, torch.empty(0))
    metres = -distance / (n.view(1, 3, 1, 1) * direction).sum(dim=1, keepdim=True)
    code = torch.log(metres / DEPTH.lo) / math.log(DEPTH.hi / DEPTH.lo)
    return code, ((n + 1) / 2).view(1, 3, 1, 1).expand(1, 3, height, width)


def test_rays_span_the_field_of_view_along_the_shorter_side():
    direction = rays(4, 8, 90.0, torch.empty(0))
    assert direction[0, 1, :, 0].tolist() == pytest.approx(
        [-0.75, -0.25, 0.25, 0.75]
    )  # centres of 4 pixels over [-1, 1]
    assert direction[0, 0, 0].diff().tolist() == pytest.approx([0.5] * 7)
    assert (direction[:, 2] == 1).all()


@pytest.mark.parametrize("degrees", [38.0, 60.0, 80.0])
@pytest.mark.parametrize("normal", [WALL, SLANTED])
def test_the_depth_of_a_plane_gives_its_normal_up_to_the_border(normal, degrees):
    depth, expected = plane(normal, 2.0, degrees)
    torch.testing.assert_close(normal_from_depth(depth, degrees), expected, atol=1e-4, rtol=0)


def test_the_depth_of_a_floor_gives_its_normal_below_the_horizon():
    depth, expected = plane(FLOOR, 1.5, 60.0)
    found = normal_from_depth(depth[..., 14:, :], 60.0)  # cropping moves the camera's centre: not this floor's normal
    assert not torch.allclose(found, expected[..., 14:, :], atol=1e-2)
    depth[..., :14, :] = 1.0
    found = normal_from_depth(depth, 60.0)[..., 17:, :]  # two rows away from the horizon, where depth jumps
    torch.testing.assert_close(found, expected[..., 17:, :], atol=1e-4, rtol=0)


def test_a_jump_in_depth_does_not_bend_the_surfaces_beside_it():
    near, expected = plane(SLANTED, 1.0, 60.0)
    far, _ = plane(SLANTED, 4.0, 60.0)
    depth = torch.cat([near[..., :16], far[..., 16:]], dim=-1)
    torch.testing.assert_close(normal_from_depth(depth, 60.0), expected, atol=2e-2, rtol=0)


def test_each_image_has_its_own_field_of_view():
    pairs = [plane(SLANTED, 2.0, degrees) for degrees in (40.0, 80.0)]
    depth, expected = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    torch.testing.assert_close(normal_from_depth(depth, torch.tensor([40.0, 80.0])), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(refine_depth(depth, expected, torch.tensor([40.0, 80.0])), depth, atol=1e-5, rtol=0)


@pytest.mark.parametrize("normal", [WALL, SLANTED])
def test_refining_a_depth_that_fits_its_normals_changes_nothing(normal):
    depth, normals = plane(normal, 2.0, 60.0)
    torch.testing.assert_close(refine_depth(depth, normals, 60.0), depth, atol=1e-5, rtol=0)


def test_refining_keeps_a_jump_between_parallel_surfaces():
    near, normals = plane(WALL, 1.0, 60.0)
    far, _ = plane(WALL, 4.0, 60.0)
    depth = torch.cat([near[..., :16], far[..., 16:]], dim=-1)
    torch.testing.assert_close(refine_depth(depth, normals, 60.0), depth, atol=1e-3, rtol=0)


def test_refining_takes_out_noise():
    depth, normals = plane(SLANTED, 2.0, 60.0)
    noisy = depth + 0.003 * torch.randn(depth.shape, generator=torch.Generator().manual_seed(0))
    refined = refine_depth(noisy, normals, 60.0)
    assert (refined - depth).abs().mean() < 0.5 * (noisy - depth).abs().mean()


def test_geometry_and_its_gradients_are_finite_whatever_the_codes():
    generator = torch.Generator().manual_seed(0)
    depth = torch.randint(-3, 4, (2, 1, 12, 12), generator=generator).float().requires_grad_()  # jumps beyond the range
    normal = torch.rand(2, 3, 12, 12, generator=generator)
    normal[:, :, :6] = 0.5  # no direction at all
    normal.requires_grad_()
    codes = normal_from_depth(depth, 60.0)
    refined = refine_depth(depth, normal, 60.0)
    assert torch.isfinite(codes).all() and torch.isfinite(refined).all()
    (codes.sum() + refined.sum()).backward()
    assert depth.grad is not None and torch.isfinite(depth.grad).all()
    assert normal.grad is not None and torch.isfinite(normal.grad).all()
