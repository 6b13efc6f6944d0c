"""Ranks, uniformity and isotropy of point clouds whose geometry is known, and against sums over all pairs."""

import math

import pytest
import torch

from lit_pretrain.probes.geometry import alignment, effective_rank, mean_cosine, partition_isotropy, rankme, uniformity


@pytest.fixture
def cloud() -> torch.Tensor:
    return torch.randn(60, 5, generator=torch.Generator().manual_seed(0)) + torch.tensor([2.0, 0, 0, 0, 0])


def test_effective_rank():
    assert effective_rank(torch.ones(5, 3)) == 0.0
    axes = torch.cat([torch.eye(4), -torch.eye(4)])
    assert effective_rank(axes) == pytest.approx(4.0, rel=1e-5)
    assert effective_rank(axes * torch.tensor([1.0, 0, 0, 0])) == pytest.approx(1.0, rel=1e-5)
    assert effective_rank(axes + 100) == pytest.approx(4.0, rel=1e-3), "a shift changes nothing"


def test_rankme_is_the_papers_formula(cloud):
    p = torch.linalg.svd(cloud, full_matrices=False).S
    p = p / p.sum() + 1e-7
    assert rankme(cloud) == pytest.approx(float((-p * p.log()).sum().exp()), rel=1e-5)
    assert rankme(torch.eye(4)) == pytest.approx(4, rel=1e-4) and rankme(torch.zeros(4, 3)) == 0
    assert rankme(torch.eye(4) + 100) < 1.2, "a shared direction counts"


def test_alignment_and_uniformity_are_sums_over_pairs(cloud):
    unit = cloud / cloud.norm(dim=1, keepdim=True)
    x, y = unit[:30], unit[30:]
    expected = sum(float((a - b).norm()) ** 3 for a, b in zip(x, y, strict=True)) / 30
    assert alignment(cloud[:30], 7 * cloud[30:], alpha=3) == pytest.approx(expected, rel=1e-5)
    pairs = [math.exp(-2 * float((unit[i] - unit[j]).square().sum())) for i in range(60) for j in range(i)]
    assert uniformity(3 * cloud) == pytest.approx(math.log(sum(pairs) / len(pairs)), rel=1e-5)
    assert alignment(cloud, 2 * cloud) == 0 and uniformity(torch.ones(9, 4)) == 0
    around = torch.randn(2000, 512, generator=torch.Generator().manual_seed(1))
    assert uniformity(around) == pytest.approx(-4, abs=0.05) and alignment(around, around.roll(1, 0)) == pytest.approx(
        2, 0.01
    )


def test_mean_cosine_is_that_of_all_pairs(cloud):
    cosines = [torch.cosine_similarity(cloud[i], cloud[j], dim=0) for i in range(60) for j in range(i)]
    assert mean_cosine(cloud) == pytest.approx(float(torch.stack(cosines).mean()), rel=1e-5)
    assert mean_cosine(torch.ones(4, 3)) == pytest.approx(1)
    assert mean_cosine(torch.cat([torch.eye(3), -torch.eye(3)])) == pytest.approx(-1 / 5)


def test_partition_isotropy(cloud):
    x = cloud.double() / cloud.double().norm(dim=1).mean()
    directions = torch.linalg.svd(x, full_matrices=False).Vh
    z = [float((sign * x @ c).exp().sum()) for c in directions for sign in (1, -1)]
    assert partition_isotropy(cloud) == pytest.approx(min(z) / max(z), rel=1e-6) and min(z) < 0.5 * max(z)
    assert partition_isotropy(9 * cloud) == pytest.approx(partition_isotropy(cloud), rel=1e-6)
    axes = torch.cat([torch.eye(4), -torch.eye(4)])
    assert partition_isotropy(axes) == pytest.approx(1) and partition_isotropy(axes + 50) < 0.2
