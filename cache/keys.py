"""Keys: what makes two results the same result.

A key is the SHA-256 of the canonical JSON of everything that decides the values: the source's bytes, the sampling, the
path and the digests of the weights along it. Device, dtype and library versions stand in the manifest instead. A dtype
is used only where its results stay within a bound of float32's (`precompute.jobs.precision`), so both are the same
result; with the dtype in the key, a store copied from a GPU machine would be computed again on a CPU, and shown twice.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 1
"""Incremented when the same inputs are stored as different values: encodings, columns or their meaning."""


_KEY = re.compile(r"[0-9a-f]{64}")


def is_key(text: str) -> bool:
    """Whether the text is a SHA-256 in hex, as track keys and pack names are."""
    return _KEY.fullmatch(text) is not None


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces and no NaN: equal values always give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def clip_key(source_sha256: str, sampling: Mapping[str, Any]) -> str:
    """The key of a source as sampled. `sampling` holds every setting that selects or alters frames."""
    return digest({"source": source_sha256, "sampling": dict(sampling)})


def track_key(clip: str, kind: str, zoo: str, method: str, path: str, inputs: Mapping[str, Any]) -> str:
    """The key of one configuration on one clip.

    `inputs` holds the digests of all edges that the values depend on and, for an energy, its constants. Zoo and method
    are in the key by name: two methods may share the weights on a path, and each is still listed.
    """
    return digest(
        {
            "format": FORMAT_VERSION,
            "clip": clip,
            "kind": kind,
            "zoo": zoo,
            "method": method,
            "path": path,
            "inputs": dict(inputs),
        }
    )
