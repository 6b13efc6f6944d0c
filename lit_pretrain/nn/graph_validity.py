"""Which graphs could be real. Legend: G graphs, N nodes, E directed edges."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.part import Recorded
from lit_pretrain.types import GraphBatch, Layout


class GraphValidity(Recorded):
    """A graph is valid if it has nodes, hangs together and, for molecules, no atom has more bonds than it can have.

    Args:
        valences: the most that the bonds of a node of each type sum up to; None: any.
        bond_orders: what an edge of each type counts; None: 1.
    """

    def __init__(self, valences: Sequence[float] | None = None, bond_orders: Sequence[float] | None = None):
        if valences is None and bond_orders is not None:
            raise ValueError(f"bond_orders={list(bond_orders)} are compared with valences, and there are none: give them")
        self.valences, self.bond_orders = valences, bond_orders

    def __call__(self, batch: GraphBatch) -> Tensor:
        """(G,) bool; types are the first feature of nodes and of edges.

        Raises:
            ValueError: there are more types than valences or orders.
        """
        found = connected(batch)
        if self.valences is None:
            return found
        most = _looked_up(self.valences, batch.features[:, 0], "valences", "nodes")
        orders = torch.ones(len(batch.edges), device=most.device)
        if self.bond_orders is not None:
            if batch.edge_features is None:
                raise ValueError(f"bond_orders={list(self.bond_orders)}, and the edges of these graphs have no type")
            orders = _looked_up(self.bond_orders, batch.edge_features[:, 0], "bond_orders", "edges")
        bonds = torch.zeros_like(most).index_add(0, batch.edges.targets, orders)
        return found & ~_any(bonds > most + 1e-4, batch.graphs)


def connected(batch: GraphBatch) -> Tensor:
    """(G,) bool: there are nodes, and edges lead from each node to every other, if they stand in the graph both ways.

    Each node takes the lowest number among itself and its neighbours, and then that node's, until nothing changes.
    """
    first = batch.graphs.offsets[:-1].long()
    sources, targets = batch.edges.index
    lowest = torch.arange(batch.num_nodes, device=sources.device)
    while True:
        lower = lowest.scatter_reduce(0, targets, lowest[sources], "amin")
        lower = lower[lower]
        if torch.equal(lower, lowest):
            break
        lowest = lower
    return ~_any(lowest != first[batch.graphs.example], batch.graphs) & (batch.graphs.offsets.diff() > 0)


def _any(nodes: Tensor, graphs: Layout) -> Tensor:
    """(N,) bool -> (G,) bool."""
    return graphs.counts(nodes) > 0


def _looked_up(table: Sequence[float], types: Tensor, name: str, of: str) -> Tensor:
    """The number of each type."""
    if types.numel() and int(types.max()) >= len(table):
        raise ValueError(f"{name}={list(table)}: {of} have types up to {int(types.max())}, give a number for each")
    return torch.tensor(table, dtype=torch.float32, device=types.device)[types]
