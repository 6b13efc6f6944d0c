"""Vectors of earlier batches, the oldest of which make room for new ones (MoCo, arXiv 1911.05722).

Legend: Q vectors, B new ones of a rank, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import gather
from lit_pretrain.part import Part


class Queue(Part):
    """First in, first out; checkpoints hold it. It begins with random directions, as in MoCo.

    Args:
        size: Q; 65536 in MoCo, 16384 in GCC.
        dim: D.
    """

    vectors: Tensor
    next: Tensor

    def __init__(self, size: int, dim: int):
        super().__init__()
        if size < 1:
            raise ValueError(f"size={size} must be at least 1")
        self.register_buffer("vectors", F.normalize(torch.randn(size, dim), dim=1))  # (Q, D)
        self.register_buffer("next", torch.zeros((), dtype=torch.long))  # where the oldest stands

    def forward(self) -> Tensor:
        """(Q, D), in no order."""
        return self.vectors.clone()  # a backward pass may come after the next `push`

    @torch.no_grad()
    def push(self, new: Tensor) -> None:
        """Takes (B, D) of each rank, rank after rank; of more than Q, the last Q."""
        new = gather(new.detach())
        skipped = max(0, len(new) - len(self.vectors))
        place = (self.next + torch.arange(skipped, len(new), device=new.device)) % len(self.vectors)
        self.vectors[place] = new[skipped:].to(self.vectors.dtype)
        self.next.copy_((self.next + len(new)) % len(self.vectors))
