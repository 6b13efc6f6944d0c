"""Small networks between the blocks of a frozen encoder."""

from torch import nn

from lit_pretrain.adapt.tuning.adapted import Adapted
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class Adapters(Tuning):
    """After each block stands x + up(relu(down(norm(x)))), and only that trains (arXiv 1909.08478).

    `up` begins at zero, so that training begins at the pretrained encoder. This is the serial adapter of Bapna and Firat,
    once a block; that of arXiv 1902.00751 stands twice inside each block and needs to know its parts.

    Args:
        hidden: inner width.
    """

    def __init__(self, hidden: int = 16):
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden={hidden} must be at least 1")
        self.hidden = hidden

    def prepare(self, encoder: Encoder) -> Encoder:
        return Adapted(encoder, self.hidden)

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [encoder.adapters]
