"""Cross entropy of a linear map whose scores are never all in memory.

Legend: M rows, D width, V classes, C rows of a chunk.

The scores of a chunk become their own gradient at once, so the largest tensor is (C, V) and no product is done twice (as in
Liger, arXiv 2410.10989). Twins make that gradient, equal by test:

    eager    the reference
    triton   CUDA: reads the scores twice and writes them once
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

try:
    import triton
    import triton.language as tl
except ImportError:  # torch for CPU comes without it
    triton = None

CHUNK = {"cpu": 2**22, "cuda": 2**26}  # scores of a chunk: within reach of a CPU's cache; enough rows to fill a GPU
BLOCK = 8192  # classes that a Triton program holds at a time
Scored = tuple[Tensor, Tensor]  # of scores (C, V): losses (C,), and their gradient (C, V) in the type of the scores


def linear_cross_entropy(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    bias: Tensor | None = None,
    *,
    row_weights: Tensor | None = None,
    excluded: Tensor | None = None,
    smoothing: float = 0.0,
    z_loss: float = 0.0,
    rows: int | None = None,
    backend: Literal["auto", "eager", "triton"] = "auto",
) -> Tensor:
    """Sum over rows i of -log p_i(target_i), where p_i = softmax(weight hidden_i + bias), in fp32.

    Args:
        hidden: (M, D).
        weight: (V, D).
        targets: (M,) int64; a row whose target is below 0 does not count.
        bias: (V,).
        row_weights: (M,), factors of the rows; they get no gradient.
        excluded: (M,) int64, of each row the class that takes no part in its softmax.
        smoothing: the share of the target that is spread over all classes (arXiv 1512.00567).
        z_loss: factor of log(sum of exp)^2, which is added and keeps scores small; 1e-4 in PaLM (arXiv 2204.02311).
        rows: C; by default as many as memory is well used with.

    Returns:
        A number, fp32 (fp64 for fp64). It can be differentiated once.

    Raises:
        ValueError: sizes do not fit, or an option is out of range.
    """
    if hidden.shape[1:] != weight.shape[1:] or targets.shape != hidden.shape[:1]:
        raise ValueError(f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)}, targets {tuple(targets.shape)}: must"
                         " be (M, D), (V, D), (M,)")  # fmt: skip
    if not 0 <= smoothing < 1 or z_loss < 0:
        raise ValueError(f"smoothing={smoothing} must be a share of one, and z_loss={z_loss} at least 0")
    if smoothing and excluded is not None:
        raise ValueError(f"smoothing={smoothing} spreads over all classes, also the excluded ones; give one of the two")
    device = hidden.device.type
    if backend == "auto":
        backend = "triton" if triton and device == "cuda" and hidden.dtype != torch.float64 else "eager"
    if torch.is_autocast_enabled(device):
        dtype = torch.get_autocast_dtype(device)
        hidden, weight, bias = (x if x is None else x.to(dtype) for x in (hidden, weight, bias))
    if not torch.is_grad_enabled():
        hidden, weight, bias = (x if x is None else x.detach() for x in (hidden, weight, bias))  # no gradient is made
    counts = targets >= 0 if row_weights is None else row_weights * (targets >= 0)
    rows = rows or max(1, CHUNK.get(device, CHUNK["cuda"]) // max(1, len(weight)))
    twin = {"eager": _eager, "triton": _triton}[backend]
    with torch.autocast(device, enabled=False):
        return _Chunked.apply(hidden, weight, bias, targets.clamp(min=0), counts, excluded, rows, twin, smoothing, z_loss)


class _Chunked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, counts, excluded, rows, twin, smoothing, z_loss):
        full = torch.promote_types(hidden.dtype, torch.float32)
        of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
        d_hidden = torch.empty_like(hidden) if of_hidden else None
        d_weight = torch.zeros_like(weight, dtype=full) if of_weight else None  # sums over chunks in fp32
        d_bias = torch.zeros_like(bias, dtype=full) if of_bias else None
        total = hidden.new_zeros((), dtype=full)
        for begin in range(0, len(hidden), rows):
            part = slice(begin, begin + rows)
            x, out = hidden[part], None if excluded is None else excluded[part]
            losses, d_scores = twin(F.linear(x, weight, bias), targets[part], out, smoothing, z_loss)
            total += losses @ counts[part].to(full)
            count = counts[part].to(x.dtype)
            if of_hidden:
                torch.mul(d_scores @ weight, count[:, None], out=d_hidden[part])
            if of_weight and x.dtype == full:
                torch.addmm(d_weight, d_scores.T, x * count[:, None], out=d_weight)
            elif of_weight:
                d_weight += d_scores.T @ (x * count[:, None])
            if of_bias:
                d_bias += d_scores.T @ count
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        ctx.dtype = weight.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx, d_total):
        d_hidden, d_weight, d_bias = (x if x is None else (x * d_total).to(ctx.dtype) for x in ctx.saved_tensors)
        return d_hidden, d_weight, d_bias, *7 * [None]


def _eager(scores: Tensor, targets: Tensor, excluded: Tensor | None, smoothing: float, z_loss: float) -> Scored:
    dtype, targets = scores.dtype, targets[:, None]
    scores = scores.to(torch.promote_types(dtype, torch.float32))
    if excluded is not None:
        scores.scatter_(1, excluded[:, None], -torch.inf)
    log_p = scores.log_softmax(1)
    at_target = log_p.gather(1, targets)
    normaliser = scores.gather(1, targets) - at_target  # log(sum of exp)
    losses = z_loss * normaliser.square() - (1 - smoothing) * at_target
    if smoothing:
        losses -= smoothing * log_p.mean(1, keepdim=True)
    gradient = log_p.exp_()
    if z_loss:
        gradient *= 1 + 2 * z_loss * normaliser
    if smoothing:
        gradient -= smoothing / scores.shape[1]
    gradient.scatter_add_(1, targets, torch.full_like(at_target, smoothing - 1))
    return losses[:, 0], gradient.to(dtype)


def _triton(scores: Tensor, targets: Tensor, excluded: Tensor | None, smoothing: float, z_loss: float) -> Scored:
    count, classes = scores.shape
    losses = scores.new_empty(count, dtype=torch.float32)
    block = min(BLOCK, triton.next_power_of_2(classes))
    out = targets if excluded is None else excluded
    _of_row[(count,)](scores, targets, out, losses, smoothing, z_loss, classes, excluded is not None, block, num_warps=16)
    return losses, scores


if triton:

    @triton.jit
    def _of_row(
        scores, targets, excluded, losses, smoothing, z_loss,
        CLASSES: tl.constexpr, EXCLUDES: tl.constexpr, BLOCK: tl.constexpr,
    ):  # fmt: skip
        row = tl.program_id(0).to(tl.int64)
        scores += row * CLASSES
        target, out = tl.load(targets + row), tl.load(excluded + row)
        # Read before the reductions, which all warps wait for, since another warp will overwrite it.
        at_target = tl.load(scores + target).to(tl.float32)
        highest, total, plain = float("-inf"), 0.0, 0.0
        for begin in range(0, CLASSES, BLOCK):
            at = begin + tl.arange(0, BLOCK)
            x = tl.load(scores + at, mask=at < CLASSES, other=float("-inf")).to(tl.float32)
            if EXCLUDES:
                x = tl.where(at == out, float("-inf"), x)
            higher = tl.maximum(highest, tl.max(x, 0))
            total = total * tl.exp(highest - higher) + tl.sum(tl.exp(x - higher), 0)
            plain += tl.sum(tl.where(at < CLASSES, x, 0.0), 0)
            highest = higher
        normaliser = highest + tl.log(total)
        loss = normaliser - (1 - smoothing) * at_target + z_loss * normaliser * normaliser
        if not EXCLUDES:
            loss -= smoothing * plain / CLASSES
        tl.store(losses + row, loss)
        for begin in range(0, CLASSES, BLOCK):
            at = begin + tl.arange(0, BLOCK)
            x = tl.load(scores + at, mask=at < CLASSES, other=float("-inf")).to(tl.float32)
            if EXCLUDES:
                x = tl.where(at == out, float("-inf"), x)
            gradient = tl.exp(x - normaliser) * (1 + 2 * z_loss * normaliser) - smoothing / CLASSES
            gradient -= tl.where(at == target, 1 - smoothing, 0.0)
            tl.store(scores + at, gradient, mask=at < CLASSES)
