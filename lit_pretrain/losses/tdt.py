"""The loss of the token-and-duration transducer. Legend: B examples, T frames, L labels, U = L + 1 label positions,
V vocabulary with blank, K durations."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lit_pretrain.losses.lattice import NEVER, advanced, beside, check, cost, following, skew, start
from lit_pretrain.types import Ragged


def tdt_loss(
    log_probs: Tensor,
    duration_log_probs: Tensor,
    targets: Ragged,
    frames: Sequence[int],
    blank: int,
    durations: Sequence[int],
    sigma: float = 0.0,
) -> Tensor:
    """-log of the probability of the labels, over all paths that spell them (arXiv 2304.06795).

    At frame t, after u labels, a path emits symbol v and goes d frames on, with probability
    exp(log_probs[b, t, u, v] - sigma + duration_log_probs[b, t, u, k]) for d = durations[k]. Blank must go on; a label may
    stay. The path ends with a blank that reaches exactly the end of the last frame.

    Args:
        log_probs: (B, T, U, V) float32, log-softmax of a joint, padded.
        duration_log_probs: (B, T, U, K) float32, log-softmax of another output of the joint.
        targets: (N,) int64 labels of each example, none of them blank.
        frames: frames of each example.
        blank: the symbol that emits nothing.
        durations: frames that a symbol may cover, such as (0, 1, 2, 3, 4).
        sigma: under-normalisation of the symbols, in nats; each symbol emitted costs it, so that paths of few symbols, and
            thus of long durations, are preferred. The paper takes 0.05; 0 gives a likelihood.

    Returns:
        (B,) in nats. +inf, without a gradient, where no path exists.

    Raises:
        ValueError: the shapes do not fit, durations repeat or are negative, or none is above 0.
    """
    check(log_probs, targets, frames, blank)
    if min(durations, default=0) < 0 or max(durations, default=0) < 1 or len(set(durations)) < len(durations):
        raise ValueError(f"durations={tuple(durations)}: give different ones from 0 on, with one above 0 for blank")
    _, time, positions, _ = log_probs.shape
    if duration_log_probs.shape != (*log_probs.shape[:3], len(durations)):
        raise ValueError(f"duration_log_probs of shape {tuple(duration_log_probs.shape)}: for log_probs of shape"
                         f" {tuple(log_probs.shape)} and {len(durations)} durations it is"
                         f" {(*log_probs.shape[:3], len(durations))}")  # fmt: skip
    coming = following(targets, blank, positions)
    symbols = torch.stack([torch.full_like(coming, blank), coming], 2)[:, None].expand(-1, time, -1, -1)
    emission = (log_probs.gather(3, symbols) - sigma)[..., None] + duration_log_probs[:, :, :, None]  # (B, T, U, 2, K)
    stay, advance = emission.clamp(min=NEVER).permute(3, 0, 4, 1, 2)  # (B, K, T, U) each
    covered = beside(durations, stay)[:, None, None]  # (K, 1, 1)
    left = beside(frames, stay)[:, None, None, None] - torch.arange(time, device=stay.device)[:, None]  # (B, 1, T, 1)
    stay = skew(stay.masked_fill((covered == 0) | (covered > left), NEVER), NEVER)  # (B, K, U, T + L)
    advance = skew(advance.masked_fill(covered >= left, NEVER), NEVER)
    alphas = _forward(stay, advance, durations)
    lengths = beside(targets.lengths, stay)
    return cost(alphas[torch.arange(len(frames), device=stay.device), lengths, beside(frames, stay) + lengths])


def _forward(stay: Tensor, advance: Tensor, durations: Sequence[int]) -> Tensor:
    """(B, U, T + L + 1) log-probability of reaching label position u at frame t, in column t + u."""
    alpha = start(stay[:, 0].transpose(1, 2))
    nowhere = torch.full_like(alpha, NEVER)
    alphas, blanks, labels = [alpha], [], []
    for column, (stays, advances) in enumerate(zip(stay.unbind(3), advance.unbind(3), strict=True), start=1):
        blanks.append(alpha[:, None] + stays)  # (B, K, U) leaving the column before
        labels.append(advanced(alpha[:, None] + advances))
        arriving = [nowhere]
        for k, duration in enumerate(durations):
            if 0 < duration <= column:
                arriving.append(blanks[column - duration][:, k])
            if duration < column:
                arriving.append(labels[column - duration - 1][:, k])
        alpha = torch.stack(arriving).logsumexp(0)
        alphas.append(alpha)
    return torch.stack(alphas, 2)
