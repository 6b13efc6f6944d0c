"""The key that belongs to a query among many. Legend: B queries of a rank, Q further negatives, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import gather, rank, rows_of_ranks
from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy


def info_nce(queries: Tensor, keys: Tensor, temperature: float, negatives: Tensor | None = None) -> Tensor:
    """InfoNCE (arXiv 1807.03748) of cosines:

        -mean over i of log( exp(cos(q_i, k_i) / t) / sum over k of exp(cos(q_i, k) / t) )

    where k runs over k_i and `negatives`, as in MoCo; without these, over the keys of all queries of all ranks, whose scores
    are never all in memory.

    Args:
        queries, keys: (B, D), in the same order; B = 0: a loss of 0, since the keys of other ranks have gradients here too.
        temperature: t.
        negatives: (Q, D) for all queries.
    """
    queries, keys = (F.normalize(x.float(), dim=1) for x in (queries, keys))  # norms and softmax in fp32
    own = torch.arange(len(queries), device=queries.device)
    if negatives is None:
        rows = rows_of_ranks(keys)
        own = own + sum(rows[: rank()])  # where this rank's keys stand
        return linear_cross_entropy(queries / temperature, gather(keys, rows), own) / max(len(queries), 1)
    negatives = F.normalize(negatives.float(), dim=1)
    scores = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ negatives.T], 1) / temperature  # (B, 1 + Q)
    return F.cross_entropy(scores, torch.zeros_like(own))
