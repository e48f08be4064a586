"""The values of a picture's tracks as arrays, for download: an .npz with one float32 array for each track."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.codes import domain_as_stated, is_unknown, stored_codes
from cache.pack import BadPack
from cache.records import StoreError, Track
from cache.store import Store


def npz(store: Store, tracks: Sequence[Track]) -> bytes:
    """The file. An array is (H, W) or (H, W, 3), in the unit of its domain, and named as the configuration; `about`, JSON
    as bytes, states what each is. What cannot be read is left out, and `about` says so."""
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Any] = {"clip": tracks[0].head.clip.key if tracks else "", "arrays": {}, "unreadable": []}
    for track in {track.head.key: track for track in tracks}.values():
        head = track.head
        name = ".".join(part for part in (head.kind, head.zoo, head.method, head.path) if part)
        try:
            codes = stored_codes(pixels(store.image(track, 0)), head.domain)
            values = physical(codes, head.domain)
        except (StoreError, BadPack, ValueError, OSError, IndexError):
            about["unreadable"].append(name)
            continue
        if head.domain.get("bits") == 16:
            values[is_unknown(codes, head.domain)] = np.nan
            values[codes == 255 * (head.domain.get("sky") or np.nan)] = np.inf
        arrays[name] = values
        domain = {
            key: domain_as_stated(head).get(key) for key in ("name", "title", "unit", "lo", "hi", "scale", "meaning")
        }
        about["arrays"][name] = {
            "domain": domain,
            "edges": dict(head.edges),
            "step": f"one of {(1 << head.domain.get('bits', 8)) - 1} of the range",
        }
    text = json.dumps(about, indent=1, default=str).encode()
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, about=np.frombuffer(text, np.uint8), **arrays)
    return file.getvalue()


def physical(codes: np.ndarray, domain: Any) -> np.ndarray:
    """Codes of 0 to 255, (H, W) or (H, W, 3), as values of the domain, float32."""
    lo, hi = float(domain["lo"]), float(domain["hi"])
    share = codes.astype(np.float32) / 255
    return (lo * (hi / lo) ** share if domain.get("scale") == "log" else lo + (hi - lo) * share).astype(np.float32)


def pixels(image: bytes) -> np.ndarray:
    """A coded image, uint8 (H, W) or (H, W, C). Raises OSError and ValueError."""
    from PIL import Image  # comes with streamlit

    with Image.open(io.BytesIO(image)) as opened:
        return np.asarray(opened)
