"""A relation that two heads know together is found, and one that none knows is not."""

import pytest
import torch

from lit_pretrain.probes.attention_probe import AttentionProbe, Candidates, log_sums


def examples(count: int, seed: int, known: bool = True) -> Candidates:
    """Of two heads each attends to the partner and to a decoy of its own, by the same half; a third head is noise."""
    draw, parts = torch.Generator().manual_seed(seed), []
    for _ in range(count):
        units = torch.stack([torch.randperm(10, generator=draw)[:3] for _ in range(10)])  # of each unit three others
        weights = torch.rand(3, 10, 10, generator=draw) / 100
        for unit, (partner, *decoys) in enumerate(units.tolist()):
            for head, decoy in enumerate(decoys):
                weights[head, unit, [partner if known else decoy, decoy]] += 0.5
        rows = torch.arange(10)
        pairs = torch.stack([rows, rows + 1, units[:, 0], units[:, 0] + 1], 1)[units[:, 0] != rows]
        parts.append(Candidates.of([weights[:2], weights[2:]], torch.ones(10, dtype=torch.bool), pairs))
    return Candidates.cat(parts)


def test_heads_know_together_what_none_knows_alone():
    train, held = examples(40, 0), examples(20, 1)
    assert AttentionProbe().fit(train).accuracy(held) > 0.9

    def alone(head: int) -> float:
        chosen = torch.zeros(6, dtype=torch.bool).index_fill(0, torch.tensor([head, head + 3]), True)
        one = [Candidates(c.features * chosen, c.pair, c.right, c.pairs) for c in (train, held)]
        return AttentionProbe().fit(one[0]).accuracy(one[1])

    assert max(alone(0), alone(1)) < 0.75 and alone(2) < 0.25
    nothing = AttentionProbe().fit(examples(40, 0, known=False)).accuracy(examples(20, 1, known=False))
    assert nothing < 0.3


def test_candidates_are_those_of_a_loop():
    draw = torch.Generator().manual_seed(0)
    layers = [torch.randn(2, 6, 6, generator=draw).softmax(-1) for _ in range(2)]
    among = torch.tensor([True, True, True, False, True, True])
    pairs = torch.tensor([[0, 2, 4, 6], [5, 6, 2, 4]])
    found = Candidates.of(layers, among, pairs)
    rows = [(p, u) for p, (start, stop, *_) in enumerate(pairs.tolist())
            for u in range(6) if among[u] and not start <= u < stop]  # fmt: skip
    assert found.pair.tolist() == [p for p, _ in rows] and found.pairs == 2
    for (p, u), features, right in zip(rows, found.features, found.right.tolist(), strict=True):
        start, stop, first, after = pairs[p].tolist()
        to = [float(layer[h, start:stop, u].mean()) for layer in layers for h in range(2)]
        back = [float(layer[h, u, start:stop].mean()) for layer in layers for h in range(2)]
        assert features.tolist() == pytest.approx(to + back, rel=1e-5) and right == (first <= u < after)


def test_sums_and_inference_mode():
    scores, pair = torch.tensor([1.0, 2, 3, 1000]), torch.tensor([0, 0, 2, 3])
    found = log_sums(scores, pair, 4)
    assert found[0] == pytest.approx(float(scores[:2].logsumexp(0))) and found[1] == -torch.inf
    assert found[2:].tolist() == [3, 1000], "however far apart they are"
    train = examples(5, 0)
    outside = AttentionProbe(steps=5).fit(train).weight
    with torch.inference_mode():
        assert torch.equal(AttentionProbe(steps=5).fit(examples(5, 0)).weight, outside)
    with pytest.raises(ValueError, match="steps=0"):
        AttentionProbe(steps=0)
