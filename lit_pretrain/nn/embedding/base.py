"""The slot that turns a batch into units."""

from abc import abstractmethod

from torch import Tensor, nn

from lit_pretrain.part import Part
from lit_pretrain.types import Batch, Layout


class Embedding(Part):
    """Batch -> units (U, D) and their layout.

    Attributes:
        dim: D.
        mask_vector: (D,) learned vector that stands for a masked unit; None until an objective masks.
    """

    dim: int

    @abstractmethod
    def forward(self, inputs: Batch) -> tuple[Tensor, Layout]: ...

    def token_table(self) -> nn.Parameter | None:
        """(V, D) the table of input embeddings, where there is one."""
        return None
