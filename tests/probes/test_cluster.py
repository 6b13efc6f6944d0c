"""Clusters are scikit-learn's, and scores are those of a search through all pairings."""

import itertools
import random

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from lit_pretrain.probes.cluster import ClusterProbe


def blobs(n: int, spread: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=draw)
    return 4 * torch.eye(5)[labels] + spread * torch.randn(n, 5, generator=draw), labels + 7


def test_scores_are_those_of_scikit_learns_clusters():
    train, (features, labels) = blobs(300, 1.5, 0), blobs(200, 1.5, 1)
    probe = ClusterProbe(clusters=4).fit(*train)
    theirs = KMeans(4, n_init=10, random_state=0).fit(train[0].numpy()).predict(features.numpy())
    assert np.array_equal(probe.assign(features).numpy(), theirs)
    found = dict(probe.score(features, labels))
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(labels, theirs)) and 0.3 < found["nmi"] < 0.99
    assert found["ari"] == pytest.approx(adjusted_rand_score(labels, theirs))
    pairings = itertools.permutations(range(4), 3)
    best = max(sum(((theirs == c) & (labels.numpy() == 7 + y)).sum() for y, c in enumerate(p)) for p in pairings)
    assert found["accuracy"] == pytest.approx(best / 200)


def test_separate_classes_are_found_without_their_labels():
    (features, labels), test = blobs(200, 0.3, 0), blobs(100, 0.3, 1)
    shuffled = labels[torch.randperm(200, generator=torch.Generator().manual_seed(0))]
    found = dict(ClusterProbe().fit(features, shuffled).score(*test))
    assert found == pytest.approx({"nmi": 1, "ari": 1, "accuracy": 1})
    found = dict(ClusterProbe(clusters=2).fit(features, labels).score(*test))
    assert found["accuracy"] < 0.75 and found["nmi"] < 0.9, "three classes do not fit into two clusters"


def test_directions_are_clustered_whatever_their_length():
    features, labels = blobs(300, 0.3, 0)
    features = features * torch.logspace(-1, 2, 300)[torch.randperm(300)][:, None]
    assert dict(ClusterProbe(normalise=True).fit(features, labels).score(features, labels))["ari"] == pytest.approx(1)
    assert dict(ClusterProbe().fit(features, labels).score(features, labels))["ari"] < 0.5


def test_the_table_counts_classes_that_training_lacks():
    features, labels = blobs(200, 0.3, 0)
    probe = ClusterProbe().fit(features[labels < 9], labels[labels < 9])
    table = probe.table(features, labels)
    assert table.shape == (3, 2) and table.sum(1).tolist() == labels.bincount()[7:].tolist()


def test_it_repeats_and_draws_from_no_shared_generator():
    train = blobs(200, 3.0, 0)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first = dict(ClusterProbe(starts=1).fit(*train).score(*train))
    assert dict(ClusterProbe(starts=1).fit(*train).score(*train)) == first
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == states
    with pytest.raises(ValueError, match="clusters=300"):
        ClusterProbe(clusters=300).fit(*train)
    with pytest.raises(ValueError, match="starts=0"):
        ClusterProbe(starts=0)
