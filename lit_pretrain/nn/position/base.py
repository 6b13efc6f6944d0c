"""The slot that tells units apart by where they stand. Legend: U units, D width, H heads, E width of a head."""

from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types import Layout


class Position(Part):
    """Three places where a position can enter; a published encoding overrides one of them. This class is 'none'."""

    def embed(self, x: Tensor, layout: Layout) -> Tensor:
        """Unit embeddings (U, D) that stand as `layout` says -> (U, D), before the first block."""
        return x

    def rotate(self, x: Tensor, layout: Layout) -> Tensor:
        """Queries or keys (U, H, E) that stand as `layout` says -> (U, H, E)."""
        return x

    def bias(self, queries: Tensor, keys: Tensor, causal: bool) -> Tensor | None:
        """(H, Lq, Lk) to be added to the scores of queries at positions (Lq,) and keys at (Lk,); None: nothing."""
        return None
