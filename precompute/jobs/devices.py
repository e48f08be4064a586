"""Which device and dtype a job uses."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import torch

from cache.store import Store
from precompute.jobs.plan import Plan

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

Device = Literal["auto", "cpu", "cuda"]


def clip_dtype(store: Store, plan: Plan, wanted: torch.dtype) -> torch.dtype:
    """The dtype that most of the clip's stored tracks were computed in, else the wanted one."""
    tracks = [store.get(spec.head.key) for spec in plan.specs if spec.chains and spec not in plan.pending]
    tracks += [
        store.get(spec.head.key)
        for spec, stored in zip(plan.pending, plan.stored_frames, strict=True)
        if spec.chains and stored
    ]
    begun = Counter(track.head.computed_on.get("dtype", "") for track in tracks if track)
    return DTYPES.get(max(sorted(begun), key=lambda name: begun[name], default=""), wanted)


def choose_device(name: Device) -> torch.device:
    """`auto` is CUDA where there is a usable GPU, else the CPU. Raises ValueError for a `cuda` that is not there."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "--device cuda: torch finds no CUDA GPU here; use --device cpu, or install a CUDA build of torch"
        )
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def all_devices(device: torch.device) -> list[torch.device]:
    """Every GPU for a plain `cuda`, else the device itself."""
    if device.type == "cuda" and device.index is None:
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [device]


def choose_dtype(device: torch.device) -> torch.dtype:
    """float16 on GPUs, bfloat16 on CPUs with units for it, else float32. Energies are float32 in any case."""
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else torch.float32


def dtype_name(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")
