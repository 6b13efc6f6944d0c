"""What hidden tokens are replaced by. Legend: U tokens of all examples end to end."""

import torch
from torch import Tensor

from lit_pretrain.types import TextBatch


def replace_masked(
    batch: TextBatch, masked: Tensor, mask_share: float, random_share: float, generator: torch.Generator
) -> Tensor:
    """(U,) tokens: of those that are `masked` (U,) bool, a share becomes [MASK], a share a random token; the rest stay.

    BERT (arXiv 1810.04805) has shares of 0.8 and 0.1.
    """
    if min(mask_share, random_share) < 0 or mask_share + random_share > 1:
        raise ValueError(f"mask_share={mask_share} and random_share={random_share} must be shares of one")
    tokens, vocab = batch.tokens, batch.vocab
    draw = torch.rand(len(tokens), device=tokens.device, generator=generator)
    random = torch.randint(vocab.size, tokens.shape, device=tokens.device, generator=generator)
    tokens = torch.where(masked & (draw < mask_share), vocab.need("mask"), tokens)
    return torch.where(masked & (draw >= 1 - random_share), random, tokens)
