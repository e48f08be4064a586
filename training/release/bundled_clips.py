"""Makes the bundled clips: a walk through two rendered rooms with its ground truth, and a reduced clip of a phone.

The rooms have CC0 models that are in no training room, and only procedural textures. World: metres, y up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from training.scenes.furniture import CC0_CATALOGUE, DEFAULT_CATALOGUE_FOLDER, Furniture
from training.scenes.render import Quality, render
from training.scenes.rooms.builder import Builder
from training.scenes.rooms.furnishing import add_model, add_rug
from training.scenes.rooms.lighting import light_room
from training.scenes.rooms.shell import two_rooms
from training.scenes.rooms.stock import Stock
from training.scenes.rooms.walls import dress_walls
from training.scenes.scene import Camera, Scene, look_at

N_FRAMES = 240
FPS = 30
SIZE_PX = 256
SEED = 19  # chosen by eye among 19: pale walls, a window in each room, no furniture in front of pictures
FIELD_OF_VIEW = np.deg2rad(68)
EXPOSURE = 0.75
QUALITY = Quality(shadow_rays=4, occlusion_rays=8, edge_samples=8, edge_occlusion_rays=2, smoothings=1)
WIDTH, HEIGHT, DEPTH = 9.4, 2.6, 5.0  # metres, both rooms together
DIVIDE, DOOR = 4.7, (1.75, 2.95)
PHONE_SOURCE = Path("/usr/share/forensics-samples/original-files/movie1/VID_20191220_170832.mp4")


@dataclass(frozen=True)
class Placement:
    """Where a model stands."""

    number: int
    """Its number in the CC0 catalogue."""
    x: float
    z: float
    facing: float
    """Degrees: 0 looks toward +z, 90 toward +x."""
    y: float = 0.0


LIVING_ROOM = (
    Placement(95, 2.3, 4.5, 180),  # couch
    Placement(73, 2.2, 3.35, 90),  # crate as a coffee table
    Placement(77, 2.2, 3.35, 0, 0.59),  # little plant
    Placement(143, 0.55, 3.3, 80),  # armchair
    Placement(27, 3.1, 1.0, 0),  # oak table
    Placement(79, 3.1, 1.75, 180),  # chairs around it
    Placement(79, 2.3, 0.95, 90),
    Placement(79, 3.9, 1.0, 270),
    Placement(9, 2.95, 1.15, 40, 0.74),  # coffee cup
    Placement(53, 3.25, 0.9, 0, 0.74),  # milk
    Placement(36, 0.2, 1.9, 90, 0.08),  # radiator
    Placement(150, 4.3, 4.6, 200),  # stone lantern
    Placement(106, 3.7, 4.7, 180),  # briefcase
)
STUDY = (
    Placement(50, 8.5, 2.6, 270),  # technical table
    Placement(45, 7.4, 2.6, 90),  # stool
    Placement(122, 6.6, 4.6, 180),  # vanity
    Placement(15, 6.35, 4.6, 180, 0.83),  # desk lamp
    Placement(171, 7.7, 4.35, 200),  # chair
    Placement(146, 5.3, 0.33, 0),  # high cabinet
    Placement(165, 5.9, 0.33, 0),  # sink cabinet
    Placement(165, 6.5, 0.33, 0),
    Placement(172, 6.5, 0.23, 0, 1.45),  # upper cabinet
    Placement(72, 8.85, 4.5, 0),  # barrel
    Placement(73, 8.9, 0.5, 20),  # crate
    Placement(118, 7.9, 0.6, 340),  # folding chair
    Placement(65, 5.35, 4.2, 150),  # deck chair
)
# Way points: share of the clip, eye (x, y, z), point looked at (x, y, z); metres.
WALK = (
    (0.00, (0.75, 1.50, 0.70), (2.6, 0.90, 3.60)),
    (0.18, (1.15, 1.48, 1.55), (3.3, 0.75, 4.30)),
    (0.38, (2.20, 1.50, 2.45), (4.4, 1.00, 3.10)),
    (0.55, (3.60, 1.52, 2.50), (6.6, 1.10, 2.10)),
    (0.70, (4.75, 1.50, 2.35), (7.2, 1.00, 1.20)),
    (0.85, (5.70, 1.48, 2.30), (8.3, 0.90, 2.20)),
    (1.00, (6.30, 1.50, 2.35), (7.8, 0.80, 4.20)),
)


def make_walkthrough(
    out: Path,
    furniture_folder: Path,
    catalogue_folder: Path = DEFAULT_CATALOGUE_FOLDER,
    report: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Write walkthrough.mp4, its ground truth as lossless .mkv files, and walkthrough.toml."""
    out.mkdir(parents=True, exist_ok=True)
    scene, creators = walkthrough_scene(Furniture(furniture_folder, catalogue_folder))
    truths = ("normal", "depth", "reshading")
    images: dict[str, list[np.ndarray]] = {name: [] for name in ("rgb", *truths)}
    for number, camera in enumerate(walk_cameras(N_FRAMES)):
        frame = render(scene, camera, SIZE_PX, np.random.default_rng([SEED, number]), QUALITY)
        for name, stream in images.items():
            stream.append(getattr(frame, name))
        report(number + 1, N_FRAMES)
    write_lossy(out / "walkthrough.mp4", images["rgb"], FPS)
    for name in truths:
        write_lossless(out / f"walkthrough.{name}.mkv", images[name], FPS)
    (out / "walkthrough.toml").write_text(walkthrough_toml(creators), encoding="utf-8")


def walkthrough_scene(furniture: Furniture) -> tuple[Scene, list[str]]:
    """The two rooms, and the sorted names of the creators of their models."""
    rng = np.random.default_rng(SEED)
    entries = {entry.key: entry for entry in furniture.entries if entry.key.startswith(CC0_CATALOGUE + "#")}
    stock = Stock("test", list(entries.values()), furniture, files=[])
    builder = Builder()
    regions = two_rooms(builder, rng, stock, (WIDTH, HEIGHT, DEPTH), DIVIDE, DOOR)
    creators = set()
    for region, placements in zip(regions, (LIVING_ROOM, STUDY), strict=True):
        dress_walls(builder, rng, stock, region)
        light_room(builder, rng, region)
        add_rug(builder, rng, stock, region)
        for placement in placements:
            entry = entries[f"{CC0_CATALOGUE}#{placement.number}"]
            if entry.split == "train":
                raise ValueError(
                    f"{entry.name} ({entry.key}) is a training model; the walk-through may show only held-out models"
                )
            position = np.array([placement.x, placement.y, placement.z])
            add_model(builder, rng, stock, entry, np.deg2rad(placement.facing), position)
            creators.add(entry.creator)
    return builder.scene(np.array([0.42, 0.41, 0.40])), sorted(creators)


def walk_cameras(n_frames: int) -> list[Camera]:
    """Cameras along the way points, at an even pace with a gentle start and end."""
    share, eyes, aims = (np.array(column, float) for column in zip(*WALK, strict=True))
    t = np.linspace(0, 1, n_frames)
    t = t + 0.08 * (np.sin(2 * np.pi * (t - 0.5)) / (2 * np.pi) * -1)
    eye, aim = PchipInterpolator(share, eyes)(t), PchipInterpolator(share, aims)(t)
    eye[:, 1] += 0.012 * np.sin(2 * np.pi * 1.8 * np.arange(n_frames) / FPS)  # steps of a walker
    kernel = np.hanning(25) / np.hanning(25).sum()  # smooths the changes of speed at way points
    eye, aim = (
        np.stack([np.convolve(np.pad(axis, 12, "edge"), kernel, "valid") for axis in path.T], axis=1)
        for path in (eye, aim)
    )
    return [Camera(e, look_at(e, a), FIELD_OF_VIEW, EXPOSURE) for e, a in zip(eye, aim, strict=True)]


def write_lossy(path: Path, images: list[np.ndarray], fps: int) -> None:
    """Write H.264 in yuv420p, which every player supports."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "veryslow"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def write_lossless(path: Path, images: list[np.ndarray], fps: int) -> None:
    """Write losslessly: FFV1 for one channel, H.264 in RGB for three, because FFV1 has no planar 8-bit RGB."""
    height, width, channels = images[0].shape
    if channels == 1:
        codec, pixel_format, options = "ffv1", "gray", {"level": "3", "coder": "1", "context": "1"}
    else:
        codec, pixel_format, options = "libx264rgb", "rgb24", {"qp": "0", "preset": "veryslow"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        for image in images:
            pixels = np.ascontiguousarray(image[..., 0] if channels == 1 else image)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format=pixel_format)))
        container.mux(stream.encode())


def make_phone(source: Path, out: Path) -> None:
    """Reduce the phone clip to a short side of SIZE_PX, upright and without sound; frames keep their times."""
    if not source.exists():
        raise FileNotFoundError(
            f"the phone clip {source} is missing; install it: apt-get install forensics-samples-files"
        )
    out.mkdir(parents=True, exist_ok=True)
    with (
        av.open(str(source)) as original,
        av.open(str(out / "phone.mp4"), "w", options={"movflags": "faststart"}) as reduced,
    ):
        video = original.streams.video[0]
        stream = None
        for frame in original.decode(video):
            image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), (frame.rotation % 360) // 90))
            factor = SIZE_PX / min(image.shape[:2])
            height, width = (2 * round(side * factor / 2) for side in image.shape[:2])  # yuv420p requires even sides
            if stream is None:
                stream = reduced.add_stream("libx264", options={"crf": "14", "preset": "veryslow"})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.codec_context.time_base = stream.time_base = video.time_base or Fraction(1, 90000)
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
            encoded = av.VideoFrame.from_ndarray(small, format="rgb24")
            encoded.pts, encoded.time_base = frame.pts, frame.time_base
            reduced.mux(stream.encode(encoded))
        if stream is None:
            raise ValueError(f"{source} has no video frames")
        reduced.mux(stream.encode())
        fps = float(video.average_rate or 0)
    (out / "phone.toml").write_text(phone_toml(fps), encoding="utf-8")


def walkthrough_toml(creators: list[str]) -> str:
    """Title, source, author, licence, attribution and truth of the walk-through."""
    return f"""title = "Walk through two rooms"
source = "rendered by this project"
author = "The Crosscheck project"
licence = "CC0-1.0"
attribution = "Rendered from CC0 furniture models of Blend Swap (as packaged for Sweet Home 3D) by {", ".join(creators)}; the textures of the rooms are procedural."
fps = {FPS}

[truth]
normal = "walkthrough.normal.mkv"
depth = "walkthrough.depth.mkv"
reshading = "walkthrough.reshading.mkv"
"""


def phone_toml(fps: float) -> str:
    """Title, source, author, licence and attribution of the phone clip."""
    return f"""title = "Phone clip of a room"
source = "https://github.com/eribertomota/forensics-samples, original-files/movie1/VID_20191220_170832.mp4"
author = "Joao Eriberto Mota Filho"
licence = "CC-BY-SA-4.0"
attribution = "VID_20191220_170832.mp4 from forensics-samples, copyright 2019-2020 Joao Eriberto Mota Filho <eriberto@eriberto.pro.br>, CC-BY-SA-4.0; reduced in size and without sound."
fps = {fps:.4g}
"""


README = """# Bundled clips

Made by `python -m training sample --out precompute/sample`, which needs `requirements/training.txt` and the Debian packages
`sweethome3d-furniture` and `forensics-samples-files`. A `.toml` file beside each clip gives its title, source, author,
licence and attribution.

| clip | contents | licence |
|---|---|---|
| `walkthrough.mp4` | 240 rendered frames at 30 fps, 256x256: a camera walks through two furnished rooms that are in no training set | CC0-1.0: the furniture is CC0 (Blend Swap, as packaged for Sweet Home 3D), the textures are procedural or the models' own |
| `walkthrough.normal.mkv`, `.depth.mkv`, `.reshading.mkv` | its exact ground truth, lossless (FFV1; normals H.264 in RGB), as 8-bit codes round(255 v) as defined in `consistency/domains.py` | CC0-1.0 |
| `phone.mp4` | 41 frames from a phone, indoors, short side reduced to 256 px, sound removed | CC-BY-SA-4.0, copyright 2019-2020 Joao Eriberto Mota Filho, from [forensics-samples](https://github.com/eribertomota/forensics-samples) |
"""


def write_readme(out: Path) -> None:
    """Write the README of the folder."""
    (out / "README.md").write_text(README, encoding="utf-8")
