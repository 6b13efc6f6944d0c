"""Gated feed-forward networks (arXiv 2002.05202)."""

from torch import Tensor, nn

from lit_pretrain.nn.feedforward.base import Activation, FeedForward, activate


class GLU(FeedForward):
    """out(activation(gate(x)) * input(x)): GEGLU, ReGLU or SwiGLU by its activation.

    Args:
        dim: D.
        hidden: inner width; default 8/3 D, which costs what an MLP of 4 D costs.
        activation: of the gate; GELU gives GEGLU, SiLU SwiGLU, ReLU ReGLU.
        bias: of the three projections.
        dropout: of the gated units.
    """

    def __init__(
        self, dim: int, hidden: int | None = None, activation: Activation = "gelu", bias: bool = True,
        dropout: float = 0.0,
    ):  # fmt: skip
        super().__init__()
        hidden = hidden or round(8 * dim / 3)
        self.gate, self.input = nn.Linear(dim, hidden, bias=bias), nn.Linear(dim, hidden, bias=bias)
        self.out = nn.Linear(hidden, dim, bias=bias)
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.dropout(activate(self.activation, self.gate(x)) * self.input(x)))
