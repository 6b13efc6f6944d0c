"""Mixers side by side, each with its own norm, then the feed-forward network (the layer of GPS, arXiv 2205.12454)."""

from torch import Tensor

from lit_pretrain.nn.norm.base import Norm
from lit_pretrain.nn.residual.base import Residual, SubLayer


class Branches(Residual):
    """h = sum over mixers m of norm_m(x + dropout(m(x))), then x <- norm(h + dropout(f(h))).

    With `norm_first`, norms stand in front instead, h = x + sum of dropout(m(norm_m(x))) and x <- h + dropout(f(norm(h))).
    A stack of such blocks needs a norm after the last.

    Args:
        norm: prototype, copied for each sub-layer.
        dropout: of each sub-layer's output.
        norm_first: the variant above; the paper has norms behind.
    """

    def __init__(self, norm: Norm, dropout: float = 0.0, norm_first: bool = False):
        super().__init__(norm, dropout)
        self.norm_first = norm_first

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        *norms, last = self.norms
        *mixers, feedforward = sublayers
        branches = list(zip(norms, mixers, strict=True))
        if self.norm_first:
            h = x + sum(self.dropout(mixer(norm(x))) for norm, mixer in branches)
            return h + self.dropout(feedforward(last(h)))
        h = sum(norm(x + self.dropout(mixer(x))) for norm, mixer in branches)
        return last(h + self.dropout(feedforward(h)))
