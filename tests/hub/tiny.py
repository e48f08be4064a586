"""Tiny models of the classes of transformers, with random weights, and a local server that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.fixtures.web.sites import Site

COMMIT = "c" * 40
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# By the type of a model, and a word where that has several.
PROCESSORS: dict[str, dict[str, Any]] = {
    "depth_anything": {
        "image_processor_type": "DPTImageProcessor",
        "do_resize": True,
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
        "resample": 3,
        "size": {"height": 70, "width": 70},
        **IMAGENET,
    },
    "dpt": {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 32, "width": 32},
        "resample": 3,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    },
    "dpt bilinear": {
        "image_processor_type": "DPTImageProcessor",
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    },
    "zoedepth": {
        "image_processor_type": "ZoeDepthImageProcessor",
        "do_pad": True,
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 32,
        "resample": 2,
        "size": {"height": 64, "width": 96},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    },
    "glpn": {"image_processor_type": "GLPNImageProcessor", "size_divisor": 32, "resample": 2},
}


def model(kind: str, **fields: Any) -> Any:
    """A model of the class with two layers or as few as it allows; random weights whose output is not flat."""
    import torch
    import transformers

    torch.manual_seed(0)
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if kind == "depth_anything":
        backbone = transformers.Dinov2Config(
            **small, image_size=70, patch_size=14, out_features=["stage1", "stage2"], reshape_hidden_states=False
        )
        config = transformers.DepthAnythingConfig(
            backbone_config=backbone,
            patch_size=14,
            reassemble_hidden_size=32,
            neck_hidden_sizes=[16, 32],
            reassemble_factors=[2, 1],
            fusion_hidden_size=16,
            head_hidden_size=8,
            **fields,
        )
        made = transformers.DepthAnythingForDepthEstimation(config)
    elif kind == "dpt":
        config = transformers.DPTConfig(
            **{**small, "num_hidden_layers": 4},
            image_size=32,
            patch_size=16,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            is_hybrid=False,
            **fields,
        )
        made = transformers.DPTForDepthEstimation(config)
    elif kind == "zoedepth":
        backbone = transformers.BeitConfig(
            **{**small, "num_hidden_layers": 4},
            image_size=64,
            patch_size=16,
            use_relative_position_bias=True,
            reshape_hidden_states=False,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )
        config = transformers.ZoeDepthConfig(
            backbone_config=backbone,
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            bottleneck_features=8,
            num_relative_features=8,
            bin_embedding_dim=8,
            num_attractors=[4, 2, 2, 1],
            num_patch_transformer_layers=4,
            patch_transformer_hidden_size=128,
            patch_transformer_intermediate_size=16,
            patch_transformer_num_attention_heads=1,
            **fields,
        )
        made = transformers.ZoeDepthForDepthEstimation(config)
    else:
        config = transformers.GLPNConfig(
            depths=[1, 1, 1, 1],
            hidden_sizes=[8, 8, 8, 8],
            num_attention_heads=[1, 1, 1, 1],
            decoder_hidden_size=8,
            **fields,
        )
        made = transformers.GLPNForDepthEstimation(config)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if kind == "zoedepth" and not name.startswith("backbone") and parameter.dim() > 1:
                parameter.mul_(12)
            if name.startswith("head") and parameter.dim() > 1:
                parameter.mul_(8)
            if name.startswith("head") and parameter.dim() == 1:
                parameter.add_(0.3)
    return made.eval()


def files_of(kind: str, **fields: Any) -> dict[str, bytes]:
    """config.json, preprocessor_config.json and model.safetensors, as they lie on the hub."""
    from safetensors.torch import save

    made = model(kind, **fields)
    config = {**json.loads(made.config.to_json_string()), "auto_map": {"AutoModel": "evil--code.Model"}}
    return {
        "config.json": json.dumps(config).encode(),
        "preprocessor_config.json": json.dumps(PROCESSORS[kind]).encode(),
        "model.safetensors": save({name: tensor.contiguous() for name, tensor in made.state_dict().items()}),
    }


def serve(
    site: Site, repository: str, files: dict[str, bytes], licence: str | None = "apache-2.0", **changed: Any
) -> None:
    """Answer as the hub does for a model. `changed`: fields of its answer that are other than they should be."""
    siblings = []
    for name, content in files.items():
        row: dict[str, Any] = {"rfilename": name, "size": len(content)}
        if name.endswith(".safetensors"):
            row["lfs"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        siblings.append(row)
        site.page(f"/{repository}/resolve/{COMMIT}/{name}", content, "application/octet-stream")
    answer = {
        "sha": COMMIT,
        "siblings": siblings,
        "cardData": {"license": licence} if licence else {},
        "tags": [],
        **changed,
    }
    site.page(f"/api/models/{repository}/revision/main?blobs=true", json.dumps(answer).encode(), "application/json")
