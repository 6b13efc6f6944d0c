"""GPS, "general, powerful, scalable" (arXiv 2205.12454): messages along edges, and attention over the whole graph."""

from lit_pretrain.nn.block import Block
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.residual.base import Residual


class GPS(Block):
    """A block of two mixers. With the layout `Branches` it is the paper's layer,

        h = norm(x + local(x)) + norm(x + attention(x)),   x <- norm(h + feedforward(h))

    with batch norm, or layer norm. The other layouts let the one mixer follow the other.

    Args:
        local: such as `MessagePassing`.
        attention: of all nodes of a graph with each other.
        feedforward: of each node by itself, 2 D wide in the paper.
        residual: where norms and shortcuts stand.
    """

    def __init__(self, local: Mixer, attention: Mixer, feedforward: FeedForward, residual: Residual):
        super().__init__(local, feedforward, residual, cross=attention)
