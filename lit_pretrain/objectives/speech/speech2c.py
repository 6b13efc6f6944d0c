"""Clusters of hidden parts for the encoder, and the whole sequence of clusters for a decoder.

Legend: B recordings, U units of all recordings end to end, V clusters, N clusters that a decoder writes.
"""

import torch

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.losses.unit_prediction import hidden_spans, unit_labels, unit_prediction, unit_targets
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoded, Encoder, Layout, Losses, Ragged, SpeechBatch, Term, TextBatch


class Speech2C(PretrainModule):
    """Speech2C (arXiv 2203.17113): encoder and decoder of a speech recogniser, pretrained without a transcript.

    The encoder does HuBERT's task (see `HuBERT`) on the batch's `unit_labels`. The decoder writes them, without
    repetitions, one after the other, while it attends to what the encoder makes of the recording with hidden spans:

        loss = HuBERT's + decoder_weight * -mean over written clusters of log p(y_i | y_<i, recording)

    Clusters that follow each other and are equal become one, since the decoder shall learn what is said and not how long it
    takes; then comes an end mark, which is the start mark as well. The encoder is exported; the decoder is the attribute
    `decoder` of `lit_pretrain.load(RUN)`. The other head is left behind.

    Args:
        encoder: with a front end, and with a vector for masked units.
        decoder: causal, with cross attention, over V + 1 tokens, the last of which is the mark; such as `modern.Decoder`.
        head: of the encoder's units -> logits (U, V).
        decoder_head: of the decoder's units -> logits (N, V + 1), such as `TiedHead`, which takes the decoder's table.
        masking, unmasked_weight, penalty_weight: see `HuBERT`.
        decoder_weight: of the decoder's term.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        head: CosineHead,
        decoder_head: Head,
        masking: TimeSpans = TimeSpans(0.8),
        unmasked_weight: float = 0.0,
        penalty_weight: float = 10.0,
        decoder_weight: float = 1.0,
    ):
        super().__init__()
        if (tokens := len(decoder.token_table())) != head.vocab_size + 1:
            raise ValueError(f"the decoder's vocab_size={tokens} must be the head's {head.vocab_size} and one more, the mark"
                             " of start and end")  # fmt: skip
        self.encoder, self.decoder, self.head, self.decoder_head = encoder, decoder, head, decoder_head
        self.masking, self.mark = masking, head.vocab_size
        self.unmasked_weight, self.penalty_weight, self.decoder_weight = unmasked_weight, penalty_weight, decoder_weight

    def loss(self, batch: SpeechBatch) -> Losses:
        features = self.encoder.features(batch)
        targets = unit_targets(batch, features.layout, self.head.vocab_size)
        hidden = hidden_spans(self.masking, features.layout, self.generator)  # (U,) bool
        encoded = self.encoder(features, mask=hidden)
        terms = unit_prediction(self.head(encoded.units, self.encoder), targets, hidden, self.unmasked_weight)
        penalty = Term(features.units.float().square().mean(), 1, self.penalty_weight)
        return terms | {"feature_penalty": penalty, "decoder": self.nll(encoded, written(unit_labels(batch), self.mark))}

    def nll(self, source: Encoded, target: Ragged) -> Term:
        """-log p(target | source), teacher-forced, over its N tokens."""
        before = target.values.roll(1)  # since every target ends with the mark, every input begins with one
        units = self.decoder(TextBatch(before, target.lengths), source=source).units  # (N, D)
        nll = self.decoder_head.cross_entropy(units, target.values, self.decoder)
        return Term(nll, len(target.values), self.decoder_weight)


def written(labels: Ragged, mark: int) -> Ragged:
    """What a decoder writes of each example: its labels, equal neighbours once, without -1 (none), then the mark."""
    layout = Layout(labels.lengths, labels.values.device)
    changes = (labels.values != labels.values.roll(1)) | (layout.position == 0)
    kept = changes & (labels.values >= 0)
    lengths = tuple(n + 1 for n in layout.keep(kept).lengths)
    place = torch.where(kept, kept.cumsum(0) - 1 + layout.example, sum(lengths))  # the others: behind the end
    values = labels.values.new_full((sum(lengths) + 1,), mark).scatter(0, place, labels.values)
    return Ragged(values[:-1], lengths)
