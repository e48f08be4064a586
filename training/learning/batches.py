"""What does a training step see? Frames drawn, cropped, mirrored and made to look like other cameras', on any device.

N frames of a batch, C channels, H x W pixels. Codes in [0, 1]. A batch depends on (seed, stream, step) alone.
"""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from consistency.models import registry
from training.scenes.frames import CHANNELS, Frames

FILTERS = {"edge2d": "sobel-edges", "keypoint2d": "hessian-keypoints"}
"""Domains that are fixed filters of the image, and their architectures."""
SHARE_ZOOMED = 0.5  # of the batches
LARGEST_ZOOM = 1.5  # a field of view of 60 degrees becomes 42
SHARE_BLURRED = 0.3  # of the images of a batch
SHARE_OF_JPEG = 0.3
LARGEST_BLUR_PX = 1.2  # standard deviation; more of it would teach networks not to notice blur
BLUR_RADIUS_PX = 3
LARGEST_NOISE = 0.03
DILATION_PX = 5  # codes beside an unknown pixel are mixed with what is unknown, as in X-TC
BLOCK = 8  # JPEG's


@dataclass(frozen=True)
class Batch:
    """What one step is given."""

    images: dict[str, Tensor]
    """Domain -> codes, (N, C, H, W) float32, channels last in memory."""
    valid: Tensor
    """Where geometry counts: (N, 1, H, W) float32 of 0 and 1."""
    field_of_view: Tensor
    """(N,) float32, degrees."""

    def weight(self, domain: str) -> Tensor | None:
        """What multiplies the errors of a domain; None where every pixel counts."""
        return None if domain == "rgb" or domain in FILTERS else self.valid


class ResidentFrames:
    """Frames that lie on a device whole; processes share them by handle. Used as `data.Frames` is."""

    def __init__(self, codes: Tensor, fields_of_view: np.ndarray):
        self.codes, self.fields_of_view = codes, fields_of_view

    @classmethod
    def load(cls, frames: Frames, device: str) -> "ResidentFrames":
        """Copied shard by shard, so that the machine's memory holds one at a time."""
        codes = torch.empty((len(frames), *frames.shards[0].shape[1:]), dtype=torch.uint8, device=device)
        for start, shard in zip(frames.starts[:-1], frames.shards, strict=True):
            codes[start : start + len(shard)] = torch.from_numpy(np.array(shard)).to(device)
        return cls(codes, frames.field_of_view(np.arange(len(frames))))

    def share(self) -> "ResidentFrames":
        """Put what lies in main memory where other processes can map it; a GPU's memory can be mapped as it is."""
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
) -> Batch:
    """The images of `domains` for one step, all cropped and mirrored alike; a filter's image is of the image as changed.

    `key`: seed, name of the stream and step, which decide everything. `size_px`: side of the images; None keeps the frames' own.
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
    return Batch(images, dilated_valid(valid > 0.5).float(), torch.from_numpy(field_of_view).to(device))


def number_of(text: str) -> int:
    """A seed from a name, the same in every process."""
    return zlib.crc32(text.encode())


@cache
def fixed_filter(domain: str, device: str) -> torch.nn.Module:
    return registry.build(FILTERS[domain]).to(device).requires_grad_(False)


# Where to look


def draw_zoom(rng: np.random.Generator) -> float:
    """One for the whole batch: half see the frame as it is, half with a longer lens."""
    return math.exp(rng.random() * math.log(LARGEST_ZOOM)) if rng.random() < SHARE_ZOOMED else 1.0


def crop_window(side: int, zoom: float) -> slice:
    """Around the centre, so that a crop is what a longer lens would have seen: its angle changes and nothing else."""
    width = 2 * round(side / zoom / 2)
    start = (side - width) // 2
    return slice(start, start + width)


def pixel_numbers(window: slice, size: int, offset: float) -> slice | Tensor:
    """The rows, or columns, of `size` pixels of the codes: averages over an edge would be codes of no surface.

    `offset` in [0, 1) says where in each step. Whole steps are a slice, which is copied much faster.
    """
    width = window.stop - window.start
    if width % size == 0:
        step = width // size
        return slice(window.start + int(offset * step), window.stop, step)
    return window.start + ((torch.arange(size) + offset) * (width / size)).long().clamp_max(width - 1)


def pick(
    codes: Tensor, channels: slice, rows: slice | Tensor, columns: slice | Tensor, is_mirrored: bool, device: str
) -> Tensor:
    """(N, H, W, 14) uint8 -> (N, C, size, size) float32."""
    if isinstance(rows, Tensor) and isinstance(columns, Tensor):
        picked = codes[:, rows.to(codes.device)[:, None], columns.to(codes.device), channels]
    else:
        picked = codes[:, rows, columns, channels]
    image = to_tensor(picked.to(device))
    return image.flip(3) if is_mirrored else image


def resample(rgb: Tensor, size: int, device: str) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, size, size) float32: averaged, as a camera of fewer pixels would, or bilinear."""
    image = rgb.to(device).permute(0, 3, 1, 2)
    if image.shape[-1] != size:
        image = image if device == "cpu" else image.float()  # bytes are ten times faster, but only there
        image = F.interpolate(image, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return image.float() / 255


def to_tensor(codes: np.ndarray | Tensor) -> Tensor:
    """(N, H, W, C) uint8 -> (N, C, H, W) float32 in [0, 1]; channels stay last in memory."""
    if isinstance(codes, np.ndarray):
        codes = torch.from_numpy(np.ascontiguousarray(codes))
    return codes.contiguous().permute(0, 3, 1, 2).float() / 255


def mirrored_normals(normal: Tensor) -> Tensor:
    """The normals of images whose left and right have been exchanged: x changes its sign."""
    return torch.cat([1 - normal[:, :1], normal[:, 1:]], dim=1).contiguous(memory_format=torch.channels_last)


def dilated_valid(valid: Tensor) -> Tensor:
    """Pixels whose 5 x 5 neighbourhood is known throughout: (N, 1, H, W) bool -> bool. Beyond the border all counts as known."""
    for dim in (2, 3):  # by shifts: pooling takes ten times as long
        size, around = valid.shape[dim], valid.clone()
        for step in range(1, min(DILATION_PX // 2, size - 1) + 1):
            around.narrow(dim, step, size - step).logical_and_(valid.narrow(dim, 0, size - step))
            around.narrow(dim, 0, size - step).logical_and_(valid.narrow(dim, step, size - step))
        valid = around
    return valid


# What other cameras would have made of it

N_DRAWS = 10  # numbers per image that jitter consumes


def jitter(rgb: Tensor, draws: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma, exposure, colour cast, contrast, saturation; for some images blur; noise; for some JPEG. (N, 3, H, W).

    `draws`: (N, N_DRAWS) in [0, 1). Which images of the batch are blurred or compressed is fixed: frames come in random order.
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
    if n_compressed:  # from the middle, so that some are blurred and compressed, and some neither
        start = n // 2
        chosen = slice(start, start + n_compressed)
        rgb = torch.cat([rgb[:start], jpeg(rgb[chosen], uniform(9, 25, 95)[chosen]), rgb[chosen.stop :]])
    return rgb


def colour_change(gain: Tensor, mean: Tensor, contrast: Tensor, saturation: Tensor) -> tuple[Tensor, Tensor]:
    """Gain (N, 3), then contrast (N,) about the image's mean grey, then saturation (N,), as one matrix and offset.

    `mean`: (N, 3), of each channel before the gain. Returns (N, 3, 3) and (N, 3).
    """
    grey = torch.full((3, 3), 1 / 3, device=gain.device)
    keep = torch.eye(3, device=gain.device)
    saturate = saturation[:, None, None] * keep + (1 - saturation)[:, None, None] * grey
    matrix = saturate * (contrast[:, None] * gain)[:, None, :]
    middle = (gain * mean).mean(dim=1)  # a grey, which saturation does not change
    return matrix, ((1 - contrast) * middle)[:, None].expand(-1, 3)


def blur(images: Tensor, sigma_px: Tensor) -> Tensor:
    """Gaussian of each image's own width: (N, C, H, W) and (N,)."""
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
    """What baseline JPEG with 4:2:0 chroma makes of images: (N, 3, H, W) in [0, 1] and (N,) from 1 to 100 -> the same shape.

    The cosine transform of 8 x 8 blocks, rounded to multiples of the standard tables: all of JPEG that loses anything. H and W
    must be multiples of 16.
    """
    ycc = torch.einsum("kc,nchw->nkhw", colour_matrix(rgb.device), rgb * 255)  # (N, 3, H, W)
    luma = through_blocks(ycc[:, :1] - 128, quantisers(LUMA_TABLE, quality)) + 128
    chroma = F.avg_pool2d(ycc[:, 1:], 2)
    chroma = through_blocks(chroma, quantisers(CHROMA_TABLE, quality))
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    changed = torch.einsum("kc,nchw->nkhw", inverse_colour_matrix(rgb.device), torch.cat([luma, chroma], dim=1))
    return (changed / 255).clamp(0, 1)


def through_blocks(plane: Tensor, steps: Tensor) -> Tensor:
    """Transform, round to multiples of `steps`, transform back: (N, C, H, W) and (N, 64)."""
    n, channels, height, width = plane.shape
    blocks = F.pixel_unshuffle(plane.reshape(n * channels, 1, height, width), BLOCK)  # (N C, 64, H / 8, W / 8)
    transform = block_transform(plane.device)
    frequencies = torch.einsum("uv,nvhw->nuhw", transform, blocks)
    steps = steps.repeat_interleave(channels, dim=0)[:, :, None, None]
    frequencies = (frequencies / steps).round() * steps
    blocks = torch.einsum("uv,nuhw->nvhw", transform, frequencies)
    return F.pixel_shuffle(blocks, BLOCK).view(n, channels, height, width)


def quantisers(table: Tensor, quality: Tensor) -> Tensor:
    """libjpeg's scaling of a table to a quality: (64,) and (N,) -> (N, 64), from 1 to 255."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None]
    return ((table.to(quality.device) * percent + 50) / 100).floor().clamp(1, 255)


@cache
def block_transform(device: torch.device) -> Tensor:
    """The orthonormal two-dimensional cosine transform of a block of 64 pixels in rows: (64 frequencies, 64 pixels)."""
    k, x = torch.arange(BLOCK, dtype=torch.float64)[:, None], torch.arange(BLOCK, dtype=torch.float64)
    cosine = torch.cos(math.pi * (2 * x + 1) * k / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    cosine[0] /= math.sqrt(2)
    return torch.kron(cosine, cosine).float().to(device)


@cache
def colour_matrix(device: torch.device) -> Tensor:
    """RGB -> luma and two chroma differences around 0, as JFIF has them."""
    rows = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    return torch.tensor(rows, device=device)


@cache
def inverse_colour_matrix(device: torch.device) -> Tensor:
    return torch.linalg.inv(colour_matrix(torch.device("cpu"))).to(device)


# The tables of the JPEG standard (annex K), at quality 50.
LUMA_TABLE = torch.tensor([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80,
    62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,
    112, 100, 103, 99,
])  # fmt: skip
CHROMA_TABLE = torch.tensor([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99,
    99, *[99] * 32,
])  # fmt: skip


# What predictions would have made of it

SHARE_OF_EACH_FLAW = 0.5  # of the images of a batch
SOFTENING_FACTORS = (2, 4, 8, 16)  # pixels: predictions of small networks are soft over so much
LARGEST_OFFSET = 0.05  # standard deviation, of the whole image
LARGEST_WAVE = 0.06  # standard deviation, of errors that vary over an eighth of the image
WAVE_GRID = 8
LARGEST_GRAIN = 0.008


def degrade(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Make ground truth look predicted, so that a network that reads it bears predictions: soft edges, offset, waves, grain.

    (N, C, H, W); each image has each of the four with even chance. `generator` must be of the codes' device.
    """
    n, channels, height, width = codes.shape
    on_device = {"generator": generator, "device": codes.device}

    def amounts(largest: float) -> Tensor:
        draws = torch.rand((2, n, 1, 1, 1), **on_device)
        return largest * draws[0] * (draws[1] < SHARE_OF_EACH_FLAW)

    def smooth(coarse: Tensor) -> Tensor:
        return F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)

    # Images in turn take each factor: one choice for the batch would make steps unlike each other.
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
