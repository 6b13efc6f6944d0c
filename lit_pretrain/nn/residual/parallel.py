"""Attention and feed-forward side by side (PaLM, arXiv 2204.02311; PAF, arXiv 2305.13297)."""

from torch import Tensor

from lit_pretrain.nn.residual.base import Residual, SubLayer


class Parallel(Residual):
    """x <- x + sum over sub-layers f of dropout(f(norm(x))), all with one norm. The stack needs a final norm."""

    def at(self, layer: int, num_layers: int, num_sublayers: int) -> Residual:
        return super().at(layer, num_layers, num_sublayers=1)  # one norm serves all

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        normed = self.norms[0](x)
        return x + sum(self.dropout(sublayer(normed)) for sublayer in sublayers)
