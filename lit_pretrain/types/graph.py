"""Graphs laid end to end, or a part of one graph around the nodes that are the examples.

Legend: B examples, N nodes of all graphs, E directed edges, F features of a node, C features of an edge.
"""

import warnings
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import torch
from torch import Tensor

from lit_pretrain.types.batch import Batch
from lit_pretrain.types.graph_picture import drawn
from lit_pretrain.types.layout import Layout


@dataclass(frozen=True)
class Edges:
    """Directed edges, sorted by the node that they lead to (compressed sparse rows).

    Args:
        offsets: (N + 1,) int64; node n receives from sources[offsets[n]:offsets[n + 1]].
        sources: (E,) int64, in rising order for each node.
    """

    offsets: Tensor
    sources: Tensor

    @classmethod
    def of(cls, index: Tensor, num_nodes: int) -> tuple["Edges", Tensor]:
        """Sorts edges.

        Args:
            index: (2, E) int64, sources above targets, as in torch-geometric.
            num_nodes: N.

        Returns:
            The edges, and (E,) the place in `index` of each of them.
        """
        order = torch.argsort(index[1] * num_nodes + index[0], stable=True)
        counts = torch.bincount(index[1], minlength=num_nodes)
        return cls(torch.cat([counts.new_zeros(1), counts.cumsum(0)]), index[0, order]), order

    @property
    def num_nodes(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def degrees(self) -> Tensor:
        """(N,) int64 edges that lead to each node."""
        return self.offsets.diff()

    @cached_property
    def targets(self) -> Tensor:
        """(E,) int64."""
        nodes = torch.arange(self.num_nodes, device=self.offsets.device)
        return torch.repeat_interleave(nodes, self.degrees, output_size=len(self))

    @cached_property
    def index(self) -> Tensor:
        """(2, E) int64, sources above targets, as in torch-geometric."""
        return torch.stack([self.sources, self.targets])

    @cached_property
    def reverse(self) -> tuple["Edges", Tensor]:
        """Each edge the other way round, and (E,) the place among these edges of each of those."""
        return Edges.of(self.index.flip(0), self.num_nodes)

    @cached_property
    def matrix(self) -> Tensor:
        """(N, N) sparse rows of ones, targets by sources: matrix @ x sums over the nodes that each receives from."""
        ones = torch.ones(len(self), device=self.offsets.device)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that sparse rows are in beta state
            return torch.sparse_csr_tensor(self.offsets, self.sources, ones, (self.num_nodes,) * 2, check_invariants=False)

    @cached_property
    def made(self) -> dict[tuple, Any]:
        """What encoders have made of these edges. A graph that is trained on as a whole has the same edges in each step."""
        return {}

    def keep(self, keep: Tensor) -> "Edges":
        """Those where (E,) bool is true."""
        before = torch.cat([self.offsets.new_zeros(1), keep.cumsum(0)])
        return Edges(before[self.offsets], self.sources[keep])

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Edges":
        if self.offsets.device == torch.device(device):
            return self  # and what it has cached
        return Edges(self.offsets.to(device, non_blocking=non_blocking), self.sources.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "Edges":
        return Edges(self.offsets.pin_memory(), self.sources.pin_memory())


@dataclass
class GraphBatch(Batch):
    """Graphs as nodes and edges, laid end to end.

    Each graph is an example, and its nodes are its units. With `seeds`, the graph is one, or a sampled part of one, and its
    examples are nodes: each seed is an example of one unit, and the other nodes are what it is seen with.

    Args:
        features: (N, F) float32, or int64 categories, one column each.
        edges: between all nodes; an undirected edge stands in it both ways.
        lengths: nodes of each graph.
        edge_features: (E, C) float32 or int64 categories, in the order of `edges`; None: edges are alike.
        seeds: (B,) int64, the nodes that are the examples; None: the graphs are.
        nodes: (N,) int64, the number of each node in the graph that it was sampled from.
    """

    features: Tensor
    edges: Edges
    lengths: tuple[int, ...]
    edge_features: Tensor | None = None
    seeds: Tensor | None = None
    nodes: Tensor | None = None

    @property
    def num_examples(self) -> int:
        return len(self.lengths) if self.seeds is None else len(self.seeds)

    @property
    def num_units(self) -> int:
        return len(self.features) if self.seeds is None else len(self.seeds)

    @property
    def num_nodes(self) -> int:
        return len(self.features)

    @cached_property
    def layout(self) -> Layout:
        """Of the units: all nodes, graph by graph, or the seeds."""
        return self.graphs if self.seeds is None else Layout((1,) * len(self.seeds), self.features.device)

    @cached_property
    def graphs(self) -> Layout:
        """Of all nodes, graph by graph."""
        return Layout(self.lengths, self.features.device)

    @cached_property
    def units_of_graphs(self) -> Layout:
        """Of the units, graph by graph, also where each is an example of its own."""
        return self.graphs if self.seeds is None else Layout((len(self.seeds),), self.features.device)

    def whole(self) -> "GraphBatch":
        """The same graphs as examples, so that every node is a unit."""
        return self.at(None)

    def at(self, seeds: Tensor | None) -> "GraphBatch":
        """The same graph with these nodes as examples, unlabelled."""
        if seeds is self.seeds:
            return self
        return replace(self, seeds=seeds, labels=None, index=None, unit_labels=None, pairs=None, pair_labels=None)

    def of_units(self, nodes: Tensor) -> Tensor:
        """(N, ...) of all nodes -> (U, ...) of the units."""
        return nodes if self.seeds is None else nodes[self.seeds]

    def of_nodes(self, units: Tensor) -> Tensor:
        """(U,) bool of the units -> (N,) bool of all nodes, false at those that are none."""
        return units if self.seeds is None else units.new_zeros(self.num_nodes).index_put((self.seeds,), units)

    def contents(self) -> list[bytes]:
        """Of graphs, nodes and edges; nodes and pairs of nodes of one graph are who they are, whatever they look like."""
        if self.seeds is not None or self.pairs is not None:
            examples = self.seeds[:, None] if self.pairs is None else self.pairs.sort(1).values
            named = examples if self.nodes is None else self.nodes[examples]
            return [numbers.cpu().numpy().tobytes() for numbers in named]
        starts = self.graphs.offsets.long()
        numbered = (self.edges.index - starts[self.graphs.example[self.edges.targets]]).T  # (E, 2), in each graph from 0
        rows = [numbered] if self.edge_features is None else [numbered, self.edge_features]
        counts = self.edges.offsets[starts].diff().tolist()
        edges = zip(*(found.contiguous().cpu().split(counts) for found in rows), strict=True)
        nodes = super().contents()
        return [own + b"".join(part.numpy().tobytes() for part in parts) for own, parts in zip(nodes, edges, strict=True)]

    def preview(self) -> Tensor:
        """(B, 1, 3, H, W): each graph, or each node and what lies around it, as they are drawn; of many the first (see
        `drawn`)."""
        return drawn(self)[:, None]

    def without_edges(self, drop: Tensor) -> "GraphBatch":
        """The same nodes, and the edges where (E,) bool is false."""
        features = None if self.edge_features is None else self.edge_features[~drop]
        return replace(self, edges=self.edges.keep(~drop), edge_features=features)

    def without_nodes(self, drop: Tensor) -> "GraphBatch":
        """The nodes where (N,) bool is false, and the edges between them. Graphs may become empty; seeds must stay."""
        keep, number = ~drop, (~drop).cumsum(0) - 1
        sources, targets = self.edges.index
        left = keep[sources] & keep[targets]
        edges = self.edges.keep(left)
        edges = Edges(torch.cat([edges.offsets[:-1][keep], edges.offsets[-1:]]), number[edges.sources])
        return replace(
            self,
            features=self.features[keep],
            edges=edges,
            lengths=self.graphs.keep(keep).lengths,
            edge_features=None if self.edge_features is None else self.edge_features[left],
            seeds=None if self.seeds is None else number[self.seeds],
            nodes=None if self.nodes is None else self.nodes[keep],
            unit_labels=None,
            pairs=None,
            pair_labels=None,
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        if self.features.device == torch.device(device):
            return self  # with what its edges have cached: a graph that is trained on as a whole is the same in each step
        return super().to(device, non_blocking)

    def pin_memory(self) -> Self:
        movable = (Tensor, Edges)
        found = {f.name: v.pin_memory() for f in fields(self) if isinstance(v := getattr(self, f.name), movable)}
        return replace(self, **found)
