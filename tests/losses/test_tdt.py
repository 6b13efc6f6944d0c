"""The token-and-duration transducer: every path by hand, and the plain transducer as a special case."""

import pytest
import torch

from lit_pretrain.losses.tdt import tdt_loss
from lit_pretrain.losses.transducer import transducer_loss
from lit_pretrain.types import Ragged

BLANK, VOCABULARY = 1, 3
LABELS, FRAMES = ([0, 2], [2], [], [2, 2, 0]), (5, 3, 2, 4)
TARGETS = Ragged(torch.tensor([0, 2, 2, 2, 2, 0]), (2, 1, 0, 3))


def joint(outputs: int, seed: int) -> torch.Tensor:
    return torch.randn(4, 5, 4, outputs, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)


def paths(labels: list[int], frames: int, durations: tuple[int, ...], t: int = 0, u: int = 0):
    """All paths from (t, u) as (frame, labels emitted before, symbol, number of the duration)."""
    for k, duration in enumerate(durations):
        after = t + duration
        if duration and after == frames and u == len(labels):
            yield [(t, u, BLANK, k)]
        if duration and after < frames:
            yield from ([(t, u, BLANK, k), *rest] for rest in paths(labels, frames, durations, after, u))
        if after < frames and u < len(labels):
            yield from ([(t, u, labels[u], k), *rest] for rest in paths(labels, frames, durations, after, u + 1))


def by_hand(symbols: torch.Tensor, lengths: torch.Tensor, durations: tuple[int, ...], sigma: float) -> torch.Tensor:
    costs = []
    for b, (labels, frames) in enumerate(zip(LABELS, FRAMES, strict=True)):
        scores = [
            (symbols[b, t, u, v] - sigma + lengths[b, t, u, k]).sum()
            for t, u, v, k in (zip(*path, strict=True) for path in paths(labels, frames, durations))
        ]
        costs.append(-torch.stack(scores).logsumexp(0))
    return torch.stack(costs)


@pytest.mark.parametrize(("durations", "sigma"), [((0, 1, 2), 0.0), ((2, 0, 1), 0.05), ((1, 4), 0.3), ((1, 2, 3), 0.0)])
def test_every_path_by_hand(durations, sigma):
    inputs = joint(VOCABULARY, 0).requires_grad_(), joint(len(durations), 1).requires_grad_()
    weight = torch.tensor([1.0, 2.0, 3.0, -1.0])
    expected = by_hand(*inputs, durations, sigma)
    found = tdt_loss(*inputs, TARGETS, FRAMES, BLANK, durations, sigma)
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(*(torch.autograd.grad(x @ weight, inputs) for x in (found, expected)), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_of_one_frame_each_it_is_rna_and_a_last_blank():
    log_probs = joint(VOCABULARY, 2)
    found = tdt_loss(log_probs, torch.zeros(4, 5, 4, 1), TARGETS, FRAMES, BLANK, (1,))
    before = [frames - 1 for frames in FRAMES]
    last = log_probs[range(4), before, TARGETS.lengths, BLANK]
    torch.testing.assert_close(found, transducer_loss(log_probs, TARGETS, before, BLANK, "rna") - last)


def test_no_path_costs_infinitely_much_and_teaches_nothing():
    log_probs = joint(VOCABULARY, 0).requires_grad_()
    costs = tdt_loss(log_probs, torch.zeros(4, 5, 4, 1), TARGETS, FRAMES, BLANK, (2,))  # whole paths of even length
    assert costs.isinf().tolist() == [True, True, False, True]
    costs.sum().backward()
    assert log_probs.grad[[0, 1, 3]].eq(0).all()
    expected = torch.zeros(5, 4, VOCABULARY)
    expected[0, 0, BLANK] = -1
    torch.testing.assert_close(log_probs.grad[2], expected)


def test_mistakes():
    log_probs, lengths = joint(VOCABULARY, 0), joint(3, 1)
    for durations in [(0,), (), (1, 1, 2), (-1, 1, 2)]:
        with pytest.raises(ValueError, match="durations="):
            tdt_loss(log_probs, lengths, TARGETS, FRAMES, BLANK, durations)
    with pytest.raises(ValueError, match=r"it is \(4, 5, 4, 2\)"):
        tdt_loss(log_probs, lengths, TARGETS, FRAMES, BLANK, (0, 1))
