"""Every block once, in order."""

from collections.abc import Iterator

from torch import Tensor, nn

from lit_pretrain.nn.block import Block, stack
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.base import Depth


class Plain(Depth):
    """`num_layers` blocks, each with weights of its own."""

    def __init__(self, num_layers: int = 12):
        super().__init__()
        self.num_layers = num_layers

    def build(self, block: Block) -> nn.ModuleList:
        return stack(block, self.num_layers)

    def run(self, blocks: nn.ModuleList, x: Tensor, context: Context) -> Iterator[Tensor]:
        for block in blocks:
            x = block(x, context)
            yield x
