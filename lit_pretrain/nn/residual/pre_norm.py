"""Pre-LN (arXiv 2002.04745): x + f(norm(x)). The stack needs a norm after its last block."""

from torch import Tensor

from lit_pretrain.nn.residual.base import Residual, SubLayer


class PreNorm(Residual):
    """x <- x + dropout(f(norm(x))) for each sub-layer f."""

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        for norm, sublayer in zip(self.norms, sublayers, strict=True):
            x = x + self.dropout(sublayer(norm(x)))
        return x
