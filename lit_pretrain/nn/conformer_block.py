"""The block of Conformer (arXiv 2005.08100). Legend: U units, D width."""

from copy import deepcopy

from torch import Tensor

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.context import Context
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.residual.base import Residual


class ConformerBlock(Block):
    """Half a feed-forward network, attention, convolution, the other half, then a norm.

    Args:
        mixer: how units of an example exchange information.
        convolution: how neighbours do.
        feedforward: prototype of the two networks, each of which counts half.
        residual: where norms and shortcuts stand around the four.
        norm: prototype of the last.
    """

    def __init__(self, mixer: Mixer, convolution: Mixer, feedforward: FeedForward, residual: Residual, norm: Norm):
        super().__init__(mixer, feedforward, residual)
        self.convolution, self.norm, self.first = convolution, norm.copy(), deepcopy(feedforward)

    def at(self, layer: int, num_layers: int) -> "ConformerBlock":
        own = deepcopy(self)
        own.residual = self.residual.at(layer, num_layers, num_sublayers=4)
        return own

    def forward(self, x: Tensor, context: Context) -> Tensor:
        sublayers = [
            lambda y: self.first(y) / 2,
            lambda y: self.mixer(y, context),
            lambda y: self.convolution(y, context),
            lambda y: self.feedforward(y) / 2,
        ]
        return self.norm(self.residual(x, sublayers))
