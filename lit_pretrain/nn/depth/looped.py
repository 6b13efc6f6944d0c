"""Looped Transformer (arXiv 2301.13196): the same blocks again and again."""

from collections.abc import Iterator

from torch import Tensor, nn

from lit_pretrain.nn.block import Block, stack
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.base import Depth


class Looped(Depth):
    """`num_blocks` blocks, passed `loops` times, so the weights are those of one pass.

    Args:
        num_blocks: blocks with weights of their own.
        loops: how often they are passed.
    """

    def __init__(self, num_blocks: int = 1, loops: int = 12):
        super().__init__()
        if loops < 1:
            raise ValueError(f"loops={loops} must be at least 1")
        self.num_blocks, self.loops, self.num_layers = num_blocks, loops, num_blocks * loops

    def build(self, block: Block) -> nn.ModuleList:
        return stack(block, self.num_blocks)

    def run(self, blocks: nn.ModuleList, x: Tensor, context: Context) -> Iterator[Tensor]:
        for _ in range(self.loops):
            for block in blocks:
                x = block(x, context)
                yield x
