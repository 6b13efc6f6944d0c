"""ViT (ViTModel), under the names of the published files."""

from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.family import Arguments, Change, Config, Family, class_of
from lit_pretrain.nn.pooling.first import First
from lit_pretrain.nn.pooling.mean import Mean

POOLING = "lit_pretrain_pooling"  # a key of our own, for transformers leaves pooling to whoever reads the units


def pools(arguments: Arguments) -> bool:
    return class_of(arguments["pooling"]) in (First, Mean)


def read_pooling(config: Config) -> Arguments:
    return {"pooling": Mean()} if config.get(POOLING) == "mean" else {}


def write_pooling(arguments: Arguments) -> Config:
    return {POOLING: "mean"} if class_of(arguments["pooling"]) is Mean else {}


family = Family(
    kind=ViT,
    architecture="ViTModel",
    prefix="vit",
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
    },
    constants={"qkv_bias": True},
    read=read_pooling,
    write=write_pooling,
    fits=lambda arguments: arguments["position"] is None and pools(arguments),
    names={
        "embedding.cls": "embeddings.cls_token",
        "embedding.patch": "embeddings.patch_embeddings.projection",
        "position.table.weight": "embeddings.position_embeddings",
        "mask_vector": "embeddings.mask_token",
        "blocks.*.residual.norms.0": "encoder.layer.*.layernorm_before",
        "blocks.*.mixer.query": "encoder.layer.*.attention.attention.query",
        "blocks.*.mixer.key": "encoder.layer.*.attention.attention.key",
        "blocks.*.mixer.value": "encoder.layer.*.attention.attention.value",
        "blocks.*.mixer.out": "encoder.layer.*.attention.output.dense",
        "blocks.*.residual.norms.1": "encoder.layer.*.layernorm_after",
        "blocks.*.feedforward.input": "encoder.layer.*.intermediate.dense",
        "blocks.*.feedforward.out": "encoder.layer.*.output.dense",
        "final_norm": "layernorm",
    },
    changes={
        "embeddings.cls_token": Change(lambda x: x.squeeze(), lambda x: x[None, None]),
        "embeddings.mask_token": Change(lambda x: x.squeeze(), lambda x: x[None, None]),
        "embeddings.position_embeddings": Change(lambda x: x.squeeze(0), lambda x: x[None]),
    },
    left=(r"(pooler|classifier|decoder)\..*", r"embeddings\.mask_token"),
)
