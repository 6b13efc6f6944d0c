"""How far up the right answers stand when answers are ranked by cosine. No matrix of all pairs is ever held.

Legend: N queries, M answers, Q queries of a chunk, D width of the vectors.
"""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(queries: Tensor, answers: Tensor, chunk: int) -> Iterator[Tensor]:
    """Cosines (Q, M) of each query of a chunk with all answers, chunk after chunk; in fp32."""
    queries, answers = (F.normalize(x.float(), dim=1) for x in (queries, answers))
    for part in queries.split(chunk):
        yield part @ answers.T


def ranks_of_own(queries: Tensor, answers: Tensor, chunk: int = 512) -> Tensor:
    """(N,) int64 the place, from 1, of answer i among all for query i, of equally similar answers the last.

    So an encoder to which all is alike finds nothing.

    Args:
        queries, answers: (N, D), in the same order.
        chunk: queries compared with all answers at a time, which bounds the memory at chunk · N.

    Raises:
        ValueError: the two do not match, there are none, or they are not finite.
    """
    if queries.ndim != 2 or queries.shape != answers.shape or not len(queries):
        raise ValueError(f"queries {tuple(queries.shape)} and answers {tuple(answers.shape)}: give (N, D) of both, in the"
                         " same order, and at least one of each")  # fmt: skip
    if not (queries.isfinite().all() and answers.isfinite().all()):
        raise ValueError("the vectors of queries or answers are not finite: the encoder has diverged")
    ranks, first = [], 0
    for similar in similarities(queries, answers, chunk):
        own = similar.diagonal(first)[:, None]  # (Q, 1)
        ranks.append((similar >= own).sum(1))
        first += len(similar)
    return torch.cat(ranks)


def rank_scores(ranks: Tensor, recall_at: Sequence[int]) -> Iterator[tuple[str, float]]:
    """`mrr`, the mean reciprocal rank, and `recall_at_K`, the share of ranks (N,) that are at most K."""
    yield "mrr", float(ranks.double().reciprocal().mean())
    for k in recall_at:
        yield f"recall_at_{k}", float((ranks <= k).double().mean())
