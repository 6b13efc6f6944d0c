"""The feed-forward network of the Transformer (arXiv 1706.03762)."""

from torch import Tensor, nn

from lit_pretrain.nn.feedforward.base import Activation, FeedForward, activate


class MLP(FeedForward):
    """out(activation(in(x))).

    Args:
        dim: D.
        hidden: inner width; default 4 D.
        activation: GELU in BERT (exact) and GPT-2 (its tanh form), ReLU in T5 and OPT.
        bias: of both projections.
        dropout: after the activation, as T5 has it.
    """

    def __init__(
        self, dim: int, hidden: int | None = None, activation: Activation = "gelu", bias: bool = True,
        dropout: float = 0.0,
    ):  # fmt: skip
        super().__init__()
        hidden = hidden or 4 * dim
        self.input, self.out = nn.Linear(dim, hidden, bias=bias), nn.Linear(hidden, dim, bias=bias)
        self.activation, self.dropout = activation, nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.dropout(activate(self.activation, self.input(x))))
