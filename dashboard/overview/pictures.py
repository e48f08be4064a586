"""Frames as small pictures inside a file, in the colours of the page."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from analysis.codes import stored_codes
from cache.pack import BadPack
from cache.records import BadRecord, StoreError, Track
from cache.store import Store
from dashboard.compare.ranges import Ranges
from dashboard.web_files import WEB_FOLDER

SIDE_PX = 256
QUALITY = 88
ENERGY_REACH_SIGMA = 5.0
"""Where the colours of an energy end, as in web/drawing/energy_scale.mjs."""
SIGNED = ("diverging", "energy")


def pictures(store: Store, wanted: Sequence[tuple[str, str]], frame: int) -> tuple[tuple[str, str], ...]:
    """The frame of each track, of (caption, key), as (caption, `data:` address), all of a domain in one scale of colours. What
    cannot be read is left out."""
    tracks: list[tuple[str, Track]] = []
    for caption, key in wanted:
        try:
            track = store.get(key)
        except (StoreError, BadRecord, OSError):
            continue
        if track is not None:
            tracks.append((caption, track))
    ranges = Ranges(store).of(track for _, track in tracks)
    drawn = ((caption, _picture(store, track, frame, ranges)) for caption, track in tracks)
    return tuple((caption, address) for caption, address in drawn if address)


def _picture(store: Store, track: Track, frame: int, ranges: Mapping[str, tuple[float, float]]) -> str | None:
    """The frame of that track as a `data:` address; None where it cannot be read. `ranges`: as `Ranges.of` gives them."""
    from PIL import Image  # comes with streamlit

    try:
        with Image.open(io.BytesIO(store.image(track, frame))) as opened:
            if track.head.domain.get("channels") == 1:
                values01 = stored_codes(np.asarray(opened), track.head.domain).astype(np.float64) / 255
                shown = ranges.get(str(track.head.domain.get("name")))
                image = Image.fromarray(coloured(values01, track.head.domain, track.head.kind == "energy", shown))
            else:
                image = opened.convert("RGB")
            image.thumbnail((SIDE_PX, SIDE_PX))
            file = io.BytesIO()
            image.save(file, "webp", quality=QUALITY)
    except (StoreError, BadRecord, BadPack, OSError, ValueError, IndexError):
        return None
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def coloured(
    values01: np.ndarray, domain: Mapping[str, Any], is_energy: bool, shown: tuple[float, float] | None = None
) -> np.ndarray:
    """Codes / 255 (H, W) of a scalar domain -> RGB uint8 (H, W, 3). `shown`: the values at which the colours begin and end."""
    lo, hi, is_log = float(domain["lo"]), float(domain["hi"]), domain.get("scale") == "log"
    name = "energy" if is_energy else str(domain.get("colour_map"))
    position = values01
    if is_energy:
        position = 0.5 + 0.5 * (lo + (hi - lo) * values01) / ENERGY_REACH_SIGMA
    elif shown is not None:
        first, last = ((math.log(x / lo) / math.log(hi / lo)) if is_log else (x - lo) / (hi - lo) for x in shown)
        position = (values01 - first) / (last - first)
    elif name in SIGNED and not is_log:
        position = 0.5 + 0.5 * (lo + (hi - lo) * values01) / max(abs(lo), abs(hi))
    stops = colour_maps().get(name, colour_maps()["viridis"])
    place = np.clip(position, 0, 1) * (len(stops) - 1)
    at = np.arange(len(stops))
    return np.stack([np.interp(place, at, stops[:, channel]) for channel in range(3)], axis=-1).round().astype(np.uint8)


@cache
def colour_maps() -> Mapping[str, np.ndarray]:
    """Name -> its stops, float64 (S, 3): those of the browser, so that there is one table of colours."""
    text = (WEB_FOLDER / "drawing" / "colour.mjs").read_text()
    found = re.findall(r"^  (\w+):\s*((?:\"[0-9a-f]+\"[\s+]*)+),$", text, re.MULTILINE)
    maps = {name: bytes.fromhex("".join(re.findall(r"[0-9a-f]{6,}", parts))) for name, parts in found}
    return {name: np.frombuffer(stops, np.uint8).reshape(-1, 3).astype(np.float64) for name, stops in maps.items()}
