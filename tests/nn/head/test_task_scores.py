"""Scores of tasks for instances."""

import torch
import torch.nn.functional as F

from lit_pretrain.nn.head.task_scores import TaskScores


def test_scores_are_products_of_instance_shared_vector_and_task():
    torch.manual_seed(0)
    scores, h = TaskScores(6, 3), torch.randn(5, 6)
    assert scores(h).abs().max() == 0  # equal at the start
    for parameter in scores.parameters():
        torch.nn.init.normal_(parameter)
    normal = F.layer_norm(h, (6,))
    expected = torch.einsum("id,d,td->it", normal, scores.shared, scores.tasks) / 6**0.5 + scores.bias
    torch.testing.assert_close(scores(h), expected)
    torch.testing.assert_close(scores(30 * h), expected, atol=1e-3, rtol=1e-3)
