"""A head without normalisation. Legend: B examples, D width, H hidden."""

from typing import Literal

from torch import nn

from lit_pretrain.nn.head.projection import Projection


class PlainMLP(Projection):
    """linear - activation - linear: the projector of GraphCL (arXiv 2010.13902), the predictor of BGRL (arXiv 2102.06514).

    Args:
        dim: D of what comes in.
        hidden: H; as wide as the encoder in GraphCL, 512 in BGRL.
        out: D of what comes out; as wide as the encoder in both.
        activation: ReLU in GraphCL, PReLU in BGRL.
    """

    def __init__(self, dim: int, hidden: int, out: int, activation: Literal["relu", "prelu"] = "relu"):
        super().__init__()
        self.out = out
        between = {"relu": nn.ReLU, "prelu": nn.PReLU}[activation]()
        self.layers = nn.Sequential(nn.Linear(dim, hidden), between, nn.Linear(hidden, out))
