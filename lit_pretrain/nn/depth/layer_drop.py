"""LayerDrop (arXiv 1909.11556): whole blocks are left out at random while training."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lit_pretrain.nn.block import Block, stack
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.base import Depth


class LayerDrop(Depth):
    """Each block is skipped with probability `rate` in training, and none in evaluation.

    A stack trained so can be cut to fewer blocks without fine-tuning (`keep_every_other`).

    Args:
        num_layers: of the full stack.
        rate: 0.2 in the paper.
    """

    def __init__(self, num_layers: int = 12, rate: float = 0.2):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate} must be a probability below 1")
        self.num_layers, self.rate = num_layers, rate

    def build(self, block: Block) -> nn.ModuleList:
        return stack(block, self.num_layers)

    def run(self, blocks: nn.ModuleList, x: Tensor, context: Context) -> Iterator[Tensor]:
        # On the host: whether a block runs must not wait for the device.
        draws = torch.rand(len(blocks)).tolist() if self.training else [1.0] * len(blocks)
        for block, draw in zip(blocks, draws, strict=True):
            if draw >= self.rate:
                x = block(x, context)
            yield x


def keep_every_other(num_layers: int, kept: int) -> list[int]:
    """Which blocks a shallower sub-network keeps: evenly spread, as in the paper's 'every other' pruning."""
    if not 1 <= kept <= num_layers:
        raise ValueError(f"kept={kept} must lie between 1 and num_layers={num_layers}")
    return [i * num_layers // kept for i in range(kept)]
