"""Promises about files of predictions that are damaged or made up: values or a named refusal come out, soon, and nothing else."""

from __future__ import annotations

import io
import struct
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import h5py
import numpy as np
import OpenEXR
from PIL import Image

from precompute.failures import SourceError
from precompute.results.reading import Reader
from reliability import Outcome, Promise, tell
from reliability.promises.media import MUTATORS, N_EXAMPLES

SHAPE = (3, 24, 40)
"""Frames, rows, columns."""
MAX_SECONDS = 20.0
"""For one file, on a busy machine; they are small."""


def corpus(folder: Path) -> Mapping[str, bytes]:
    """An intact file of each kind, by name."""
    values = np.random.default_rng(0).uniform(1, 9, SHAPE).astype(np.float32)
    counts = (values * 1000).astype(np.uint16)
    folder.mkdir(exist_ok=True)

    def npz(save: Callable) -> bytes:
        file = io.BytesIO()
        save(file, depth=values, conf=values.astype(np.float16))
        return file.getvalue()

    np.save(folder / "a.npy", values)
    cv2.imwrite(str(folder / "a.pfm"), values[0])
    cv2.imwrite(str(folder / "a.tiff"), values[0])
    Image.fromarray(counts[0]).save(folder / "a.png")
    with h5py.File(folder / "a.hdf5", "w") as file:
        file.create_dataset("dataset", data=values, chunks=(1, *SHAPE[1:]), compression="gzip")
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {"Z": values[0], "R": values[1], "G": values[1], "B": values[1]}) as file:
        file.write(str(folder / "a.exr"))
    (folder / "a.dpt").write_bytes(b"PIEH" + struct.pack("<ii", SHAPE[2], SHAPE[1]) + values[0].tobytes())
    (folder / "a.npz").write_bytes(npz(np.savez))
    (folder / "b.npz").write_bytes(npz(np.savez_compressed))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def attempt_results(tries: int, folder: Path, seed: int) -> Outcome:
    """Change one to three places of NPY, NPZ, PNG, EXR, HDF5, PFM, DPT and TIFF files as in media files, and read all arrays of each as
    `results add` does."""
    files, found, failures = corpus(folder / "whole"), Counter[str](), []
    slowest = 0.0
    with Reader() as reader:
        for number in range(tries):
            random = np.random.default_rng([seed, number])
            name = str(random.choice(list(files)))
            content = files[name]
            for _ in range(int(random.choice([1, 1, 2, 3]))):
                other = files[str(random.choice(list(files)))]
                content = MUTATORS[random.integers(len(MUTATORS))](random, content, other) or b"\0"
            path = folder / f"{number}-{name}"
            path.write_bytes(content)
            began = time.monotonic()
            try:
                found[read_all(reader, path)] += 1
            except Exception as error:
                failures.append(f"{seed} {number} {name}: {error!r:.200}")
            seconds = time.monotonic() - began
            slowest = max(slowest, seconds)
            if seconds > MAX_SECONDS:
                failures.append(f"{seed} {number} {name}: took {seconds:.1f} s")
            path.unlink()
            tell(number + 1, tries)
    figures = f"{found['refused'] + found['ended']} refused by name ({found['ended']} of them as the process ended), {found['read']} read; slowest {slowest:.1f} s"
    return Outcome(tries, len(failures), figures, tuple(failures[:N_EXAMPLES]))


def read_all(reader: Reader, path: Path) -> str:
    """`read`, or `refused`; `ended` if the process that read it was lost, which is refused as well."""
    try:
        for info in reader.look(path):
            for index in [None] if len(info.shape) < 3 else range(min(info.shape[0], SHAPE[0])):
                reader.frame(path, info.name, index)
    except SourceError as error:
        return "ended" if "the process that read it ended" in error.found else "refused"
    return "read"


PROMISES = [
    Promise(
        number=20,
        name="hostile-results",
        sentence="no file of predictions, however damaged, ends or blocks the program that adds it",
        unit="files",
        small=30,
        full=200,
        attempt=attempt_results,
    )
]
