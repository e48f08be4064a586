"""Results of costly statistics, kept by the content of the arrays that they were computed from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")
MAX_KEPT = 4096
"""Results of a function in memory: some numbers each."""


def kept_by_content(compute: Callable[..., Result]) -> Callable[..., Result]:
    """The same function of float arrays, computed once for equal arrays.

    The page is drawn anew at every choice, and the noise floors of eight configurations on 10,000 frames take 0.3 s; hashing
    them takes 10 ms.
    """
    kept: dict[bytes, Result] = {}
    lock = Lock()  # sessions are threads

    @wraps(compute)
    def remembered(*arrays: np.ndarray) -> Result:
        whole = hashlib.blake2b(digest_size=16)
        for array in arrays:
            values = np.ascontiguousarray(array, np.float64)
            whole.update(f"{values.shape} ".encode())
            whole.update(values.data)
        key = whole.digest()
        with lock:
            if key in kept:
                return kept[key]
        result = compute(*arrays)
        with lock:
            while len(kept) >= MAX_KEPT:
                kept.pop(next(iter(kept)))
            kept[key] = result
        return result

    return remembered
