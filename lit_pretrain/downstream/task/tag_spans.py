"""Spans of units, such as names.

Legend: U units, B examples, S spans, D width, C tags.
"""

from typing import Any, Self

import torch
import torch.nn.functional as F
from lightning import LightningDataModule
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import BinaryF1Score, BinaryPrecision, BinaryRecall

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.task.tag_units import IGNORED, TagUnits
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Outcomes, UnitBatch


class TagSpans(TagUnits):
    """`TagUnits` whose tags are IOB2: B-kind opens a span, I-kind goes on with it, and O is outside of spans.

    Predicted tags are repaired: an I-kind that goes on with no span of its kind opens one. Metrics compare whole spans,
    which are right if first unit, last unit and kind are: `f1`, `precision` and `recall` over all kinds together, as
    seqeval computes them (in its strict IOB2 mode, from the repaired tags). Units labelled -1 are left out before spans are
    read, so that spans are of words where only the first token of a word has a tag (`first` of `TaggedTextDataModule`).

    Args:
        dim: D of the encoder.
        num_classes: C.
        tags: their names, in the order of their numbers.
        dropout: of the units.
    """

    main = "f1"

    def __init__(self, dim: int, num_classes: int, tags: tuple[str, ...], dropout: float = 0.1):
        super().__init__(dim, num_classes, dropout)
        self.tags = tuple(tags)
        if len(self.tags) != num_classes:
            raise ValueError(f"tags={self.tags} are {len(self.tags)}, and num_classes={num_classes}")
        self.kinds = tuple(sorted(tag[2:] for tag in self.tags if tag.startswith("B-")))
        if strange := set(self.tags) - {"O"} - {f"{begins}-{kind}" for begins in "BI" for kind in self.kinds}:
            raise ValueError(f"TagSpans reads the tags O, B-kind and I-kind, of which each kind has a B-, and the data have"
                             f" {sorted(strange)}: use TagUnits for other labels")  # fmt: skip
        kinds = [-1 if tag == "O" else self.kinds.index(tag[2:]) for tag in self.tags]
        self.register_buffer("kind", torch.tensor(kinds), persistent=False)
        self.register_buffer("inside", torch.tensor([tag[:2] == "I-" for tag in self.tags]), persistent=False)
        self.metrics = MetricCollection({"f1": BinaryF1Score(), "precision": BinaryPrecision(), "recall": BinaryRecall()})

    @classmethod
    def of(cls, encoder: Encoder, data: DataModule, **options: Any) -> Self:
        return super().of(encoder, data, **{"tags": cls.names(data), **options})

    def check(self, data: LightningDataModule) -> None:
        if (found := self.names(data)) != self.tags:
            raise ValueError(f"the data have the tags {found} and the task {self.tags}: give the same, in the same order")

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """Labelled units alone; all units where there are no labels."""
        encoded, labels = encoder(batch), batch.unit_labels
        if labels is None:
            return encoded
        layout = encoded.layout
        if layout.lengths != tuple(n + layout.leading for n in labels.lengths):
            raise ValueError("TagSpans needs a label for each unit, and the encoder has other units than the data label:"
                             " use TagUnits")  # fmt: skip
        keep = labels.at(layout) != IGNORED
        return Encoded(encoded.pooled, encoded.units[keep], Layout(tuple(layout.counts(keep).tolist()), layout.device))

    def labels(self, predictions: UnitBatch, batch: Batch) -> Tensor:
        return batch.unit_labels.values[batch.unit_labels.values != IGNORED]

    def update(self, predictions: UnitBatch, encoded: Encoded, batch: Batch) -> None:
        """Each span, found or right or both, is an example of the metrics, which then count what is found and right."""
        layout = predictions.layout
        both = [self.spans(tags, layout) for tags in (predictions.units.argmax(1), self.labels(predictions, batch))]
        spans, number = torch.cat(both).unique(dim=0, return_inverse=True)
        found, right = (torch.zeros_like(spans[:, 0]).index_fill(0, n, 1) for n in number.split([len(x) for x in both]))
        # One more that is neither, since torchmetrics refuses batches without examples.
        self.metrics.update(F.pad(found, (0, 1)), F.pad(right, (0, 1)))
        counts = spans.new_zeros(2, layout.num_examples)
        counts.index_add_(1, layout.example[spans[:, 0]], torch.stack([2 * found * right, found + right]))
        self.tally.add(Outcomes(*counts[..., None]))  # f1 = 2 right / (found + labelled)

    def decode(self, predictions: UnitBatch) -> list[Tensor]:
        """Of each example the spans (S, 3): first unit, the unit after the last, and the number of the kind in `kinds`."""
        layout, spans = predictions.layout, self.spans(predictions.units.argmax(1), predictions.layout)
        example = layout.example[spans[:, 0]]
        spans = spans - layout.offsets[example, None] * spans.new_tensor([1, 1, 0])
        return list(spans.split(torch.bincount(example, minlength=layout.num_examples).tolist()))

    def spans(self, tags: Tensor, layout: Layout) -> Tensor:
        """(S, 3) as in `decode`, of (U,) tags, but in units of the whole batch."""
        kind = self.kind[tags]
        goes_on = self.inside[tags] & (kind == kind.roll(1)) & (layout.position > 0)
        start = (~goes_on).nonzero()[:, 0]  # of spans, and of units outside
        end = torch.cat([start, start.new_tensor([len(tags)])])[1:]
        return torch.stack([start, end, kind[start]], 1)[kind[start] >= 0]
