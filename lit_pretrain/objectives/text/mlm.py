"""Masked language modelling.

Legend: U tokens of all documents end to end, M masked tokens, D width, V vocabulary.
"""

from dataclasses import replace

from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, Term, TextBatch


class MLM(PretrainModule):
    """Masked language model (BERT, arXiv 1810.04805; dynamic masking of RoBERTa, arXiv 1907.11692).

    Predicts hidden tokens from all the visible ones: loss = -mean over masked i of log p(x_i | corrupted x).
    Of the chosen tokens, `mask_share` become [MASK], `random_share` a random token, and the rest stay.
    Only the M masked tokens are scored.

    Args:
        encoder: bidirectional.
        head: units (M, D) -> logits (M, V).
        masking: which tokens are chosen; the default hides 15 % one by one.
        mask_share, random_share: 0.8 and 0.1 in BERT.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        masking: Masking = DynamicMasking(0.15),
        *,
        mask_share: float = 0.8,
        random_share: float = 0.1,
    ):
        super().__init__()
        self.encoder, self.head, self.masking = encoder, head, masking
        self.mask_share, self.random_share = mask_share, random_share

    def loss(self, batch: TextBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        tokens = replace_masked(batch, masked, self.mask_share, self.random_share, self.generator)
        units = self.encoder(replace(batch, tokens=tokens)).units[masked]  # (U, D) -> (M, D)
        nll = self.head.cross_entropy(units, batch.tokens[masked], self.encoder)
        return {"mlm": Term(nll, masked.sum())}
