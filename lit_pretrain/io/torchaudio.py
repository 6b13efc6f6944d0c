"""Weights of `torchaudio`'s wav2vec 2.0 and HuBERT in our blocks."""

import re

from torch import nn
from torchaudio.models import Wav2Vec2Model
from torchaudio.models.wav2vec2.components import SelfAttention

from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.io.families.wav2vec2 import family

# torchaudio's names are those of transformers, one level deeper.
RENAMED = {r"\Aencoder\.feature_projection\.": "feature_projection.", r"\Aencoder\.transformer\.": "encoder."}


def from_torchaudio(
    model: nn.Module, *, sample_rate: int = 16000, normalise: bool | None = None, maskable: bool = True
) -> Wav2Vec2:
    """Our encoder with the weights of torchaudio's model, in eval mode. Its head and layer drop are left out.

    Args:
        model: a `Wav2Vec2Model`, or what `get_model()` of a bundle gives.
        sample_rate: samples a second of the recordings it was trained on.
        normalise: give each waveform mean 0 and variance 1; None: if the bundle does.
        maskable: give it a fresh vector for masked units, of which torchaudio's has none.

    Raises:
        ValueError: it is no such model, or a WavLM, which our blocks do not compute.
    """
    normalise = getattr(model, "normalize_waveform", False) if normalise is None else normalise
    model = getattr(model, "model", model)
    if not isinstance(model, Wav2Vec2Model):
        raise ValueError(f"{type(model).__name__} is no Wav2Vec2Model of torchaudio")
    convolutions, stack = model.feature_extractor.conv_layers, model.encoder.transformer
    first = stack.layers[0]
    if type(first.attention) is not SelfAttention:
        raise ValueError(f"Wav2Vec2 has no {type(first.attention).__name__}; TorchaudioEncoder runs such a model as it is")
    encoder = Wav2Vec2(
        first.attention.embed_dim,
        len(stack.layers),
        first.attention.num_heads,
        hidden=first.feed_forward.intermediate_dense.out_features,
        sample_rate=sample_rate,
        channels=[layer.conv.out_channels for layer in convolutions],
        kernels=[layer.kernel_size for layer in convolutions],
        strides=[layer.stride for layer in convolutions],
        norm="group" if isinstance(convolutions[0].layer_norm, nn.GroupNorm) else "layer",
        bias=convolutions[0].conv.bias is not None,
        normalise=normalise,
        gradient_scale=1.0 if first.layer_norm_first else 0.1,
        pre_norm=first.layer_norm_first,
        position_kernel=stack.pos_conv_embed.kernel_size,
        position_groups=stack.pos_conv_embed.conv.groups,
        dropout=stack.dropout.p,
        eps=stack.layer_norm.eps,
        maskable=maskable,
    )
    weights = {}
    for name, tensor in model.state_dict().items():
        for theirs, usual in RENAMED.items():
            name = re.sub(theirs, usual, name)
        if not name.startswith("aux."):  # the head
            weights[name] = tensor
    family.fill(encoder, weights)
    return encoder.eval()
