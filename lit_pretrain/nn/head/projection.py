"""Networks between an encoder's vector and a loss on it, which are left behind. Legend: B examples, D width, H hidden."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.part import Part


class Projection(Part):
    """(B, dim) -> (B, out).

    Attributes:
        out: the width of what comes out.
    """

    out: int
    layers: nn.Sequential

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class MLP(Projection):
    """linear - BatchNorm - ReLU - linear: the projector and the predictor of BYOL (arXiv 2006.07733).

    Args:
        dim: D of what comes in.
        hidden: H; 4096 in the paper.
        out: D of what comes out; 256 in the paper.
    """

    def __init__(self, dim: int, hidden: int = 4096, out: int = 256):
        super().__init__()
        self.out = out
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out))


class NormedMLP(Projection):
    """linear - BatchNorm - ReLU - linear - BatchNorm: the projector of SimCLR (arXiv 2002.05709).

    Args:
        dim: D of what comes in.
        hidden: H; as wide as the encoder in the paper.
        out: D of what comes out; 128 in the paper.
    """

    def __init__(self, dim: int, hidden: int = 2048, out: int = 128):
        super().__init__()
        self.out = out
        self.layers = nn.Sequential(nn.Linear(dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                                    nn.Linear(hidden, out, bias=False), nn.BatchNorm1d(out))  # fmt: skip


class DeepNormedMLP(Projection):
    """Three linear maps with BatchNorm, ReLU between them: the projector of SimSiam (arXiv 2011.10566).

    Args:
        dim: D of what comes in.
        hidden: H; 2048 in the paper.
        out: D of what comes out; 2048 in the paper.
    """

    def __init__(self, dim: int, hidden: int = 2048, out: int = 2048):
        super().__init__()
        self.out = out
        self.layers = nn.Sequential(
            nn.Linear(dim, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.Linear(hidden, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
            nn.Linear(hidden, out, bias=False), nn.BatchNorm1d(out, affine=False),
        )  # fmt: skip


class Prototypes(Projection):
    """DINO's head (arXiv 2104.14294): a GELU network to a bottleneck of unit length, then cosines with K prototypes.

    Args:
        dim: D of what comes in.
        hidden: H; 2048 in the paper.
        bottleneck: 256 in the paper.
        out: K; 65536 in the paper.
    """

    def __init__(self, dim: int, hidden: int = 2048, bottleneck: int = 256, out: int = 65536):
        super().__init__()
        self.out = out
        self.layers = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
                                    nn.Linear(hidden, bottleneck))  # fmt: skip
        for layer in self.layers[::2]:
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.prototypes = nn.Parameter(torch.empty(out, bottleneck).normal_())  # only their directions count

    def forward(self, x: Tensor) -> Tensor:
        x = F.normalize(self.layers(x).float(), dim=1, eps=1e-6)  # norms in fp32
        return x @ F.normalize(self.prototypes.float(), dim=1).T
