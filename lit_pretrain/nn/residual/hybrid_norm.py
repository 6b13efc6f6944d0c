"""HybridNorm (arXiv 2503.04598): norms on queries, keys and values, and Post-Norm around the feed-forward network."""

from torch import Tensor

from lit_pretrain.nn.residual.base import Residual, SubLayer
from lit_pretrain.nn.residual.pre_norm import PreNorm


class HybridNorm(Residual):
    """y = x + attention(x), then x <- norm(y) + f(norm(y)).

    The norms inside the attention are the mixer's: give it `qkv_norm`. What the last block adds is not normed, so the
    stack needs a final norm.
    """

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        return super().at(layer, num_layers, num_sublayers=1)  # attention has its own norms inside

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        *mixers, feedforward = sublayers
        for mixer in mixers:
            x = x + self.dropout(mixer(x))
        x = self.norms[0](x)
        return x + self.dropout(feedforward(x))


class HybridNormStar(HybridNorm):
    """HybridNorm*, the better of the paper's two: its first block is Pre-LN, with the norms inside attention kept."""

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        if layer == 0:
            return PreNorm(self.norm, self.dropout.p).at(layer, num_layers, num_sublayers)
        return super().at(layer, num_layers, num_sublayers)
