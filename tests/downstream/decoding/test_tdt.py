"""Decoding of the token-and-duration transducer: a script of symbols and durations by frame, and every label sequence."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.downstream.decoding.tdt import tdt_beam, tdt_greedy
from lit_pretrain.downstream.decoding.transducer import transducer_greedy
from lit_pretrain.losses.tdt import tdt_loss
from lit_pretrain.types import Ragged

BLANK, VOCABULARY, DURATIONS = 0, 5, (0, 1, 2, 4)


def script(steps: dict[tuple[int, int], tuple[int, list[int]]]):
    """A joint that knows, for frame and labels so far, the symbol and the durations, likeliest first."""

    def joint(frame, emitted):
        symbol, order = steps[int(frame), emitted]
        scores = torch.tensor([-float(order.index(d)) if d in order else -9.0 for d in DURATIONS])
        return F.one_hot(torch.tensor(symbol), VOCABULARY).float(), scores

    return joint


def test_frames_are_skipped():
    steps = {(0, 0): (3, [0]), (0, 1): (4, [2]), (2, 2): (BLANK, [0, 4, 1]), (6, 2): (4, [1]), (7, 3): (2, [4])}
    assert tdt_greedy(torch.arange(10), len, script(steps), BLANK, DURATIONS) == ((3, 4, 4, 2), 4)


def test_one_frame_at_a_time_is_the_plain_transducer():
    table = torch.randn(20, 40, VOCABULARY, generator=torch.Generator().manual_seed(0))
    table[..., BLANK] += 0.5

    def joint(frame, emitted):
        symbols = table[int(frame), emitted % 40]
        return symbols, torch.tensor([1.0, 0.0])  # blank may not stay

    labels, visited = tdt_greedy(torch.arange(20), len, joint, BLANK, (0, 1))
    assert labels == transducer_greedy(torch.arange(20), len, lambda *x: joint(*x)[0], BLANK)
    assert visited == 20 and len(labels) > 5


def test_a_frame_that_never_ends_is_left():
    steps = {(t, u): (1, [0, 2, 1]) for t in range(4) for u in range(10)}
    labels, visited = tdt_greedy(torch.arange(4), len, script(steps), BLANK, DURATIONS, max_labels_per_frame=3)
    assert labels == (1,) * 6 and visited == 2


def test_mistakes():
    for search in (tdt_greedy, tdt_beam):
        with pytest.raises(ValueError, match=r"durations=\(0,\)"):
            search(torch.arange(4), len, script({}), BLANK, (0,))
    with pytest.raises(ValueError, match="beam=0"):
        tdt_beam(torch.arange(4), len, script({}), BLANK, (1,), beam=0)


@pytest.mark.parametrize("durations", [(0, 1, 2), (1, 3), (2, 1, 0)])
def test_a_beam_for_all_is_exact(durations):
    frames, longest = 4, 3
    generator = torch.Generator().manual_seed(0)
    symbols, lengths = (torch.randn(frames, 20, n, generator=generator).log_softmax(-1) for n in (3, len(durations)))

    def joint(frame, emitted):
        return symbols[frame, emitted], lengths[frame, emitted]

    found, visited = tdt_beam(torch.arange(frames), len, joint, BLANK, durations, beam=200, max_labels_per_frame=longest)
    assert visited == frames
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    for n in range(longest + 1):
        for labels in product((1, 2), repeat=n):
            of_path = (x[None, :, : n + 1] for x in (symbols, lengths))
            cost = tdt_loss(*of_path, Ragged(torch.tensor(labels, dtype=torch.long), (n,)), (frames,), BLANK, durations)
            assert dict(found).get(labels, -torch.inf) == pytest.approx(-float(cost), abs=1e-4)


def test_a_beam_skips_frames_that_no_hypothesis_reaches():
    def joint(frame, emitted):
        return torch.tensor([-1.0, -2.0, -0.5]), torch.zeros(1)

    found, visited = tdt_beam(torch.arange(6), len, joint, BLANK, (3,), beam=2)
    assert visited == 2 and found[0].labels == (2,) and found[0].score == pytest.approx(-1.5)
