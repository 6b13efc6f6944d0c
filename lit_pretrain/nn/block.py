"""One block: mixers, then a feed-forward network, inside a residual layout."""

from copy import deepcopy

from torch import Tensor, nn

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.residual.base import Residual
from lit_pretrain.part import Part


class Block(Part):
    """A prototype in a configuration; a depth policy makes the stack from it.

    Args:
        mixer: how units of an example exchange information.
        feedforward: what each unit does by itself.
        residual: where norms and shortcuts stand.
        cross: a mixer that looks at a source, between the two, for decoders; None: none.
    """

    def __init__(self, mixer: Mixer, feedforward: FeedForward, residual: Residual, cross: Mixer | None = None):
        super().__init__()
        self.mixer, self.cross, self.feedforward, self.residual = mixer, cross, feedforward, residual

    def at(self, layer: int, num_layers: int) -> "Block":
        """Block `layer` (from 0) of `num_layers`, with weights of its own."""
        own = deepcopy(self)
        own.residual = self.residual.at(layer, num_layers, num_sublayers=2 if self.cross is None else 3)
        return own

    def forward(self, x: Tensor, context: Context) -> Tensor:
        mixers = [m for m in (self.mixer, self.cross) if m is not None]
        sublayers = [lambda y, mixer=mixer: mixer(y, context) for mixer in mixers]
        return self.residual(x, [*sublayers, self.feedforward])


def stack(block: Block, num_layers: int) -> nn.ModuleList:
    """`num_layers` blocks from a prototype."""
    if num_layers < 1:
        raise ValueError(f"num_layers={num_layers}: a Transformer needs at least one block")
    return nn.ModuleList(block.at(i, num_layers) for i in range(num_layers))
