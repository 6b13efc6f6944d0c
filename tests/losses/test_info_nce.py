"""InfoNCE: the formula, pair by pair, with the keys of others or with a queue."""

import math

import pytest
import torch

from lit_pretrain.losses.info_nce import info_nce


def by_hand(queries, keys, temperature: float, negatives=None) -> float:
    q, k = ([row / row.norm() for row in x] for x in (queries, keys))
    n = None if negatives is None else [row / row.norm() for row in negatives]
    total = 0.0
    for i in range(len(q)):
        own = math.exp(float(q[i] @ k[i]) / temperature)
        others = n if n is not None else [key for j, key in enumerate(k) if j != i]
        total -= math.log(own / (own + sum(math.exp(float(q[i] @ other) / temperature) for other in others)))
    return total / len(q)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("queue", [False, True])
def test_the_formula(temperature, queue):
    queries, keys, negatives = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0))
    negatives = negatives[:4] if queue else None
    found = info_nce(queries, keys, temperature, negatives)
    assert float(found) == pytest.approx(by_hand(queries, keys, temperature, negatives), rel=1e-5)


def test_keys_in_a_queue_that_are_not_own_do_not_count():
    queries, keys, negatives = torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(1))
    one = info_nce(queries[:1], keys[:1], 0.2, negatives)
    both = info_nce(queries[:2], keys[:2], 0.2, negatives)
    other = info_nce(queries[1:2], keys[1:2], 0.2, negatives)
    torch.testing.assert_close(both, (one + other) / 2)


def test_no_query_has_a_loss_and_gradients_of_zero():
    queries, keys = torch.zeros(2, 0, 8, requires_grad=True)
    loss = info_nce(queries, keys, 0.2)
    loss.backward()
    assert loss == 0
