"""Replaced-token detection.

Legend: U tokens of all documents end to end, M masked tokens, D width, V vocabulary.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.nn.embedding.share import share_embedding
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.head.binary import BinaryHead
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, Losses, Term, TextBatch


class ELECTRA(PretrainModule):
    """ELECTRA (arXiv 2003.10555): a small masked language model fills gaps, the encoder finds what it replaced.

    loss = MLM loss of the generator (mean over masked)
         + weight * mean over all U tokens of BCE(score_i, [x_i was replaced])
    The fillings are sampled, and nothing is propagated back through the sampling. A sampled token that equals the
    original counts as original. Generator and discriminator share their embedding; the discriminator is `encoder`.

    Args:
        encoder: the discriminator, bidirectional.
        generator: a quarter to half of its size, with an embedding of the same shape.
        generator_head: units (M, D') -> logits (M, V).
        head: units (U, D) -> scores (U,).
        masking: which tokens the generator fills.
        mask_share: of those, how many it sees as [MASK]; 0.85 in the authors' code, the rest stay as they are.
        weight: of the discriminator's loss; 50 in the paper.
    """

    def __init__(
        self,
        encoder: Encoder,
        generator: Encoder,
        generator_head: Head,
        head: BinaryHead,
        masking: Masking = DynamicMasking(0.15),
        *,
        mask_share: float = 0.85,
        weight: float = 50.0,
    ):
        super().__init__()
        if not 0 <= mask_share <= 1:
            raise ValueError(f"mask_share={mask_share} must be a share of one")
        self.encoder, self.generator_encoder, self.generator_head, self.head = encoder, generator, generator_head, head
        self.masking, self.mask_share, self.weight = masking, mask_share, weight
        share_embedding(encoder, generator)

    def loss(self, batch: TextBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        gaps = replace(batch, tokens=self.hide(batch, masked))
        logits = self.generator_head(self.generator_encoder(gaps).units[masked], self.generator_encoder)  # (M, V)
        nll = F.cross_entropy(logits.float(), batch.tokens[masked], reduction="sum")  # softmax in fp32

        filled = batch.tokens.masked_scatter(masked, self.sample(logits))
        replaced = filled != batch.tokens  # (U,) bool
        scores = self.head(self.encoder(replace(batch, tokens=filled)).units)  # (U,)
        bce = F.binary_cross_entropy_with_logits(scores.float(), replaced.float(), reduction="sum")
        return {"generator": Term(nll, masked.sum()), "discriminator": Term(bce, len(scores), self.weight)}

    def hide(self, batch: TextBatch, masked: Tensor) -> Tensor:
        """(U,) tokens with [MASK] at most of the masked positions."""
        draw = torch.rand(len(masked), device=masked.device, generator=self.generator)
        return torch.where(masked & (draw < self.mask_share), batch.vocab.need("mask"), batch.tokens)

    @torch.no_grad()
    def sample(self, logits: Tensor) -> Tensor:
        """(M,) tokens drawn from softmax(logits (M, V)) in fp32."""
        return torch.multinomial(logits.float().softmax(-1), 1, generator=self.generator).squeeze(-1)
