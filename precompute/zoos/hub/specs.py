"""What the numbers of a depth network of transformers mean, read from its config.json and preprocessor_config.json.

Each rule was read in the library's source, version 5.24: the image processors' `resize` and `_preprocess`, and
`post_process_depth_estimation`. Tests hold the same tensors and the same maps against the library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consistency.domains import DEPTH_MAX_METRES, DEPTH_MIN_METRES
from consistency.zoo.records import ZooError

RESAMPLES = {2: "bilinear", 3: "bicubic"}
"""PIL's numbers -> ours."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "depth_anything": {
        "size": {"height": 384, "width": 384},
        "resample": 3,
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
    },
    "dpt": {
        "size": {"height": 384, "width": 384},
        "resample": 3,
        "image_mean": (0.5, 0.5, 0.5),
        "image_std": (0.5, 0.5, 0.5),
    },
    "depth_pro": {
        "size": {"height": 1536, "width": 1536},
        "resample": 2,
        "image_mean": (0.5,) * 3,
        "image_std": (0.5,) * 3,
    },
    "zoedepth": {
        "size": {"height": 384, "width": 512},
        "resample": 2,
        "keep_aspect_ratio": True,
        "do_pad": True,
        "image_mean": (0.5,) * 3,
        "image_std": (0.5,) * 3,
    },
    "glpn": {"size_divisor": 32, "resample": 2, "do_normalize": False},
}
"""Fields that a preprocessor_config.json may leave out, as the processor's class has them; mean and std of `depth_anything` are
those of its released models, not of the class."""
INVERSE = "inverse-scale-and-shift"
RATIO = DEPTH_MAX_METRES / DEPTH_MIN_METRES
"""Farthest over nearest depth that codes tell apart."""


@dataclass(frozen=True)
class Ports:
    """The `input` and `output` of an edge, as zoo.toml has them."""

    input: dict[str, Any]
    output: dict[str, Any]
    is_relative: bool
    """Whether its output is inverse depth up to scale and shift, whose range must be measured."""


def ports_of(config: Mapping[str, Any], processor: Mapping[str, Any]) -> Ports:
    """How the network is given pictures and its output read. Raises ZooError."""
    try:
        return _ports(config, processor)
    except ZooError:
        raise
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise ZooError(
            f"a field of its preprocessor_config.json or config.json makes no sense ({error})",
            "choose another revision",
        ) from error


def _ports(config: Mapping[str, Any], processor: Mapping[str, Any]) -> Ports:
    kind = config["model_type"]
    fields = {**DEFAULTS[kind], **{key: value for key, value in processor.items() if value is not None}}
    ports: dict[str, Any] = {"resize": _resize(kind, fields)}
    if not fields.get("do_rescale", True):
        raise ZooError("its processor does not divide pixels by 255 (do_rescale is false), which is not supported")
    rescale = float(fields.get("rescale_factor", 1 / 255))
    if not math.isclose(rescale, 1 / 255, rel_tol=1e-4):
        raise ZooError(f"its processor multiplies pixels by {rescale}; only 1/255 is supported")
    if fields.get("do_normalize", True):
        ports |= {"mean": _three(fields["image_mean"]), "std": _three(fields["image_std"])}
    if kind == "depth_pro":
        ends = [1 / DEPTH_MAX_METRES, 1 / DEPTH_MIN_METRES]
        return Ports(ports, {"range": ends, "physical": [1 / end for end in ends], "scale": "inverse"}, False)
    if kind == "zoedepth":
        bins = config.get("bin_configurations") or [{"max_depth": 10}]
        return Ports(ports, _metres(max(float(row["max_depth"]) for row in bins)), False)
    if kind == "glpn" or config.get("depth_estimation_type") == "metric":
        return Ports(ports, _metres(float(config.get("max_depth", 10 if kind == "glpn" else 1))), False)
    return Ports(ports, {}, True)


def _metres(highest: float) -> dict[str, Any]:
    if not 0 < highest <= 1000:
        raise ZooError(f"max_depth of its configuration is {highest}; expected metres, 0 to 1000")
    return {"range": [0.0, highest], "physical": [0.0, highest]}


def relative_output(highest: float, known_up_to: str = INVERSE) -> dict[str, Any]:
    """The `output` of a depth, or its inverse, up to scale or scale and shift, whose highest number is `highest`: it keeps what is
    known of it, over the range that codes of depth tell apart. Raises ZooError."""
    if not (math.isfinite(highest) and highest > 0):
        raise ZooError(
            f"its highest number on the bundled clips is {highest:.3g}; a relative depth is above 0", "check its files"
        )
    if known_up_to == INVERSE:
        ends, physical, scale = [highest / RATIO, highest], [DEPTH_MAX_METRES, DEPTH_MIN_METRES], "inverse"
    else:
        # A factor alone keeps 0 where it is; a shift may be chosen so that 0 is the nearest depth.
        lowest = highest / RATIO if known_up_to == "scale" else 0.0
        ends, physical, scale = [lowest, highest], [DEPTH_MIN_METRES, DEPTH_MAX_METRES], "linear"
    return {"range": ends, "physical": physical, "scale": scale, "known_up_to": known_up_to}


def _resize(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"resample": _resample(fields["resample"]), "rounds_to_8_bits": True}
    if fields.get("do_pad") and fields.get("size_divisor"):
        raise ZooError("its processor pads pictures after it has normalised them, which is not supported")
    if not fields.get("do_resize", True):
        raise ZooError("its processor does not resize, and says no multiple; describe it in a zoo.toml of your own")
    if kind == "glpn":
        return {**rule, "multiple": _px(fields["size_divisor"]), "round": "down", "output_resample": "bicubic"}
    size = fields["size"]
    if isinstance(size, int):
        size = {"height": size, "width": size}
    if not isinstance(size, Mapping) or not {"height", "width"} <= set(size):
        raise ZooError(f"size of its processor is {str(size)[:80]}; expected a height and a width")
    rule |= {"px": _px(size["height"]), "width_px": _px(size["width"])}
    if kind == "depth_pro":
        # It scales numbers, not pictures of 8 bits.
        return {**rule, "side": "stretch", "rounds_to_8_bits": False, "antialias": False}
    if kind == "zoedepth":
        # It pads and scales numbers, too, and the class has no sensible multiple: each model states its own.
        rule |= {
            "reflect": bool(fields["do_pad"]),
            "rounds_to_8_bits": False,
            "antialias": False,
            "align_corners": True,
        }
        fields = {**fields, "ensure_multiple_of": fields.get("ensure_multiple_of")}
    side = "nearest" if fields.get("keep_aspect_ratio", False) else "stretch"
    multiple = _px(fields.get("ensure_multiple_of", 1))
    # The way back is bicubic in `post_process_depth_estimation`, whatever `resample` is.
    return {**rule, "side": side, "multiple": multiple, "output_resample": "bicubic"}


def _resample(number: Any) -> str:
    if number not in RESAMPLES:
        raise ZooError(f"resample of its processor is {str(number)[:40]}; supported are {RESAMPLES}")
    return RESAMPLES[number]


def _px(number: Any) -> int:
    if type(number) is not int or not 1 <= number <= 4096:
        raise ZooError(f"its processor states {str(number)[:40]} pixels; expected 1 to 4096")
    return number


def _three(values: Any) -> list[float]:
    found = [values] * 3 if isinstance(values, (int, float)) else list(values)
    if len(found) != 3 or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in found):
        raise ZooError(f"mean or std of its processor is {str(values)[:80]}; expected three numbers")
    return [float(value) for value in found]
