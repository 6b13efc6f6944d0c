"""Nothing trains."""

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.optim.recipe import Optim
from lit_pretrain.types import Encoder


class ZeroShot(Tuning):
    """The encoder is measured as it is, on a task that has no weights of its own, by `lit-pretrain evaluate`."""

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return []

    def recipe(self, optim: Optim) -> Optim:
        raise ValueError("ZeroShot trains nothing, so there is nothing to fit: measure it by lit-pretrain evaluate, or give"
                         " another tuning")  # fmt: skip
