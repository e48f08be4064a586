"""Our Triton kernels, for operations in which PyTorch makes more passes over memory than necessary.

Imported only with a GPU. N images, C channels, H x W pixels, G groups; images are channels last, so that memory holds
rows of C values, one row per pixel.
"""

# pyright: reportMissingImports=false, reportIndexIssue=false

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor, nn

TILE_VALUES = 8192
"""Values that one program holds in registers: 32 per thread of 8 warps."""
N_WARPS = 8
JOIN_CHANNELS = 64
"""Most channels per program of `double_and_join`: 128 bytes, a whole cache line."""


def group_norm(x: Tensor, bias: Tensor | None, norm: nn.GroupNorm, out: Tensor, *, relu: bool) -> Tensor:
    """GroupNorm of x + bias, then optionally ReLU: (N, C, H, W), channels last, into `out`, which may be x.

    Reads x twice and writes it once; bias, GroupNorm and ReLU one by one read it four times and write it three times.
    Mean and variance are in float32, each tile's around its own mean (Chan et al., 1983), so that large means lose no
    digits. No atomics: equal inputs give equal outputs.
    """
    n, channels, height, width = x.shape
    groups, n_rows = norm.num_groups, height * width
    padded = triton.next_power_of_2(channels)
    tile_rows = max(1, min(triton.next_power_of_2(n_rows), TILE_VALUES // padded))
    n_tiles = triton.cdiv(n_rows, tile_rows)
    tiles = torch.empty((2, n, n_tiles, channels), dtype=torch.float32, device=x.device)
    line = torch.empty((2, n, channels), dtype=torch.float32, device=x.device)
    has_bias = bias is not None
    bias = bias if has_bias else norm.bias
    _tile_moments[(n_tiles, n)](
        x, bias, tiles, n, n_rows, n_tiles, channels, has_bias, tile_rows, padded, num_warps=N_WARPS
    )
    _lines[(n, groups)](
        tiles, bias, norm.weight, norm.bias, line, n, n_rows, n_tiles, channels, channels // groups, norm.eps, has_bias,
        tile_rows, triton.next_power_of_2(channels // groups), min(256, triton.next_power_of_2(n_tiles)), num_warps=4,
    )  # fmt: skip
    _apply[(n_tiles, n)](x, out, line, n, n_rows, channels, relu, tile_rows, padded, num_warps=N_WARPS)
    return out


def bias_relu(x: Tensor, bias: Tensor) -> Tensor:
    """ReLU of x + bias, in place: (N, C, H, W), channels last. One pass instead of PyTorch's two."""
    block = TILE_VALUES // 2
    _bias_relu[(triton.cdiv(x.numel(), block),)](x, bias, x.numel(), x.shape[1], block, num_warps=N_WARPS)
    return x


def double_and_join(x: Tensor, skip: Tensor) -> Tensor:
    """[x at twice its height and width, bilinear, then skip]: (N, A, H, W) and (N, B, 2H, 2W) -> (N, A + B, 2H, 2W).

    One pass instead of writing the doubled image and copying it.
    """
    x, skip = (image.contiguous(memory_format=torch.channels_last) for image in (x, skip))
    n, from_x, height, width = x.shape
    from_skip = skip.shape[1]
    out = torch.empty(
        (n, from_x + from_skip, 2 * height, 2 * width),
        dtype=x.dtype,
        device=x.device,
        memory_format=torch.channels_last,
    )
    block = math.gcd(from_x, from_skip, JOIN_CHANNELS)  # each program copies from only one of the two
    pixels = TILE_VALUES // 4 // block
    grid = (triton.cdiv(4 * height * width, pixels), (from_x + from_skip) // block, n)
    _double_and_join[grid](x, skip, out, height, width, from_x, from_skip, pixels, block, num_warps=4)
    return out


@triton.jit
def _relu(values):
    """Propagates NaN. `tl.maximum` of NaN and 0 is 0, and an overflow would look like a picture."""
    return tl.where(values < 0.0, 0.0, values)


@triton.jit
def _tile_moments(
    x, bias, tiles, n, n_rows, n_tiles, channels, HAS_BIAS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr
):
    """Per channel of one tile: the mean, and the sum of squared differences from it."""
    tile, image = tl.program_id(0), tl.program_id(1)
    row = tile * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, CHANNELS)
    is_row, is_channel = row < n_rows, channel < channels
    inside = is_row[:, None] & is_channel[None, :]
    first = image.to(tl.int64) * n_rows * channels
    values = tl.load(x + first + row[:, None] * channels + channel[None, :], mask=inside, other=0.0).to(tl.float32)
    if HAS_BIAS:
        values += tl.load(bias + channel, mask=is_channel, other=0.0).to(tl.float32)[None, :]
    count = tl.minimum(n_rows - tile * ROWS, ROWS).to(tl.float32)
    mean = tl.sum(tl.where(inside, values, 0.0), axis=0) / count
    difference = tl.where(inside, values - mean[None, :], 0.0)
    squares = tl.sum(difference * difference, axis=0)
    place = (image * n_tiles + tile) * channels + channel
    tl.store(tiles + place, mean, mask=is_channel)
    tl.store(tiles + n * n_tiles * channels + place, squares, mask=is_channel)


@triton.jit
def _lines(
    tiles, bias, weight, shift, line, n, n_rows, n_tiles, channels, group_channels, eps,
    HAS_BIAS: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr, TILES: tl.constexpr,
):  # fmt: skip
    """Per channel of one group: the slope and the offset that normalise it."""
    image, group = tl.program_id(0), tl.program_id(1)
    inner = tl.arange(0, CHANNELS)
    is_channel = inner < group_channels
    channel = group * group_channels + inner
    n_values = n_rows.to(tl.float32) * group_channels
    total = 0.0
    for start in range(0, n_tiles, TILES):
        tile = start + tl.arange(0, TILES)
        inside = (tile < n_tiles)[:, None] & is_channel[None, :]
        count = tl.minimum(n_rows - tile * ROWS, ROWS).to(tl.float32)[:, None]
        place = (image * n_tiles + tile[:, None]) * channels + channel[None, :]
        means = tl.load(tiles + place, mask=inside, other=0.0)
        total += tl.sum(tl.where(inside, means * count, 0.0))
    mean = total / n_values
    squares = 0.0
    for start in range(0, n_tiles, TILES):
        tile = start + tl.arange(0, TILES)
        inside = (tile < n_tiles)[:, None] & is_channel[None, :]
        count = tl.minimum(n_rows - tile * ROWS, ROWS).to(tl.float32)[:, None]
        place = (image * n_tiles + tile[:, None]) * channels + channel[None, :]
        means = tl.load(tiles + place, mask=inside, other=0.0)
        inner_squares = tl.load(tiles + n * n_tiles * channels + place, mask=inside, other=0.0)
        between = (means - mean) * (means - mean) * count
        squares += tl.sum(tl.where(inside, inner_squares + between, 0.0))
    slope = tl.load(weight + channel, mask=is_channel, other=0.0).to(tl.float32) / tl.sqrt(squares / n_values + eps)
    offset = tl.load(shift + channel, mask=is_channel, other=0.0).to(tl.float32) - mean * slope
    if HAS_BIAS:
        offset += tl.load(bias + channel, mask=is_channel, other=0.0).to(tl.float32) * slope
    tl.store(line + image * channels + channel, slope, mask=is_channel)
    tl.store(line + (n + image) * channels + channel, offset, mask=is_channel)


@triton.jit
def _apply(x, out, line, n, n_rows, channels, RELU: tl.constexpr, ROWS: tl.constexpr, CHANNELS: tl.constexpr):
    tile, image = tl.program_id(0), tl.program_id(1)
    row = tile * ROWS + tl.arange(0, ROWS)
    channel = tl.arange(0, CHANNELS)
    is_channel = channel < channels
    inside = (row < n_rows)[:, None] & is_channel[None, :]
    place = image.to(tl.int64) * n_rows * channels + row[:, None] * channels + channel[None, :]
    values = tl.load(x + place, mask=inside, other=0.0)
    slope = tl.load(line + image * channels + channel, mask=is_channel, other=0.0)
    offset = tl.load(line + (n + image) * channels + channel, mask=is_channel, other=0.0)
    made = values.to(tl.float32) * slope[None, :] + offset[None, :]
    if RELU:
        made = _relu(made)
    tl.store(out + place, made.to(values.dtype), mask=inside)


@triton.jit
def _bias_relu(x, bias, n_values, channels, VALUES: tl.constexpr):
    place = tl.program_id(0).to(tl.int64) * VALUES + tl.arange(0, VALUES)
    inside = place < n_values
    values = tl.load(x + place, mask=inside, other=0.0)
    made = values.to(tl.float32) + tl.load(bias + place % channels, mask=inside, other=0.0).to(tl.float32)
    tl.store(x + place, _relu(made).to(values.dtype), mask=inside)


@triton.jit
def _double_and_join(x, skip, out, height, width, from_x, from_skip, PIXELS: tl.constexpr, CHANNELS: tl.constexpr):
    """Writes a block of channels of some pixels, from x or from skip."""
    image = tl.program_id(2).to(tl.int64)
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    first = tl.program_id(1) * CHANNELS
    inner = tl.arange(0, CHANNELS)
    inside = (pixel < 4 * height * width)[:, None] & (inner >= 0)[None, :]
    into = out + (image * 4 * height * width + pixel[:, None]) * (from_x + from_skip) + first + inner[None, :]
    if first < from_x:
        # The source of output pixel o is (o + 1/2) / 2 - 1/2, between two pixels at weights of 1/4 and 3/4.
        row, column = pixel // (2 * width), pixel % (2 * width)
        top, left = tl.maximum(row - 1, 0) // 2, tl.maximum(column - 1, 0) // 2
        bottom, right = tl.minimum(top + 1, height - 1), tl.minimum(left + 1, width - 1)
        down = tl.where(row == 0, 0.0, tl.where(row % 2 == 0, 0.75, 0.25))[:, None]
        across = tl.where(column == 0, 0.0, tl.where(column % 2 == 0, 0.75, 0.25))[:, None]
        near = x + image * height * width * from_x + first + inner[None, :]
        a = tl.load(near + (top * width + left)[:, None] * from_x, mask=inside, other=0.0).to(tl.float32)
        b = tl.load(near + (top * width + right)[:, None] * from_x, mask=inside, other=0.0).to(tl.float32)
        c = tl.load(near + (bottom * width + left)[:, None] * from_x, mask=inside, other=0.0).to(tl.float32)
        d = tl.load(near + (bottom * width + right)[:, None] * from_x, mask=inside, other=0.0).to(tl.float32)
        above, below = a + (b - a) * across, c + (d - c) * across
        tl.store(into, (above + (below - above) * down).to(out.dtype.element_ty), mask=inside)
    else:
        copied = skip + (image * 4 * height * width + pixel[:, None]) * from_skip + first - from_x + inner[None, :]
        tl.store(into, tl.load(copied, mask=inside), mask=inside)
