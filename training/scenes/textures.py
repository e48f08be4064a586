"""Makes the textures of surfaces: procedural ones from a seeded generator, and image files of installed packages."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from training.scenes.furniture import Split, split_of

SIZE_PX = 256  # side of the largest size; 8 halvings lead to 1
LEVEL_SIDES = tuple(SIZE_PX >> level for level in range(9))
LEVEL_OFFSETS = np.cumsum([0, *[side * side for side in LEVEL_SIDES]])[:-1]
TEXELS = sum(side * side for side in LEVEL_SIDES)

TexturePicture = np.ndarray  # (256, 256, 3) uint8, sRGB, repeats seamlessly where it is procedural


def pyramid(picture: TexturePicture) -> np.ndarray:
    """A texture at every size, one after the other: (TEXELS, 3) uint8."""
    if picture.shape != (SIZE_PX, SIZE_PX, 3):
        picture = cv2.resize(picture, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA)
    levels = [picture]
    while levels[-1].shape[0] > 1:
        side = levels[-1].shape[0] // 2
        levels.append(cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA))
    return np.concatenate([level.reshape(-1, 3) for level in levels])


def picture_files(split: Split) -> list[Path]:
    """Tileable textures of miniworld (Apache-2.0; used for training, never shipped) that belong to the split."""
    package = importlib.util.find_spec("miniworld")
    if package is None or package.origin is None:
        raise FileNotFoundError(
            "the textures of miniworld are missing; pip install --no-deps -r requirements/training.txt"
        )
    folder = Path(package.origin).parent / "textures"
    unlike_rooms = ("lava", "slime", "water", "grass", "logo", "rock", "asphalt", "door", "picket")
    files = [path for path in sorted(folder.glob("*.png")) if not path.name.startswith(unlike_rooms)]
    return [path for path in files if split_of(f"miniworld/{path.name}") == split]


def read_picture(path: Path) -> TexturePicture:
    """Read an image file at the size of a texture."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"cannot read the texture {path}; expected an image file")
    return cv2.cvtColor(cv2.resize(image, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


# Procedural textures. Each returns seamless brightness of about [0, 1] over the unit square, (256, 256).


def fractal(rng: np.random.Generator, exponent: float, stretch: float = 1.0) -> np.ndarray:
    """Noise with spectrum f^-exponent, seamless as a sum of Fourier terms; stretch > 1 draws grain along x."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIZE_PX), np.fft.rfftfreq(SIZE_PX), indexing="ij")
    radius = np.hypot(fy, fx * stretch) * SIZE_PX
    radius[0, 0] = 1
    spectrum = (rng.normal(size=radius.shape) + 1j * rng.normal(size=radius.shape)) * radius**-exponent
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, s=(SIZE_PX, SIZE_PX))
    return np.clip(0.5 + 0.2 * noise / noise.std(), 0, 1)


def unit_square() -> tuple[np.ndarray, np.ndarray]:
    """y and x of every pixel in [0, 1), (256, 256) each."""
    y, x = np.mgrid[0:SIZE_PX, 0:SIZE_PX] / SIZE_PX
    return y, x


def cells(
    rng: np.random.Generator, rows: int, columns: int, offset: float, gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """A brick-like grid: a random value per cell, and whether a pixel is in the gap; `offset` shifts every other row."""
    y, x = unit_square()
    row = np.floor(y * rows).astype(int)
    column_position = x * columns + offset * (row % 2)
    value = rng.random((rows, columns))[row, np.floor(column_position).astype(int) % columns]
    in_gap = (y * rows % 1 < gap * rows) | (column_position % 1 < gap * columns)
    return value, in_gap


def plaster(rng: np.random.Generator) -> np.ndarray:
    return 0.8 + rng.uniform(0.05, 0.3) * (fractal(rng, rng.uniform(0.3, 1.6)) - 0.5)


def wood(rng: np.random.Generator) -> np.ndarray:
    warp = fractal(rng, 1.5, stretch=8)
    y, _ = unit_square()
    rings = np.sin(2 * np.pi * (rng.integers(2, 9) * y + rng.uniform(1, 5) * warp))
    return 0.6 + rng.uniform(0.05, 0.2) * rings + 0.3 * (fractal(rng, 1.0, stretch=rng.uniform(6, 20)) - 0.5)


def planks(rng: np.random.Generator) -> np.ndarray:
    value, in_gap = cells(rng, int(rng.choice([4, 6, 8, 10])), int(rng.integers(1, 3)), 0.5, rng.uniform(0.002, 0.008))
    grain = fractal(rng, 1.1, stretch=rng.uniform(8, 20))
    return np.where(in_gap, 0.25, 0.45 + rng.uniform(0.1, 0.4) * value + 0.3 * (grain - 0.5))


def tiles(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.choice([2, 3, 4, 6, 8]))
    value, in_gap = cells(rng, n, n, 0.0, rng.uniform(0.004, 0.02))
    surface = 0.7 + rng.uniform(0, 0.25) * (value - 0.5) + 0.2 * (fractal(rng, 1.2) - 0.5)
    return np.where(in_gap, rng.choice([0.3, 0.5, 0.95]), surface)


def bricks(rng: np.random.Generator) -> np.ndarray:
    value, in_gap = cells(rng, int(rng.choice([6, 8, 10, 12])), int(rng.choice([3, 4])), 0.5, rng.uniform(0.008, 0.018))
    surface = 0.45 + 0.25 * (value - 0.5) + 0.3 * (fractal(rng, 0.8) - 0.5)
    return np.where(in_gap, rng.uniform(0.6, 0.9), surface)


def checker(rng: np.random.Generator) -> np.ndarray:
    y, x = unit_square()
    n = int(rng.choice([1, 2, 4]))
    is_dark = (np.floor(2 * n * y) + np.floor(2 * n * x)) % 2 == 1
    return np.where(is_dark, rng.uniform(0.15, 0.5), 0.85) + 0.1 * (fractal(rng, 1.2) - 0.5)


def stripes(rng: np.random.Generator) -> np.ndarray:
    y, x = unit_square()
    wave = np.sin(2 * np.pi * rng.integers(2, 16) * (x if rng.random() < 0.7 else y))
    if rng.random() < 0.5:
        wave = np.sign(wave)
    return 0.7 + rng.uniform(0.05, 0.25) * wave + 0.1 * (fractal(rng, 0.5) - 0.5)


def fabric(rng: np.random.Generator) -> np.ndarray:
    y, x = unit_square()
    n = int(rng.integers(24, 64))
    weave = np.sin(2 * np.pi * n * x) * np.sin(2 * np.pi * n * y)
    return 0.6 + rng.uniform(0.03, 0.15) * weave + 0.3 * (fractal(rng, rng.uniform(0.1, 1.0)) - 0.5)


def marble(rng: np.random.Generator) -> np.ndarray:
    veins = np.abs(np.sin(np.pi * (rng.integers(1, 4) * unit_square()[1] + 3 * fractal(rng, 1.6))))
    return 0.55 + 0.4 * veins ** rng.uniform(0.2, 0.8)


def ornament(rng: np.random.Generator) -> np.ndarray:
    """A repeated motif, as on wallpaper or a rug."""
    n = int(rng.choice([1, 2, 4, 8]))
    motif = cv2.resize(fractal(rng, 1.3), (SIZE_PX // n, SIZE_PX // n), interpolation=cv2.INTER_AREA)
    motif = (motif + motif[:, ::-1]) / 2
    level = np.tile(motif > np.median(motif), (n, n))
    return np.where(level, 0.8, rng.uniform(0.4, 0.7)) + 0.1 * (fractal(rng, 0.6) - 0.5)


def outdoors(rng: np.random.Generator) -> TexturePicture:
    """The view from windows: a quarter of a panorama, -45 to 45 degrees vertically, seamless across.

    It has a sky with clouds, a skyline of trees or houses, and ground, and is sharp, out of focus or nearly white.
    """
    y = np.linspace(1, -1, SIZE_PX)[:, None, None]  # 1 above, the horizon at 0
    zenith = np.array([0.35, 0.55, 0.95]) ** rng.uniform(0.2, 1.6)
    haze = np.array([0.95, 0.93, 0.9]) * (1 - rng.uniform(0, 0.3) * (1 - random_colour(rng)))
    clouds = np.clip(fractal(rng, 1.4, stretch=0.4)[..., None] * 3 - rng.uniform(0.8, 2.0), 0, 1)
    sky = haze + (zenith - haze) * np.clip(y, 0, 1) ** 0.6
    picture = sky + (np.array([0.97, 0.97, 0.98]) - sky) * clouds
    ground = procedural(str(rng.choice(["plaster", "bricks", "fabric", "tiles"])), rng) / 255 * rng.uniform(0.3, 0.9)
    if rng.random() < 0.5:
        ground = np.array([0.35, 0.5, 0.2]) * (0.4 + fractal(rng, 0.6)[..., None])
    picture = np.where(y < rng.uniform(-0.1, 0.02), ground, picture)
    for _ in range(rng.integers(1, 4)):
        if rng.random() < 0.5:
            top = rng.uniform(0.0, 0.4) + 0.5 * (fractal(rng, 1.2)[0] - 0.5)
            leaves = np.array([0.2, 0.35, 0.12]) * rng.uniform(0.5, 1.6) * (0.3 + fractal(rng, 0.5)[..., None])
            picture = np.where((y < top[None, :, None]) & (y > -0.3), leaves, picture)
        else:
            for _ in range(rng.integers(1, 6)):
                add_house(rng, picture)
    whiteness = rng.uniform(0, 0.3) if rng.random() < 0.7 else rng.uniform(0.5, 0.95)
    picture = picture + (1 - picture) * whiteness
    if rng.random() < 0.5:
        wide = np.concatenate([picture] * 3, axis=1)
        picture = cv2.GaussianBlur(wide, (0, 0), rng.uniform(0.8, 6))[:, SIZE_PX : 2 * SIZE_PX]
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def add_house(rng: np.random.Generator, picture: np.ndarray) -> None:
    """Draw a front with rows of windows into a picture (256, 256, 3) in [0, 1]."""
    middle = SIZE_PX // 2
    left, width = int(rng.integers(0, SIZE_PX)), int(rng.integers(20, 110))
    top, bottom = middle - int(rng.integers(5, 110)), middle + int(rng.integers(2, 60))
    columns = np.arange(left, left + width) % SIZE_PX
    front = np.broadcast_to(random_colour(rng, "bricks") * rng.uniform(0.4, 1.0), (bottom - top, width, 3)).copy()
    pitch = int(rng.integers(8, 18))
    rows, across = np.arange(bottom - top)[:, None] % pitch, np.arange(width)[None] % pitch
    front[(rows > pitch * 0.35) & (rows < pitch * 0.8) & (across > pitch * 0.35) & (across < pitch * 0.75)] = (
        rng.uniform(0.1, 0.6, 3)
    )
    picture[top:bottom, columns] = front


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    kind.__name__: kind for kind in (plaster, wood, planks, tiles, bricks, checker, stripes, fabric, marble, ornament)
}


def procedural(kind: str, rng: np.random.Generator) -> TexturePicture:
    """A texture of the kind between a light and a dark colour: of one hue for three in five, of two hues for the others."""
    brightness = np.clip(KINDS[kind](rng), 0, 1)[..., None]
    light, dark = random_colour(rng, kind), random_colour(rng, kind) * rng.uniform(0.0, 0.6)
    if rng.random() < 0.6:
        dark = light * rng.uniform(0.0, 0.4)
    return np.rint(255 * np.clip(dark + (light - dark) * brightness, 0, 1)).astype(np.uint8)


def random_colour(rng: np.random.Generator, kind: str = "plaster") -> np.ndarray:
    """A random sRGB colour in [0, 1], (3,). Wood is brown, brick reddish, plaster mostly pale; other kinds have any colour."""
    if kind in ("wood", "planks"):
        hue, saturation, value = rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.75), rng.uniform(0.35, 1.0)
    elif kind == "bricks":
        hue, saturation, value = rng.uniform(0.0, 0.1), rng.uniform(0.0, 0.6), rng.uniform(0.5, 1.0)
    elif kind in ("plaster", "marble", "tiles") and rng.random() < 0.6:
        hue, saturation, value = rng.random(), rng.uniform(0.0, 0.2), rng.uniform(0.75, 1.0)
    else:
        hue, saturation, value = rng.random(), rng.uniform(0.0, 0.8) ** 1.3, rng.uniform(0.25, 1.0)
    sextant = hue * 6 + np.array([5.0, 3.0, 1.0])
    ramp = np.clip(np.minimum(sextant % 6, 4 - sextant % 6), 0, 1)
    return value * (1 - saturation * ramp)
