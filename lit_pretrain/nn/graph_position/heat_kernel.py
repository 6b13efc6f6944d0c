"""Heat that stays (the heat kernel signature; an encoding of graphs in arXiv 2205.12454). Legend: N nodes, K times."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.nn.graph_position.dense import diagonal
from lit_pretrain.nn.graph_position.fixed import FixedPosition
from lit_pretrain.types import GraphBatch


class HeatKernel(FixedPosition):
    """[exp(-t L)]_ii of the normalised Laplacian L: of one unit of heat at node i, what is left there after a time t.

    Edges are taken both ways.

    Args:
        times: the K values of t.
    """

    def __init__(self, times: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)):
        super().__init__()
        if not times or min(times) <= 0:
            raise ValueError(f"times={list(times)} must be positive")
        self.times, self.dim = tuple(times), len(times)

    def compute(self, inputs: GraphBatch) -> Tensor:
        times = torch.tensor(self.times, dtype=torch.float64, device=inputs.edges.offsets.device)
        return diagonal(inputs, lambda values: (-values[..., None] * times).exp())
