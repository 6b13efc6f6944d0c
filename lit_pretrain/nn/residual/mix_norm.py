"""Mix-LN (arXiv 2412.13795): Post-LN in the first blocks, Pre-LN in the rest."""

from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.residual.base import Residual
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm


class MixNorm(PreNorm):
    """Post-LN in the first floor(share * blocks) blocks, Pre-LN above; the stack needs a final norm.

    Deep Pre-LN blocks have small gradients and early Post-LN blocks too; mixed, both ends learn.

    Args:
        norm: prototype, copied for each sub-layer.
        dropout: of each sub-layer's output.
        share: of the blocks that are Post-LN; 0.25 in the paper.
    """

    def __init__(self, norm: Norm, dropout: float = 0.0, share: float = 0.25):
        super().__init__(norm, dropout)
        if not 0 <= share <= 1:
            raise ValueError(f"share={share} must be a share of the blocks")
        self.share = share

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        kind = PostNorm if layer < int(self.share * num_layers) else PreNorm
        return kind(self.norm, self.dropout.p).at(layer, num_layers, num_sublayers)
