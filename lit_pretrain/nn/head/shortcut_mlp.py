"""The heads of InfoGraph. Legend: B examples, D width."""

from torch import Tensor, nn

from lit_pretrain.nn.head.projection import Projection


class ShortcutMLP(Projection):
    """Three times linear - ReLU, plus a linear map past them, all D wide (InfoGraph, arXiv 1908.01000).

    Args:
        dim: D.
    """

    def __init__(self, dim: int):
        super().__init__()
        self.out = dim
        self.layers = nn.Sequential(*(part for _ in range(3) for part in (nn.Linear(dim, dim), nn.ReLU())))
        self.shortcut = nn.Linear(dim, dim)
        for layer in (*self.layers[::2], self.shortcut):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) + self.shortcut(x)
