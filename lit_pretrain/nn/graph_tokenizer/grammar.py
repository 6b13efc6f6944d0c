"""Sequences that are graphs, found among any. Legend: G sequences, U tokens, N nodes, M edges of those that are graphs."""

from typing import NamedTuple

import torch
from torch import Tensor

from lit_pretrain.types import Layout

BEGIN, EDGES, END, INDEX, NODE, EDGE = range(6)  # what a token is


class Parsed(NamedTuple):
    """Of the sequences that are graphs.

    Args:
        nodes: (N,) types.
        graph: (N,) the sequence of each node.
        ends: (2, M) sources above targets, as places among the nodes of their graph.
        owner: (M,) the sequence of each edge.
        edges: (M,) types, or None.
    """

    nodes: Tensor
    graph: Tensor
    ends: Tensor
    owner: Tensor
    edges: Tensor | None


def parse(tokens: Tensor, layout: Layout, starts: tuple[int, int, int, int], width: int) -> Parsed:
    """
    Args:
        tokens: (U,) int64.
        layout: whose token is whose.
        starts: the first index, the first type of nodes, the first type of edges, and the number of tokens.
        width: tokens of an edge.
    """
    example, place, count = layout.example, layout.position, layout.num_examples
    length = layout.offsets.diff().long()
    index, node, edge, _ = starts
    kind = torch.bucketize(tokens, torch.tensor([EDGES, END, index, node, edge], device=tokens.device), right=True)

    def total(values: Tensor) -> Tensor:
        return torch.zeros(count, dtype=torch.long, device=tokens.device).index_add(0, example, values.long())

    mark = kind == EDGES
    middle = total(place * mark)  # (G,) where the edges begin, if there is one mark
    after = place > middle[example]
    inner = torch.where(after, (place - middle[example] - 1) % width, (place - 1) % 2)
    wanted = torch.where(after, torch.where(inner == 2, EDGE, INDEX), torch.where(inner == 0, NODE, INDEX))
    wanted = torch.where(place == 0, BEGIN, torch.where(place == length[example] - 1, END, wanted))
    wrong = total((kind != wanted) & (place != middle[example]))
    sound = (wrong == 0) & (total(mark) == 1) & (middle > 1) & (middle % 2 == 1) & ((length - middle - 2) % width == 0)

    begins = (sound[example] & (kind == NODE)).nonzero()[:, 0]
    graph, told = example[begins], tokens[begins + 1] - index
    size = node - index
    times = torch.bincount(graph * size + told, minlength=count * size)
    where = torch.full((count * size,), -1, device=tokens.device)
    where[graph * size + told] = (place[begins] - 1) // 2
    edge_begins = (sound[example] & after & (inner == 0) & (kind == INDEX)).nonzero()[:, 0]
    owner = example[edge_begins]
    ends = torch.stack([where[owner * size + tokens[edge_begins + i] - index] for i in (0, 1)])  # (2, M)
    known = ends.clamp(min=0)  # so that an unknown end is mistaken for no edge of another graph
    pair = owner * size**2 + known.amin(0) * size + known.amax(0)
    _, same, copies = pair.unique(return_inverse=True, return_counts=True)
    bad = (ends < 0).any(0) | (ends[0] == ends[1]) | (copies[same] > 1)
    sound = sound.index_put((owner[bad],), sound.new_tensor(False))
    sound &= (times.view(count, size) <= 1).all(1)

    begins, edge_begins, ends = begins[sound[graph]], edge_begins[sound[owner]], ends[:, sound[owner]]
    types = tokens[edge_begins + 2] - edge if width == 3 else None
    return Parsed(tokens[begins] - node, example[begins], ends, example[edge_begins], types)
