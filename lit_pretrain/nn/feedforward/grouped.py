"""The grouped feed-forward network of ConvBERT (arXiv 2008.02496).

Legend: U units, D width, F inner width, G groups.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.feedforward.base import Activation, FeedForward, activate


class GroupedLinear(nn.Module):
    """G projections side by side, each of its own share of the channels.

    Args:
        inputs, outputs: widths, both multiples of `num_groups`.
        num_groups: G.
    """

    def __init__(self, inputs: int, outputs: int, num_groups: int):
        super().__init__()
        if inputs % num_groups or outputs % num_groups:
            raise ValueError(f"num_groups={num_groups} does not divide the widths {inputs} and {outputs}")
        self.weight = nn.Parameter(torch.empty(num_groups, inputs // num_groups, outputs // num_groups).normal_(std=0.02))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        groups = x.unflatten(-1, self.weight.shape[:2])  # (U, D) -> (U, G, D / G)
        return torch.einsum("ugi,gio->ugo", groups, self.weight).flatten(1) + self.bias


class GroupedMLP(FeedForward):
    """out(activation(in(x))), where both projections are cut into groups of channels.

    Args:
        dim: D.
        hidden: F; default 4 D.
        num_groups: G; 2 in ConvBERT-medium-small.
        activation: between the two.
    """

    def __init__(self, dim: int, hidden: int | None = None, num_groups: int = 2, activation: Activation = "gelu"):
        super().__init__()
        hidden = hidden or 4 * dim
        self.input, self.out = GroupedLinear(dim, hidden, num_groups), GroupedLinear(hidden, dim, num_groups)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        return self.out(activate(self.activation, self.input(x)))
