"""AdamWScale is AdamW with a rate that follows the size of each tensor."""

import torch

from lit_pretrain.optim.adamw_scale import ScaledAdamW


def test_equals_adamw_at_the_scaled_rate():
    torch.manual_seed(0)
    start, gradient = torch.randn(5, 3) * 4, torch.randn(5, 3)
    scale = float(start.square().mean().sqrt())
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    ours.grad, theirs.grad = gradient.clone(), gradient.clone()
    ScaledAdamW([{"params": [ours]}], 0.01, (0.9, 0.999), 0.0).step()
    torch.optim.AdamW([theirs], lr=0.01 * scale, eps=0.0, weight_decay=0.0).step()
    torch.testing.assert_close(ours, theirs)
