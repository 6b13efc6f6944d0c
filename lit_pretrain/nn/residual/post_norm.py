"""Post-LN (arXiv 1706.03762): norm(x + f(x))."""

from torch import Tensor

from lit_pretrain.nn.residual.base import Residual, SubLayer


class PostNorm(Residual):
    """x <- norm(x + dropout(f(x))) for each sub-layer f."""

    def forward(self, x: Tensor, sublayers: list[SubLayer]) -> Tensor:
        for norm, sublayer in zip(self.norms, sublayers, strict=True):
            x = norm(x + self.dropout(sublayer(x)))
        return x
