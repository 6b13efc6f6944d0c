"""The contract of all encoders, and what they give. Legend: B examples, U units, D width, V vocabulary."""

from abc import abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lit_pretrain.part import Part
from lit_pretrain.types.batch import Batch, UnitBatch
from lit_pretrain.types.layout import Layout


@dataclass
class Encoded:
    """What an encoder gives, for every modality.

    Args:
        pooled: (B, D) one vector an example.
        units: (U, D) all valid units, flat.
        layout: whose unit is whose (`example_of_unit` (U,)).
        layers: on request, name -> (U, D): "embedding", "block00", "block01", ...; a probe picks a layer by name. Stages
            of a hierarchical encoder have widths and numbers of units of their own, equally many in each example.
    """

    pooled: Tensor
    units: Tensor
    layout: Layout
    layers: dict[str, Tensor] = field(default_factory=dict)

    @property
    def example_of_unit(self) -> Tensor:
        return self.layout.example

    def pool(self, layer: str | None = None) -> Tensor:
        """(B, D) float32: the mean over each example's units of a layer, in fp32; None: the encoder's own pooling.

        Raises:
            ValueError: there is no such layer.
        """
        if layer is None:
            return self.pooled.float()
        if layer not in self.layers:
            raise ValueError(f"layer={layer!r}: the encoder has {', '.join(self.layers)}")
        units = self.layers[layer].float()  # (U, D)
        if len(units) != self.layout.num_units:  # a stage of another resolution
            return units.unflatten(0, (self.layout.num_examples, -1)).mean(1)
        sums = units.new_zeros(self.layout.num_examples, units.shape[1]).index_add_(0, self.example_of_unit, units)
        return sums / self.layout.offsets.diff().clamp(min=1)[:, None]


class Encoder(Part):
    """The one contract of all encoders; it never asks which objective it serves.

    Attributes:
        dim: D, the width of units and pooled vectors.
        num_layers: blocks that a unit passes.
        blocks: the blocks in order, which a strategy shards and a compiler compiles one by one.
    """

    dim: int
    num_layers: int
    blocks: torch.nn.ModuleList

    @abstractmethod
    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        """
        Args:
            inputs: a batch of the encoder's modality.
            keep: (U,) bool; units where it is false are left out altogether (the others keep their positions).
            mask: (U,) bool; units where it is true are replaced by the learned mask embedding.
            layers: also return every named intermediate.
        """

    def merged(self) -> "Encoder":
        """What is taken away after training: this encoder, or the one inside it, where that can compute the same."""
        return self

    def layout(self, inputs: Batch) -> Layout:
        """Where the units of a batch will stand, for objectives that choose among them before they are computed."""
        raise ValueError(f"{type(self).__name__} cannot say where its units stand before it computes them, which"
                         " objectives that hide units ask for; use an encoder that can, such as Transformer")  # fmt: skip

    def features(self, inputs: Batch) -> UnitBatch:
        """What the front end makes of a batch before anything is masked; `forward` takes it in place of the batch.

        For objectives that predict or alter it (latents of a waveform, frames or patches of a spectrogram).
        """
        raise ValueError(f"{type(self).__name__} has no front end whose features could be predicted or altered, which this"
                         " objective asks for; use an encoder with one, such as Wav2Vec2")  # fmt: skip

    def token_table(self) -> Tensor:
        """(V, D) input embeddings, for heads that are tied to them."""
        raise ValueError(f"{type(self).__name__} has no token embeddings to tie a head to; use an untied head")
