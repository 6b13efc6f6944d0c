"""Graphs as sequences of tokens, and back. Legend: G graphs, N nodes, E directed edges, M undirected edges, U tokens."""

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from lit_pretrain.nn.graph_tokenizer.edge_order import at_random, by_degree, shuffled
from lit_pretrain.nn.graph_tokenizer.grammar import parse
from lit_pretrain.part import Part
from lit_pretrain.types import Edges, GraphBatch, Layout, TextBatch, Vocabulary

BEGIN, EDGES, END, FIRST = range(4)  # three markers, then the indices of nodes, the types of nodes, the types of edges


class GraphSequence(Part):
    """All nodes, then all edges (arXiv 2501.01073), each undirected edge once:

        begin, (type, index) of each node, edges, (source, target, type) of each edge, end

    where source and target are indices of nodes, and edges that are all alike have no type. Nodes are numbered at random.
    The paper's code writes one more token between two nodes and between two edges, which says nothing.

    Args:
        max_nodes: the most that a graph has.
        node_types: categories of the first feature of nodes, the only one that is told.
        edge_types: categories of the first feature of edges; 0: edges are alike.
        order: of the edges: "random", or "degree" for the order in which a graph grows (see `by_degree`).
    """

    def __init__(
        self, max_nodes: int, node_types: int, edge_types: int = 0, *, order: Literal["random", "degree"] = "degree"
    ):
        super().__init__()
        if max_nodes < 1 or node_types < 1 or edge_types < 0:
            raise ValueError(f"max_nodes={max_nodes}, node_types={node_types} must be at least 1, edge_types={edge_types} 0")
        if order not in ("random", "degree"):
            raise ValueError(f"order={order!r} is neither 'random' nor 'degree'")
        self.max_nodes, self.node_types, self.edge_types, self.order = max_nodes, node_types, edge_types, order

    @property
    def starts(self) -> tuple[int, int, int, int]:
        """The first token of indices, of types of nodes and of types of edges, and the number of tokens."""
        nodes = FIRST + self.max_nodes
        return FIRST, nodes, nodes + self.node_types, nodes + self.node_types + self.edge_types

    @property
    def width(self) -> int:
        """Tokens of an edge."""
        return 3 if self.edge_types else 2

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Its `bos` begins a sequence and its `eos` ends one."""
        size = self.starts[-1]
        return Vocabulary(size, torch.arange(size) < FIRST, torch.ones(size, dtype=torch.bool), bos=BEGIN, eos=END)

    def forward(self, batch: GraphBatch, *, shuffle: bool = True, generator: torch.Generator | None = None) -> TextBatch:
        """Tokens of each graph.

        Args:
            batch: graphs whose edges stand in it both ways.
            shuffle: number nodes and order edges at random; otherwise nodes are told as they stand, and edges too or, in
                order of degree, the lowest number first among equals.
            generator: of the draws; None: torch's global one.

        Raises:
            ValueError: examples are nodes, a graph is too large, features are no categories or too many, or an edge stands
                in it one way only or leads from a node to itself.
        """
        nodes, edges = self.types(batch)
        graph, device = batch.graphs.example, nodes.device
        sources, targets = batch.edges.index
        once = (sources < targets).nonzero()[:, 0]
        owner = graph[sources[once]]  # (M,)
        lengths = self._lengths(batch, nodes, edges, torch.bincount(owner, minlength=batch.num_examples))
        drawn = shuffled(graph, generator) if shuffle else torch.arange(len(nodes), device=device)
        number = torch.empty_like(drawn)  # (N,) within its graph
        number[drawn] = batch.graphs.position
        ends, owners = number[batch.edges.index[:, once]], Layout(lengths, device)
        if self.order == "random":
            ends, order = at_random(ends, owners, shuffle, generator)
        else:
            ends, order = by_degree(ends, owners, batch.graphs.max_length, shuffle, generator)

        counts = tuple(2 * n + self.width * m + 3 for n, m in zip(batch.lengths, lengths, strict=True))
        result = TextBatch(torch.full((sum(counts),), EDGES, device=device), counts, self.vocabulary.to(device))
        tokens, begin, end = result.tokens, result.layout.offsets[:-1].long(), result.layout.offsets[1:].long()
        tokens[begin], tokens[end - 1] = BEGIN, END
        place = begin[graph] + 1 + 2 * batch.graphs.position
        index, node, edge, _ = self.starts
        tokens[place], tokens[place + 1] = node + nodes[drawn], index + batch.graphs.position
        place = (begin + 2 + 2 * batch.graphs.offsets.diff())[owners.example] + self.width * owners.position
        tokens[place], tokens[place + 1] = index + ends[0], index + ends[1]
        if edges is not None:
            tokens[place + 2] = edge + edges[once][order]
        return result

    def decode(self, sequences: TextBatch) -> GraphBatch:
        """The graphs: exactly those that were told, if `shuffle` was false, and otherwise the same with other numbers.

        A sequence that is no graph comes back as a graph without nodes: one of another form, one that tells an index or an
        edge twice, an edge to an index that no node has, or an edge from a node to itself.
        """
        layout = sequences.layout
        parsed = parse(sequences.tokens, layout, self.starts, self.width)
        sizes = torch.bincount(parsed.graph, minlength=layout.num_examples)
        first = sizes.cumsum(0) - sizes
        ends = parsed.ends + first[parsed.owner]
        edges, order = Edges.of(torch.cat([ends, ends.flip(0)], 1), len(parsed.nodes))
        features = None if parsed.edges is None else parsed.edges.repeat(2)[order, None]
        return GraphBatch(parsed.nodes[:, None], edges, tuple(sizes.tolist()), features)

    def types(self, batch: GraphBatch) -> tuple[Tensor, Tensor | None]:
        """(N,) types of nodes and (E,) of edges, or None where edges are alike.

        Raises:
            ValueError: examples are nodes, or features are no categories.
        """
        if batch.seeds is not None:
            raise ValueError("whole graphs can be told as sequences, and the examples of these data are nodes")
        edges = batch.edge_features if self.edge_types else None
        if self.edge_types and edges is None:
            raise ValueError(f"edge_types={self.edge_types}, and the edges of these data have no features: set it to 0")
        for name, found in (("nodes", batch.features), ("edges", edges)):
            if found is not None and found.is_floating_point():
                raise ValueError(f"the features of {name} are {found.dtype}, and a sequence tells int64 categories")
        return batch.features[:, 0], None if edges is None else edges[:, 0]

    def _lengths(self, batch: GraphBatch, nodes: Tensor, edges: Tensor | None, counts: Tensor) -> tuple[int, ...]:
        """(G,) counts of edges, on the host, and all that must be asked of the device, in one wait."""
        if batch.graphs.max_length > self.max_nodes:
            raise ValueError(f"a graph has {batch.graphs.max_length} nodes: set max_nodes={self.max_nodes} to as many")
        back, places = batch.edges.reverse
        sources, targets = batch.edges.index
        one_way = (back.offsets != batch.edges.offsets).any() | (back.sources != sources).any()
        none = one_way.new_tensor(False)
        flags = torch.stack([
            one_way if edges is None else one_way | (edges != edges[places]).any(),
            (sources == targets).any(),
            ((nodes < 0) | (nodes >= self.node_types)).any(),
            none if edges is None else ((edges < 0) | (edges >= self.edge_types)).any(),
        ])  # fmt: skip
        *lengths, one_way, loop, node, edge = torch.cat([counts, flags]).tolist()
        if one_way:
            raise ValueError("an edge stands in a graph one way only, or its two ways differ in type; add the other way")
        if loop:
            raise ValueError("an edge leads from a node to itself, which a sequence does not tell; leave it out")
        if node or edge:
            raise ValueError(f"categories of {'nodes' if node else 'edges'} lie outside 0 to"
                             f" {(self.node_types if node else self.edge_types) - 1}: set the types to as many")  # fmt: skip
        return tuple(lengths)
