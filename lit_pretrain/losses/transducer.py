"""The transducer loss. Legend: B examples, T frames, L labels, U = L + 1 label positions, V vocabulary with blank."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from lit_pretrain.losses.lattice import NEVER, advanced, beside, check, cost, following, skew, start
from lit_pretrain.types import Ragged

Topology = Literal["rnnt", "rna", "ctc"]
Reduction = Literal["full_sum", "viterbi"]


def _larger(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(a >= b, a, b)  # torch.maximum would split the gradient of a tie between two paths


PLUS: dict[Reduction, Callable[[Tensor, Tensor], Tensor]] = {"full_sum": torch.logaddexp, "viterbi": _larger}


def transducer_loss(
    log_probs: Tensor,
    targets: Ragged,
    frames: Sequence[int],
    blank: int,
    topology: Topology = "rnnt",
    reduction: Reduction = "full_sum",
) -> Tensor:
    """-log of the probability of the labels, over all paths that spell them (topologies as in arXiv 2005.09319).

    A path begins at the first frame with no label emitted, emits symbols, and ends after the last frame with all labels
    emitted. At frame t, after u labels, it emits symbol v with probability exp(log_probs[b, t, u, v]).

        rnnt: blank goes to the next frame, a label stays at the frame (arXiv 1211.3711);
        rna: blank and labels go to the next frame (Recurrent Neural Aligner, Sak et al. 2017);
        ctc: as rna, but a label may be emitted again at the frames that follow it, which leaves u as it is; equal labels
            one after the other need a blank between them.

    Args:
        log_probs: (B, T, U, V) float32, log-softmax of a joint, padded.
        targets: (N,) int64 labels of each example, none of them blank.
        frames: frames of each example.
        blank: the symbol that emits nothing.
        reduction: "full_sum" sums over all paths, "viterbi" takes the most probable one only.

    Returns:
        (B,) in nats. +inf, without a gradient, where no path exists: rna and ctc need a frame for each label, and ctc one
        more for each pair of equal neighbours.

    Raises:
        ValueError: the shapes do not fit, or an option is unknown.
    """
    if reduction not in PLUS:
        raise ValueError(f"reduction={reduction!r}: choose one of {', '.join(PLUS)}")
    return cost(_score(log_probs, targets, frames, blank, topology, PLUS[reduction]))


def best_alignment(
    log_probs: Tensor, targets: Ragged, frames: Sequence[int], blank: int, topology: Topology = "rnnt"
) -> list[list[tuple[int, int]]]:
    """The most probable path of each example as (frame, symbol), in order; [] where none exists.

    Args and errors are those of `transducer_loss`.
    """
    with torch.inference_mode(False), torch.enable_grad():
        inputs = log_probs.detach().clone().requires_grad_()
        costs = cost(_score(inputs, targets, frames, blank, topology, _larger))
        (taken,) = torch.autograd.grad(costs.sum(), inputs)  # -1 at each emission of the path, 0 elsewhere
    paths: list[list[tuple[int, int]]] = [[] for _ in frames]
    for example, frame, _, symbol in taken.nonzero().tolist():  # sorted by frame, then by label position
        paths[example].append((frame, symbol))
    return paths


def _score(
    log_probs: Tensor,
    targets: Ragged,
    frames: Sequence[int],
    blank: int,
    topology: Topology,
    plus: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """(B,) log-probability of the labels; about NEVER where no path exists."""
    check(log_probs, targets, frames, blank)
    if topology not in ("rnnt", "rna", "ctc"):
        raise ValueError(f"topology={topology!r}: choose one of rnnt, rna, ctc")
    _, time, positions, _ = log_probs.shape
    coming = following(targets, blank, positions)  # (B, U)
    emitted = coming.roll(1, 1)
    symbols = torch.stack([torch.full_like(coming, blank), coming, emitted], 2)[:, None].expand(-1, time, -1, -1)
    stay, advance, again = log_probs.gather(3, symbols).clamp(min=NEVER).unbind(3)  # (B, T, U) each
    padding = (torch.arange(time, device=stay.device) >= beside(frames, stay)[:, None])[..., None]  # (B, T, 1)
    stay = stay.masked_fill(padding, 0.0)  # a path that has ended waits for the others
    advance, again = (x.masked_fill(padding, NEVER) for x in (advance, again))
    if topology == "rnnt":  # one symbol a step along the anti-diagonals is rna
        stay, advance = skew(stay, 0.0).transpose(1, 2), skew(advance, NEVER).transpose(1, 2)
    if topology == "ctc":
        alpha = _label_loops(stay, advance, again, coming == emitted, plus)
    else:
        alpha = start(stay)
        for stays, advances in zip(stay.unbind(1), advance.unbind(1), strict=True):
            alpha = plus(alpha + stays, advanced(alpha + advances))
    return alpha.gather(1, beside(targets.lengths, alpha)[:, None]).squeeze(1)


def _label_loops(
    stay: Tensor, advance: Tensor, again: Tensor, twin: Tensor, plus: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """(B, U) log-probability of each label position at the end, where a label may be emitted again.

    Args:
        twin: (B, U) bool, where the next label equals the one emitted last.
    """
    after_blank = start(stay)
    after_label = torch.full_like(after_blank, NEVER)
    for stays, advances, repeats in zip(stay.unbind(1), advance.unbind(1), again.unbind(1), strict=True):
        free = plus(after_blank, after_label.masked_fill(twin, NEVER))
        after_blank, after_label = (
            plus(after_blank, after_label) + stays,
            plus(after_label + repeats, advanced(free + advances)),
        )
    return plus(after_blank, after_label)
