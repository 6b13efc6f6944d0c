"""Masked tokens, and the edges of a program's data flow.

Legend: U tokens of all programs end to end, M masked ones, D width, V vocabulary; of one program L tokens, W variables.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.code.data_flow import DataFlow, balance, between, data_flows, draw
from lit_pretrain.corruptions.masking import DynamicMasking, Masking
from lit_pretrain.corruptions.replacing import replace_masked
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import CodeBatch, Encoder, Layout, Losses, Term, TextBatch, UnitBatch


class GraphCodeBERT(PretrainModule):
    """GraphCodeBERT (arXiv 2009.08366): where does the value of a variable come from?

    The occurrences of variables are further units behind the tokens, all at the position after the last token; each is
    embedded as the mean of its tokens. They see what they are linked to only (`DataFlow.visible`). Three losses:

        masked tokens   -mean over masked i of log p(x_i | corrupted x, data flow)
        edges           of `rate` of the variables, all edges are hidden; which were there?
        alignment       of `rate` of the variables, the links with their tokens are hidden; which were there?

        p(link of units i and j) = sigmoid(u_i . u_j / sqrt(D)),   loss = mean BCE over hidden links and as many others

    The paper has no sqrt(D), as it starts from CodeBERT; from random weights, products of whole units are too large. A pair
    of variables with an edge in the other direction is no negative, since p has no direction. The kept encoder reads tokens
    alone as well.

    Args:
        encoder: bidirectional, of tokens; it must give `features`, such as `ModernTransformer` and `BERT`.
        head: units (M, D) -> logits (M, V).
        masking: which tokens are hidden.
        mask_share, random_share: 0.8 and 0.1, as in BERT.
        rate: 0.2 in the paper.
    """

    def __init__(
        self,
        encoder: Encoder,
        head: Head,
        masking: Masking = DynamicMasking(0.15),
        *,
        mask_share: float = 0.8,
        random_share: float = 0.1,
        rate: float = 0.2,
    ):
        super().__init__()
        if not 0 < rate <= 1:
            raise ValueError(f"rate={rate}: the share of variables whose links are hidden must be above 0 and at most 1")
        self.encoder, self.head, self.masking = encoder, head, masking
        self.mask_share, self.random_share, self.rate = mask_share, random_share, rate

    def loss(self, batch: CodeBatch) -> Losses:
        masked = self.masking(batch, self.generator)  # (U,) bool
        tokens = replace_masked(batch, masked, self.mask_share, self.random_share, self.generator)
        graphs = data_flows(batch)
        drawn = [tuple(draw(len(g.edges), self.rate, self.generator) for _ in range(2)) for g in graphs]
        shown = [graph.hide(*hidden) for graph, hidden in zip(graphs, drawn, strict=True)]

        inputs = beside(self.encoder.features(TextBatch(tokens, batch.lengths, batch.vocab)), graphs, shown)
        units = self.encoder(inputs).units.split(inputs.layout.lengths)  # (L + W, D) each
        of_tokens = [x[:n] for x, n in zip(units, batch.lengths, strict=True)]
        of_variables = [x[n:] for x, n in zip(units, batch.lengths, strict=True)]
        nll = self.head.cross_entropy(torch.cat(of_tokens)[masked], batch.tokens[masked], self.encoder)

        edges, links = [], []
        for x, y, graph, hidden in zip(of_tokens, of_variables, graphs, drawn, strict=True):
            edges.append(self.bce(y, y, *edge_targets(graph, hidden[0], self.generator)))
            links.append(self.bce(y, x, *link_targets(graph, hidden[1], self.generator)))
        return {"mlm": Term(nll, masked.sum()), "edges": total(edges), "alignment": total(links)}

    def bce(self, rows: Tensor, columns: Tensor, targets: Tensor, asked: Tensor) -> Term:
        """Of rows (N, D) and columns (K, D): is there a link (N, K) bool, where it is asked (N, K) bool?"""
        scores = rows.float() @ columns.float().T / rows.shape[1] ** 0.5
        loss = F.binary_cross_entropy_with_logits(scores, targets.float(), asked.float(), reduction="sum")
        return Term(loss, asked.sum())


def beside(tokens: UnitBatch, graphs: list[DataFlow], shown: list[DataFlow]) -> UnitBatch:
    """Tokens and variables of each program, which see each other by the graph that is shown."""
    lengths, device = tokens.layout.lengths, tokens.units.device
    units = tokens.units.split(lengths)
    joined = torch.cat([part for x, graph in zip(units, graphs, strict=True) for part in (x, graph.means(x))])
    positions = torch.cat([torch.arange(n + len(graph.edges), device=device).clamp(max=n)
                           for n, graph in zip(lengths, graphs, strict=True)])  # fmt: skip
    counts = tuple(n + len(graph.edges) for n, graph in zip(lengths, graphs, strict=True))
    return UnitBatch(joined, Layout(counts, device, positions, visible=tuple(graph.visible() for graph in shown)))


def edge_targets(graph: DataFlow, hidden: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(W, W) bool: edges, and the pairs with a variable whose edges are hidden, (W,) bool, that are asked for."""
    others = ~torch.eye(len(hidden), dtype=torch.bool, device=hidden.device) & between(hidden)
    return graph.edges, balance(others & graph.edges, others & ~graph.edges & ~graph.edges.T, generator)


def link_targets(graph: DataFlow, hidden: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(W, L) bool: alignments, and the pairs of a variable whose tokens are hidden, (W,) bool, and a token of code that are
    asked for."""
    rows = hidden[:, None]
    return graph.aligned, balance(rows & graph.aligned, rows & graph.code & ~graph.aligned, generator)


def total(terms: list[Term]) -> Term:
    return Term(torch.stack([t.sum for t in terms]).sum(), torch.stack([t.count for t in terms]).sum())
