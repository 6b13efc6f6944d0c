"""How much two representations of the same rows have in common, whatever their axes are.

Legend: N rows, D1 and D2 widths, R the smaller number of directions that are kept of either side.
"""

import torch
from torch import Tensor

from lit_pretrain.probes.base import working_dtype


def cca(x: Tensor, y: Tensor, variance: float = 0.99) -> float:
    """Mean of the R canonical correlations between (N, D1) and (N, D2), from 0 to 1; 0 where a side is constant.

    Shifts of either side change nothing, nor do invertible linear maps, as far as all directions are kept.

    Args:
        x, y: one row for each thing that both represent; computed in float64.
        variance: share that the largest principal directions of each side must hold, the others are left out
            (SVCCA, arXiv 1706.05806): canonical correlations do not see how small a direction is. 1: all of them.

    Raises:
        ValueError: the rows do not match, are not finite, or are so few that any two representations would agree.
    """
    return float(_canonical(x, y, variance)[1].mean())


def pwcca(x: Tensor, y: Tensor, variance: float = 0.99) -> float:
    """Mean canonical correlation, each weighted by how much of x lies along its direction (arXiv 1806.05759).

    The weight of x's canonical variate h is the sum over the columns of x of |<h, column>|. So the two sides differ: any
    invertible map of y leaves the value, of x only shifts and scalings do. Arguments, range and errors: see `cca`.
    """
    variates, correlations = _canonical(x, y, variance)
    x = x.to(variates.dtype)
    weights = (variates.T @ (x - x.mean(0))).abs().sum(1)
    return float((weights * correlations).sum() / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny))


def _canonical(x: Tensor, y: Tensor, variance: float) -> tuple[Tensor, Tensor]:
    """x's canonical variates (N, R), orthonormal, and their correlations (R,); one of 0 where a side is constant."""
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"x {tuple(x.shape)} and y {tuple(y.shape)}: give (N, D1) and (N, D2) with the same rows")
    if not 0 < variance <= 1:
        raise ValueError(f"variance={variance}: the share to be kept lies above 0 and is at most 1")
    a, b = _directions(x, variance), _directions(y, variance)
    if a.shape[1] + b.shape[1] >= len(x):
        raise ValueError(f"{len(x)} rows for {a.shape[1]} and {b.shape[1]} directions would correlate whatever they hold:"
                         " give more rows, or keep a smaller share of the variance")  # fmt: skip
    if not a.shape[1] or not b.shape[1]:
        return a.new_zeros(len(a), 1), a.new_zeros(1)
    left, found, _ = torch.linalg.svd(a.T @ b, full_matrices=False)
    return a @ left, found.clamp(max=1.0)


def _directions(x: Tensor, variance: float) -> Tensor:
    """(N, R) orthonormal basis of the largest principal directions, without those that are rounding errors of x."""
    if not x.isfinite().all():
        raise ValueError("a representation is not finite: the encoder has diverged")
    wide = x.to(working_dtype(x))
    q, r = torch.linalg.qr(wide - wide.mean(0))
    u, s, _ = torch.linalg.svd(r, full_matrices=False)
    noise = 10 * torch.finfo(torch.promote_types(x.dtype, torch.float32)).eps * wide.norm()
    s = s.where(s > noise, 0.0)
    share = s.square().cumsum(0) / s.square().sum().clamp(min=torch.finfo(s.dtype).tiny)
    before = torch.cat([share.new_zeros(1), share[:-1]])
    return q @ u[:, (s > 0) & (before < variance)]
