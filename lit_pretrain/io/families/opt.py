"""OPT (OPTModel)."""

from lit_pretrain.encoders.opt import OPT
from lit_pretrain.io.family import Config, Family, Names, Weights
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.part import Part


def _head(config: Config, weights: Weights) -> tuple[Part, Names]:
    if config["tie_word_embeddings"]:
        return TiedHead(), {}
    return LinearHead(config["word_embed_proj_dim"], config["vocab_size"], bias=False), {"out": "lm_head"}


family = Family(
    kind=OPT,
    architecture="OPTModel",
    prefix="model",
    arguments={
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden": "ffn_dim",
        "table_dim": "word_embed_proj_dim",
        "max_length": "max_position_embeddings",
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
        "pre_norm": "do_layer_norm_before",
        "bias": "enable_bias",
        "activation": "activation_function",
    },
    constants={"layer_norm_elementwise_affine": True, "_remove_final_layer_norm": False, "layerdrop": 0.0},
    names={
        "embedding.table": "decoder.embed_tokens",
        "embedding.expand": "decoder.project_in",
        "position.table": "decoder.embed_positions",
        "blocks.*.residual.norms.0": "decoder.layers.*.self_attn_layer_norm",
        "blocks.*.mixer.query": "decoder.layers.*.self_attn.q_proj",
        "blocks.*.mixer.key": "decoder.layers.*.self_attn.k_proj",
        "blocks.*.mixer.value": "decoder.layers.*.self_attn.v_proj",
        "blocks.*.mixer.out": "decoder.layers.*.self_attn.out_proj",
        "blocks.*.residual.norms.1": "decoder.layers.*.final_layer_norm",
        "blocks.*.feedforward.input": "decoder.layers.*.fc1",
        "blocks.*.feedforward.out": "decoder.layers.*.fc2",
        "final_norm": "decoder.final_layer_norm",
        "narrow": "decoder.project_out",
    },
    left=(r"(lm_head|score|qa_outputs)\..*",),
    head=_head,
)
