"""The scale of losses: 1 is what the best constant answer gets, whatever is asked."""

import pytest
import torch

from lit_pretrain.nn.graph_task.base import of_both_ends, relative_error, relative_nll


def test_the_best_constant_gets_one_and_no_constant_less():
    torch.manual_seed(0)
    wanted = torch.randn(50, 3) * torch.tensor([1.0, 20.0, 0.1]) + 7
    best = wanted.mean(0).expand_as(wanted)
    assert relative_error(best, wanted).mean() == pytest.approx(1.0, rel=1e-5)
    assert relative_error(best + 0.1, wanted).mean() > 1 and relative_error(wanted, wanted).abs().max() == 0


def test_the_best_constant_probability_gets_one():
    classes, asked = torch.tensor([0, 0, 0, 1, 2, 2, 1]), torch.tensor([True] * 5 + [False] * 2)
    share = torch.tensor([3.0, 1.0, 1.0]) / 5
    losses = relative_nll(share.log().expand(7, 3), classes, asked)
    assert losses.sum() / 5 == pytest.approx(1.0, rel=1e-5) and losses[5:].tolist() == [0.0, 0.0]


def test_where_all_answers_are_alike_the_error_is_plain():
    assert relative_error(torch.full((4, 2), 3.0), torch.ones(4, 2)).tolist() == [4.0] * 4
    same = relative_nll(torch.zeros(4, 2), torch.ones(4, dtype=torch.long), torch.ones(4, dtype=torch.bool))
    torch.testing.assert_close(same, torch.ones(4))


def test_a_pair_is_both_its_nodes_and_the_mean_stays():
    losses, asked = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([True, True, False])
    found = of_both_ends(losses, asked, torch.tensor([[0, 0, 1], [1, 3, 2]]), 4)
    assert found.sum.tolist() == [3.0, 1.0, 0.0, 2.0] and found.count.tolist() == [2.0, 1.0, 0.0, 1.0]
    assert found.sum.sum() / found.count.sum() == 1.5
