"""From a token-and-duration transducer to labels. Legend: T frames, V vocabulary with blank, K durations."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lit_pretrain.downstream.decoding.transducer import Labels, Predict


@torch.no_grad()
def tdt_greedy(
    frames: Tensor,
    predict: Predict,
    joint: Callable[[Tensor, Any], tuple[Tensor, Tensor]],
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
    if max(durations, default=0) < 1:
        raise ValueError(f"durations={tuple(durations)}: give one above 0, or no frame is ever left")
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
