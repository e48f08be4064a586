"""Draws the batch of a training step: frames, cropped and mirrored alike, on any device.

N frames of a batch, C channels, H x W pixels. Codes in [0, 1]. A batch depends on (seed, stream, step) alone.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from consistency.metrics import dilated_valid
from consistency.models import registry
from training.learning.augmentation import N_DRAWS, jitter
from training.scenes.frames import CHANNELS, Frames

FILTERS = {"edge2d": "sobel-edges", "keypoint2d": "hessian-keypoints"}
"""Domains that are fixed filters of the image, and their architectures."""
SHARE_ZOOMED = 0.5  # share of the batches
LARGEST_ZOOM = 1.5  # a field of view of 60 degrees becomes 42


@dataclass(frozen=True)
class TrainingBatch:
    """The images of a training step."""

    images: dict[str, Tensor]
    """Domain -> codes, (N, C, H, W) float32 in [0, 1], channels last in memory."""
    valid: Tensor
    """1 where geometry counts, else 0: (N, 1, H, W) float32."""
    field_of_view: Tensor
    """(N,) float32, degrees."""

    def weight(self, domain: str) -> Tensor | None:
        """The weight of each pixel's error in a domain, (N, 1, H, W); None where every pixel counts."""
        return None if domain == "rgb" or domain in FILTERS else self.valid


class ResidentFrames:
    """All frames in the memory of a device, shared between processes by handle. It is used like `Frames`."""

    def __init__(self, codes: Tensor, fields_of_view: np.ndarray):
        self.codes, self.fields_of_view = codes, fields_of_view

    @classmethod
    def load(cls, frames: Frames, device: str) -> ResidentFrames:
        """Copy the frames to a device, shard by shard, so that main memory holds one shard at a time."""
        codes = torch.empty((len(frames), *frames.shards[0].shape[1:]), dtype=torch.uint8, device=device)
        for start, shard in zip(frames.starts[:-1], frames.shards, strict=True):
            codes[start : start + len(shard)] = torch.from_numpy(np.array(shard)).to(device)
        return cls(codes, frames.field_of_view(np.arange(len(frames))))

    def share(self) -> ResidentFrames:
        """Move frames in main memory to where other processes can map them; GPU memory can be mapped as it is."""
        self.codes.share_memory_()
        return self

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, indices: np.ndarray) -> Tensor:
        """(B, H, W, 14) uint8, on the device."""
        return self.codes[torch.from_numpy(indices).to(self.codes.device)]

    def field_of_view(self, indices: np.ndarray) -> np.ndarray:
        """(B,) float32, degrees."""
        return self.fields_of_view[indices]


def draw_batch(
    frames: Frames | ResidentFrames,
    domains: Iterable[str],
    *,
    key: tuple[int, str, int],
    batch: int,
    size_px: int | None,
    device: str,
) -> TrainingBatch:
    """Draw the images of `domains` for a step, all cropped and mirrored alike; filters are applied to the changed image.

    `key` is seed, name of the stream and step, and decides everything. `size_px` is the side of the images; None keeps that of
    the frames.
    """
    seed, stream, step = key
    rng = np.random.default_rng([seed, number_of(stream), step])
    indices = rng.integers(len(frames), size=batch)
    is_mirrored, zoom = rng.random() < 0.5, draw_zoom(rng)
    codes = torch.as_tensor(frames[indices])
    side = codes.shape[1]
    window = crop_window(side, zoom)
    size = size_px or side
    rows, columns = (pixel_numbers(window, size, rng.random()) for _ in range(2))
    draws = torch.from_numpy(rng.random((batch, N_DRAWS), dtype=np.float32)).to(device)
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))

    wanted = set(domains)
    images: dict[str, Tensor] = {}
    if not wanted.isdisjoint({"rgb", *FILTERS}):
        rgb = resample(codes[:, window, window, CHANNELS["rgb"]], size, device)
        rgb = rgb.flip(3) if is_mirrored else rgb
        images["rgb"] = jitter(rgb, draws, generator).contiguous(memory_format=torch.channels_last)
    for domain in wanted & FILTERS.keys():
        images[domain] = fixed_filter(domain, device)(images["rgb"])
    for domain in wanted & CHANNELS.keys() - {"rgb"}:
        images[domain] = pick(codes, CHANNELS[domain], rows, columns, is_mirrored, device)
    if is_mirrored and "normal" in images:
        images["normal"] = mirrored_normals(images["normal"])
    valid = pick(codes, CHANNELS["valid"], rows, columns, is_mirrored, device)
    angle = np.deg2rad(frames.field_of_view(indices)) / 2
    field_of_view = np.rad2deg(2 * np.arctan(np.tan(angle) * (window.stop - window.start) / side)).astype(np.float32)
    return TrainingBatch(images, dilated_valid(valid > 0.5).float(), torch.from_numpy(field_of_view).to(device))


def number_of(text: str) -> int:
    """A seed from a name, the same in every process."""
    return zlib.crc32(text.encode())


@cache
def fixed_filter(domain: str, device: str) -> torch.nn.Module:
    """The filter of a domain in FILTERS."""
    return registry.build(FILTERS[domain]).to(device).requires_grad_(False)


def draw_zoom(rng: np.random.Generator) -> float:
    """Draw the zoom of a batch: half of the batches see whole frames, half see them through a longer lens."""
    return math.exp(rng.random() * math.log(LARGEST_ZOOM)) if rng.random() < SHARE_ZOOMED else 1.0


def crop_window(side: int, zoom: float) -> slice:
    """The rows, or columns, of a centred crop: what a longer lens would have seen, with nothing but its angle changed."""
    width = 2 * round(side / zoom / 2)
    start = (side - width) // 2
    return slice(start, start + width)


def pixel_numbers(window: slice, size: int, offset: float) -> slice | Tensor:
    """The rows, or columns, of `size` single pixels: averaging codes over an edge would give codes of no surface.

    `offset` in [0, 1) is the position within each step. Whole steps give a slice, which is copied much faster.
    """
    width = window.stop - window.start
    if width % size == 0:
        step = width // size
        return slice(window.start + int(offset * step), window.stop, step)
    return window.start + ((torch.arange(size) + offset) * (width / size)).long().clamp_max(width - 1)


def pick(
    codes: Tensor, channels: slice, rows: slice | Tensor, columns: slice | Tensor, is_mirrored: bool, device: str
) -> Tensor:
    """Select channels, rows and columns of frames: (N, H, W, 14) uint8 -> (N, C, size, size) float32 in [0, 1]."""
    if isinstance(rows, Tensor) and isinstance(columns, Tensor):
        picked = codes[:, rows.to(codes.device)[:, None], columns.to(codes.device), channels]
    else:
        picked = codes[:, rows, columns, channels]
    image = to_tensor(picked, device)
    return image.flip(3) if is_mirrored else image


def resample(rgb: Tensor, size: int, device: str) -> Tensor:
    """Resize images, averaging as a camera with fewer pixels would: (N, H, W, 3) uint8 -> (N, 3, size, size) float32."""
    image = rgb.to(device).permute(0, 3, 1, 2)
    if image.shape[-1] != size:
        image = image if device == "cpu" else image.float()  # bytes are ten times faster, but only on the CPU
        image = F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return image.float() / 255


def to_tensor(codes: np.ndarray | Tensor, device: str = "cpu") -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1] on the device; channels stay last in memory."""
    if isinstance(codes, np.ndarray):
        codes = torch.from_numpy(np.ascontiguousarray(codes))
    return codes.to(device).contiguous().permute(0, 3, 1, 2).float() / 255


def mirrored_normals(normal: Tensor) -> Tensor:
    """The normals of mirrored images: x changes its sign."""
    return torch.cat([1 - normal[:, :1], normal[:, 1:]], dim=1).contiguous(memory_format=torch.channels_last)
