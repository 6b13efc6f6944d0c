"""From a transducer to labels. Legend: T frames, V vocabulary with blank, D width of a frame.

A transducer is two functions: `predict(labels)` gives a state for the labels emitted so far, and `joint(frame, state)`
gives (V,) log-probabilities of the next symbol. `predict` is asked once for each labels, and for labels[:-1] before that,
so one with a recurrent state may keep its own states by labels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lit_pretrain.losses.transducer import Topology

Labels = tuple[int, ...]
Predict = Callable[[Labels], Any]
Joint = Callable[[Tensor, Any], Tensor]

BLANK, LABEL = 0, 1  # what the last symbol was
Scores = dict[Labels, list[float]]  # log-probability of the labels with a last blank and with a last label


class Hypothesis(NamedTuple):
    """Labels and their log-probability, in nats."""

    labels: Labels
    score: float


@torch.no_grad()
def transducer_greedy(
    frames: Tensor,
    predict: Predict,
    joint: Joint,
    blank: int,
    topology: Topology = "rnnt",
    max_labels_per_frame: int = 10,
) -> Labels:
    """The labels of the path that takes the likeliest symbol at each step.

    Args:
        frames: (T, D).
        topology: which symbols end a frame; see `transducer_loss`.
        max_labels_per_frame: after so many labels at a frame, rnnt goes on to the next.
    """
    labels: Labels = ()
    last, state = blank, predict(labels)
    for frame in frames:
        for _ in range(max_labels_per_frame if topology == "rnnt" else 1):
            symbol = int(joint(frame, state).argmax())
            again = topology == "ctc" and symbol == last
            last = symbol
            if symbol == blank:
                break
            if not again:
                labels = (*labels, symbol)
                state = predict(labels)
    return labels


@torch.no_grad()
def transducer_beam(
    frames: Tensor,
    predict: Predict,
    joint: Joint,
    blank: int,
    topology: Topology = "rnnt",
    beam: int = 8,
    max_labels_per_frame: int = 5,
) -> list[Hypothesis]:
    """Beam search frame by frame; paths that spell the same labels are one hypothesis, whose score sums over them.

    Exact where `beam` is at least the number of label sequences; for rnnt, of the paths with at most
    `max_labels_per_frame` labels at a frame.

    Args:
        frames: (T, D).
        topology: which symbols end a frame; see `transducer_loss`.
        beam: hypotheses kept after each symbol; each is extended by as many of its likeliest labels.

    Returns:
        Up to `beam` hypotheses, the most probable first.

    Raises:
        ValueError: the beam holds no hypothesis.
    """
    if beam < 1:
        raise ValueError(f"beam={beam}: keep at least one hypothesis")
    states: dict[Labels, Any] = {}
    level: Scores = {(): [0.0, -np.inf]}
    for frame in frames:
        reached: Scores = {}  # the next frame
        for _ in range(1 + max_labels_per_frame if topology == "rnnt" else 1):
            longer: Scores = {} if topology == "rnnt" else reached
            for labels, endings in level.items():
                if labels not in states:
                    states[labels] = predict(labels)
                symbols = joint(frame, states[labels]).float().numpy(force=True)
                likely = np.argpartition(-symbols, min(beam, len(symbols) - 1))[: beam + 1].tolist()  # blank may be one
                _add(reached, labels, BLANK, _total(endings) + symbols[blank])
                for label in {*likely, *labels[-1:]} - {blank}:
                    score = symbols[label]
                    if topology == "ctc" and labels[-1:] == (label,):
                        _add(reached, labels, LABEL, endings[LABEL] + score)
                        _add(longer, (*labels, label), LABEL, endings[BLANK] + score)
                    else:
                        _add(longer, (*labels, label), LABEL, _total(endings) + score)
            floor = min(map(_total, _best(reached, beam).values())) if len(reached) >= beam else -np.inf
            level = {labels: x for labels, x in _best(longer, beam).items() if _total(x) > floor}  # others cannot win
        level = _best(reached, beam)
    return [Hypothesis(labels, float(_total(endings))) for labels, endings in level.items()]


def _add(scores: Scores, labels: Labels, ending: int, score: float) -> None:
    if score > -np.inf:  # what cannot be takes no place in the beam
        endings = scores.setdefault(labels, [-np.inf, -np.inf])
        endings[ending] = np.logaddexp(endings[ending], score)


def _total(endings: list[float]) -> float:
    return np.logaddexp(*endings)


def _best(scores: Scores, beam: int) -> Scores:
    """The `beam` most probable, in order."""
    return dict(sorted(scores.items(), key=lambda item: -_total(item[1]))[:beam])
