"""Span corruption with an encoder-decoder.

Legend: U input tokens and N target tokens of all documents end to end, D width, V vocabulary.
"""

from dataclasses import replace

from lit_pretrain.corruptions.spans import SpanCorruption
from lit_pretrain.nn.embedding.share import share_embedding
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoded, Encoder, Losses, Term, TextBatch


class SpanCorruptionLM(PretrainModule):
    """T5's objective (arXiv 1910.10683); over bytes, with longer spans and a deeper encoder, ByT5's (2105.13626).

    Spans are cut out of each document and a sentinel marks each cut; the decoder writes the sentinels, each followed
    by what was cut: loss = -mean over target tokens of log p(y_i | y_<i, input). Encoder and decoder share their
    embedding. The encoder is kept.

    Args:
        encoder: bidirectional.
        decoder: causal, with cross attention; as deep as the encoder in T5, a third of it in ByT5.
        head: units (N, D) -> logits (N, V).
        corruption: which spans are cut out.
    """

    def __init__(
        self, encoder: Encoder, decoder: Encoder, head: Head, corruption: SpanCorruption = SpanCorruption(0.15, 3.0)
    ):
        super().__init__()
        self.encoder, self.decoder, self.head, self.corruption = encoder, decoder, head, corruption
        share_embedding(encoder, decoder)

    def loss(self, batch: TextBatch) -> Losses:
        source, target = self.corruption(batch, self.generator)
        return {"span_corruption": self.nll(self.encoder(source), target)}

    def nll(self, source: Encoded, target: TextBatch) -> Term:
        """-log p(target | source), teacher-forced, over its N tokens."""
        tokens = target.tokens.roll(1)  # what stands before each token ...
        tokens[target.layout.offsets[:-1].long()] = target.vocab.need("pad")  # ... and T5 starts with its padding id
        units = self.decoder(replace(target, tokens=tokens), source=source).units  # (N, D)
        return Term(self.head.cross_entropy(units, target.tokens, self.encoder), len(target.tokens))
