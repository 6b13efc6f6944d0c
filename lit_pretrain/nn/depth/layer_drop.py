"""LayerDrop (arXiv 1909.11556): whole blocks are left out at random while training."""

from collections.abc import Iterator, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from lit_pretrain.nn.block import Block, stack
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.depth.base import Depth
from lit_pretrain.types import Encoder


class LayerDrop(Depth):
    """Each block is skipped with probability `rate` in training, and none in evaluation or generation.

    A stack trained so can be cut to fewer blocks without fine-tuning (`sub_network`). Ranks skip different blocks, so
    a strategy that gathers the weights of a block from all ranks (FSDP) cannot run it.

    Args:
        num_layers: of the full stack.
        rate: 0.2 in the paper.
        kept: the blocks, from 0, that a sub-network has; None: all.
    """

    def __init__(self, num_layers: int = 12, rate: float = 0.2, kept: Sequence[int] | None = None):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"rate={rate} must be a probability below 1")
        self.full, self.rate = num_layers, rate
        self.kept = list(range(num_layers) if kept is None else kept)
        if not self.kept or self.kept != sorted(set(self.kept) & set(range(num_layers))):
            raise ValueError(f"kept={self.kept} must be some of the blocks 0 to {num_layers - 1}, in order")
        self.num_layers = len(self.kept)

    def build(self, block: Block) -> nn.ModuleList:
        blocks = stack(block, self.full)  # at their own heights: a layout may depend on it (Mix-LN)
        return nn.ModuleList(blocks[i] for i in self.kept)

    def run(self, blocks: nn.ModuleList, x: Tensor, context: Context) -> Iterator[Tensor]:
        dropping = self.training and context.cache is None
        # On the host: whether a block runs must not wait for the device.
        draws = torch.rand(len(blocks)).tolist() if dropping else [1.0] * len(blocks)
        for block, draw in zip(blocks, draws, strict=True):
            x = block(x, context) if draw >= self.rate else _skip(block, x)
            yield x


def _skip(block: nn.Module, x: Tensor) -> Tensor:
    """x, and a gradient of zero for the block: data parallelism waits for one of every parameter from every rank."""
    return x + 0.0 * sum(parameter.flatten()[0] for parameter in block.parameters())


def sub_network(encoder: Encoder, kept: Sequence[int]) -> Encoder:
    """A copy of an encoder with LayerDrop that has only the blocks `kept` (from 0, in order), weights included.

    Raises:
        ValueError: the encoder was made without LayerDrop, or has no such blocks.
    """
    depth = getattr(encoder, "depth", None)
    if not isinstance(depth, LayerDrop):
        raise ValueError(f"{type(encoder).__name__} was made without LayerDrop, so it cannot do without its blocks")
    if not all(0 <= i < depth.num_layers for i in kept):
        raise ValueError(f"kept={list(kept)} must be some of the blocks 0 to {depth.num_layers - 1}, in order")
    own = deepcopy(encoder)
    own.depth = LayerDrop(depth.full, depth.rate, [depth.kept[i] for i in kept])
    own.blocks, own.num_layers = nn.ModuleList(own.blocks[i] for i in kept), own.depth.num_layers
    own._init_args["depth"] = own.depth  # so that its checkpoint rebuilds it
    return own.train(encoder.training)


def keep_every_other(num_layers: int, kept: int) -> list[int]:
    """Which blocks a shallower sub-network keeps: evenly spread, as in the paper's 'every other' pruning."""
    if not 1 <= kept <= num_layers:
        raise ValueError(f"kept={kept} must lie between 1 and num_layers={num_layers}")
    return [i * num_layers // kept for i in range(kept)]
