"""An encoder around another."""

from torch import Tensor, nn

from lit_pretrain.types import Batch, Encoded, Encoder, Layout, UnitBatch


class Wrapped(Encoder):
    """Has an encoder inside and passes on what it is asked; a subclass adds weights of a tuning.

    Args:
        encoder: that stands inside.

    Attributes:
        final_norm, pooling: what stands above the blocks, which tunings and rates by layer ask for; None: nothing.
    """

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder
        self.dim, self.num_layers = encoder.dim, encoder.num_layers

    @property
    def blocks(self) -> nn.ModuleList:
        return self.encoder.blocks

    @property
    def final_norm(self) -> nn.Module | None:
        return getattr(self.encoder, "final_norm", None)

    @property
    def pooling(self) -> nn.Module | None:
        return getattr(self.encoder, "pooling", None)

    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        return self.encoder(inputs, keep=keep, mask=mask, layers=layers)

    def layout(self, inputs: Batch) -> Layout:
        return self.encoder.layout(inputs)

    def features(self, inputs: Batch) -> UnitBatch:
        return self.encoder.features(inputs)

    def token_table(self) -> Tensor:
        return self.encoder.token_table()
