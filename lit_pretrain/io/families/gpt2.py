"""GPT-2 (GPT2Model). Its linear maps are stored transposed, queries, keys and values in one."""

from lit_pretrain.encoders.gpt2 import GPT2
from lit_pretrain.io.family import TRANSPOSED, Config, Family, Names, Weights
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.part import Part


def _head(config: Config, weights: Weights) -> tuple[Part, Names]:
    if config["tie_word_embeddings"]:
        return TiedHead(), {}
    return LinearHead(config["n_embd"], config["vocab_size"], bias=False), {"out": "lm_head"}


family = Family(
    kind=GPT2,
    architecture="GPT2Model",
    prefix="transformer",
    arguments={
        "vocab_size": "vocab_size",
        "dim": "n_embd",
        "num_layers": "n_layer",
        "num_heads": "n_head",
        "hidden": "n_inner",
        "max_length": "n_positions",
        "dropout": ("resid_pdrop", "embd_pdrop", "attn_pdrop"),
        "activation": "activation_function",
        "eps": "layer_norm_epsilon",
    },
    constants={"scale_attn_weights": True, "scale_attn_by_inverse_layer_idx": False, "add_cross_attention": False},
    names={
        "embedding.table": "wte",
        "position.table": "wpe",
        "blocks.*.residual.norms.0": "h.*.ln_1",
        ("blocks.*.mixer.query", "blocks.*.mixer.key", "blocks.*.mixer.value"): "h.*.attn.c_attn",
        "blocks.*.mixer.out": "h.*.attn.c_proj",
        "blocks.*.residual.norms.1": "h.*.ln_2",
        "blocks.*.feedforward.input": "h.*.mlp.c_fc",
        "blocks.*.feedforward.out": "h.*.mlp.c_proj",
        "final_norm": "ln_f",
    },
    changes=dict.fromkeys(("h.*.attn.c_attn", "h.*.attn.c_proj", "h.*.mlp.c_fc", "h.*.mlp.c_proj"), TRANSPOSED),
    left=(r"(lm_head|score)\..*", r"h\.\d+\.attn\.(bias|masked_bias)"),
    head=_head,
)
