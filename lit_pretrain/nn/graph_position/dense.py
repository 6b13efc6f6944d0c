"""Graphs as padded square matrices, and what encodings compute of them.

Legend: G graphs, N nodes, n nodes of the largest graph, P pairs of nodes.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from lit_pretrain.types import Edges, GraphBatch, Layout

T = TypeVar("T")
LIMIT = 2**27  # numbers of a padded batch: 1 GiB in fp64
_FOUND: WeakKeyDictionary[Edges, dict[Hashable, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Dense:
    """In fp64: eigenvectors and powers of walks are the last place to save digits.

    Args:
        adjacency: (G, n, n) ones where there is an edge, targets by sources; zeros beyond the last node.
        graphs: whose node is whose.
    """

    adjacency: Tensor
    graphs: Layout

    @classmethod
    def of(cls, batch: GraphBatch, directed: bool = False) -> "Dense":
        """
        Args:
            batch: of any graphs.
            directed: leave edges that have no reverse as they are; otherwise they are taken both ways.

        Raises:
            ValueError: the padded matrices would be too large.
        """
        graphs, n = batch.graphs, batch.graphs.max_length
        numbers = graphs.num_examples * n * n
        if numbers > LIMIT:
            raise ValueError(f"{graphs.num_examples} graphs of up to {n} nodes make matrices of {numbers} numbers, and the"
                             f" most is {LIMIT}: use smaller batches, sample a part of the graph, or take an encoding that"
                             " needs no matrices, such as RandomWalk")  # fmt: skip
        sources, targets = batch.edges.index
        adjacency = torch.zeros(graphs.num_examples, n, n, dtype=torch.float64, device=sources.device)
        adjacency[graphs.example[targets], graphs.position[targets], graphs.position[sources]] = 1.0
        return cls(adjacency if directed else torch.maximum(adjacency, adjacency.mT), graphs)

    @cached_property
    def valid(self) -> Tensor:
        """(G, n) bool, true at nodes and false at padding."""
        valid = torch.zeros(self.adjacency.shape[:2], dtype=torch.bool, device=self.adjacency.device)
        valid[self.graphs.example, self.graphs.position] = True
        return valid

    def nodes(self, x: Tensor) -> Tensor:
        """(G, n, ...) -> (N, ...) of all nodes."""
        return x[self.graphs.example, self.graphs.position]

    def pairs(self, x: Tensor, pairs: Edges) -> Tensor:
        """(G, n, n, ...), targets by sources -> (P, ...) of these pairs."""
        sources, targets = pairs.index
        return x[self.graphs.example[targets], self.graphs.position[targets], self.graphs.position[sources]]

    def walk(self) -> Tensor:
        """(G, n, n) A D^-1: column j holds the chances of a walker's next node from node j; one without edges stays."""
        degree = self.adjacency.sum(1)
        stay = torch.diag_embed(((degree == 0) & self.valid).double())
        return self.adjacency / degree.clamp(min=1)[:, None] + stay

    def laplacian(self, normalised: bool = True) -> Tensor:
        """(G, n, n) I - D^-1/2 A D^-1/2, or D - A; nodes without edges and padding have zeros."""
        degree = self.adjacency.sum(2)
        if not normalised:
            return torch.diag_embed(degree) - self.adjacency
        scale = degree.clamp(min=1).rsqrt()
        return torch.diag_embed((degree > 0).double()) - scale[:, :, None] * self.adjacency * scale[:, None]

    def spectrum(self, normalised: bool = True) -> tuple[Tensor, Tensor]:
        """(G, n) eigenvalues of the Laplacian in rising order, and (G, n, n) the eigenvectors in columns.

        Those of padding come after all others.
        """
        matrix = self.laplacian(normalised)
        bound = 2 * max(1.0, float(matrix.shape[-1])) + 1  # above every eigenvalue of either Laplacian
        return torch.linalg.eigh(matrix + torch.diag_embed(bound * (~self.valid).double()))


def diagonal(batch: GraphBatch, function: Callable[[Tensor], Tensor]) -> Tensor:
    """(N, K) float32: the diagonal of f(L) of the normalised Laplacian L, for K functions of its eigenvalues.

    Args:
        batch: of any graphs.
        function: (G, n) eigenvalues -> (G, n, K).
    """
    dense = Dense.of(batch)
    values, vectors = dense.spectrum()
    of_padding = ~dense.valid[..., None]  # whose eigenvalues come last, as it does
    found = (vectors**2) @ function(values.clamp(min=0)).masked_fill(of_padding, 0.0)  # (G, n, n) @ (G, n, K)
    return dense.nodes(found).float()


def once(edges: Edges, key: Hashable, make: Callable[[], T]) -> T:
    """What `make` gives, kept for as long as these edges are: a graph that is seen in every step is computed once."""
    kept = _FOUND.setdefault(edges, {})
    if key not in kept:
        with torch.inference_mode(False), torch.no_grad():  # a validation may be the first to ask, and training the next
            kept[key] = make()
    return kept[key]
