"""RoBERTa (RobertaModel): BERT, whose positions begin after the row of the padding id."""

from dataclasses import replace

from lit_pretrain.io.families import bert
from lit_pretrain.io.family import Config, Names, Weights
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.part import Part


def _head(config: Config, weights: Weights) -> tuple[Part, Names]:
    head = TransformHead(config["hidden_size"], config["vocab_size"], eps=config["layer_norm_eps"])
    return head, {"transform": "lm_head.dense", "norm": "lm_head.layer_norm", "bias": "lm_head.bias"}


family = replace(
    bert.family,
    architecture="RobertaModel",
    prefix="roberta",
    read=lambda config: {
        "position_offset": config["pad_token_id"] + 1,
        "max_length": config["max_position_embeddings"] - config["pad_token_id"] - 1,
    },
    write=lambda arguments: {
        "pad_token_id": arguments["position_offset"] - 1,
        "max_position_embeddings": arguments["max_length"] + arguments["position_offset"],
    },
    fits=lambda arguments: arguments["position_offset"] > 0 and arguments["num_types"] > 0,
    left=(r"pooler\..*", r"lm_head\..*", r"(classifier|qa_outputs)\..*", r"embeddings\.position_ids"),
    head=_head,
)
