"""The recurrent mixer against its formulas, one unit after the other."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.gated_recurrence import GatedRecurrence
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


def by_hand(mixer, x):
    """Of one example."""
    a = torch.sigmoid(mixer.forget(x) + mixer.memory)
    v = mixer.value(x)

    def run(order, channels):
        h, states = torch.zeros(len(v[0, channels])), {}
        for t in order:
            h = a[t, channels] * h + (1 - a[t, channels]) * v[t, channels]
            states[t] = h
        return torch.stack([states[t] for t in range(len(x))])

    if mixer.both_ways:
        h = torch.cat([run(range(len(x)), slice(0, 3)), run(reversed(range(len(x))), slice(3, 6))], 1)
    else:
        h = run(range(len(x)), slice(0, 6))
    return mixer.out(h * F.silu(mixer.gate(x)))


@pytest.mark.parametrize("both_ways", [True, False])
def test_equals_the_formulas(both_ways):
    torch.manual_seed(0)
    mixer, layout, x = GatedRecurrence(6, both_ways), Layout((5, 1, 8)), torch.randn(14, 6)
    expected = torch.cat([by_hand(mixer, one) for one in x.split(layout.lengths)])
    torch.testing.assert_close(mixer(x, Context(layout, Position())), expected)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="dim=7 must be even"):
        GatedRecurrence(7, both_ways=True)
