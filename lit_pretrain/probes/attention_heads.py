"""What attention heads do, whatever the units are (as in arXiv 1906.04341). Legend: L units of an example, H heads."""

import torch
from torch import Tensor


def head_statistics(weights: Tensor, delimiters: Tensor | None = None) -> dict[str, Tensor]:
    """Name -> (H,), each a mean over the units of an example:

    `to_self`, `to_previous`, `to_next`, `to_first`: the weight of the unit itself, the one before, the one after (of units
    that have one) and the first of the example, where heads that have nothing to do may rest;
    `to_delimiters`: the weight of all delimiters, where they are known;
    `entropy`: of the weights, in nats, from 0 (one unit is attended) to log L (all alike);
    `offset`: mean place of what is attended from the unit on, below 0 before it; `distance`: the same without the sign.

    Args:
        weights: (H, L, L) attention of each unit (row) to each other, at least two units; computed in float32.
        delimiters: (L,) bool; None: unknown.
    """
    if weights.ndim != 3 or weights.shape[1] != weights.shape[2] or weights.shape[1] < 2:
        raise ValueError(f"weights {tuple(weights.shape)}: give (H, L, L) of at least two units")
    weights = weights.float()
    place = torch.arange(weights.shape[1], device=weights.device, dtype=torch.float32)
    offsets = place - place[:, None]  # (L, L) from the row's unit to the column's
    found = {
        "to_self": weights.diagonal(0, 1, 2).mean(1),
        "to_previous": weights.diagonal(-1, 1, 2).mean(1),
        "to_next": weights.diagonal(1, 1, 2).mean(1),
        "to_first": weights[..., 0].mean(1),
        "entropy": torch.special.entr(weights).sum(2).mean(1),
        "offset": (weights * offsets).sum(2).mean(1),
        "distance": (weights * offsets.abs()).sum(2).mean(1),
    }
    if delimiters is not None:
        found["to_delimiters"] = weights[..., delimiters].sum(2).mean(1)
    return found
