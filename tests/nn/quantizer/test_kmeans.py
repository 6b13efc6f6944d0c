"""k-means: where it ends, every mean is the mean of what is nearest to it."""

import torch

from lit_pretrain.nn.quantizer.kmeans import kmeans


def test_means_are_means_of_what_is_nearest() -> None:
    torch.manual_seed(0)
    x = torch.randn(300, 3)
    means, counts = kmeans(x, 10, 200)
    nearest = torch.cdist(x, means).argmin(1)
    for i, mean in enumerate(means):
        assert counts[i] == (nearest == i).sum() > 0
        torch.testing.assert_close(mean, x[nearest == i].mean(0))
    start = x[torch.randperm(300)[:10]]
    assert (x - means[nearest]).square().sum() < 0.9 * torch.cdist(x, start).amin(1).square().sum()


def test_fewer_vectors_than_means() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2)
    means, counts = kmeans(x, 20, 5)
    assert torch.cdist(means, x).amin(1).max() < 1e-5 and counts.sum() == 3
