"""Rows of all ranks, with gradients. Legend: R ranks, B rows of a rank, N rows of all."""

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, rows: Sequence[int]) -> Tensor:
        ctx.rows = rows
        padded = x.new_zeros(max(rows), *x.shape[1:])  # ranks exchange equal shapes
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in rows]
        dist.all_gather(parts, padded)
        return torch.cat([part[:n] for part, n in zip(parts, rows, strict=True)])

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # others may hold the same gradient
        dist.all_reduce(gradient)  # what every rank's loss asks of these rows
        return gradient.split(list(ctx.rows))[dist.get_rank()], None


def gather(x: Tensor, rows: Sequence[int] | None = None) -> Tensor:
    """(B, ...) -> (N, ...), rank after rank. With one rank, x itself.

    The gradient of a rank's rows is summed over the losses of all ranks. Where data parallelism then averages over ranks,
    a mean over a rank's own rows therefore has the gradient of the mean over all rows, if ranks hold equally many.

    Args:
        x: any B on each rank; the other sizes are the same on all.
        rows: B of each rank, where `rows_of_ranks` has told already.
    """
    return _Gather.apply(x, rows_of_ranks(x) if rows is None else rows) if num_ranks() > 1 else x


def rows_of_ranks(x: Tensor) -> list[int]:
    """B of each rank."""
    if num_ranks() == 1:
        return [len(x)]
    counts = [torch.empty(1, dtype=torch.long, device=x.device) for _ in range(num_ranks())]
    dist.all_gather(counts, torch.tensor([len(x)], device=x.device))
    return torch.cat(counts).tolist()


def num_ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if num_ranks() > 1 else 0


@torch.no_grad()
def sum_over_ranks(x: Tensor) -> Tensor:
    """The sum of x over ranks, without gradients."""
    if num_ranks() > 1:
        x = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(x)
    return x


@torch.no_grad()
def mean_over_ranks(x: Tensor) -> Tensor:
    """The mean of x over ranks, without gradients."""
    return sum_over_ranks(x) / num_ranks() if num_ranks() > 1 else x


@torch.no_grad()
def of_first_rank(x: Tensor) -> Tensor:
    """What the first rank has, without gradients."""
    if num_ranks() > 1:
        x = x.clone(memory_format=torch.contiguous_format)
        dist.broadcast(x, 0)
    return x


def moments_over_ranks(x: Tensor) -> tuple[Tensor, Tensor]:
    """The means (K,) and variances (K,) of (B, K) over the rows of all ranks, in its dtype; zeros where there is no row."""
    rows = sum_over_ranks(x.new_tensor(len(x))).clamp(min=1)
    mean = sum_over_ranks(x.sum(0)) / rows
    return mean, sum_over_ranks((x - mean).square().sum(0)) / rows
