"""The vectors that are clustered into discrete units. Legend: U units of a batch, F width of their vectors."""

from abc import abstractmethod
from functools import cache
from typing import Any

import torch
from torch import Tensor

from lit_pretrain.downstream.fingerprint import of_weights
from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.embedding.mfcc import MFCCFrames
from lit_pretrain.part import spec
from lit_pretrain.types import Batch, Encoder, Layout


class UnitFeatures:
    """Batch -> a vector for each unit."""

    @abstractmethod
    def __call__(self, batch: Batch) -> tuple[Tensor, Layout]:
        """(U, F) and whose they are, on the batch's device."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """All that the vectors depend on, as plain values."""

    def hop(self, batch: Batch) -> float | None:
        """Seconds from one unit to the next; None: unknown."""
        return None


class CepstralFeatures(UnitFeatures):
    """`MFCCFrames` of 10 ms, 39 numbers each, at the rate of the recordings: where HuBERT begins (arXiv 2106.07447)."""

    @torch.no_grad()
    def __call__(self, batch: Batch) -> tuple[Tensor, Layout]:
        found = front_end(batch.sample_rate).features(batch)
        return found.units, found.layout

    def describe(self) -> dict[str, Any]:
        return {"features": "mfcc", "layer": None}

    def hop(self, batch: Batch) -> float:
        return seconds(front_end(batch.sample_rate))


class EncoderFeatures(UnitFeatures):
    """The units of an encoder in eval mode.

    Args:
        encoder: on the device where batches will be.
        layer: a named one, such as "block05"; None: the last units.
    """

    def __init__(self, encoder: Encoder, layer: str | None = None):
        self.encoder, self.layer = encoder.eval(), layer
        self.weights = of_weights(encoder)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> tuple[Tensor, Layout]:
        """
        Raises:
            ValueError: there is no such layer, or its units are no sequence.
        """
        encoded = self.encoder(batch, layers=self.layer is not None)
        layout = encoded.layout
        if self.layer is not None and self.layer not in encoded.layers:
            raise ValueError(f"layer={self.layer!r}: the encoder has {', '.join(encoded.layers)}")
        units = encoded.units if self.layer is None else encoded.layers[self.layer]
        if layout.grid is not None or len(units) != layout.num_units:
            raise ValueError(f"{type(self.encoder).__name__}: its units are no sequence in time; take an encoder of frames,"
                             " or --features mfcc")  # fmt: skip
        stand = layout.position >= layout.leading
        return units[stand].float(), Layout(tuple(n - layout.leading for n in layout.lengths), layout.device)

    def describe(self) -> dict[str, Any]:
        return {"features": {"encoder": spec(self.encoder), "weights": self.weights}, "layer": self.layer}

    def hop(self, batch: Batch) -> float | None:
        embedding = getattr(self.encoder, "embedding", None)
        return seconds(embedding) if isinstance(embedding, FrontEnd) else None


@cache
def front_end(sample_rate: int) -> MFCCFrames:
    return MFCCFrames(dim=1, sample_rate=sample_rate)


def seconds(front: FrontEnd) -> float:
    return front.hop / front.sample_rate
