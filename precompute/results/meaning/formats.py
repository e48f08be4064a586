"""The formats in which people have predictions: what the numbers of each mean, which values mean none, and which axes it uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Meaning = Literal["metric", "scale", "affine", "inverse"]
"""Depth in metres; depth up to one factor; up to factor and shift; 1/depth up to factor and shift."""
Projection = Literal["z", "ray"]
"""Depth along the camera's axis, or distance along each pixel's ray."""
Axes = tuple[str, str, str]
"""For x (right), y (down) and z (forward) of Crosscheck's normals, the signed axis of the file: `('x', '-y', '-z')`."""

MEANINGS: dict[str, str] = {
    "metric": "depth in metres",
    "scale": "depth up to scale",
    "affine": "depth up to scale and shift",
    "inverse": "inverse depth up to scale and shift",
}
AXES: dict[str, Axes] = {
    "opencv": ("x", "y", "z"),
    "opengl": ("x", "-y", "-z"),
    "outward": ("-x", "-y", "-z"),
}
"""opencv: x right, y down, z forward, normals towards the camera, as stored here; opengl: x right, y up, z to the viewer;
outward: OpenCV's axes, normals away from the camera."""
UNITS: dict[str, float] = {
    "m": 1.0,
    "cm": 0.01,
    "mm": 0.001,
    "m/256": 1 / 256,
    "m/512": 1 / 512,
    "m/1000": 1 / 1000,
    "m/5000": 1 / 5000,
}
"""Name -> metres of one count. `m/N` is accepted for every whole N."""
PICTURE_MAPS = ("grey", "turbo", "inferno", "magma", "plasma", "viridis", "jet", "spectral")
_FRACTION = re.compile(r"m/([1-9][0-9]{0,6})")
_AXIS = re.compile(r"-?[xyz]")


@dataclass(frozen=True)
class Format:
    """One way to write a map of depth or normals."""

    name: str
    title: str
    domain: str
    """`depth` or `normal`."""
    suffixes: tuple[str, ...]
    """Suffixes of the files, in lower case; the first one is the usual one."""
    metres: float | None = None
    """Metres of one count; None for depth without metres, and for normals."""
    meaning: Meaning = "metric"
    projection: Projection = "z"
    key: str | None = None
    """The array of an npz or HDF5 file, the channel of an EXR file."""
    unknown: tuple[str, ...] = ()
    """Values that mean "not known": `0`, `nan`, `inf`, or `>1e9` for all above."""
    sky: tuple[str, ...] = ()
    """Values that mean "nothing there", farther than can be stated."""
    axes: Axes = AXES["opencv"]
    codes: float | None = None
    """For normals: the value that stands for +1 where 0 stands for -1; None: the largest one for integers, vectors for floats."""
    integers: bool | None = None
    """True: only integers make sense, False: only floats; None: either."""
    focal_widths: float | None = None
    """Focal length in widths of the picture, where the format fixes it."""
    mask: str | None = None
    """What stands in place of the end of a file's name in that of its mask, 1 where known: `depth.npy` -> `depth_mask.npy`."""
    log_chunks: bool = False
    """Counts are on a log scale between the text chunks `near` and `far` of the PNG."""


def _depth(name: str, title: str, *suffixes: str, **more: object) -> Format:
    return Format(name, title, "depth", suffixes, **more)  # pyright: ignore[reportArgumentType]


def _normal(name: str, title: str, *suffixes: str, **more: object) -> Format:
    return Format(name, title, "normal", suffixes, **more)  # pyright: ignore[reportArgumentType]


HYPERSIM_FOCAL_WIDTHS = 886.81 / 1024

_TABLE = (
    _depth("kitti", "KITTI depth PNG, 1/256 m", ".png", metres=1 / 256, unknown=("0",), integers=True),
    _depth("zoedepth", "ZoeDepth save_raw_16bit, 1/256 m", ".png", metres=1 / 256, integers=True),
    _depth("nyu", "NYU, ScanNet, ARKit and Marigold's Hypersim PNG, mm", ".png", metres=0.001, unknown=("0",), integers=True),
    _depth("tum", "TUM and Bonn RGB-D PNG, 1/5000 m", ".png", metres=1 / 5000, unknown=("0",), integers=True),
    _depth("vkitti2", "Virtual KITTI 2 PNG, cm", ".png", metres=0.01, sky=("65535",), integers=True),
    _depth("taskonomy", "Taskonomy and Omnidata depth_zbuffer, 1/512 m", ".png", metres=1 / 512, unknown=("65535",), integers=True),
    _depth(
        "taskonomy-euclidean",
        "Taskonomy depth_euclidean, 1/512 m along the ray",
        ".png",
        metres=1 / 512,
        unknown=("65535",),
        projection="ray",
        integers=True,
    ),
    _depth(
        "hypersim",
        "Hypersim depth_meters HDF5, m along the ray",
        ".hdf5",
        ".h5",
        metres=1.0,
        unknown=("nan",),
        projection="ray",
        key="dataset",
        integers=False,
        focal_widths=HYPERSIM_FOCAL_WIDTHS,
    ),
    _depth("sintel", "Sintel .dpt, m", ".dpt", metres=1.0, integers=False),
    _depth("tartanair", "TartanAir .npy, m", ".npy", metres=1.0, sky=(">=9999",)),
    _depth("diode", "DIODE _depth.npy with _depth_mask.npy, m", ".npy", metres=1.0, mask="_mask.npy", integers=False),
    _depth("pfm", "PFM, m", ".pfm", metres=1.0, unknown=("inf",), integers=False),
    _depth("moge", "MoGe depth PNG, log scale between near and far", ".png", metres=1.0, unknown=("0",), sky=("65535",), integers=True, log_chunks=True),
    _depth("video-depth-anything", "Video Depth Anything npz (depths) or EXR (Z), inverse depth", ".npz", ".exr", meaning="inverse", key="depths|Z", integers=False),
    _depth("depthcrafter", "DepthCrafter npz (depth) or EXR (Z), inverse depth in [0, 1]", ".npz", ".exr", meaning="inverse", key="depth|Z", integers=False),
    _depth("depth-anything-3", "Depth Anything 3 results.npz, depth up to scale (--unit m for the metric models)", ".npz", meaning="scale", key="depth", integers=False),
    _depth("depth-pro", "Depth Pro npz, m", ".npz", metres=1.0, key="depth", integers=False),
    _depth("marigold", "Marigold depth .npy in [0, 1] or 16-bit PNG, up to scale and shift", ".npy", ".png", meaning="affine"),
    _depth("blender", "Blender EXR Z pass, 1e10 where nothing is hit", ".exr", metres=1.0, sky=(">=9.9e9",), key="Z|V|ViewLayer.Depth.Z", integers=False),
    _normal("taskonomy-normal", "Taskonomy normals, 8-bit PNG around 127", ".png", codes=254.0, unknown=("128 128 128",), integers=True),
    _normal("omnidata-normal", "Omnidata normals in [0, 1]", ".npy", ".png", codes=1.0),
    _normal("hypersim-normal", "Hypersim normal_cam HDF5, OpenGL", ".hdf5", ".h5", key="dataset", axes=AXES["opengl"], unknown=("nan",), integers=False),
    _normal("diode-normal", "DIODE _normal.npy, OpenGL", ".npy", axes=AXES["opengl"], unknown=("0 0 0",), integers=False),
    _normal("moge-normal", "MoGe normals, 16-bit PNG, OpenGL", ".png", ".exr", axes=AXES["opengl"], unknown=("0 0 0",)),
    _normal("marigold-normal", "Marigold normals .npy (3, H, W), OpenGL", ".npy", axes=AXES["opengl"], integers=False),
    _normal("lotus-normal", "Lotus normals .npy in [0, 1], outward", ".npy", axes=AXES["outward"], codes=1.0, integers=False),
    _normal("dsine-normal", "DSINE normals, outward: vectors .npy or EXR", ".npy", ".exr", axes=AXES["outward"], unknown=("0 0 0",), integers=False),
    _normal("dsine-eval-normal", "DSINE's evaluation sets, 8- or 16-bit PNG", ".png", unknown=("0 0 0",), integers=True),
)  # fmt: skip
FORMATS: dict[str, Format] = {row.name: row for row in _TABLE}

PLAIN = {
    "depth": Format("plain", "numbers as they are", "depth", ()),
    "normal": Format("plain", "numbers as they are", "normal", (), unknown=("0 0 0",)),
}
"""What is assumed where no format is named: the unit or meaning must then be stated, and what stands for unknown values."""


def metres_of(unit: str) -> float:
    """Metres of one count in a unit such as `mm` or `m/256`. Raises ValueError."""
    if unit in UNITS:
        return UNITS[unit]
    if found := _FRACTION.fullmatch(unit):
        return 1 / int(found[1])
    raise ValueError(f"unit '{unit}' is not one of {', '.join(UNITS)}, or m/N")


def axes_of(text: str) -> Axes:
    """The axes of a name, or of a spelling such as `x,-y,-z`. Raises ValueError."""
    if text in AXES:
        return AXES[text]
    parts = text.replace(" ", "").split(",")
    if len(parts) != 3 or not all(map(_AXIS.fullmatch, parts)) or {part[-1] for part in parts} != set("xyz"):
        raise ValueError(f"axes '{text}' are not {', '.join(AXES)}, or three signed axes such as x,-y,-z")
    return parts[0], parts[1], parts[2]


def as_markdown() -> str:
    """The rows of docs/results-formats.md."""
    rows = []
    for row in _TABLE:
        if row.domain == "normal":
            axes = next(name for name, signs in AXES.items() if signs == row.axes)
            meaning = f"axes {axes}" + ({1.0: ", values from 0 to 1", 254.0: ", 127 is zero"}.get(row.codes or 0, ""))
        else:
            meaning = MEANINGS[row.meaning] + (" along the ray" if row.projection == "ray" else "")
        cells = (f"`{row.name}`", row.title, row.domain, meaning, " or ".join(row.unknown), " or ".join(row.sky))
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(as_markdown())
