"""Universal parallel tuning."""

from torch import nn

from lit_pretrain.adapt.tuning.side_network import SideNetwork
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class UniPT(Tuning):
    """A small network beside the encoder trains on what its layers give (arXiv 2308.14316; see `SideNetwork`).

    No gradient passes through the encoder, and nothing of its pass is kept for one, so that memory is that of inference.

    Args:
        hidden: width of the side network.
    """

    def __init__(self, hidden: int = 64):
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden={hidden} must be at least 1")
        self.hidden = hidden

    def prepare(self, encoder: Encoder) -> Encoder:
        return SideNetwork(encoder, self.hidden)

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [encoder.down, encoder.ask, encoder.gate, encoder.up]
