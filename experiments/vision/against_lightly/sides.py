"""The two sides of the comparison: the same method, sizes and optimiser, from lit_pretrain and from lightly."""

import lightly_side
import lightning as L
import timm
from timm.models.vision_transformer import VisionTransformer

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT, ViTDecoder
from lit_pretrain.nn.head.projection import MLP, NormedMLP
from lit_pretrain.nn.init.xavier_uniform import XavierUniform
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.vision.byol import BYOL
from lit_pretrain.objectives.vision.mae import MAE
from lit_pretrain.objectives.vision.simclr import SimCLR
from lit_pretrain.optim.recipe import AdamW

METHODS = ("simclr", "byol", "mae")
SIDES = ("ours", "lightly")
RESNET, OUTPUT_STRIDE, WIDTH = "test_resnet", 8, 96
TEMPERATURE, MOMENTUM, RATIO = 0.2, 0.996, 0.75
PATCH, DIM, DEPTH, HEADS = 4, 128, 4, 4  # of MAE's encoder
DECODER = (64, 2, 2)  # width, depth and heads of MAE's decoder


def recipe(method: str) -> AdamW:
    # torch's epsilon: with a larger one the scale of a loss would count, and lightly's BYOL is a quarter of ours.
    return AdamW(1e-3, 0.05, betas=(0.9, 0.95) if method == "mae" else (0.9, 0.98), eps=1e-8)


def both(method: str, size: int, shared_start: bool) -> dict[str, L.LightningModule]:
    """The modules of both sides, new; convolutional encoders start from the same weights.

    Args:
        method: one of METHODS.
        size: the side of the images, which have one channel.
        shared_start: MAE's encoders, too, start from the same weights: ours.
    """
    ours = _ours(method, size)
    ours.optim = recipe(method)
    if method == "mae":
        theirs = lightly_side.MAE(_vit(ours.encoder, size, shared_start), 1, *DECODER, RATIO, not shared_start, ours.optim)
        return {"ours": ours, "lightly": theirs}
    backbone = timm.create_model(RESNET, num_classes=0, in_chans=1, output_stride=OUTPUT_STRIDE)
    backbone.load_state_dict(ours.encoder.model.state_dict())
    if method == "simclr":
        theirs = lightly_side.SimCLR(backbone, WIDTH, 128, 64, TEMPERATURE, ours.optim)
    else:
        theirs = lightly_side.BYOL(backbone, WIDTH, 512, 64, MOMENTUM, ours.optim)
    return {"ours": ours, "lightly": theirs}


def _ours(method: str, size: int) -> PretrainModule:
    if method == "mae":
        encoder = ViT(size, PATCH, 1, DIM, DEPTH, HEADS, eps=1e-6, position=SinCos2D(DIM), pooling=Mean(),
                      init=XavierUniform())  # fmt: skip
        decoder = ViTDecoder(*DECODER, eps=1e-6)
        return MAE(encoder, decoder, patch_size=PATCH, channels=1, masking=RandomUnits(RATIO))
    encoder = TimmEncoder(RESNET, channels=1, options={"output_stride": OUTPUT_STRIDE})
    if method == "simclr":
        return SimCLR(encoder, NormedMLP(WIDTH, 128, 64), temperature=TEMPERATURE)
    return BYOL(encoder, MLP(WIDTH, 512, 64), MLP(64, 512, 64), momentum=MOMENTUM)


def _vit(encoder: ViT, size: int, shared_start: bool) -> VisionTransformer:
    if shared_start:
        from lit_pretrain.io.timm import vision_transformer  # needs transformers, which nothing else here does

        return vision_transformer(encoder)
    return VisionTransformer(size, PATCH, 1, num_classes=0, embed_dim=DIM, depth=DEPTH, num_heads=HEADS)
