"""wav2vec 2.0 (Wav2Vec2Model).

transformers keeps what is done to waveforms beside the model; here it stands in config.json too.
"""

from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.io.family import Arguments, Config, Family, Names

KERNEL = "encoder.pos_conv_embed.conv.parametrizations.weight"


def read(config: Config) -> Arguments:
    return {
        "sample_rate": config.get("sampling_rate", 16000),
        "normalise": config.get("do_normalize", True),
        "gradient_scale": config.get("feature_grad_mult", 1.0 if config["do_stable_layer_norm"] else 0.1),
        "maskable": config["mask_time_prob"] > 0 or config["mask_feature_prob"] > 0,
    }


def write(arguments: Arguments) -> Config:
    return {
        "sampling_rate": arguments["sample_rate"],
        "do_normalize": arguments["normalise"],
        "feature_grad_mult": arguments["gradient_scale"],
    }


def also(arguments: Arguments) -> Config:
    """No layer drop; the model has a mask vector if it masks time."""
    return {"layerdrop": 0.0, "mask_time_prob": 0.05 if arguments["maskable"] else 0.0, "mask_feature_prob": 0.0}


def names(arguments: Arguments) -> Names:
    layers = range(len(arguments["channels"]))
    normed = layers if arguments["norm"] == "layer" else layers[:1]
    return {
        **{f"embedding.convolutions.{i}": f"feature_extractor.conv_layers.{i}.conv" for i in layers},
        **{f"embedding.norms.{i}": f"feature_extractor.conv_layers.{i}.layer_norm" for i in normed},
        "embedding.norm": "feature_projection.layer_norm",
        "embedding.linear": "feature_projection.projection",
        "mask_vector": "masked_spec_embed",
        "position.convolution": "encoder.pos_conv_embed.conv",
        "position.convolution.parametrizations.weight.original0": f"{KERNEL}.original0",
        "position.convolution.parametrizations.weight.original1": f"{KERNEL}.original1",
        "embedding_norm": "encoder.layer_norm",
        "final_norm": "encoder.layer_norm",
        "blocks.*.mixer.query": "encoder.layers.*.attention.q_proj",
        "blocks.*.mixer.key": "encoder.layers.*.attention.k_proj",
        "blocks.*.mixer.value": "encoder.layers.*.attention.v_proj",
        "blocks.*.mixer.out": "encoder.layers.*.attention.out_proj",
        "blocks.*.residual.norms.0": "encoder.layers.*.layer_norm",
        "blocks.*.feedforward.input": "encoder.layers.*.feed_forward.intermediate_dense",
        "blocks.*.feedforward.out": "encoder.layers.*.feed_forward.output_dense",
        "blocks.*.residual.norms.1": "encoder.layers.*.final_layer_norm",
    }


family = Family(
    kind=Wav2Vec2,
    architecture="Wav2Vec2Model",
    prefix="wav2vec2",
    arguments={
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden": "intermediate_size",
        "channels": "conv_dim",
        "kernels": "conv_kernel",
        "strides": "conv_stride",
        "norm": "feat_extract_norm",
        "bias": "conv_bias",
        "pre_norm": "do_stable_layer_norm",
        "position_kernel": "num_conv_pos_embeddings",
        "position_groups": "num_conv_pos_embedding_groups",
        "dropout": ("hidden_dropout", "attention_dropout", "feat_proj_dropout"),
        "activation": "hidden_act",
        "eps": "layer_norm_eps",
    },
    constants={
        "feat_extract_activation": "gelu",
        "activation_dropout": 0.0,
        "add_adapter": False,
        "adapter_attn_dim": None,
    },
    names=names,
    read=read,
    write=write,
    also=also,
    aliases={
        r"encoder\.pos_conv_embed\.conv\.weight_g": f"{KERNEL}.original0",
        r"encoder\.pos_conv_embed\.conv\.weight_v": f"{KERNEL}.original1",
    },
    left=(r"(lm_head|projector|classifier|project_hid|project_q|quantizer)\..*", "masked_spec_embed"),
    optional=("masked_spec_embed",),
)
