"""The recurrence against a loop over units, in value and gradient."""

import torch

from lit_pretrain.kernels.linear_recurrence import linear_recurrence
from lit_pretrain.types import Layout


def loop(decay, value, layout):
    states = []
    for d, v in zip(decay.split(layout.lengths), value.split(layout.lengths), strict=True):
        h = torch.zeros(value.shape[1])
        for t in range(len(d)):
            h = d[t] * h + v[t]
            states.append(h)
    return torch.stack(states)


def test_equals_a_loop_in_value_and_gradient():
    torch.manual_seed(0)
    layout = Layout((1, 9, 0, 4, 2))
    results = []
    for recur in (loop, linear_recurrence):
        torch.manual_seed(1)
        decay, value = torch.rand(16, 3, requires_grad=True), torch.randn(16, 3, requires_grad=True)
        states = recur(decay, value, layout)
        (states * torch.arange(48).view(16, 3)).sum().backward()
        results.append((states.detach(), decay.grad, value.grad))
    for one, two in zip(*results, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


def test_single_units_are_their_values():
    value = torch.randn(5, 2)
    torch.testing.assert_close(linear_recurrence(torch.ones(5, 2), value, Layout((1,) * 5)), value)
