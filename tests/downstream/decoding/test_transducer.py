"""Decoding of transducers: the probability of every label sequence, and the likeliest symbols by hand."""

from itertools import product

import pytest
import torch

from lit_pretrain.downstream.decoding.transducer import transducer_beam, transducer_greedy
from lit_pretrain.losses.transducer import transducer_loss
from lit_pretrain.types import Ragged

BLANK, VOCABULARY = 1, 3
TABLE = torch.randn(4, 9, VOCABULARY, VOCABULARY, generator=torch.Generator().manual_seed(0)).log_softmax(-1)


def predict(labels: tuple[int, ...]) -> tuple[int, int]:
    return len(labels), labels[-1] if labels else BLANK


def joint(frame: torch.Tensor, state: tuple[int, int]) -> torch.Tensor:
    return TABLE[(int(frame), *state)]


def exact(labels: tuple[int, ...], frames: int, topology: str) -> float:
    states = [predict(labels[:u]) for u in range(len(labels) + 1)]
    log_probs = torch.stack([torch.stack([TABLE[(t, *state)] for state in states]) for t in range(frames)])
    targets = Ragged(torch.tensor(labels, dtype=torch.long), (len(labels),))
    return -float(transducer_loss(log_probs[None], targets, (frames,), BLANK, topology))


@pytest.mark.parametrize(("topology", "frames", "longest"), [("rna", 4, 4), ("ctc", 4, 4), ("rnnt", 2, 3)])
def test_a_beam_for_all_is_exact(topology, frames, longest):
    found = dict(transducer_beam(torch.arange(frames), predict, joint, BLANK, topology, 200, max_labels_per_frame=longest))
    expected = {}
    for n in range(longest + 1):
        for labels in product((0, 2), repeat=n):
            expected[labels] = exact(labels, frames, topology)
    expected = {labels: score for labels, score in expected.items() if score > -float("inf")}
    assert {labels: found[labels] for labels in expected} == pytest.approx(expected, abs=1e-4)
    if topology != "rnnt":  # whose sequences have no longest
        assert found.keys() == expected.keys()
        assert sum(map(torch.exp, map(torch.tensor, found.values()))) == pytest.approx(1, abs=1e-4)
    assert next(iter(found)) == max(found, key=found.get)


@pytest.mark.parametrize("topology", ["rnnt", "rna", "ctc"])
def test_a_small_beam_counts_some_of_the_paths(topology):
    found = transducer_beam(torch.arange(4), predict, joint, BLANK, topology, beam=3, max_labels_per_frame=2)
    assert len(found) == 3 and found[0].score >= found[1].score >= found[2].score
    for labels, score in found:
        assert score <= exact(labels, 4, topology) + 1e-5


def test_each_state_is_predicted_once_after_the_one_before():
    asked = []

    def recurrent(labels):
        assert labels not in asked and (not labels or labels[:-1] in asked)
        asked.append(labels)
        return predict(labels)

    transducer_beam(torch.arange(4), recurrent, joint, BLANK, beam=3)
    assert len(asked) > 3


def spell(symbols: list[int], topology: str, **options) -> tuple[int, ...]:
    """Greedy decoding where step n, whatever was emitted, has the symbol n."""
    steps = iter(torch.nn.functional.one_hot(torch.tensor(symbols), VOCABULARY).float())
    frames = torch.zeros(symbols.count(BLANK) if topology == "rnnt" else len(symbols), 1)
    found = transducer_greedy(frames, predict, lambda frame, state: next(steps), BLANK, topology, **options)
    assert next(steps, None) is None  # each step was asked for
    return found


def test_greedy():
    assert spell([0, 0, 1, 1, 2, 0, 1], "rnnt") == (0, 0, 2, 0)
    assert spell([0, 0, 1, 1, 2, 2, 0], "rna") == (0, 0, 2, 2, 0)
    assert spell([0, 0, 1, 1, 2, 2, 1, 2, 0, 0], "ctc") == (0, 2, 2, 0)


def test_greedy_leaves_a_frame_that_never_ends():
    endless = torch.tensor([0.0, -9.0, -9.0])
    assert transducer_greedy(torch.zeros(2, 1), predict, lambda *_: endless, BLANK, max_labels_per_frame=3) == (0,) * 6


def test_an_empty_beam_is_refused():
    with pytest.raises(ValueError, match="beam=0"):
        transducer_beam(torch.arange(4), predict, joint, BLANK, beam=0)
