"""Decoding of CTC: every path by hand."""

import math
from collections import defaultdict
from itertools import groupby, product

import pytest
import torch

from lit_pretrain.downstream.decoding.ctc import ctc_beam, ctc_greedy

BLANK, VOCABULARY, FRAMES = 2, 3, 5


def collapsed(path) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in groupby(path) if symbol != BLANK)


@pytest.mark.parametrize("seed", range(3))
def test_every_path_by_hand(seed):
    log_probs = torch.randn(FRAMES, VOCABULARY, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
    expected = defaultdict(float)
    for path in product(range(VOCABULARY), repeat=FRAMES):
        expected[collapsed(path)] += math.exp(log_probs[range(FRAMES), path].sum())
    found = ctc_beam(log_probs, BLANK, beam=500)
    assert {labels: math.exp(score) for labels, score in found} == pytest.approx(expected, rel=1e-4)
    assert found[0].labels == max(expected, key=expected.get)


def test_greedy_takes_the_likeliest_path():
    log_probs = torch.randn(30, VOCABULARY, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    assert ctc_greedy(log_probs, BLANK) == collapsed(log_probs.argmax(1).tolist())


def test_many_paths_beat_the_likeliest():
    log_probs = torch.tensor([[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]]).log()
    assert ctc_greedy(log_probs, BLANK) == ()  # 0.36
    labels, score = ctc_beam(log_probs, BLANK, beam=2)[0]
    assert labels == (0,) and math.exp(score) == pytest.approx(0.4 * 0.4 + 2 * 0.4 * 0.6)
