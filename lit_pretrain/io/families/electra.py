"""ELECTRA (ElectraModel): BERT's names, and a projection. The head is the generator's, or else the discriminator's."""

from dataclasses import replace

from lit_pretrain.encoders.electra import Electra
from lit_pretrain.io.families import bert
from lit_pretrain.io.family import ACTIVATIONS, Config, Names, Weights
from lit_pretrain.nn.head.binary import BinaryHead
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.part import Part


def head(config: Config, weights: Weights) -> tuple[Part, Names]:
    if "discriminator_predictions.dense.weight" in weights:
        return BinaryHead(config["hidden_size"], ACTIVATIONS[config["hidden_act"]]), {
            "transform": "discriminator_predictions.dense",
            "out": "discriminator_predictions.dense_prediction",
        }
    generator = TransformHead(config["hidden_size"], config["vocab_size"], config["embedding_size"],
                              eps=config["layer_norm_eps"])  # fmt: skip
    return generator, {
        "transform": "generator_predictions.dense",
        "norm": "generator_predictions.LayerNorm",
        "bias": "generator_lm_head.bias",
    }


family = replace(
    bert.family,
    kind=Electra,
    architecture="ElectraModel",
    prefix="electra",
    arguments=bert.family.arguments | {"table_dim": "embedding_size"},
    names=bert.family.names | {"projection": "embeddings_project"},
    fits=lambda arguments: arguments["num_types"] > 0,
    left=(
        r"(generator_predictions|generator_lm_head|discriminator_predictions)\..*",
        r"(classifier|qa_outputs)\..*",
        r"embeddings\.position_ids",
    ),
    head=head,
)
