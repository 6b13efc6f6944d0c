"""Smaller rates further down."""

import copy

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.optim.recipe import Optim
from lit_pretrain.types import Encoder


class LayerDecay(Tuning):
    """The whole encoder trains; block i of L has the rate lr * decay^(L - i) (ELECTRA, arXiv 2003.10555).

    Args:
        decay: factor for each block further down; 0.75 in BEiT and MAE's base settings, 0.8 in ELECTRA's.
    """

    def __init__(self, decay: float = 0.75):
        super().__init__()
        if not 0 < decay <= 1:
            raise ValueError(f"decay={decay} must be above 0 and at most 1")
        self.decay = decay

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [encoder]

    def recipe(self, optim: Optim) -> Optim:
        optim = copy.copy(optim)
        optim.layer_decay = self.decay
        return optim
