"""ConvBERT (ConvBertModel): ELECTRA's names, and those of mixed attention."""

from dataclasses import replace

from lit_pretrain.encoders.convbert import ConvBERT
from lit_pretrain.io.families import electra
from lit_pretrain.io.family import Change

CONVOLUTION = "encoder.layer.*.attention.self.key_conv_attn_layer"

family = replace(
    electra.family,
    kind=ConvBERT,
    architecture="ConvBertModel",
    prefix="convbert",
    arguments=electra.family.arguments
    | {"head_ratio": "head_ratio", "kernel_size": "conv_kernel_size", "num_groups": "num_groups"},
    names=electra.family.names
    | {
        "blocks.*.mixer.depthwise": f"{CONVOLUTION}.depthwise",
        "blocks.*.mixer.pointwise": f"{CONVOLUTION}.pointwise",
        "blocks.*.mixer.span_bias": f"{CONVOLUTION}.bias",
        "blocks.*.mixer.kernel": "encoder.layer.*.attention.self.conv_kernel_layer",
        "blocks.*.mixer.span_value": "encoder.layer.*.attention.self.conv_out_layer",
    },
    changes={f"{CONVOLUTION}.bias": Change(lambda x: x.squeeze(-1), lambda x: x[:, None])},
)
