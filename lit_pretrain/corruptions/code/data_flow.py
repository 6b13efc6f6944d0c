"""The data flow of programs as a graph beside their tokens, and what is hidden of it (GraphCodeBERT, arXiv 2009.08366).

Legend of one program: L tokens, W occurrences of variables.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lit_pretrain.types import CodeBatch, Kind


@dataclass
class DataFlow:
    """The graph of one program.

    Args:
        special: (L,) bool, true at [CLS], [SEP] and the like.
        code: (L,) bool, true at tokens of code.
        edges: (W, W) bool, true where the value of the row comes from the column.
        aligned: (W, L) bool, true where the token of the column is part of the variable of the row.
    """

    special: Tensor
    code: Tensor
    edges: Tensor
    aligned: Tensor

    def visible(self) -> Tensor:
        """(L + W, L + W) bool, true where the unit of the row may see that of the column: tokens, then variables.

        Tokens see all tokens; special ones see all variables too. A variable sees itself, the variables that its value
        comes from, and the tokens that it consists of, which see it.
        """
        tokens = torch.ones((len(self.special),) * 2, dtype=torch.bool, device=self.special.device)
        itself = torch.eye(len(self.edges), dtype=torch.bool, device=self.edges.device)
        upper = torch.cat([tokens, self.special[:, None] | self.aligned.T], 1)
        return torch.cat([upper, torch.cat([self.aligned, self.edges | itself], 1)])

    def hide(self, edges_of: Tensor, tokens_of: Tensor) -> "DataFlow":
        """The graph without the edges from and to the variables `edges_of` (W,) bool, and without the alignment of the
        variables `tokens_of` (W,) bool."""
        return replace(self, edges=self.edges & ~between(edges_of), aligned=self.aligned & ~tokens_of[:, None])

    def means(self, units: Tensor) -> Tensor:
        """(W, D): the mean over each variable's tokens of `units` (L, D)."""
        share = self.aligned.to(units.dtype)
        return (share @ units / share.sum(1, keepdim=True).clamp(min=1)).to(units.dtype)


def data_flows(batch: CodeBatch) -> list[DataFlow]:
    """The graph of each program."""
    graphs, begin = [], 0
    kinds, leaves = batch.kind.split(batch.lengths), batch.leaf.split(batch.lengths)
    for kind, leaf, variables in zip(kinds, leaves, batch.variables.split(), strict=True):
        count = len(variables)
        own = batch.flow - begin  # those of other programs go to a row and a column that are cut off
        own = torch.where(((own >= 0) & (own < count)).all(1, keepdim=True), own, count)
        edges = torch.zeros((count + 1,) * 2, dtype=torch.bool, device=leaf.device)
        edges[own[:, 0], own[:, 1]] = True
        aligned = variables[:, None] == leaf
        graphs.append(DataFlow(kind == Kind.SPECIAL, kind >= Kind.IDENTIFIER, edges[:count, :count], aligned))
        begin += count
    return graphs


def draw(count: int, rate: float, generator: torch.Generator) -> Tensor:
    """(count,) bool: round(rate * count) of them at random, and at least one."""
    key = torch.rand(count, device=generator.device, generator=generator)
    return key.argsort().argsort() < max(1, round(rate * count))


def between(chosen: Tensor) -> Tensor:
    """(W, W) bool, true where the row or the column is chosen, (W,) bool."""
    return chosen[:, None] | chosen


def balance(positive: Tensor, negative: Tensor, generator: torch.Generator) -> Tensor:
    """Bool of the same shape: all that are `positive`, and as many that are `negative` at random, if there are so many."""
    key = torch.rand(negative.shape, device=negative.device, generator=generator).masked_fill(~negative, 2.0)
    ranked = torch.cat([key.flatten().sort().values, key.new_full((1,), 2.0)])
    limit = ranked.gather(0, positive.sum().clamp(max=len(ranked) - 1)[None])
    return positive | (negative & (key < limit))
