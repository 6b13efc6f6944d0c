"""Blocks of convolutional autoencoders (DDPM, arXiv 2006.11239; VQGAN, arXiv 2012.09841).

Legend: B images, D width, h x w positions of a map.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Norm(nn.GroupNorm):
    """Group normalisation in fp32.

    Args:
        dim: D, a multiple of the groups.
        groups: 32 in the paper.
    """

    def __init__(self, dim: int, groups: int = 32):
        if dim % groups:
            raise ValueError(f"groups={groups}: a width of {dim} is not a multiple of it")
        super().__init__(groups, dim, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps).to(x.dtype)


class Residual(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))))), with a 1 x 1 convolution of x where the width changes.

    Args:
        dim: width of what comes.
        out: width of what leaves.
        groups: of the norms.
    """

    def __init__(self, dim: int, out: int, groups: int = 32):
        super().__init__()
        self.branch = nn.Sequential(
            Norm(dim, groups), nn.SiLU(), nn.Conv2d(dim, out, 3, padding=1),
            Norm(out, groups), nn.SiLU(), nn.Conv2d(out, out, 3, padding=1),
        )  # fmt: skip
        self.shortcut = nn.Conv2d(dim, out, 1) if dim != out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.branch(x)


class MapAttention(nn.Module):
    """Every position of a map sees every other, with one head.

    Args:
        dim: D.
        groups: of the norm.
    """

    def __init__(self, dim: int, groups: int = 32):
        super().__init__()
        self.norm = Norm(dim, groups)
        self.query, self.key, self.value, self.out = (nn.Conv2d(dim, dim, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        heads = [f(y).flatten(2).mT[:, None] for f in (self.query, self.key, self.value)]  # (B, 1, h w, D)
        y = F.scaled_dot_product_attention(*heads)[:, 0]
        return x + self.out(y.mT.unflatten(2, x.shape[2:]))


class Halve(nn.Module):
    """A convolution of stride 2, padded at the right and at the bottom."""

    def __init__(self, dim: int):
        super().__init__()
        self.convolution = nn.Conv2d(dim, dim, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(F.pad(x, (0, 1, 0, 1)))


class Double(nn.Module):
    """The nearest neighbour, and a convolution."""

    def __init__(self, dim: int):
        super().__init__()
        self.convolution = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Module):
    """Residual blocks of one resolution, each followed by attention on request, then a change of resolution.

    Args:
        dim: width of what comes.
        out: width of what leaves.
        depth: residual blocks.
        attend: with attention.
        resize: `Halve`, `Double`, or None.
        groups: of the norms.
    """

    def __init__(self, dim: int, out: int, depth: int, attend: bool, resize: type[nn.Module] | None, groups: int = 32):
        super().__init__()
        self.residuals = nn.ModuleList(Residual(dim if i == 0 else out, out, groups) for i in range(depth))
        self.attentions = nn.ModuleList(MapAttention(out, groups) for _ in range(depth if attend else 0))
        self.resize = nn.Identity() if resize is None else resize(out)

    def forward(self, x: Tensor) -> Tensor:
        for i, residual in enumerate(self.residuals):
            x = residual(x)
            x = self.attentions[i](x) if self.attentions else x
        return self.resize(x)


class Middle(nn.Sequential):
    """Residual block, attention, residual block.

    Args:
        dim: D.
        groups: of the norms.
    """

    def __init__(self, dim: int, groups: int = 32):
        super().__init__(Residual(dim, dim, groups), MapAttention(dim, groups), Residual(dim, dim, groups))


class Out(nn.Sequential):
    """conv(silu(norm(x))).

    Args:
        dim: width of what comes.
        out: width of what leaves.
        groups: of the norm.
    """

    def __init__(self, dim: int, out: int, groups: int = 32):
        super().__init__(Norm(dim, groups), nn.SiLU(), nn.Conv2d(dim, out, 3, padding=1))


def widths(width: int, multipliers: Sequence[int]) -> list[int]:
    """Of the stages, from fine to coarse."""
    if not multipliers:
        raise ValueError("multipliers=[]: there is no stage; give the width of each as a multiple of the first")
    return [width * multiplier for multiplier in multipliers]
