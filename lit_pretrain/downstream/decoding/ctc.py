"""From the outputs of CTC to labels. Legend: T frames, V vocabulary with blank."""

from torch import Tensor

from lit_pretrain.downstream.decoding.transducer import Hypothesis, Labels, transducer_beam


def ctc_greedy(log_probs: Tensor, blank: int) -> Labels:
    """The labels of the likeliest symbols of the frames, (T, V): repetitions count once, blanks not at all."""
    path = log_probs.argmax(1).unique_consecutive()
    return tuple(path[path != blank].tolist())


def ctc_beam(log_probs: Tensor, blank: int, beam: int = 8) -> list[Hypothesis]:
    """Prefix beam search (arXiv 1408.2873, without a language model): a transducer whose joint ignores the labels.

    Args:
        log_probs: (T, V) log-softmax.
        beam: prefixes kept after each frame.

    Returns:
        Up to `beam` hypotheses, the most probable first.
    """
    return transducer_beam(log_probs.cpu(), lambda labels: None, lambda frame, state: frame, blank, "ctc", beam)
