"""What blocks of a network of graphs may look at. Legend: N nodes, P pairs, D width."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Edges, GraphBatch


@dataclass
class GraphContext(Context):
    """A context whose units are the nodes of graphs.

    Args:
        graphs: edges and their features.
        pairs: of which blocks pass vectors on, behind those of the nodes; None: none.
    """

    graphs: GraphBatch | None = None
    pairs: Edges | None = None

    @classmethod
    def of(cls, graphs: GraphBatch, pairs: Edges | None = None) -> "GraphContext":
        return cls(graphs.graphs, Position(), graphs=graphs, pairs=pairs)


def graphs_of(context: Context) -> GraphBatch:
    """
    Raises:
        ValueError: the units are nodes of no graph.
    """
    graphs = getattr(context, "graphs", None)
    if graphs is None:
        raise ValueError("this block passes messages along edges, and there are none: put it into a GraphTransformer")
    return graphs


def visible(inputs: GraphBatch, keep: Tensor | None, mask: Tensor | None) -> tuple[GraphBatch, Tensor | None]:
    """What an encoder sees.

    Args:
        inputs: any graphs.
        keep: (U,) bool of the units; the nodes where it is false are taken out.
        mask: (U,) bool of the units, those that are hidden.

    Returns:
        The graphs that are left, and (N,) bool of all their nodes, those that are hidden.
    """
    mask = None if mask is None else inputs.of_nodes(mask)
    if keep is None:
        return inputs, mask
    gone = inputs.of_nodes(torch.logical_not(keep))
    seeds = None if inputs.seeds is None else inputs.seeds[keep]
    return inputs.at(seeds).without_nodes(gone), None if mask is None else mask[~gone]
