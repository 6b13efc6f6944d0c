"""Labels of a large data set. Legend: B examples, D width, C classes."""

import torch.nn.functional as F
from torch import nn

from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Batch, Encoder, Losses, Term


class Supervised(PretrainModule):
    """Supervised pretraining, as in Big Transfer (arXiv 1912.11370): loss = -mean over examples of log p(label).

    The baseline that objectives without labels are measured against; the classifier is left behind.

    Args:
        encoder: of any modality.
        num_classes: C.
        smoothing: of the labels, spread over all classes; BiT has none.
    """

    def __init__(self, encoder: Encoder, num_classes: int, *, smoothing: float = 0.0):
        super().__init__()
        self.encoder, self.smoothing = encoder, smoothing
        self.classifier = nn.Linear(encoder.dim, num_classes)

    def loss(self, batch: Batch) -> Losses:
        if batch.labels is None:
            raise ValueError("supervised pretraining needs labels: give data that have them in every training image")
        logits = self.classifier(self.encoder(batch).pooled).float()  # (B, C); softmax in fp32
        nll = F.cross_entropy(logits, batch.labels, ignore_index=-1, reduction="sum", label_smoothing=self.smoothing)
        return {"supervised": Term(nll, (batch.labels >= 0).sum())}
