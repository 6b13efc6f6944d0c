"""Which cluster the hidden parts of a recording belong to.

Legend: U units of all recordings end to end, V clusters.
"""

import torch
from torch import Tensor

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.losses.unit_prediction import hidden_spans, unit_prediction, unit_targets
from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.nn.timelines import bands
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, SpeechBatch, Term


class HuBERT(PretrainModule):
    """HuBERT (arXiv 2106.07447): BERT's task on speech, with clusters of frames in the place of words.

    Spans of the features of a recording are replaced by a learned vector. At their places the network must tell to which of
    V clusters the frame belongs, by the cosines of its projected units with a learned code of each cluster:

        loss = -mean over hidden units of log softmax(cos(A o, e) / 0.1)[cluster]
               + unmasked_weight times the same of the others + 10 mean of features^2

    Clusters are the batch's `unit_labels`, made before by `lit-pretrain units`: first of MFCC (100 in the paper), then of a
    middle layer of the model that was trained on those (500). Logged beside it: how often the most likely cluster is right
    at hidden units, and how often the batch's most frequent one would be.

    The head is left behind. Base setting: `encoders.hubert.HuBERT()`, `CosineHead(768, 500)`.

    Args:
        encoder: with a front end, and with a vector for masked units.
        head: units -> logits (U, V).
        masking: which units are hidden; 8 % of them begin a span of 10 in the paper.
        unmasked_weight: of the loss at units that are seen; 0 in the paper's models.
        penalty_weight: of the features' square, which keeps them small.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: CosineHead,
        masking: TimeSpans = TimeSpans(0.8),
        unmasked_weight: float = 0.0,
        penalty_weight: float = 10.0,
    ):
        super().__init__()
        self.encoder, self.head, self.masking = encoder, head, masking
        self.unmasked_weight, self.penalty_weight = unmasked_weight, penalty_weight

    def loss(self, batch: SpeechBatch) -> Losses:
        features = self.encoder.features(batch)
        targets = unit_targets(batch, features.layout, self.head.vocab_size)
        hidden = hidden_spans(self.masking, features.layout, self.generator)  # (U,) bool
        logits = self.head(self.encoder(features, mask=hidden).units, self.encoder)  # (U, V)
        penalty = Term(features.units.float().square().mean(), 1, self.penalty_weight)
        return unit_prediction(logits, targets, hidden, self.unmasked_weight) | {"feature_penalty": penalty}

    @torch.no_grad()
    def pictures(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """A colour for each cluster: those of a recording, the same with hidden ones grey, the most likely ones; all
        (B, 3, 3, H, T) between 0 and 1."""
        features = self.encoder.features(batch)
        layout = features.layout
        targets = unit_targets(batch, layout, self.head.vocab_size)
        hidden = hidden_spans(self.masking, layout, self.generator)
        likely = self.head(self.encoder(features, mask=hidden).units, self.encoder).argmax(1)
        shown = (targets, targets.masked_fill(hidden, -1), likely)
        return {"units: clusters, seen ones, most likely ones": torch.stack([bands(x, layout) for x in shown], 1)}
