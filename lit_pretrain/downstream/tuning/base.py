"""Which weights of an encoder a downstream task trains, and with what rates."""

from abc import abstractmethod

from torch import nn

from lit_pretrain.optim.recipe import Optim
from lit_pretrain.part import Recorded
from lit_pretrain.types import Encoder


class Tuning(Recorded):
    """Names the modules of an encoder that train. All else is frozen, and in eval mode also while the head trains."""

    def __init__(self) -> None:
        super().__init__()

    def prepare(self, encoder: Encoder) -> Encoder:
        """The encoder that the fine-tuned model has: this one, or one around it that has weights of the tuning's own."""
        return encoder

    @abstractmethod
    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        """Modules of the prepared encoder that train."""

    def recipe(self, optim: Optim) -> Optim:
        """The recipe with the rates that this tuning gives to the layers."""
        return optim

    def freeze(self, encoder: Encoder) -> None:
        """Freeze the rest. What is frozen by design (fixed positions, say) stays so."""
        kept = {id(p) for module in self.trainable(encoder) for p in module.parameters()}
        for parameter in encoder.parameters():
            if id(parameter) not in kept:
                parameter.requires_grad_(False)

    def train(self, encoder: Encoder, mode: bool = True) -> None:
        """Train or eval mode for what trains; eval mode for the rest."""
        encoder.eval()
        for module in self.trainable(encoder):
            module.train(mode)
