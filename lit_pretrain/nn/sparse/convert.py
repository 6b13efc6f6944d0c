"""A dense convolutional network becomes a sparse one in place: same weights, same names."""

from timm.layers import GELU, DropPath, GELUTanh, LayerScale2d
from timm.models.convnext import ConvNeXtBlock
from torch import nn

from lit_pretrain.nn.sparse.convolution import SparseConv2d, SparseLinear, SparseStdConv2d
from lit_pretrain.nn.sparse.norm import (
    SparseBatchNorm2d,
    SparseBatchNormAct2d,
    SparseGlobalResponseNorm,
    SparseGroupNorm,
    SparseGroupNorm1,
    SparseGroupNormAct,
    SparseLayerNorm,
    SparseLayerNorm2d,
    SparseTimmGroupNorm,
    SparseTimmLayerNorm,
)
from lit_pretrain.nn.sparse.pooling import (
    SparseAdaptiveAvgPool2d,
    SparseAvgPool2d,
    SparseAvgPool2dSame,
    SparseFastAdaptiveAvgPool,
    SparseMaxPool2d,
)
from lit_pretrain.nn.sparse.visible import Visible

GLOBAL = (SparseAdaptiveAvgPool2d, SparseFastAdaptiveAvgPool)
LOCAL = (
    SparseConv2d, SparseStdConv2d, SparseLinear, SparseBatchNorm2d, SparseBatchNormAct2d, SparseGroupNorm,
    SparseTimmGroupNorm, SparseGroupNorm1, SparseGroupNormAct, SparseLayerNorm, SparseTimmLayerNorm, SparseLayerNorm2d,
    SparseGlobalResponseNorm, SparseMaxPool2d, SparseAvgPool2d, SparseAvgPool2dSame,
)  # fmt: skip
# Layers that turn zeros into zeros, one position at a time, and blocks that multiply by weights of their own.
UNCHANGED = (
    nn.Identity, nn.Dropout, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Hardswish, nn.ConstantPad2d,
    nn.Flatten, GELU, GELUTanh, DropPath, LayerScale2d, ConvNeXtBlock,
)  # fmt: skip


def make_sparse(network: nn.Module, head: tuple[str, ...], visible: Visible) -> str | None:
    """Give each layer of a network its sparse class, in place.

    Args:
        network: of convolutions.
        head: names of its children above the last map; of these only the pooling is changed.
        visible: what all of its layers look at.

    Returns:
        None, or the reason why nothing was changed: a layer that has no sparse form.
    """
    forms = {sparse.__bases__[-1]: sparse for sparse in (*GLOBAL, *LOCAL)}
    found: dict[nn.Module, type] = {}
    for name, layer in network.named_modules():
        form = forms.get(type(layer))
        if name.split(".")[0] in head:
            if form in GLOBAL:
                found[layer] = form
        elif form is not None:
            found[layer] = form
        elif not isinstance(layer, UNCHANGED) and _computes(layer):
            return f"its layer {name} is a {type(layer).__name__}"
    for layer, form in found.items():
        layer.__class__, layer.visible = form, visible
    return None


def _computes(layer: nn.Module) -> bool:
    """Whether a layer does more than to call others."""
    return not any(layer.children()) or any(True for _ in layer.parameters(recurse=False))
