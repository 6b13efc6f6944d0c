"""The retrieval probe and ranks are those of loops over all pairs, and hold no matrix of all of them."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.part import build, spec
from lit_pretrain.probes.ranking import rank_scores, ranks_of_own, similarities
from lit_pretrain.probes.retrieval import RetrievalProbe


@pytest.fixture
def case() -> tuple[torch.Tensor, torch.Tensor]:
    """Classes of 1 to 9 examples that lie near each other, among others."""
    torch.manual_seed(0)
    labels = torch.repeat_interleave(torch.arange(9) * 3, torch.arange(1, 10))[torch.randperm(45)]
    return torch.randn(27, 6)[labels] + torch.randn(45, 6), labels


def by_hand(features: torch.Tensor, labels: torch.Tensor) -> list[float]:
    scores = []
    for q in range(len(labels)):
        near = [(-float(F.cosine_similarity(features[q], features[i], dim=0)), i) for i in range(len(labels)) if i != q]
        right = [bool(labels[i] == labels[q]) for _, i in sorted(near)]
        r = sum(right)
        if r:
            precision = [sum(right[: i + 1]) / (i + 1) for i in range(r)]
            average = sum(p for p, ok in zip(precision, right, strict=False) if ok) / r
            scores.append((average, precision[-1], 1 / (right.index(True) + 1)))
    return torch.tensor(scores, dtype=torch.float64).mean(0).tolist()


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_scores_are_those_of_a_loop(case, chunk):
    probe = RetrievalProbe(chunk=chunk).fit(*case)
    found = dict(probe.score(*case))
    assert list(found) == ["map_at_r", "r_precision", "mrr"] and probe.main == "map_at_r"
    assert list(found.values()) == pytest.approx(by_hand(*case), abs=1e-9)
    assert 0.05 < found["map_at_r"] < found["r_precision"] < found["mrr"] < 1


def test_the_mean_is_that_of_the_training_features(case):
    features, labels = case
    train = (features + 1, labels)
    found = dict(RetrievalProbe(centre=True).fit(*train).score(features + 30, labels))
    assert list(found.values()) == pytest.approx(by_hand(features + 30 - (features + 1).mean(0), labels), abs=1e-4)


def test_classes_far_apart_are_found_and_an_encoder_to_which_all_is_alike_finds_them_by_chance():
    labels = torch.arange(4).repeat_interleave(5)
    probe = RetrievalProbe().fit(torch.eye(4)[labels], labels)
    assert dict(probe.score(torch.eye(4)[labels], labels)) == {"map_at_r": 1, "r_precision": 1, "mrr": 1}
    assert dict(probe.score(torch.ones(20, 4), labels))["r_precision"] == pytest.approx(1 / 4)


def test_no_matrix_of_all_pairs_is_held():
    vectors = torch.randn(2000, 4)
    assert max(part.numel() for part in similarities(vectors, vectors, 50)) == 50 * 2000


@pytest.mark.parametrize("chunk", [1, 6, 64])
def test_ranks_are_those_of_a_loop(chunk):
    torch.manual_seed(1)
    answers = torch.randn(40, 5)
    queries = answers + torch.randn(40, 5)
    queries[7], answers[[3, 9]] = 0.0, answers[5].clone()  # a query to which all is alike, and answers that are the same
    cosines = F.cosine_similarity(queries.double()[:, None], answers.double()[None], dim=2)
    wanted = [sum(float(c) >= float(cosines[i, i]) - 1e-9 for c in cosines[i]) for i in range(40)]
    ranks = ranks_of_own(queries, answers, chunk)
    assert ranks.tolist() == wanted and wanted[7] == 40
    found = dict(rank_scores(ranks, (1, 5)))
    assert found["mrr"] == pytest.approx(sum(1 / r for r in wanted) / 40)
    assert found["recall_at_5"] == sum(r <= 5 for r in wanted) / 40 > found["recall_at_1"] > 0


def test_what_cannot_be_ranked_is_named(case):
    features = case[0]
    with pytest.raises(ValueError, match="no two of 3 examples"):
        RetrievalProbe().fit(*case).score(features[:3], torch.arange(3)).__next__()
    with pytest.raises(ValueError, match="chunk=0"):
        RetrievalProbe(chunk=0)
    with pytest.raises(ValueError, match=r"queries \(2, 3\) and answers \(4, 3\)"):
        ranks_of_own(torch.zeros(2, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="not finite"):
        ranks_of_own(torch.full((2, 3), torch.nan), torch.zeros(2, 3))
    assert spec(build(spec(RetrievalProbe(True, 3)))) == spec(RetrievalProbe(True, 3))
