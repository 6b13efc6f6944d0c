"""Encoding a batch that is larger than memory."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from lit_pretrain.types import Batch, Encoded, Encoder, Layout


def in_chunks(encoder: Encoder, batch: Batch, size: int) -> Encoded:
    """What the encoder makes of a batch, of `size` examples at a time; 0: of all at once.

    Only the results are kept (the gradient cache of arXiv 2101.06983). For the gradients each chunk is encoded again, with
    the same random numbers, so that values and gradients are those of the whole batch.

    Raises:
        ValueError: batches of this kind cannot be divided.
    """
    if not size or size >= batch.num_examples:
        return encoder(batch)
    # `checkpoint` reads from its tensors on which device random numbers must be the same again.
    weight = next(encoder.parameters(), None)
    found = [checkpoint(_encode, encoder, part, weight, use_reentrant=False) for part in batch.split(size)]
    lengths = tuple(length for part in found for length in part.layout.lengths)
    layout = Layout(lengths, found[0].layout.device, leading=found[0].layout.leading)
    return Encoded(torch.cat([part.pooled for part in found]), torch.cat([part.units for part in found]), layout)


def _encode(encoder: Encoder, batch: Batch, weight: Tensor | None) -> Encoded:
    return encoder(batch)
