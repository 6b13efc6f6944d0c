"""Causal language modelling.

Legend: U tokens of all documents end to end, N predicted tokens, D width, V vocabulary.
"""

import math

import torch
from torch import Tensor

from lit_pretrain.corruptions.fill_in_the_middle import FillInTheMiddle
from lit_pretrain.nn.generate import generate
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, Term, TextBatch


class CLM(PretrainModule):
    """Causal language model (GPT-2; the family recipe is OPT's, arXiv 2205.01068).

    Predicts each token from those before it: loss = -mean over i of log p(x_i | x_<i), within documents.
    Validation also reports perplexity, and bits per byte: the sum of -log2 p over the UTF-8 bytes of the text, which
    compares models with different tokenizers.

    Args:
        encoder: causal.
        head: units (N, D) -> logits (N, V).
        rearrange: move the middle of documents to their end, in training (arXiv 2207.14255); None: all read left to right,
            as validation does always.
    """

    def __init__(self, encoder: Encoder, head: Head, rearrange: FillInTheMiddle | None = None):
        super().__init__()
        self.encoder, self.head, self.rearrange = encoder, head, rearrange

    def loss(self, batch: TextBatch) -> Losses:
        if self.training and self.rearrange is not None:
            batch = self.rearrange(batch, self.generator)
        units = self.encoder(batch).units  # (U, D)
        example = batch.layout.example
        has_next = example[:-1] == example[1:]  # (U - 1,) bool
        nll = self.head.cross_entropy(units[:-1][has_next], batch.tokens[1:][has_next], self.encoder)
        terms = {"clm": Term(nll, has_next.sum())}
        if batch.num_bytes is not None:
            terms["bits_per_byte"] = Term(nll.detach() / math.log(2), batch.num_bytes.sum(), weight=0.0)
        return terms

    def complete(self, batch: TextBatch, length: int) -> list[Tensor]:
        """The likeliest next tokens of each document, taken one by one, `length` at most."""
        return generate(self.encoder, self.head, batch, max_new_tokens=length, temperature=0.0)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        mean = self.trainer.callback_metrics.get(f"{self._stage}/clm")
        if mean is not None:
            self.log(f"{self._stage}/perplexity", torch.exp(mean))
