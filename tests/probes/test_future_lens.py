"""Successors that stand in a state are named, those that do not are told as well as chance, and bigrams are counted."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge

from lit_pretrain.probes.future_lens import Futures, bigram_accuracy, lens_accuracy

SYMBOLS = 6


def drawn(n: int, seed: int) -> tuple[torch.Tensor, Futures]:
    """States that hold the present symbol and the one two places on; the next follows from the present one as a rule."""
    draw = torch.Generator().manual_seed(seed)
    now, second = torch.randint(SYMBOLS, (2, n), generator=draw)
    rule = torch.rand(n, generator=draw) < 0.7
    first = torch.where(rule, (now + 1) % SYMBOLS, torch.randint(SYMBOLS, (n,), generator=draw))
    states = torch.cat([F.one_hot(now, SYMBOLS), F.one_hot(second, SYMBOLS)], 1) + 0.1 * torch.randn(n, 12, generator=draw)
    return states, Futures(now + 10, torch.stack([first + 10, second + 10], 1))


def test_what_stands_in_the_state_is_named():
    (train, known), (held, wanted) = drawn(2000, 0), drawn(1000, 1)
    lens, bigram = lens_accuracy(train, held, known, wanted), bigram_accuracy(known, wanted)
    assert lens[1] == 1 and bigram[1] < 0.25, "the second place on is in the state, and not told by the present symbol"
    assert lens[0] == pytest.approx(bigram[0], abs=0.01) and bigram[0] == pytest.approx(0.7 + 0.3 / 6, abs=0.04)


def test_the_map_is_scikit_learns_ridge():
    (train, known), (held, wanted) = drawn(300, 0), drawn(200, 1)
    train, held = (x + 0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(2)) for x in (train, held))
    mean, deviation = train.double().mean(0), train.double().std(0, correction=0)
    for n, accuracy in enumerate(lens_accuracy(train, held, known, wanted, l2=0.1, chunk=64)):
        ridge = Ridge(alpha=0.1 * 300).fit((train - mean) / deviation, F.one_hot(known.later[:, n] - 10, SYMBOLS))
        found = torch.as_tensor(ridge.predict((held - mean) / deviation)).argmax(1) + 10
        assert accuracy == pytest.approx(float((found == wanted.later[:, n]).double().mean())) and 0.2 < accuracy < 1


def test_bigrams_are_the_most_frequent_successors():
    known = Futures(torch.tensor([1, 1, 1, 2, 2, 3]), torch.tensor([[5], [5], [6], [6], [6], [6]]))
    wanted = Futures(torch.tensor([1, 2, 9, 1]), torch.tensor([[5], [6], [6], [6]]))
    assert bigram_accuracy(known, wanted) == [3 / 4], "9 was not seen, and 6 is the most frequent of all"
