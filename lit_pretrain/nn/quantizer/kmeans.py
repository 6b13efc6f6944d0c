"""k-means. Legend: U vectors, D width, V means."""

import torch
import torch.nn.functional as F
from torch import Tensor


def nearest(x: Tensor, codebook: Tensor) -> Tensor:
    """(U,) int64: the row of (V, D) that is nearest to each of (U, D)."""
    return (codebook.square().sum(1) - 2 * x @ codebook.T).argmin(1)


def totals_of(x: Tensor, codes: Tensor, num_codes: int) -> tuple[Tensor, Tensor]:
    """Of (U, D), the sum (V, D) and the number (V,) of those with each code; the same on every run, also on a GPU."""
    where = F.one_hot(codes, num_codes).to(x.dtype)
    return where.T @ x, where.sum(0)


def kmeans(x: Tensor, count: int, iterations: int) -> tuple[Tensor, Tensor]:
    """Means (V, D) of (U, D), and how many each stands for. They start as random vectors, and stay where none is near."""
    start = torch.randperm(len(x), device=x.device) if len(x) >= count else torch.randint(len(x), (count,), device=x.device)
    centres = x[start[:count]]
    for _ in range(iterations):
        totals, counts = totals_of(x, nearest(x, centres), count)
        centres = torch.where(counts[:, None] > 0, totals / counts.clamp(min=1)[:, None], centres)
    return centres, totals_of(x, nearest(x, centres), count)[1]
