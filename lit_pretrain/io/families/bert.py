"""BERT (BertModel)."""

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.io.family import ACTIVATIONS, Config, Family, Names, Weights
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.part import Part


def _head(config: Config, weights: Weights) -> tuple[Part, Names]:
    activation = ACTIVATIONS[config["hidden_act"]]
    head = TransformHead(config["hidden_size"], config["vocab_size"], None, activation, config["layer_norm_eps"])
    return head, {
        "transform": "cls.predictions.transform.dense",
        "norm": "cls.predictions.transform.LayerNorm",
        "bias": "cls.predictions.bias",
    }


family = Family(
    kind=BERT,
    architecture="BertModel",
    prefix="bert",
    arguments={
        "vocab_size": "vocab_size",
        "dim": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "hidden": "intermediate_size",
        "max_length": "max_position_embeddings",
        "dropout": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
        "num_types": "type_vocab_size",
        "activation": "hidden_act",
        "eps": "layer_norm_eps",
    },
    constants={"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False},
    fits=lambda arguments: arguments["position_offset"] == 0 and arguments["num_types"] > 0,
    names={
        "embedding.table": "embeddings.word_embeddings",
        "embedding.types": "embeddings.token_type_embeddings",
        "position.table": "embeddings.position_embeddings",
        "embedding_norm": "embeddings.LayerNorm",
        "blocks.*.mixer.query": "encoder.layer.*.attention.self.query",
        "blocks.*.mixer.key": "encoder.layer.*.attention.self.key",
        "blocks.*.mixer.value": "encoder.layer.*.attention.self.value",
        "blocks.*.mixer.out": "encoder.layer.*.attention.output.dense",
        "blocks.*.residual.norms.0": "encoder.layer.*.attention.output.LayerNorm",
        "blocks.*.feedforward.input": "encoder.layer.*.intermediate.dense",
        "blocks.*.feedforward.out": "encoder.layer.*.output.dense",
        "blocks.*.residual.norms.1": "encoder.layer.*.output.LayerNorm",
    },
    left=(r"pooler\..*", r"cls\..*", r"(classifier|qa_outputs)\..*", r"embeddings\.position_ids"),
    head=_head,
)
