"""Heads that share the encoder's token table (arXiv 1608.05859). Legend: N units, D width, V vocabulary."""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.feedforward.base import Activation, activate
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.types import Encoder


class TiedHead(Head):
    """units · tableᵀ * scale, as in GPT-2.

    Args:
        scale: factor on the units; T5 has D^-0.5.
    """

    def __init__(self, scale: float = 1.0):
        super().__init__()
        self.scale = scale

    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        return units * self.scale, encoder.token_table().to(units.dtype), None


class TransformHead(Head):
    """norm(activation(W units)) · tableᵀ + b, as in BERT and ELECTRA's generator.

    Args:
        dim: D.
        vocab_size: V.
        table_dim: width of the token table, where it differs from D (ELECTRA).
        activation: between the two.
        eps: of the norm.
    """

    def __init__(self, dim: int, vocab_size: int, table_dim: int | None = None, activation: Activation = "gelu",
                 eps: float = 1e-12):  # fmt: skip
        super().__init__()
        table_dim = table_dim or dim
        self.transform, self.norm = nn.Linear(dim, table_dim), LayerNorm(table_dim, eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.activation = activation
        nn.init.normal_(self.transform.weight, std=0.02)  # BERT's
        nn.init.zeros_(self.transform.bias)

    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        x = self.norm(activate(self.activation, self.transform(units)))
        table = encoder.token_table()
        if len(table) != len(self.bias):
            raise ValueError(f"the head's vocab_size={len(self.bias)} differs from the encoder's {len(table)}")
        return x, table.to(x.dtype), self.bias.to(x.dtype)
