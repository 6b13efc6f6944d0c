"""A score for each unit. Legend: N units, D width."""

from torch import Tensor, nn

from lit_pretrain.nn.feedforward.base import Activation, activate
from lit_pretrain.part import Part


class BinaryHead(Part):
    """out(activation(W units)): (N, D) -> logits (N,), as ELECTRA's discriminator has it (arXiv 2003.10555).

    Args:
        dim: D.
        activation: between the two.
    """

    def __init__(self, dim: int, activation: Activation = "gelu"):
        super().__init__()
        self.transform, self.out = nn.Linear(dim, dim), nn.Linear(dim, 1)
        self.activation = activation

    def forward(self, units: Tensor) -> Tensor:
        return self.out(activate(self.activation, self.transform(units))).squeeze(-1)
