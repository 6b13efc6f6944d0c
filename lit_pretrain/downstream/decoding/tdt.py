"""From a token-and-duration transducer to labels. Legend: T frames, V vocabulary with blank, K durations."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.downstream.decoding.transducer import Hypothesis, Labels, Predict

Joint = Callable[[Tensor, Any], tuple[Tensor, Tensor]]


@torch.no_grad()
def tdt_greedy(
    frames: Tensor,
    predict: Predict,
    joint: Joint,
    blank: int,
    durations: Sequence[int],
    max_labels_per_frame: int = 10,
) -> tuple[Labels, int]:
    """The likeliest symbol at each step, then its likeliest duration: as many frames are skipped (arXiv 2304.06795).

    Args:
        frames: (T, D).
        predict: a state for the labels emitted so far.
        joint: (V,) scores of symbols and (K,) scores of durations, for a frame (D,) and a state.
        durations: frames that a symbol may cover, such as (0, 1, 2, 3, 4). Blank covers one at least, and so does the last
            of `max_labels_per_frame` labels.

    Returns:
        The labels, and the number of frames visited.

    Raises:
        ValueError: no duration is above 0.
    """
    _check(durations)
    labels: Labels = ()
    state, now, here, visited = predict(labels), 0, 0, 0
    while now < len(frames):
        symbols, lengths = joint(frames[now], state)
        visited += here == 0
        symbol = int(symbols.argmax())
        here += 1
        may_stay = symbol != blank and here < max_labels_per_frame
        scores = zip(lengths.tolist(), durations, strict=True)
        _, duration = max((x for x in scores if x[1] > 0 or may_stay), key=lambda x: x[0])
        if symbol != blank:
            labels = (*labels, symbol)
            state = predict(labels)
        now += duration
        here = 0 if duration else here
    return labels, visited


@torch.no_grad()
def tdt_beam(
    frames: Tensor,
    predict: Predict,
    joint: Joint,
    blank: int,
    durations: Sequence[int],
    beam: int = 8,
    max_labels_per_frame: int = 5,
) -> tuple[list[Hypothesis], int]:
    """Beam search; paths that reach a frame with the same labels are one hypothesis, whose score sums over them. Paths are
    those of `tdt_loss`: the last symbol is a blank that ends with the last frame.

    Exact where `beam` is at least the number of label sequences, of the paths with at most `max_labels_per_frame` labels at
    a frame.

    Args:
        frames: (T, D).
        predict: a state for the labels emitted so far.
        joint: (V,) log-probabilities of symbols and (K,) of durations, for a frame (D,) and a state.
        durations: frames that a symbol may cover; blank covers one at least.
        beam: hypotheses kept at each frame and after each label there; each is extended by as many of its likeliest labels.

    Returns:
        Up to `beam` hypotheses, the most probable first, and the number of frames visited. Where no path ends with the last
        frame there is none.

    Raises:
        ValueError: the beam holds no hypothesis, or no duration is above 0.
    """
    if beam < 1:
        raise ValueError(f"beam={beam}: keep at least one hypothesis")
    _check(durations)
    states: dict[Labels, Any] = {}
    reached: list[dict[Labels, float]] = [{(): 0.0}, *({} for _ in frames)]
    for now, frame in enumerate(frames):
        level = _best(reached[now], beam)
        for _ in range(1 + max_labels_per_frame):
            longer: dict[Labels, float] = {}
            for labels, score in level.items():
                if labels not in states:
                    states[labels] = predict(labels)
                symbols, lengths = (x.float().numpy(force=True) for x in joint(frame, states[labels]))
                likely = np.argpartition(-symbols, min(beam, len(symbols) - 1))[: beam + 1].tolist()  # blank may be one
                for symbol in {*likely, blank}:
                    ends = symbol == blank  # it alone may end the path, and it may not stay
                    emitted = labels if ends else (*labels, symbol)
                    for length, duration in zip(lengths, durations, strict=True):
                        if duration >= ends and now + duration < len(frames) + ends:
                            after = reached[now + duration] if duration else longer
                            _add(after, emitted, score + symbols[symbol] + length)
            level = _best(longer, beam)
    ended = _best(reached[-1], beam)
    return [Hypothesis(labels, float(score)) for labels, score in ended.items()], sum(map(bool, reached[:-1]))


def _check(durations: Sequence[int]) -> None:
    if max(durations, default=0) < 1:
        raise ValueError(f"durations={tuple(durations)}: give one above 0, or no frame is ever left")


def _add(scores: dict[Labels, float], labels: Labels, score: float) -> None:
    scores[labels] = np.logaddexp(scores.get(labels, -np.inf), score)


def _best(scores: dict[Labels, float], beam: int) -> dict[Labels, float]:
    """The `beam` most probable, in order."""
    return dict(sorted(scores.items(), key=lambda item: -item[1])[:beam])
