"""The contrastive loss of SimCLR. Legend: B examples of a rank, R ranks, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import gather, rank


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent (arXiv 2002.05709): each view must find the other view of its example among all views of all ranks.

        -mean over views i of log( exp(cos(i, other(i)) / t) / sum over k != i of exp(cos(i, k) / t) )

    Args:
        first, second: (B, D) projections of two views; every rank must have the same B.
        temperature: t.

    Returns:
        The mean over the rank's 2 B views. Its mean over ranks is the loss of the joined batch, and so are the gradients.
    """
    first, second = (F.normalize(x.float(), dim=1) for x in (first, second))  # norms and softmax in fp32
    everything = torch.cat([gather(first), gather(second)])  # (2 R B, D)
    own = torch.arange(len(first), device=first.device) + rank() * len(first)  # where this rank's first views stand
    half = len(everything) // 2
    itself, other = torch.cat([own, own + half]), torch.cat([own + half, own])
    similar = torch.cat([first, second]) @ everything.T / temperature  # (2 B, 2 R B)
    similar = similar.scatter(1, itself[:, None], -torch.inf)
    return F.cross_entropy(similar, other)
