"""Depth networks of the library transformers, built from a configuration and tensors. Nothing is fetched and no third-party code runs.

N frames, H x W pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from consistency.zoo.explained import BadNetwork, first_line

INSTALL = "install it: pip install -r requirements/hf.txt"
DEPTH = "predicted_depth"
"""The output of these networks: numbers (N, H, W), or for `depth_pro` 1 / metres."""
MODEL_TYPES = ("depth_anything", "depth_pro", "dpt", "glpn", "zoedepth")
"""The families whose sizes and meanings are known here (`precompute.zoos.hub.specs`)."""
VOTING = ("zoedepth",)
"""Those of them that choose between rooms and roads by all frames of a batch together."""
MAX_CONFIG_LETTERS = 100_000
MAX_LAYERS = 200
COUNTING = ("layers", "depths", "blocks")
"""Parts of the names of fields that say how many modules are built."""
MAX_INTEGER, MAX_LIST = 1 << 24, 1000
FETCHING = ("backbone", "use_timm_backbone", "use_pretrained_backbone")
"""Fields that would make the library fetch further weights, or need another library."""
RUNNING = ("attn_implementation", "experts_implementation", "quantization_config", "kernel_config")
"""Parts of the names of fields that can name code for the library to fetch and run."""


def is_installed() -> bool:
    """Whether networks of this format can be built."""
    from importlib.util import find_spec

    return find_spec("transformers") is not None


def build(name: str, config_text: str, state: Mapping[str, Tensor]) -> DepthOnly:
    """The network of a `config.json` with these weights. Raises BadNetwork."""
    fields = read_config(name, config_text)
    try:
        transformers = import_module("transformers")
        logging = import_module("transformers.utils.logging")
    except ImportError:
        raise BadNetwork(f"network of {name} needs the library transformers", INSTALL) from None
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.for_model(fields.pop("model_type"), **fields)
        architecture = transformers.MODEL_FOR_DEPTH_ESTIMATION_MAPPING[type(config)]
        _require_size(name, architecture, config, state)
        network, report = architecture.from_pretrained(
            None,
            config=config,
            state_dict=dict(state),
            output_loading_info=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
        )
    except BadNetwork:
        raise
    except Exception as error:  # a stranger's configuration can fail in any way
        raise BadNetwork(
            f"network of {name} cannot be built: {first_line(error)}", "use the model's own config.json"
        ) from error
    lacking = {kind: sorted(map(str, report[kind])) for kind in ("missing_keys", "mismatched_keys")}
    if lacking["missing_keys"] or lacking["mismatched_keys"]:
        keys = (lacking["missing_keys"] or lacking["mismatched_keys"])[:3]
        raise BadNetwork(
            f"weights of {name} do not fit its configuration: {', '.join(keys)} missing or of another shape",
            "use config.json and model.safetensors of one model and revision",
        )
    return DepthOnly(network, is_depth_pro=config.model_type == "depth_pro", votes=config.model_type in VOTING)


def read_config(name: str, text: str) -> dict[str, Any]:
    """The fields of a config.json that are used. Raises BadNetwork."""
    try:
        fields = json.loads(text) if len(text) <= MAX_CONFIG_LETTERS else None
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise BadNetwork(
            f"configuration of {name} is not a JSON object of at most {MAX_CONFIG_LETTERS} letters", "download it again"
        )
    if fields.get("model_type") not in MODEL_TYPES:
        raise BadNetwork(
            f"network of {name} is of type {str(fields.get('model_type'))[:60]!r}; supported are {', '.join(MODEL_TYPES)}",
            "describe it as a network of your own (docs/own-networks.md)",
        )
    return _checked(name, fields)


def _checked(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without those that name code; those of nested configurations, too."""
    found: dict[str, Any] = {}
    for key, value in fields.items():
        if key in FETCHING and value:
            raise BadNetwork(
                f"configuration of {name}: {key} is {str(value)[:60]!r}, for which more would be fetched",
                "use a model whose backbone is in its own file",
            )
        runs_code = any(part in key for part in RUNNING)
        if runs_code and not (value is None or isinstance(value, bool)):
            raise BadNetwork(
                f"configuration of {name}: {key[:60]} is {str(value)[:60]!r}, for which code could be fetched and run",
                "use a model whose config.json does not name it",
            )
        if key == "auto_map" or key in FETCHING or runs_code:
            continue
        found[key] = _checked_value(name, key, value)
    return found


def _checked_value(name: str, key: str, value: Any) -> Any:
    """The value of a field, or of one place in its list."""
    if isinstance(value, Mapping):
        return _checked(name, value)
    if isinstance(value, list):
        if len(value) > MAX_LIST:
            raise BadNetwork(
                f"configuration of {name}: {key[:60]} has {len(value)} values; at most {MAX_LIST} are read"
            )
        return [_checked_value(name, key, one) for one in value]
    most = MAX_LAYERS if any(part in key for part in COUNTING) else MAX_INTEGER
    if isinstance(value, int) and abs(value) > most:
        raise BadNetwork(f"configuration of {name}: {key[:60]} is {str(value)[:60]}; at most {most} are built")
    return value


def _require_size(name: str, architecture: Any, config: Any, state: Mapping[str, Tensor]) -> None:
    """Raise BadNetwork if the configuration asks for far more memory than the weights fill."""
    with torch.device("meta"):
        n_asked = sum(parameter.numel() for parameter in architecture(config).parameters())
    n_given = sum(tensor.numel() for tensor in state.values())
    if n_asked > 2 * n_given + 1_000_000:
        raise BadNetwork(
            f"configuration of {name} asks for {n_asked:,} parameters, the weights have {n_given:,}",
            "use config.json and model.safetensors of one model and revision",
        )


class DepthOnly(nn.Module):
    """A network of transformers that gives its depth alone."""

    def __init__(self, network: nn.Module, *, is_depth_pro: bool = False, votes: bool = False):
        """`votes`: whether what it gives for a frame depends on the others of its batch, so that it must run alone."""
        super().__init__()
        self.network, self.is_depth_pro, self.votes = network, is_depth_pro, votes

    def forward(self, numbers: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) -> (N, H, W)."""
        made = self.network(pixel_values=numbers)
        depth = made.predicted_depth
        if self.is_depth_pro and made.field_of_view is not None:
            # What it gives is for a camera whose focal length is the width; its own field of view is of the width, in degrees.
            tangent = torch.tan(torch.deg2rad(made.field_of_view.float()) / 2).view(-1, 1, 1)
            depth = depth.float() * 2 * tangent
        return {DEPTH: depth}
