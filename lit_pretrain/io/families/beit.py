"""BEiT (BeitModel), under the names of the published files.

Files of the pretraining model have no norm on what is pooled, but one in the head; those of the bare and of the fine-tuned
models have it.
"""

from torch import Tensor

from lit_pretrain.encoders.beit import BEiT
from lit_pretrain.io.family import Arguments, Change, Config, Family, Names, Weights, class_of
from lit_pretrain.nn.head.normed_linear import NormedLinearHead
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.pooling.patch_mean import PatchMean

PRETRAINING = "BeitForMaskedImageModeling"


def read(config: Config) -> Arguments:
    biases = "each" if config["use_relative_position_bias"] else "none"
    if config["use_shared_relative_position_bias"]:
        if biases == "each":
            raise ValueError("config.json asks for relative biases both shared and of each block, and BEiT has one kind;"
                             " the encoder HuggingFaceEncoder runs the model as it is")  # fmt: skip
        biases = "shared"
    if not config["use_mean_pooling"]:
        return {"biases": biases}
    bare = PRETRAINING in (config.get("architectures") or ())
    norm = None if bare else LayerNorm(config["hidden_size"], config["layer_norm_eps"])
    return {"biases": biases, "pooling": PatchMean(norm), "final_norm": False}


def write(arguments: Arguments) -> Config:
    return {
        "use_relative_position_bias": arguments["biases"] == "each",
        "use_shared_relative_position_bias": arguments["biases"] == "shared",
        "use_mean_pooling": not arguments["final_norm"],
    }


def also(arguments: Arguments) -> Config:
    """No drop path, and the class that tells a reader whether there is a norm on what is pooled."""
    pooling = arguments["pooling"]
    bare = class_of(pooling) is PatchMean and pooling["init_args"]["norm"] is None
    return {"drop_path_rate": 0.0} | ({"architectures": [PRETRAINING]} if bare else {})


def fits(arguments: Arguments) -> bool:
    pooling = arguments["pooling"]
    if class_of(pooling) is First:
        return arguments["final_norm"]
    if class_of(pooling) is not PatchMean or arguments["final_norm"]:
        return False
    norm = pooling["init_args"]["norm"]
    return norm is None or (class_of(norm) is LayerNorm and norm["init_args"]["bias"]
                            and norm["init_args"]["eps"] == arguments["eps"])  # fmt: skip


def head(config: Config, weights: Weights) -> tuple[NormedLinearHead, Names]:
    made = NormedLinearHead(config["hidden_size"], config["vocab_size"], config["layer_norm_eps"])
    return made, {"norm": "layernorm", "out": "lm_head"}


def names(arguments: Arguments) -> Names:
    shared = "encoder.relative_position_bias.relative_position_bias_table"
    return {
        **({"position.table": shared} if arguments["biases"] == "shared" else {}),
        **({"position.table.weight": "embeddings.position_embeddings"} if arguments["absolute"] else {}),
        "embedding.cls": "embeddings.cls_token",
        "embedding.patch": "embeddings.patch_embeddings.projection",
        "mask_vector": "embeddings.mask_token",
        "blocks.*.residual.norms.0": "encoder.layer.*.layernorm_before",
        "blocks.*.mixer.query": "encoder.layer.*.attention.attention.query",
        "blocks.*.mixer.key": "encoder.layer.*.attention.attention.key",
        "blocks.*.mixer.value": "encoder.layer.*.attention.attention.value",
        "blocks.*.mixer.position.table": (
            "encoder.layer.*.attention.attention.relative_position_bias.relative_position_bias_table"
        ),
        "blocks.*.mixer.out": "encoder.layer.*.attention.output.dense",
        "blocks.*.residual.scales.0": "encoder.layer.*.lambda_1",
        "blocks.*.residual.norms.1": "encoder.layer.*.layernorm_after",
        "blocks.*.feedforward.input": "encoder.layer.*.intermediate.dense",
        "blocks.*.feedforward.out": "encoder.layer.*.output.dense",
        "blocks.*.residual.scales.1": "encoder.layer.*.lambda_2",
        "final_norm": "layernorm",
        "pooling.norm": "pooler.layernorm",
    }


def flat(x: Tensor) -> Tensor:
    return x.squeeze()


family = Family(
    kind=BEiT,
    architecture="BeitModel",
    prefix="beit",
    arguments={
        "image_size": "image_size",
        "patch_size": "patch_size",
        "channels": "num_channels",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden": "intermediate_size",
        "dropout": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
        "activation": "hidden_act",
        "eps": "layer_norm_eps",
        "layer_scale": "layer_scale_init_value",
        "absolute": "use_absolute_position_embeddings",
        "maskable": "use_mask_token",
    },
    names=names,
    read=read,
    write=write,
    also=also,
    fits=fits,
    changes={
        "embeddings.cls_token": Change(flat, lambda x: x[None, None]),
        "embeddings.mask_token": Change(flat, lambda x: x[None, None]),
        "embeddings.position_embeddings": Change(lambda x: x.squeeze(0), lambda x: x[None]),
    },
    left=(r"(classifier|lm_head|layernorm)\..*", r"embeddings\.mask_token", r".*\.relative_position_index"),
    head=head,
)
