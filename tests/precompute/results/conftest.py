"""A small clip to add results to, and one reader for all tests of a module."""

# N = 3 frames, 24 x 16 pixels

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cache.records import Track
from cache.store import Store
from precompute.results.add import Added, Wanted, add_results
from precompute.results.meaning.asked import Stated, conversion_of, with_unit_stated
from precompute.results.reading import Reader
from tests.fixtures.stores import add_track, make_clip

N_FRAMES, WIDTH, HEIGHT = 3, 24, 16


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a clip of three frames."""
    opened = Store(tmp_path / "store")
    clip = make_clip("Counting frames", n_frames=N_FRAMES, size=(WIDTH, HEIGHT))
    add_track(opened, clip, kind="input", path="rgb", number=1)
    return opened


def input_of(store: Store) -> Track:
    return next(iter(store.tracks(kind="input")))


def depths(n_frames: int = N_FRAMES) -> np.ndarray:
    """Depths from 1 to 8 m that differ in every pixel and frame, float32 (N, H, W)."""
    ramp = np.linspace(1, 7.5, HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    return np.stack([ramp + np.float32(0.125 * at) for at in range(n_frames)])


def normals(n_frames: int = N_FRAMES) -> np.ndarray:
    """Unit normals towards the camera, in Crosscheck's axes, float32 (N, H, W, 3)."""
    x, y = np.meshgrid(np.linspace(-0.6, 0.5, WIDTH), np.linspace(-0.2, 0.7, HEIGHT))
    found = np.stack([np.stack([x + 0.05 * at, y, -np.ones_like(x)], axis=-1) for at in range(n_frames)])
    return (found / np.linalg.norm(found, axis=-1, keepdims=True)).astype(np.float32)


def add(
    store: Store, path: Path, reader: Reader, method: str = "mine", domain: str = "depth", **stated: object
) -> Added:
    """`results add` with those options; those of the matching of frames among them."""
    matching = {name: stated.pop(name) for name in ("rule", "first", "fps", "stride", "key", "bits") if name in stated}
    conversion = conversion_of(Stated(domain, **stated), path, is_truth=method == "truth")  # pyright: ignore[reportArgumentType]
    wanted = Wanted(
        path,
        method,
        conversion,
        is_unit_stated=with_unit_stated(conversion),
        is_projection_stated="projection" in stated,
        **matching,  # pyright: ignore[reportArgumentType]
    )
    return add_results(store, input_of(store), wanted, reader=reader)
