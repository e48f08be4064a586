"""Maps HDR pictures (HLG and PQ) to SDR: the EETF of ITU-R BT.2390-11, 5.4, to reference white, which is 203 cd/m² (BT.2408).

Sources: BT.2100-2 (both transfer functions), SMPTE ST 2084 (PQ), BT.2087 (BT.2020 to BT.709), BT.1886 (gamma of SDR displays).
"""

# H x W pixels

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from precompute.media.pictures.side_data import side_data

REFERENCE_WHITE = 203.0
"""cd/m² of a white that is no highlight: becomes the white of SDR."""
USUAL_PEAK = 1000.0
"""cd/m² of the brightest highlights if nothing is stated; by definition those of HLG on its reference display."""
BRIGHTEST = 10_000.0
"""cd/m² of the largest PQ code."""

PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
HLG_GAMMA = 1.2
"""System gamma of a display of 1000 cd/m²."""
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593], np.float32)
WHITE = (0.3127, 0.3290)
"""D65, of all primaries here."""
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
"""SMPTE RP 431-2: x and y of red, green and blue."""
Primaries = Literal["709", "2020", "p3"]
PRIMARIES: dict[int, Primaries] = {1: "709", 11: "p3", 12: "p3"}
"""Numbers of ITU-T H.273 -> the name in a clip's key; any other is read as BT.2020. The white of P3-DCI (11), greener than D65, is read
as D65, as if the eye had adapted: grey stays grey, and the primaries are those of P3-D65 (12)."""
SDR_GAMMA = 2.4
N_CODES = 1 << 16
N_STEPS = 4096
"""Steps of the tables for light."""


class Hdr(NamedTuple):
    """How a video's light is coded."""

    transfer: Literal["HLG", "PQ"]
    peak: float
    """cd/m² of its brightest highlights."""
    primaries: Primaries

    def __str__(self) -> str:
        return f"{self.transfer} tone-mapped to SDR (BT.2390 EETF, {self.peak:g} to {REFERENCE_WHITE:g} cd/m²)"


def hdr_of(frame: Any) -> Hdr | None:
    """How the light of a frame is coded; None if it is SDR."""
    primaries: Primaries = PRIMARIES.get(frame.color_primaries, "2020")
    if frame.color_trc == 18:
        return Hdr("HLG", USUAL_PEAK, primaries)
    return Hdr("PQ", _stated_peak(frame), primaries) if frame.color_trc == 16 else None


def _to_xyz(primaries: Sequence[tuple[float, float]]) -> np.ndarray:
    """(3, 3): linear light of these primaries to CIE XYZ, with white of luminance 1 (SMPTE RP 177)."""
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in (*primaries, WHITE)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
LUMA_P3 = _to_xyz(P3)[1].astype(np.float32)
P3_TO_BT709 = np.linalg.solve(_to_xyz(BT709), _to_xyz(P3)).astype(np.float32)
TO_BT709 = {"2020": BT2020_TO_BT709, "p3": P3_TO_BT709}
"""Linear light of these primaries to that of BT.709's."""


def _stated_peak(frame: Any) -> float:
    """The brightest pixel (MaxCLL), else the peak of the display on which the video was graded, else the usual one."""
    stated = []
    light = side_data(frame, "CONTENT_LIGHT_LEVEL")
    if light is not None and len(light) >= 4:
        stated.append(float(struct.unpack("=I", light[:4])[0]))
    display = side_data(frame, "MASTERING_DISPLAY_METADATA")
    if display is not None and len(display) >= 88:
        numerator, denominator, _, has_luminance = struct.unpack("=4i", display[72:88])
        if has_luminance and denominator > 0:
            stated.append(numerator / denominator)
    return next((peak for peak in stated if REFERENCE_WHITE <= peak <= BRIGHTEST), USUAL_PEAK)


def to_sdr(image: np.ndarray, hdr: Hdr) -> np.ndarray:
    """uint16 (H, W, 3), coded as `hdr` over the full range, to uint8 (H, W, 3) with BT.709 primaries and gamma 2.4."""
    light = _linear(hdr.transfer)[image]  # (H, W, 3), share of the largest value
    if hdr.transfer == "HLG":  # from scene to display
        luminance = light @ (LUMA_P3 if hdr.primaries == "p3" else LUMA_2020)
        light = light * (USUAL_PEAK * np.power(luminance, HLG_GAMMA - 1, dtype=np.float32))[..., None]
    brightest = light.max(axis=2)  # one factor for all three channels keeps the hue
    light = light * _factor(brightest, hdr.peak)[..., None]
    if hdr.primaries in TO_BT709:
        light = light @ TO_BT709[hdr.primaries].T
    place = np.sqrt(np.clip(light, 0, 1)) * np.float32(N_STEPS - 1)
    return _sdr_codes()[(place + np.float32(0.5)).astype(np.intp)]


@lru_cache(1)
def _sdr_codes() -> np.ndarray:
    """uint8, (N_STEPS,): codes of SDR at equal steps of the root of the light, where a step is at most a quarter of a code."""
    return (255 * np.linspace(0, 1, N_STEPS) ** (2 / SDR_GAMMA) + 0.5).astype(np.uint8)


@lru_cache(2)
def _linear(transfer: str) -> np.ndarray:
    """float32, (N_CODES,): for PQ cd/m² on the display, for HLG the share of the scene's light."""
    code = np.linspace(0, 1, N_CODES)
    if transfer == "PQ":
        return pq_to_light(code).astype(np.float32)
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - HLG_C) / HLG_A) + HLG_B) / 12).astype(np.float32)


def pq_to_light(code: np.ndarray) -> np.ndarray:
    """cd/m² of PQ codes in [0, 1] (ST 2084, the EOTF)."""
    root = np.power(code, 1 / PQ_M2)
    return BRIGHTEST * np.power(np.maximum(root - PQ_C1, 0) / (PQ_C2 - PQ_C3 * root), 1 / PQ_M1)


def light_to_pq(light: np.ndarray) -> np.ndarray:
    """PQ codes in [0, 1] of cd/m²."""
    power = np.power(np.maximum(light, 0) / BRIGHTEST, PQ_M1)
    return np.power((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power), PQ_M2)


def eetf(light: np.ndarray, peak: float) -> np.ndarray:
    """cd/m² shown on a display whose brightest is reference white, for cd/m² of a video of this peak (BT.2390, without a lift of
    black): unchanged up to a knee, then a Hermite spline."""
    source_peak = light_to_pq(np.array(max(peak, REFERENCE_WHITE)))
    largest = light_to_pq(np.array(REFERENCE_WHITE)) / source_peak
    knee = 1.5 * largest - 0.5
    code = np.minimum(light_to_pq(light) / source_peak, 1)
    t = np.clip((code - knee) / max(1 - knee, 1e-9), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * largest
    return pq_to_light(np.where(code < knee, code, spline) * source_peak)


@lru_cache(4)
def _factors(peak: float) -> np.ndarray:
    """float32, (N_STEPS,): shown light, as a share of SDR's white, per cd/m², at equal steps of the fourth root of the light."""
    light = BRIGHTEST * np.linspace(0, 1, N_STEPS) ** 4
    light[0] = light[1]
    return (eetf(light, peak) / light / REFERENCE_WHITE).astype(np.float32)


def _factor(light: np.ndarray, peak: float) -> np.ndarray:
    place = np.sqrt(np.sqrt(np.clip(light / np.float32(BRIGHTEST), 0, 1))) * np.float32(N_STEPS - 1)
    return _factors(peak)[(place + np.float32(0.5)).astype(np.intp)]
