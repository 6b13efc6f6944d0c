"""T5, T5 v1.1 and ByT5 (T5Model; the encoder alone is T5EncoderModel)."""

from lit_pretrain.encoders.t5 import T5Decoder, T5Encoder
from lit_pretrain.io.family import Arguments, Config, Family, Names, Weights
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.part import Part

ARGUMENTS = {
    "vocab_size": "vocab_size",
    "dim": "d_model",
    "num_layers": "num_layers",
    "num_heads": "num_heads",
    "head_dim": "d_kv",
    "hidden": "d_ff",
    "num_buckets": "relative_attention_num_buckets",
    "max_distance": "relative_attention_max_distance",
    "dropout": "dropout_rate",
    "eps": "layer_norm_epsilon",
}


def _read(config: Config) -> Arguments:
    return {"gated": config["feed_forward_proj"].startswith("gated-")}


def _write(arguments: Arguments) -> Config:
    return {
        "feed_forward_proj": "gated-gelu" if arguments["gated"] else "relu",
        "d_kv": arguments["head_dim"] or arguments["dim"] // arguments["num_heads"],
    }


def _also(arguments: Arguments) -> Config:
    """The gated models (T5 v1.1, ByT5) have an output table of their own and do not scale the units before it."""
    return {"tie_word_embeddings": not arguments["gated"], "decoder_start_token_id": 0}


def _names(half: str, arguments: Arguments) -> Names:
    block, last = f"{half}.block.*.layer", 1 if half == "encoder" else 2
    dense = f"{block}.{last}.DenseReluDense"
    names: Names = {
        "embedding.table": "shared",
        "position.table": f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias",
        "blocks.*.feedforward.out": f"{dense}.wo",
        "final_norm": f"{half}.final_layer_norm",
    }
    names |= {f"blocks.*.residual.norms.{i}": f"{block}.{i}.layer_norm" for i in range(last + 1)}
    names |= {"blocks.*.feedforward.gate": f"{dense}.wi_0", "blocks.*.feedforward.input": f"{dense}.wi_1"} \
        if arguments["gated"] else {"blocks.*.feedforward.input": f"{dense}.wi"}  # fmt: skip
    for ours, theirs in (("query", "q"), ("key", "k"), ("value", "v"), ("out", "o")):
        names[f"blocks.*.mixer.{ours}"] = f"{block}.0.SelfAttention.{theirs}"
        names[f"blocks.*.cross.{ours}"] = f"{block}.1.EncDecAttention.{theirs}"
    return names


def _head(config: Config, weights: Weights) -> tuple[Part, Names]:
    if "lm_head.weight" in weights and not weights["lm_head.weight"].equal(weights["shared.weight"]):
        return LinearHead(config["d_model"], config["vocab_size"], bias=False), {"out": "lm_head"}
    return TiedHead(config["d_model"] ** -0.5 if config["scale_decoder_outputs"] else 1.0), {}


ALIASES = {r"(encoder|decoder)\.embed_tokens\.weight": "shared.weight"}
HEADS = r"(lm_head|classification_head|classifier|qa_outputs)\..*"

family = Family(
    kind=T5Encoder,
    architecture="T5EncoderModel",
    arguments=ARGUMENTS,
    read=_read,
    write=_write,
    also=_also,
    names=lambda arguments: _names("encoder", arguments),
    aliases=ALIASES,
    left=(HEADS, r"decoder\..*"),
    head=_head,
    decoder=Family(
        kind=T5Decoder,
        architecture="T5Model",
        arguments=ARGUMENTS | {"num_layers": "num_decoder_layers"},
        read=_read,
        write=_write,
        also=_also,
        names=lambda arguments: _names("decoder", arguments),
        aliases=ALIASES,
        # Early files hold a table of relative positions for cross attention, which no version uses.
        left=(HEADS, r"encoder\..*", r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight"),
    ),
)
