"""Masked language modelling.

Legend: U tokens of all documents end to end, M masked tokens, D width, V vocabulary.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, Term, TextBatch


class MLM(PretrainModule):
    """Masked language model (BERT, arXiv 1810.04805; dynamic masking of RoBERTa, arXiv 1907.11692).

    Predicts hidden tokens from all the visible ones: loss = -mean over masked i of log p(x_i | corrupted x).
    Of the chosen tokens, `mask_share` become [MASK], `random_share` a random token, and the rest stay.
    Logits are computed at the M masked tokens only, (M, V).

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
        if min(mask_share, random_share) < 0 or mask_share + random_share > 1:
            raise ValueError(f"mask_share={mask_share} and random_share={random_share} must be shares of one")
        self.encoder, self.head, self.masking = encoder, head, masking
        self.mask_share, self.random_share = mask_share, random_share

    def loss(self, batch: TextBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        corrupted = replace(batch, tokens=self.corrupt(batch, masked))
        units = self.encoder(corrupted).units[masked]  # (U, D) -> (M, D)
        logits = self.head(units, self.encoder)  # (M, V)
        # Softmax in fp32.
        nll = F.cross_entropy(logits.float(), batch.tokens[masked], reduction="sum")
        return {"mlm": Term(nll, masked.sum())}

    def corrupt(self, batch: TextBatch, masked: Tensor) -> Tensor:
        """(U,) tokens with the chosen ones replaced."""
        tokens, vocab = batch.tokens, batch.vocab
        draw = torch.rand(len(tokens), device=tokens.device, generator=self.generator)
        random = torch.randint(vocab.size, tokens.shape, device=tokens.device, generator=self.generator)
        tokens = torch.where(masked & (draw < self.mask_share), vocab.need("mask"), tokens)
        return torch.where(masked & (draw >= 1 - self.random_share), random, tokens)
