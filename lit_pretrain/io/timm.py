"""Weights for `timm`: a folder that `timm.create_model("local-dir:FOLDER", pretrained=True)` reads."""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import save_for_hf
from torch import Tensor, nn

from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.family import Change, Family, arguments_of
from lit_pretrain.io.pretrained import SPEC
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.pooling.patch_mean import PatchMean
from lit_pretrain.nn.position.learned_2d import Learned2D
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.types import Encoder, ImageBatch

EPS = 1e-6  # of timm's norms, which its configuration cannot change
PROVENANCE = {"tag": "lit_pretrain", "license": None, "origin_url": None, "paper_ids": None, "paper_name": None}
AS_TOKEN = Change(to_theirs=lambda x: x[None, None])
NAMES = Family(
    kind=ViT,
    architecture="timm's VisionTransformer",
    arguments={},
    names={
        "embedding.cls": "cls_token",
        "embedding.patch": "patch_embed.proj",
        "position.table.weight": "pos_embed",
        "mask_vector": "mask_token",
        "blocks.*.residual.norms.0": "blocks.*.norm1",
        ("blocks.*.mixer.query", "blocks.*.mixer.key", "blocks.*.mixer.value"): "blocks.*.attn.qkv",
        "blocks.*.mixer.out": "blocks.*.attn.proj",
        "blocks.*.residual.norms.1": "blocks.*.norm2",
        "blocks.*.feedforward.input": "blocks.*.mlp.fc1",
        "blocks.*.feedforward.out": "blocks.*.mlp.fc2",
        "final_norm": "norm",
    },
    changes={"cls_token": AS_TOKEN},
)


def save_timm(encoder: Encoder, folder: str | Path, *, artifacts: dict[str, str] | None = None) -> str:
    """Write weights and configuration in the layout of timm's models on the hub, without a classifier.

    Args:
        encoder: a `TimmEncoder` or a `ViT`.
        folder: is made; files of the same names are replaced.
        artifacts: file name -> text of further files; what a preprocessor_config.json says goes into timm's own.

    Returns:
        The name for `timm.create_model(name, pretrained=True)`.

    Raises:
        ValueError: timm has no model that computes the same.
    """
    model, files = encoder.model if isinstance(encoder, TimmEncoder) else vision_transformer(encoder), artifacts or {}
    origin = {"pretrained_cfg": dict(PROVENANCE)}
    save_for_hf(model, str(folder), origin, data_config=_preprocessing(files), safe_serialization=True)
    for name, text in files.items():
        (Path(folder) / name).write_text(text, encoding="utf-8")
    (Path(folder) / SPEC).unlink(missing_ok=True)  # of an earlier model there
    return f"local-dir:{folder}"


def _preprocessing(files: dict[str, str]) -> dict[str, Any] | None:
    """timm's words for transformers' ones."""
    if "preprocessor_config.json" not in files:
        return None
    said = json.loads(files["preprocessor_config.json"])
    size = (len(said["image_mean"]), said["crop_size"]["height"], said["crop_size"]["width"])
    return {"input_size": size, "mean": said["image_mean"], "std": said["image_std"], "crop_pct": 1.0}


def vision_transformer(encoder: Encoder) -> nn.Module:
    """timm's with the same weights."""
    if type(encoder) is not ViT:
        raise ValueError(f"{type(encoder).__name__} has no twin in timm; TimmEncoder and ViT have")
    position, pooling, given = encoder.position, encoder.pooling, arguments_of(encoder)
    if type(position) not in (Learned2D, SinCos2D):
        raise ValueError(
            f"timm's VisionTransformer adds its positions: Learned2D or SinCos2D, not {type(position).__name__}"
        )
    if type(pooling) not in (First, Mean, PatchMean) or getattr(pooling, "norm", None) is not None:
        raise ValueError("timm's VisionTransformer takes [CLS] or a mean: First, Mean or PatchMean without a norm, not"
                         f" {type(pooling).__name__}")  # fmt: skip
    if given["eps"] != EPS:
        print(f"timm's norms have eps={EPS} where this encoder has {given['eps']}: its outputs differ by rounding errors"
              " where activations are not tiny")  # fmt: skip
    model = timm.create_model(
        "vit_base_patch16_224",  # only a name to start from: every size is given
        num_classes=0,
        img_size=given["image_size"],
        patch_size=given["patch_size"],
        in_chans=given["channels"],
        embed_dim=given["dim"],
        depth=given["num_layers"],
        num_heads=given["num_heads"],
        mlp_ratio=given["hidden"] / given["dim"],
        act_layer=given["activation"],
        global_pool="token" if type(pooling) is First else "avg",
        fc_norm=False,  # the norm stands before the pooling
        pool_include_prefix=type(pooling) is Mean,
    )
    weights = NAMES.export(encoder)
    weights.pop("mask_token", None)  # of pretraining
    model.load_state_dict(weights | {"pos_embed": _positions(encoder, given["image_size"], given["channels"])})
    return model


@torch.no_grad()
def _positions(encoder: ViT, side: int, channels: int) -> Tensor:
    """(1, units, D): what is added to the units of one image."""
    layout = encoder.layout(ImageBatch(torch.zeros(1, channels, side, side)))
    weight = next(encoder.position.parameters(), torch.zeros(0))
    return encoder.position.embed(torch.zeros(layout.num_units, encoder.dim, device=weight.device), layout)[None].cpu()
