"""Norms whose statistics are those of visible positions (SparK, arXiv 2301.03580).

Legend: B images, D channels, h x w positions.
"""

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, GroupNorm, GroupNorm1, GroupNormAct, LayerNorm, LayerNorm2d
from timm.layers.grn import GlobalResponseNorm
from torch import Tensor, nn

from lit_pretrain.nn.sparse.visible import Sparse


class SparseBatchNorm2d(Sparse, nn.BatchNorm2d):
    """Mean and variance over the visible positions of all images; running averages follow them."""

    def forward(self, x: Tensor) -> Tensor:
        if self.visible.cells is None:
            return super().forward(x)
        return self.visible.hide(self._normalise(x))

    def _normalise(self, x: Tensor) -> Tensor:
        if not self.training and self.running_mean is not None:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        y, mean, variance, count = standardise(x, self.visible.at(*x.shape[2:]), (0, 2, 3), self.eps)
        if self.training and self.track_running_stats:
            self._follow(mean.flatten(), variance.flatten(), count)
        return _affine(self, y).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        self.num_batches_tracked += 1
        rate = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        count = count.flatten()
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
        self.running_var.lerp_((variance * count / (count - 1).clamp(min=1)).to(self.running_var.dtype), rate)


class SparseBatchNormAct2d(SparseBatchNorm2d, BatchNormAct2d):
    """timm's norm with the activation inside."""

    def _normalise(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super()._normalise(x)))


class SparseGroupNorm(Sparse, nn.GroupNorm):
    """Mean and variance over the visible positions of an image's group of channels."""

    def forward(self, x: Tensor) -> Tensor:
        if self.visible.cells is None:
            return super().forward(x)
        return self.visible.hide(self._normalise(x))

    def _normalise(self, x: Tensor) -> Tensor:
        groups = x.unflatten(1, (self.num_groups, -1))  # (B, groups, D / groups, h, w)
        y, *_ = standardise(groups, self.visible.at(*x.shape[2:])[:, :, None], (2, 3, 4), self.eps)
        return _affine(self, y.flatten(1, 2)).to(x.dtype)


class SparseTimmGroupNorm(SparseGroupNorm, GroupNorm):
    """timm's of the same name."""


class SparseGroupNorm1(SparseGroupNorm, GroupNorm1):
    """One group: PoolFormer's."""


class SparseGroupNormAct(SparseGroupNorm, GroupNormAct):
    """timm's norm with the activation inside (BiT)."""

    def _normalise(self, x: Tensor) -> Tensor:
        return self.act(self.drop(super()._normalise(x)))


class SparseLayerNorm(Sparse, nn.LayerNorm):
    """Of each position of maps (B, h, w, D)."""

    channels_last = True


class SparseTimmLayerNorm(SparseLayerNorm, LayerNorm):
    """timm's of the same name."""


class SparseLayerNorm2d(Sparse, LayerNorm2d):
    """Of each position of maps (B, D, h, w)."""


class SparseGlobalResponseNorm(Sparse, GlobalResponseNorm):
    """ConvNeXt V2's. Its statistic is a norm over positions, to which zeros add nothing."""

    @property
    def channels_last(self) -> bool:
        return self.channel_dim == -1


def standardise(x: Tensor, seen: Tensor, dims: tuple[int, ...], eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(x - mean) / std over `dims` where `seen` is true, with mean, variance and count, in fp32 or better. `x` is zero
    elsewhere."""
    with torch.autocast(x.device.type, enabled=False):
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        seen = seen.to(x.dtype)
        count = seen.expand_as(x).sum(dims, keepdim=True)
        mean = x.sum(dims, keepdim=True) / count.clamp(min=1)
        centred = (x - mean) * seen
        variance = centred.square().sum(dims, keepdim=True) / count.clamp(min=1)
        return centred * (variance + eps).rsqrt(), mean, variance, count


def _affine(norm: nn.BatchNorm2d | nn.GroupNorm, x: Tensor) -> Tensor:
    if norm.weight is None:
        return x
    return x * norm.weight[:, None, None] + norm.bias[:, None, None]
