"""All weights."""

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class Full(Tuning):
    """The whole encoder trains at one rate."""

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [encoder]
