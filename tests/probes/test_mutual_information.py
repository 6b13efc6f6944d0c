"""Clusters that are the labels tell all of them, clusters of anything else tell nothing."""

import math
import random

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from lit_pretrain.probes.mutual_information import mutual_information

SHARES = torch.tensor([0.5, 0.3, 0.2])
ENTROPY = -float((SHARES * SHARES.log()).sum())


@pytest.fixture
def blobs() -> tuple[torch.Tensor, torch.Tensor]:
    """(2000, 6) around three far centres, in the given shares, and whose each is."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat_interleave((2000 * SHARES).round().long())
    centres = 20 * torch.eye(6)[:3]
    return centres[labels] + torch.randn(2000, 6, generator=draw), labels


@pytest.mark.parametrize("clusters", [3, 12])
def test_separated_clusters_tell_all(blobs, clusters):
    found = mutual_information(*blobs, clusters=clusters)
    assert found.nats == pytest.approx(ENTROPY, rel=1e-6) and found.share == pytest.approx(1, rel=1e-6)


def test_two_clusters_tell_which_of_two_groups(blobs):
    """The two centres that are nearer each other fall into one cluster: what is told is the entropy of the groups."""
    features, labels = blobs
    features[labels == 2] += 200
    groups = torch.tensor([0.8, 0.2])
    assert mutual_information(features, labels, clusters=2).nats == pytest.approx(-float((groups * groups.log()).sum()))


def test_shuffled_labels_are_told_nothing_of(blobs):
    features, labels = blobs
    shuffled = labels[torch.randperm(2000, generator=torch.Generator().manual_seed(1))]
    found = mutual_information(features, shuffled, clusters=10)
    assert found.nats < 3 * (10 - 1) * (3 - 1) / (2 * 2000) and found.share == pytest.approx(found.nats / ENTROPY)


def test_clusters_may_be_made_of_other_rows(blobs):
    features, labels = blobs
    both = labels < 2
    found = mutual_information(features, labels, fitted_on=features[both], clusters=2)
    merged = min(mutual_info_score(labels, labels.where(both, torch.tensor(joined))) for joined in (0, 1))
    assert found.nats == pytest.approx(merged, abs=0.2) and found.share < 0.95, "the third centre has no cluster"


def test_few_rows_make_few_clusters():
    """With a cluster for each row, any labels would be told in full."""
    features, labels = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    assert mutual_information(features, labels, clusters=500).share < 0.5


def test_it_repeats_and_draws_from_no_shared_generator(blobs):
    features, labels = blobs
    blurred = features + 8 * torch.randn(features.shape, generator=torch.Generator().manual_seed(2))
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first = mutual_information(blurred, labels, clusters=20)
    assert first == mutual_information(blurred, labels, clusters=20) and 0 < first.nats < ENTROPY
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states


def test_what_there_is_nothing_to_know_about(blobs):
    features, labels = blobs
    assert mutual_information(features, torch.zeros_like(labels)) == (0, 0)
    assert mutual_information(torch.ones_like(features), labels).nats == 0
    assert math.isclose(mutual_information(features, labels, clusters=1).nats, 0, abs_tol=1e-12)
    with pytest.raises(ValueError, match="clusters=0"):
        mutual_information(features, labels, clusters=0)
    with pytest.raises(ValueError, match="not finite"):
        mutual_information(features / 0, labels)
