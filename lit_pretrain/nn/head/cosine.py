"""Scores by direction alone. Legend: N units, D width, E width of the space of the codes, V codes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.nn.head.base import Head
from lit_pretrain.types import Encoder


class CosineHead(Head):
    """cos(W units + b, code) / temperature for each of V learned codes, as HuBERT has it (arXiv 2106.07447).

    Args:
        dim: D.
        vocab_size: V.
        code_dim: E; 256 for HuBERT's base model, 768 and 1024 for the larger ones.
        temperature: of the softmax.
    """

    def __init__(self, dim: int, vocab_size: int, code_dim: int = 256, temperature: float = 0.1):
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature={temperature} must be above 0")
        self.vocab_size = vocab_size
        self.projection, self.temperature = nn.Linear(dim, code_dim), temperature
        self.codes = nn.Parameter(torch.empty(vocab_size, code_dim).uniform_())  # as published

    def last(self, units: Tensor, encoder: Encoder) -> tuple[Tensor, Tensor, Tensor | None]:
        x = F.normalize(self.projection(units).float(), dim=1)  # norms in fp32
        return x / self.temperature, F.normalize(self.codes.float(), dim=1), None
