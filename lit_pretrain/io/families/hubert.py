"""HuBERT (HubertModel): the weights of wav2vec 2.0 under the same names."""

from dataclasses import replace

from lit_pretrain.encoders.hubert import HuBERT
from lit_pretrain.io.families import wav2vec2

family = replace(
    wav2vec2.family,
    kind=HuBERT,
    architecture="HubertModel",
    prefix="hubert",
    constants=wav2vec2.family.constants | {"feat_proj_layer_norm": True, "conv_pos_batch_norm": False},
)
