"""Finding what belongs to what, by several vectors of what asks.

Legend: P pairs, M codes, U units of all queries, L units of the longest, A answers, D width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lit_pretrain.downstream.task.chunks import in_chunks
from lit_pretrain.downstream.task.ranking import rankings
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.kernels.gather import gather, rank, rows_of_ranks
from lit_pretrain.types import Batch, Encoded, Encoder, Layout, Term


class PolyEncoder(Retrieve):
    """`Retrieve` that looks at the units of what asks (the poly-encoder of arXiv 1905.01969). M learned codes attend to them
    and make M vectors y, of which each answer a weighs those that suit it; all by dot products:

        y_m = sum over units h of softmax(code_m h) h,   score(a) = sum over m of softmax(y_m a) y_m a

    loss = -mean over i of log softmax(score_i)(own answer), over the answers of the whole batch of all ranks. Both sides are
    encoded one by one, as in `Retrieve`, and a pair costs M dot products: more than one of two vectors, far less than an
    encoder that reads both sides together.

    Args:
        dim: D of the encoder.
        codes: M; 16, 64 and 360 in the paper.
        recall_at: values of K of the metrics.
        chunk: see `Retrieve`.
    """

    def __init__(self, dim: int, codes: int = 16, recall_at: tuple[int, ...] = (1, 5, 10), chunk: int = 0):
        super().__init__(dim, recall_at=recall_at, chunk=chunk)
        if codes < 1:
            raise ValueError(f"codes={codes} must be at least 1")
        self.codes = nn.Parameter(torch.randn(codes, dim) / dim**0.5)
        self.metrics = rankings(ranks_by_poly_scores, recall_at)

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """The vectors of what answers, and the units of what asks."""
        queries, answers = batch.counterparts
        if not queries.num_examples:  # nothing of what the encoder makes of the batch, but with its gradients, which are 0
            encoded = encoder(batch)
            return Encoded(encoded.pooled[:0], encoded.units[:0], Layout((), encoded.layout.device))
        asks = in_chunks(encoder, queries, self.chunk)
        return Encoded(in_chunks(encoder, answers, self.chunk).pooled, asks.units, asks.layout)

    def forward(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """(P, M, D) of what asks and (P, D) of what answers."""
        lengths = encoded.layout.lengths
        if not lengths:
            return encoded.units[:, None] * self.codes, encoded.pooled
        units = pad_sequence(encoded.units.split(lengths), batch_first=True)  # (P, L, D)
        length = encoded.layout.offsets.diff()
        there = torch.arange(units.shape[1], device=units.device) < length[:, None, None]  # (P, 1, L)
        codes = self.codes.to(units.dtype).expand(len(units), -1, -1)
        return F.scaled_dot_product_attention(codes, units, units, there, scale=1.0), encoded.pooled

    def loss(self, predictions: tuple[Tensor, Tensor], batch: Batch) -> Term:
        queries, answers = predictions
        rows = rows_of_ranks(answers)
        own = sum(rows[: rank()]) + torch.arange(len(answers), device=answers.device)  # where this rank's answers stand
        others = gather(answers, rows)
        if not len(queries):  # other ranks wait for `gather`, also in the backward pass
            return Term(queries.sum() + others.sum() * 0, 0)
        return Term(F.cross_entropy(poly_scores(queries, others), own, reduction="sum"), len(queries))

    def update(self, predictions: tuple[Tensor, Tensor], encoded: Encoded, batch: Batch) -> None:
        if len(predictions[0]):
            self.metrics.update(*(side.detach().float() for side in predictions))

    def decode(self, predictions: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The vectors (P, M, D) of what asks and (P, D) of what answers."""
        return predictions


def poly_scores(queries: Tensor, answers: Tensor) -> Tensor:
    """(P, M, D) and (A, D) -> (P, A): what the mean vector, weighed for an answer, has in common with it; in fp32."""
    similar = torch.einsum("pmd,ad->pam", queries.float(), answers.float())
    return (similar.softmax(2) * similar).sum(2)


def ranks_by_poly_scores(queries: Tensor, answers: Tensor, chunk: int = 64) -> Tensor:
    """(P,) the place, from 1, of answer i among all for query i, of equally good answers the last.

    Args:
        queries, answers: (P, M, D) and (P, D), in the same order.
        chunk: queries compared with all answers at a time.
    """
    ranks, first = [], 0
    for part in queries.split(chunk):
        scores = poly_scores(part, answers)
        ranks.append((scores >= scores.diagonal(first)[:, None]).sum(1))
        first += len(part)
    return torch.cat(ranks)
