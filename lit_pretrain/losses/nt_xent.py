"""The contrastive loss of SimCLR. Legend: B examples of a rank, N examples of all ranks, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import gather, rank, rows_of_ranks
from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """NT-Xent (arXiv 2002.05709): each view must find the other view of its example among all views of all ranks.

        -mean over views i of log( exp(cos(i, other(i)) / t) / sum over k != i of exp(cos(i, k) / t) )

    The (2 B, 2 N) cosines are never all in memory.

    Args:
        first, second: (B, D) projections of two views; ranks may differ in B.
        temperature: t.

    Returns:
        The mean over the rank's 2 B views. Its mean over ranks, weighted by B, is the loss of the joined batch, and so are
        the gradients.
    """
    first, second = (F.normalize(x.float(), dim=1) for x in (first, second))  # norms and softmax in fp32
    rows = rows_of_ranks(first)
    everything = torch.cat([gather(first, rows), gather(second, rows)])  # (2 N, D)
    own = torch.arange(len(first), device=first.device) + sum(rows[: rank()])  # where this rank's first views stand
    half = len(everything) // 2
    itself, other = torch.cat([own, own + half]), torch.cat([own + half, own])
    views = torch.cat([first, second]) / temperature  # (2 B, D)
    return linear_cross_entropy(views, everything, other, excluded=itself) / len(views)
