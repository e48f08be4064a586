"""Completes what was read of a view: normals from depth, and the domains that follow from both, as for rendered rooms.

H x W pixels. A, the 48 ways in which three channels can be x, y and z with either sign.
"""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import torch

from consistency.models.camera_geometry import normal_from_depth, rays
from training.own_data.items import DataError
from training.own_data.reading import Reading, axes_of
from training.scenes.frames import CHANNELS, N_CHANNELS
from training.scenes.targets import depth_code, invalid_code, normal_code, reshading_code, to_uint8, truth

FROM_DEPTH = ("normal", "reshading", "curvature", "edge3d", "keypoint3d")
"""What a view with depth has beside it."""
CLEAR_MARGIN_DEGREES = 10.0
"""Axes that agree with the depth better by less prove nothing."""
AXES = tuple((order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3))


def known_domains(read: tuple[str, ...]) -> tuple[str, ...]:
    """All domains of a frame whose files are of these domains."""
    derived = FROM_DEPTH if "depth" in read else ("reshading",) if "normal" in read else ()
    return tuple(name for name in CHANNELS if name in (*read, *derived))


def frame_of(reading: Reading) -> np.ndarray:
    """The frame as the renderer stores it, (H, W, 14) uint8. Domains that are unknown hold their invalid code."""
    height, width = reading.valid.shape
    directions = _unit_rays(height, width, reading.field_of_view_degrees)
    normals = reading.normals
    if normals is None and reading.depth_metres is not None:
        normals = _normals_of(reading.depth_metres, reading.field_of_view_degrees)
    images: dict[str, np.ndarray] = {}
    if reading.depth_metres is not None and normals is not None:
        images = truth(directions, reading.depth_metres[..., None], normals, reading.valid[..., None])
    elif normals is not None:
        images = {
            "normal": _stored("normal", normal_code(normals), reading.valid),
            "reshading": _stored("reshading", reshading_code(normals, directions)[..., None], reading.valid),
        }
    if reading.reshading is not None:
        images["reshading"] = _stored("reshading", reading.reshading[..., None], reading.valid)
    frame = np.zeros((height, width, N_CHANNELS), np.uint8)
    for name, channels in CHANNELS.items():
        frame[..., channels] = (
            images[name] if name in images else round(255 * (0 if name == "valid" else invalid_code(name)))
        )
    frame[..., CHANNELS["rgb"]] = reading.image
    frame[..., CHANNELS["valid"]] = np.where(reading.valid, 255, 0)[..., None]
    return frame


def check_axes(readings: list[Reading], asked: str) -> None:
    """Compare the normals that were read with those of the depth. Raises DataError where other axes agree clearly better.

    `asked`: the axes by which they were read; the message names those of the files.
    """
    pairs = []
    for reading in readings:
        if reading.normals is not None and reading.depth_metres is not None and reading.valid.any():
            derived = _normals_of(reading.depth_metres, reading.field_of_view_degrees)
            pairs.append((reading.normals[reading.valid], derived[reading.valid]))
    if not pairs:
        return
    read, derived = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    means = [_mean_degrees(read[:, order] * np.array(signs), derived) for order, signs in AXES]
    best, own = min(means), means[AXES.index(((0, 1, 2), (1, 1, 1)))]
    if own - best > CLEAR_MARGIN_DEGREES:
        order, signs = AXES[means.index(best)]
        channels, given = axes_of(asked)
        composed = ((channels[at], sign * given[at]) for at, sign in zip(order, signs, strict=True))
        names = ",".join(f"{'-' if sign < 0 else ''}{'xyz'[channel]}" for channel, sign in composed)
        raise DataError(
            f"the normals are {own:.0f}° (mean) from those of the depth, and {best:.0f}° with the axes {names}: state what "
            f"the channels are by --normal-axes={names}"
        )


def _mean_degrees(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(np.einsum("nc,nc->n", a, b), -1, 1))).mean())


def _stored(domain: str, code: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return to_uint8(np.where(valid[..., None], code, invalid_code(domain)))


def _unit_rays(height: int, width: int, field_of_view_degrees: float) -> np.ndarray:
    """(H, W, 3) float32."""
    directions = rays(height, width, field_of_view_degrees, torch.zeros(()))[0].permute(1, 2, 0).numpy()
    return directions / np.linalg.norm(directions, axis=2, keepdims=True)


def _normals_of(depth_metres: np.ndarray, field_of_view_degrees: float) -> np.ndarray:
    """Unit normals of z-depth (H, W), (H, W, 3) float32, facing the camera."""
    code = torch.from_numpy(depth_code(depth_metres).astype(np.float32))[None, None]
    normal = 2 * normal_from_depth(code, field_of_view_degrees)[0].permute(1, 2, 0).numpy() - 1
    return normal / np.linalg.norm(normal, axis=2, keepdims=True)
