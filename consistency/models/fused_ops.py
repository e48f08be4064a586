"""Operations that networks share, fused so that each makes as few passes over memory as possible.

Convolutions of few channels at full size are cheap; reading and writing the images between them is not. Each operation
states in plain PyTorch what it computes. In inference mode it runs in fewer passes, on a GPU in half precision by our
own kernels (`triton_kernels`). In training it never does, even without gradients: a frozen network must give the same
bits for a prediction and for its truth. N images, C channels, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_is_plain: ContextVar[bool] = ContextVar("is_plain", default=False)

_DOUBLING = (
    ((0.75, 0.25, 0.00), (0.25, 0.75, 0.75), (0.00, 0.00, 0.25)),
    ((0.25, 0.00, 0.00), (0.75, 0.75, 0.25), (0.00, 0.25, 0.75)),
)
"""[first or second of two output pixels][pixel of x before, at or after][tap of the convolution]: the tap's weight for
it."""
_ALL = slice(None)
_BORDERS = [
    (_ALL, _ALL, *near)
    for near in ((slice(2), _ALL), (slice(-2, None), _ALL), (_ALL, slice(2)), (_ALL, slice(-2, None)))
]
"""Two rows or columns of x, and the same two of the output, which depend on them alone."""


def conv_norm_relu(conv: nn.Conv2d, norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """Convolution, GroupNorm, ReLU."""
    if not _is_fused(x):
        return _relu(norm(conv(x)))
    from consistency.models.triton_kernels import group_norm

    # PyTorch adds a bias in a separate pass; the GroupNorm kernel adds it for free.
    made = _channels_last(F.conv2d(x, conv.weight, None, conv.stride, conv.padding))  # type: ignore[arg-type]
    return group_norm(made, conv.bias, norm, made, relu=True)


def norm_conv_relu(norm: nn.GroupNorm, conv: nn.Conv2d, x: Tensor) -> Tensor:
    """GroupNorm, convolution, ReLU."""
    if not _is_fused(x):
        return conv_relu(conv, norm(x))
    from consistency.models.triton_kernels import group_norm

    x = _channels_last(x)
    return conv_relu(conv, group_norm(x, None, norm, torch.empty_like(x), relu=False))


def conv_relu(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolution, ReLU."""
    if not _is_fused(x) or conv.bias is None:
        return _relu(conv(x))
    from consistency.models.triton_kernels import bias_relu

    made = F.conv2d(x, conv.weight, None, conv.stride, conv.padding, conv.dilation, conv.groups)  # type: ignore[arg-type]
    return bias_relu(_channels_last(made), conv.bias)


def double_and_join(x: Tensor, skip: Tensor) -> Tensor:
    """[x at twice its height and width, bilinear, then skip]: (N, A, H, W) and (N, B, 2H, 2W) -> (N, A + B, 2H, 2W)."""
    if not _is_fused(x):
        return torch.cat([double(x), skip], dim=1)
    from consistency.models import triton_kernels

    return triton_kernels.double_and_join(x, skip)


def double_and_convolve(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A 3x3 convolution of x at twice its height and width: (N, C, H, W) -> (N, K, 2H, 2W), in the convolution's dtype.

    Doubling and convolution are both linear, so each of the four output pixels from one pixel is a 3x3 convolution of x
    itself, and no image of C channels is written at full size. Only the border, where a convolution pads with zeros and
    doubling with the border itself, is computed step by step.
    """
    if not torch.is_inference_mode_enabled() or _is_plain.get() or min(x.shape[-2:]) < 2:
        return conv(double(x).to(conv.weight.dtype))
    x = x.to(conv.weight.dtype)
    taps = _doubling(x.device, x.dtype)
    weight = torch.einsum("pyd,qxe,kcde->kpqcyx", taps, taps, conv.weight).reshape(-1, *conv.weight.shape[1:])
    bias = None if conv.bias is None else conv.bias.repeat_interleave(4)
    weight = weight.contiguous(memory_format=torch.channels_last)
    made = F.pixel_shuffle(F.conv2d(x, weight, bias, padding=1), 2)
    for border in _BORDERS:
        made[border] = conv(double(x[border]))[border]
    return made


def double(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear."""
    # In training via float32: the values are the same, but the backward pass of bfloat16 is three times slower on a CPU.
    wide = x.float() if x.requires_grad else x
    return F.interpolate(wide, scale_factor=2, mode="bilinear", align_corners=False).to(x.dtype)


def clipped(x: Tensor) -> Tensor:
    """x clamped to [0, 1], with infinities as NaN: clamped, an overflow of half precision would look like a picture."""
    # One pass, at 0.04 ms per frame like the clamp; torch.where takes twenty times as long in bfloat16.
    return x.nan_to_num(math.nan, math.nan, math.nan).clamp(0, 1)


@contextmanager
def plain() -> Iterator[None]:
    """Within the block, in this thread, every operation is PyTorch's own: for comparisons."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _relu(x: Tensor) -> Tensor:
    """ReLU, in place in inference mode, where nothing else needs x."""
    return F.relu_(x) if torch.is_inference_mode_enabled() else F.relu(x)


def _is_fused(x: Tensor) -> bool:
    is_half = x.dtype in (torch.float16, torch.bfloat16)
    return x.is_cuda and is_half and torch.is_inference_mode_enabled() and not _is_plain.get() and _has_triton()


@cache
def _doubling(device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.tensor(_DOUBLING, dtype=dtype, device=device)


@cache
def _has_triton() -> bool:
    """Triton comes with torch for CUDA on Linux."""
    return find_spec("triton") is not None
