"""The head alone."""

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class Linear(Tuning):
    """The encoder is frozen and in eval mode; the task's head trains on its vectors."""

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return []
