"""Changes images as other cameras would, and makes ground truth look predicted.

N images of a batch, C channels, H x W pixels. Codes in [0, 1].
"""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

SHARE_BLURRED = 0.3  # share of the images of a batch
SHARE_OF_JPEG = 0.3  # share of the images of a batch
LARGEST_BLUR_PX = 1.2  # standard deviation; more would teach networks not to notice blur
BLUR_RADIUS_PX = 3
LARGEST_NOISE = 0.03  # standard deviation, codes
BLOCK = 8  # side of a JPEG block, pixels
N_DRAWS = 10  # random numbers per image that jitter uses
SHARE_OF_EACH_FLAW = 0.5  # share of the images of a batch
SOFTENING_FACTORS = (2, 4, 8, 16)  # pixels over which predictions of small networks are soft
LARGEST_OFFSET = 0.05  # standard deviation of the offset of a whole image, codes
LARGEST_WAVE = 0.06  # standard deviation of errors that vary over an eighth of the image, codes
WAVE_GRID = 8  # such errors across an image
LARGEST_GRAIN = 0.008  # standard deviation of errors of single pixels, codes


def jitter(rgb: Tensor, draws: Tensor, generator: torch.Generator) -> Tensor:
    """Change gamma, exposure, colour, contrast and saturation, add noise, and blur or compress some images: (N, 3, H, W).

    `draws` are (N, N_DRAWS) random numbers in [0, 1). Which images of the batch are blurred or compressed is fixed, as frames
    come in random order.
    """
    n, _, height, width = rgb.shape

    def uniform(column: int, low: float, high: float) -> Tensor:
        return low + (high - low) * draws[:, column]

    rgb = rgb.clamp_min(1e-3) ** uniform(0, 0.7, 1.4).view(n, 1, 1, 1)
    gain = uniform(1, 0.65, 1.25)[:, None] * (0.88 + 0.24 * draws[:, 2:5])  # (N, 3)
    matrix, offset = colour_change(gain, rgb.mean(dim=(2, 3)), uniform(5, 0.7, 1.3), uniform(6, 0.2, 1.2))
    pixels = rgb.permute(0, 2, 3, 1).reshape(n, height * width, 3)
    rgb = torch.baddbmm(offset[:, None], pixels, matrix.mT).view(n, height, width, 3).permute(0, 3, 1, 2)
    n_blurred, n_compressed = round(n * SHARE_BLURRED), round(n * SHARE_OF_JPEG)
    if n_blurred:
        blurred = blur(rgb[-n_blurred:], uniform(7, 0.3, LARGEST_BLUR_PX)[-n_blurred:])
        rgb = torch.cat([rgb[:-n_blurred], blurred])
    strength = uniform(8, 0.0, LARGEST_NOISE).view(n, 1, 1, 1)
    rgb = (rgb + strength * torch.randn(rgb.shape, generator=generator, device=rgb.device)).clamp(0, 1)
    if n_compressed:  # from the middle, so that some images are blurred and compressed, and some neither
        start = n // 2
        chosen = slice(start, start + n_compressed)
        rgb = torch.cat([rgb[:start], jpeg(rgb[chosen], uniform(9, 25, 95)[chosen]), rgb[chosen.stop :]])
    return rgb


def colour_change(gain: Tensor, mean: Tensor, contrast: Tensor, saturation: Tensor) -> tuple[Tensor, Tensor]:
    """Gain (N, 3), then contrast (N,) around the mean grey of the image, then saturation (N,), as one matrix and offset.

    `mean` is that of each channel before the gain, (N, 3). Returns (N, 3, 3) and (N, 3).
    """
    grey = torch.full((3, 3), 1 / 3, device=gain.device)
    keep = torch.eye(3, device=gain.device)
    saturate = saturation[:, None, None] * keep + (1 - saturation)[:, None, None] * grey
    matrix = saturate * (contrast[:, None] * gain)[:, None, :]
    middle = (gain * mean).mean(dim=1)  # a grey, which saturation leaves unchanged
    return matrix, ((1 - contrast) * middle)[:, None].expand(-1, 3)


def blur(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Blur each image by a Gaussian of its own width: (N, C, H, W) and (N,)."""
    n, channels, height, width = images.shape
    x = torch.arange(-BLUR_RADIUS_PX, BLUR_RADIUS_PX + 1, device=images.device)
    kernel = torch.exp(-(x**2) / (2 * sigma_px[:, None] ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)  # (N C, 2 radius + 1)
    padded = F.pad(images, [BLUR_RADIUS_PX] * 4, mode="replicate").reshape(
        1, n * channels, *(side + 2 * BLUR_RADIUS_PX for side in (height, width))
    )
    along_x = F.conv2d(padded, kernel[:, None, None], groups=n * channels)
    return F.conv2d(along_x, kernel[:, None, :, None], groups=n * channels).view(n, channels, height, width)


def jpeg(rgb: Tensor, quality: Tensor) -> Tensor:
    """Compress images as baseline JPEG with 4:2:0 chroma does: (N, 3, H, W) in [0, 1], quality (N,) from 1 to 100.

    The cosine transform of 8 x 8 blocks, rounded to multiples of the standard tables, is the lossy part of JPEG. H and W must
    be multiples of 16.
    """
    ycc = torch.einsum("kc,nchw->nkhw", colour_matrix(rgb.device), rgb * 255)  # (N, 3, H, W)
    luma = through_blocks(ycc[:, :1] - 128, quantisers(LUMA_TABLE, quality)) + 128
    chroma = F.avg_pool2d(ycc[:, 1:], 2)
    chroma = through_blocks(chroma, quantisers(CHROMA_TABLE, quality))
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    changed = torch.einsum("kc,nchw->nkhw", inverse_colour_matrix(rgb.device), torch.cat([luma, chroma], dim=1))
    return (changed / 255).clamp(0, 1)


def through_blocks(plane: Tensor, steps: Tensor) -> Tensor:
    """Transform blocks, round to multiples of `steps` (N, 64), and transform back: (N, C, H, W) -> (N, C, H, W)."""
    n, channels, height, width = plane.shape
    blocks = F.pixel_unshuffle(plane.reshape(n * channels, 1, height, width), BLOCK)  # (N C, 64, H / 8, W / 8)
    transform = block_transform(plane.device)
    frequencies = torch.einsum("uv,nvhw->nuhw", transform, blocks)
    steps = steps.repeat_interleave(channels, dim=0)[:, :, None, None]
    frequencies = (frequencies / steps).round() * steps
    blocks = torch.einsum("uv,nuhw->nvhw", transform, frequencies)
    return F.pixel_shuffle(blocks, BLOCK).view(n, channels, height, width)


def quantisers(table: Tensor, quality: Tensor) -> Tensor:
    """Scale a table to a quality, as libjpeg does: (64,) and (N,) -> (N, 64), from 1 to 255."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None]
    return ((table.to(quality.device) * percent + 50) / 100).floor().clamp(1, 255)


@cache
def block_transform(device: torch.device) -> Tensor:
    """The orthonormal two-dimensional cosine transform of a block, row by row: (64 frequencies, 64 pixels)."""
    k, x = torch.arange(BLOCK, dtype=torch.float64)[:, None], torch.arange(BLOCK, dtype=torch.float64)
    cosine = torch.cos(math.pi * (2 * x + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    cosine[0] /= math.sqrt(2)
    return torch.kron(cosine, cosine).float().to(device)


@cache
def colour_matrix(device: torch.device) -> Tensor:
    """RGB -> luma and two chroma differences around 0, as JFIF defines them: (3, 3)."""
    rows = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    return torch.tensor(rows, device=device)


@cache
def inverse_colour_matrix(device: torch.device) -> Tensor:
    """Luma and chroma -> RGB: (3, 3)."""
    return torch.linalg.inv(colour_matrix(torch.device("cpu"))).to(device)


# The tables of the JPEG standard (annex K), for quality 50.
LUMA_TABLE = torch.tensor([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80,
    62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,
    112, 100, 103, 99,
])  # fmt: skip
CHROMA_TABLE = torch.tensor([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99,
    99, *[99] * 32,
])  # fmt: skip


def degrade(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Make ground truth look predicted, so that a network trained on it can read predictions: (N, C, H, W).

    Each image gets soft edges, an offset, waves and grain, each with an even chance. `generator` must be on the codes' device.
    """
    n, channels, height, width = codes.shape
    on_device = {"generator": generator, "device": codes.device}

    def amounts(largest: float) -> Tensor:
        draws = torch.rand((2, n, 1, 1, 1), **on_device)
        return largest * draws[0] * (draws[1] < SHARE_OF_EACH_FLAW)

    def smooth(coarse: Tensor) -> Tensor:
        return F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)

    # Each image in turn gets the next factor: one choice for the whole batch would make steps differ too much.
    softness, soft = amounts(1.0), codes.clone()
    for start, factor in enumerate(SOFTENING_FACTORS):
        every = slice(start, None, len(SOFTENING_FACTORS))
        if start < n:
            soft[every] = smooth(F.avg_pool2d(codes[every], min(factor, height, width)))
    waves = amounts(LARGEST_WAVE) * torch.randn((n, channels, WAVE_GRID, WAVE_GRID), **on_device)
    offset = amounts(LARGEST_OFFSET) * torch.randn((n, channels, 1, 1), **on_device)
    grain = amounts(LARGEST_GRAIN) * torch.randn(codes.shape, **on_device)
    changed = torch.lerp(codes, soft, softness) + smooth(waves + offset) + grain
    return changed.clamp(0, 1).contiguous(memory_format=torch.channels_last)
