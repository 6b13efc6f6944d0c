"""Projectors on all blocks. Legend: N examples or units, D width of the student, H inner width, O width of the teacher."""

from collections.abc import Sequence

from torch import Tensor, nn


class Ladder(nn.Module):
    """The sum over blocks of linear(gelu(linear(x of the block))), as in UNIC (arXiv 2408.05088).

    Args:
        num_layers: blocks.
        dim: D.
        hidden: H of all but the last.
        last_hidden: H of the last.
        out: O.
    """

    def __init__(self, num_layers: int, dim: int, hidden: int, last_hidden: int, out: int):
        super().__init__()
        inner = [*[hidden] * (num_layers - 1), last_hidden]
        self.rungs = nn.ModuleList(nn.Sequential(nn.Linear(dim, h), nn.GELU(), nn.Linear(h, out)) for h in inner)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, blocks: Sequence[Tensor]) -> Tensor:
        """(N, D) of each block -> (N, O)."""
        return sum(rung(x) for rung, x in zip(self.rungs, blocks, strict=True))
