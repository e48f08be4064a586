"""GeoNet: normals and depth that refine each other through the geometry of a pinhole camera."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from consistency.models import camera_geometry
from consistency.models.small_unet import ConvUnit, Norm, SmallUNet

FUSION_WIDTH = 8  # at full size, 16 channels would cost as much as a whole SmallUNet


class GeoNet(nn.Module):
    """Normals refined from depth, and depth from normals, by fixed geometry; after Qi et al., "GeoNet", CVPR 2018.

    Two SmallUNets (`normal_network`, `depth_network`) predict first. `camera_geometry` derives normals from that depth
    and depth from those normals. A few convolutions (`normal_fusion`, `depth_fusion`) then correct each prediction by
    what geometry derived from the other. The correction starts at zero: a new GeoNet returns the outputs of its two
    networks. Heads `normal` and `depth`.

    Geometry needs the field of view of the image's shorter side. If the caller does not know it, as for videos,
    `field_of_view_degrees` is assumed, by default 60; a wrong value tilts the normals toward or away from the camera.
    """

    def __init__(
        self,
        widths: Sequence[int],
        field_of_view_degrees: float = camera_geometry.ASSUMED_FIELD_OF_VIEW_DEGREES,
        norm: Norm = "none",
    ):
        super().__init__()
        self.arguments = {"widths": list(widths), "field_of_view_degrees": float(field_of_view_degrees)}
        self.normal_network = SmallUNet(3, 3, widths, norm)
        self.depth_network = SmallUNet(3, 1, widths, norm)
        self.normal_fusion = new_fusion(3, norm)
        self.depth_fusion = new_fusion(1, norm)

    def forward(self, image: Tensor, field_of_view_degrees: Tensor | float | None = None) -> dict[str, Tensor]:
        """(N, 3, H, W) -> `normal` (N, 3, H, W) and `depth` (N, 1, H, W), for one field of view or one per image."""
        normal, depth = self.normal_network(image), self.depth_network(image)
        if field_of_view_degrees is None:
            field_of_view_degrees = float(self.arguments["field_of_view_degrees"])
        # Differences of neighbouring depths lose their digits in half precision.
        with torch.autocast(image.device.type, enabled=False):
            normal_of_depth = camera_geometry.normal_from_depth(depth.float(), field_of_view_degrees)
            depth_of_normal = camera_geometry.refine_depth(depth.float(), normal.float(), field_of_view_degrees)
        normal = normal + self.normal_fusion(torch.cat([normal, normal_of_depth.to(normal.dtype)], dim=1))
        depth = depth + self.depth_fusion(torch.cat([depth, depth_of_normal.to(depth.dtype)], dim=1))
        outputs = {"normal": normal, "depth": depth}
        return outputs if self.training else {name: x.clamp(0, 1) for name, x in outputs.items()}

    def compute_in(self, dtype: torch.dtype) -> None:
        """Like `SmallUNet.compute_in` in both networks; geometry and fusion stay in float32."""
        self.normal_network.compute_in(dtype)
        self.depth_network.compute_in(dtype)


def new_fusion(channels: int, norm: Norm) -> nn.Sequential:
    """Two predictions of one domain, (N, 2C, H, W) -> a correction, (N, C, H, W), initially zero."""
    last = nn.Conv2d(FUSION_WIDTH, channels, 3, padding=1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    return nn.Sequential(ConvUnit(2 * channels, FUSION_WIDTH, norm), ConvUnit(FUSION_WIDTH, FUSION_WIDTH, norm), last)
