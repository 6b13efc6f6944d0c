"""The transducer loss: every path by hand, and the losses of torchaudio and torch."""

from itertools import chain, combinations, groupby, product

import pytest
import torch
import torch.nn.functional as F
import torchaudio

from lit_pretrain.losses.transducer import best_alignment, transducer_loss
from lit_pretrain.types import Ragged

BLANK, VOCABULARY = 1, 3
LABELS, FRAMES = ([0, 2], [2, 2], [], [2, 2, 0]), (4, 3, 2, 5)
TARGETS = Ragged(torch.tensor(list(chain(*LABELS))), tuple(map(len, LABELS)))


def joint(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 5, 4, VOCABULARY, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)


def paths(topology: str, labels: list[int], frames: int) -> list[list[tuple[int, int, int]]]:
    """All paths as (frame, labels emitted before, symbol)."""
    found = []
    if topology == "rnnt":
        steps = frames + len(labels)
        for places in combinations(range(steps - 1), len(labels)):  # the last symbol is a blank
            t, u, path = 0, 0, []
            for step in range(steps):
                path.append((t, u, labels[u] if step in places else BLANK))
                t, u = (t, u + 1) if step in places else (t + 1, u)
            found.append(path)
        return found
    for symbols in product(range(VOCABULARY), repeat=frames):
        spelled = symbols if topology == "rna" else [symbol for symbol, _ in groupby(symbols)]
        if [symbol for symbol in spelled if symbol != BLANK] != labels:
            continue
        u, path = 0, []
        for t, symbol in enumerate(symbols):
            path.append((t, u, symbol))
            loop = topology == "ctc" and t > 0 and symbol == symbols[t - 1]
            u += symbol != BLANK and not loop
        found.append(path)
    return found


def by_hand(log_probs: torch.Tensor, topology: str, reduction: str) -> torch.Tensor:
    costs = []
    for joint, labels, frames in zip(log_probs, LABELS, FRAMES, strict=True):
        scores = torch.stack([joint[tuple(zip(*path, strict=True))].sum() for path in paths(topology, labels, frames)])
        costs.append(-(scores.logsumexp(0) if reduction == "full_sum" else scores.max()))
    return torch.stack(costs)


@pytest.mark.parametrize("reduction", ["full_sum", "viterbi"])
@pytest.mark.parametrize("topology", ["rnnt", "rna", "ctc"])
def test_every_path_by_hand(topology, reduction):
    log_probs, weight = joint().requires_grad_(), torch.tensor([1.0, 2.0, 3.0, -1.0])
    expected = by_hand(log_probs, topology, reduction)
    found = transducer_loss(log_probs, TARGETS, FRAMES, BLANK, topology, reduction)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(x @ weight, log_probs)[0] for x in (found, expected)]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("topology", ["rnnt", "rna", "ctc"])
def test_the_best_path(topology):
    log_probs = joint(1)
    with torch.inference_mode():  # as in a validation loop
        found = best_alignment(log_probs, TARGETS, FRAMES, BLANK, topology)
    for scores, labels, frames, path in zip(log_probs, LABELS, FRAMES, found, strict=True):
        best = max(paths(topology, labels, frames), key=lambda path: sum(float(scores[step]) for step in path))
        assert path == [(t, symbol) for t, _, symbol in best]


def test_a_tie_is_one_path():
    even = torch.full((1, 4, 2, VOCABULARY), 1 / VOCABULARY).log()
    (path,) = best_alignment(even, Ragged(torch.tensor([2]), (1,)), (4,), BLANK, "rna")
    assert [t for t, _ in path] == [0, 1, 2, 3] and sorted(symbol for _, symbol in path) == [1, 1, 1, 2]


def test_torchaudio():
    batch, longest, most, vocabulary = 3, 12, 5, 7
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, longest, most + 1, vocabulary, generator=generator).requires_grad_()
    labels = torch.randint(1, vocabulary, (batch, most), generator=generator, dtype=torch.int32)
    frames, lengths = (12, 7, 9), (5, 3, 1)
    targets = Ragged(torch.cat([row[:n] for row, n in zip(labels, lengths, strict=True)]).long(), lengths)
    ends = [torch.tensor(x, dtype=torch.int32) for x in (frames, lengths)]
    expected = torchaudio.functional.rnnt_loss(logits, labels, *ends, blank=0, reduction="none")
    found = transducer_loss(logits.log_softmax(-1), targets, frames, 0)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(x.sum(), logits)[0] for x in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


def test_ctc_where_the_joint_ignores_the_labels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 12, 7, generator=generator).requires_grad_()
    frames, targets = (12, 7, 9), Ragged(torch.tensor([1, 1, 4, 6, 3, 3, 3, 2]), (4, 3, 1))
    log_probs = logits.log_softmax(-1)
    expected = F.ctc_loss(log_probs.transpose(0, 1), targets.values, frames, targets.lengths, reduction="none")
    found = transducer_loss(log_probs[:, :, None].expand(-1, -1, 5, -1), targets, frames, 0, "ctc")
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(x.sum(), logits, retain_graph=True)[0] for x in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("topology", "needed"), [("rna", 2), ("ctc", 3)])
def test_too_few_frames_cost_infinitely_much_and_teach_nothing(topology, needed):
    log_probs = joint()[:2].requires_grad_()
    targets, frames = Ragged(torch.tensor([2, 2, 2, 2]), (2, 2)), (needed - 1, needed)
    costs = transducer_loss(log_probs, targets, frames, BLANK, topology)
    assert costs.isinf().tolist() == [True, False]
    costs.sum().backward()
    assert log_probs.grad[0].eq(0).all() and log_probs.grad[1].isfinite().all() and log_probs.grad[1].ne(0).any()
    impossible, possible = best_alignment(log_probs, targets, frames, BLANK, topology)
    assert impossible == [] and [t for t, _ in possible] == list(range(needed))


def test_mistakes():
    log_probs = joint()
    with pytest.raises(ValueError, match="label positions"):
        transducer_loss(log_probs[:, :, :3], TARGETS, FRAMES, BLANK)
    with pytest.raises(ValueError, match="pad it"):
        transducer_loss(log_probs[:, :4], TARGETS, FRAMES, BLANK)
    with pytest.raises(ValueError, match="same examples"):
        transducer_loss(log_probs, TARGETS, FRAMES[:2], BLANK)
    with pytest.raises(ValueError, match="blank=3"):
        transducer_loss(log_probs, TARGETS, FRAMES, 3)
    with pytest.raises(ValueError, match="topology='hmm'"):
        transducer_loss(log_probs, TARGETS, FRAMES, BLANK, "hmm")
    with pytest.raises(ValueError, match="reduction='mean'"):
        transducer_loss(log_probs, TARGETS, FRAMES, BLANK, reduction="mean")
