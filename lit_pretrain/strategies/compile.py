"""torch.compile, block by block."""

import logging

from torch import nn

log = logging.getLogger(__name__)


def compile_blocks(module: nn.Module) -> None:
    """Compile each block of `module.encoder.blocks` in place, so that the names of the weights stay.

    Blocks are alike, so one compilation serves all of them, in seconds instead of minutes for the whole module.
    Shapes are dynamic, because batches differ in their number of units.

    Raises:
        ValueError: the module has no encoder with blocks.
    """
    blocks = getattr(getattr(module, "encoder", None), "blocks", None)
    if not blocks:
        raise ValueError(f"{type(module).__name__} has no encoder.blocks to compile")
    for block in blocks:
        block.compile(dynamic=True)
    log.info("compiled %d blocks of %s, one by one", len(blocks), type(module.encoder).__name__)
