"""HybridNorm (arXiv 2503.04598): norms on queries, keys and values, and Post-Norm around the feed-forward network."""

from torch import Tensor

from lit_pretrain.nn.residual.base import Residual, SubLayer


class HybridNorm(Residual):
    """y = x + attention(x), then x <- norm(y) + f(norm(y)), as in the paper's equations for its basic form.

    The norms inside the attention are the mixer's: give it `qkv_norm`. In the first block the attention's input is
    normed as well, which is the paper's HybridNorm*.
    """

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        own = super().at(layer, num_layers, num_sublayers)
        own.first = layer == 0
        if not own.first:
            own.norms = own.norms[1:]  # attention has its own norms inside
        return own

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        norms = list(self.norms)
        mixed = sublayers[0](norms.pop(0)(x) if self.first else x)
        x = x + self.dropout(mixed)
        for norm, sublayer in zip(norms, sublayers[1:], strict=True):
            x = norm(x)
            x = x + self.dropout(sublayer(x))
        return x
