"""No embedding: the units are vectors already."""

from torch import Tensor

from lit_pretrain.nn.embedding.base import Embedding
from lit_pretrain.types import Layout, UnitBatch


class Units(Embedding):
    """Passes the vectors of a `UnitBatch` on, for decoders that stand on an encoder.

    Args:
        dim: D, their width.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, inputs: UnitBatch) -> tuple[Tensor, Layout]:
        if inputs.units.shape[-1] != self.dim:
            raise ValueError(f"units of width {inputs.units.shape[-1]} reached a network of width {self.dim}")
        return inputs.units, inputs.layout
