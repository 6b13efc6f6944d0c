"""Pieces of the lattices of transducers. Legend: B examples, T frames, L labels, U = L + 1 label positions, V vocabulary."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.types import Ragged

NEVER = -1e30  # log of a probability that counts as 0; finite, because -inf minus -inf has no gradient


def following(targets: Ragged, blank: int, positions: int) -> Tensor:
    """(B, U) the label to be emitted next at each label position; `blank` after the last."""
    return torch.stack([F.pad(x, (0, positions - len(x)), value=blank) for x in targets.split()])


def skew(x: Tensor, fill: float) -> Tensor:
    """(..., T, U) -> (..., U, T + U - 1): row u begins u columns later, so that column n holds x[t, u] of t + u = n.

    Where a step of a path raises t or u by one, step n of every path lies in column n. `fill` stands where t would be
    outside of 0:T.
    """
    positions = x.shape[-1]
    rows = F.pad(x.transpose(-1, -2), (0, positions), value=fill)
    return rows.flatten(-2)[..., :-positions].unflatten(-1, (positions, -1))


def advanced(x: Tensor) -> Tensor:
    """(..., U): what stood at label position u - 1; NEVER at position 0."""
    return F.pad(x[..., :-1], (1, 0), value=NEVER)


def start(emission: Tensor) -> Tensor:
    """(B, U) log-probability of each label position before anything was emitted, for emissions (B, T, U)."""
    alpha = emission.new_full((len(emission), emission.shape[2]), NEVER)
    alpha[:, 0] = 0
    return alpha


def beside(numbers: Sequence[int], x: Tensor) -> Tensor:
    """(B,) int64: numbers of the host, on the device of x."""
    return torch.tensor(numbers, dtype=torch.long).to(x.device, non_blocking=True)


def cost(score: Tensor) -> Tensor:
    """(B,) log-probabilities -> their negatives; +inf, without a gradient, where no path had one."""
    return torch.where(score > NEVER / 2, -score, torch.inf)


def check(log_probs: Tensor, targets: Ragged, frames: Sequence[int], blank: int) -> None:
    """Raises a ValueError if joint log-probabilities (B, T, U, V) do not fit the targets."""
    if log_probs.ndim != 4:
        raise ValueError(f"log_probs of shape {tuple(log_probs.shape)}: a joint has four axes, (B, T, L + 1, V)")
    examples, time, positions, vocabulary = log_probs.shape
    if not examples == len(frames) == len(targets.lengths):
        raise ValueError(f"{examples} examples in log_probs, {len(frames)} in frames and {len(targets.lengths)} in targets:"
                         " give each the same examples")  # fmt: skip
    if max(frames, default=0) > time:
        raise ValueError(f"frames={tuple(frames)}, and log_probs has {time} frames: pad it to the longest example")
    if max(targets.lengths, default=0) >= positions:
        raise ValueError(f"targets of up to {max(targets.lengths)} labels, and log_probs has {positions} label positions:"
                         " it needs one more than the longest target has labels")  # fmt: skip
    if not 0 <= blank < vocabulary:
        raise ValueError(f"blank={blank} is outside of the vocabulary of {vocabulary}")
