"""Rows of all ranks, with gradients. Legend: R ranks, B rows of each."""

import torch
import torch.distributed as dist
from torch import Tensor


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        rows = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(rows, x.contiguous())
        return torch.cat(rows)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)  # what every rank's loss asks of these rows
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]


def gather(x: Tensor) -> Tensor:
    """(B, ...) -> (R B, ...), rank after rank; each rank must have the same shape. With one rank, x itself.

    The gradient of a rank's rows is summed over the losses of all ranks. Where data parallelism then averages over ranks,
    a mean over a rank's own rows therefore has the gradient of the mean over all rows.
    """
    return _Gather.apply(x) if num_ranks() > 1 else x


def num_ranks() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if num_ranks() > 1 else 0


@torch.no_grad()
def mean_over_ranks(x: Tensor) -> Tensor:
    """The mean of x over ranks, without gradients."""
    if num_ranks() > 1:
        x = x.clone()
        dist.all_reduce(x)
        x /= num_ranks()
    return x
