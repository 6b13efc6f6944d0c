"""HuBERT: the loss of torchaudio's criterion on the same logits, what is masked, and what is learned."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.objectives.speech.hubert import HuBERT
from lit_pretrain.types import Ragged

LENGTHS = (40, 30, 50)


@pytest.fixture
def labelled(batch):
    """Which of the two tones it is, at every frame; the last ten of the second recording have no label."""
    labels = [((torch.arange(n // 4) * 4 // 24 + i) % 2) for i, n in enumerate(batch.lengths)]
    labels[1][-10:] = -1
    return replace(batch, unit_labels=Ragged(torch.cat(labels), LENGTHS))


@pytest.fixture
def model(encoder) -> HuBERT:
    return HuBERT(encoder, CosineHead(16, 2, code_dim=8), TimeSpans(0.6, 3), unmasked_weight=0.5)


def test_the_loss(model, labelled):
    """Written out for one unit after the other."""
    model.eval().generator.manual_seed(3)
    found = model.loss(labelled)
    model.generator.manual_seed(3)
    features = model.encoder.features(labelled)
    hidden = model.masking(features.layout, model.generator)
    units = model.encoder(labelled, mask=hidden).units
    sums, counts, right = [0.0, 0.0], [0, 0], 0
    for u, label in enumerate(labelled.unit_labels.values):
        if label == -1:
            continue
        cosines = torch.stack(
            [F.cosine_similarity(model.head.projection(units[u]), code, dim=0) for code in model.head.codes]
        )
        seen = int(not hidden[u])
        sums[seen] -= (cosines / 0.1).log_softmax(0)[label]
        counts[seen] += 1
        right += int(cosines.argmax() == label and hidden[u])
    for name, seen in (("masked", 0), ("unmasked", 1)):
        torch.testing.assert_close(found[name].sum, sums[seen], rtol=1e-4, atol=1e-4)
        assert found[name].count == counts[seen] > 10
    assert (found["masked"].weight, found["unmasked"].weight, found["feature_penalty"].weight) == (1.0, 0.5, 10.0)
    torch.testing.assert_close(found["feature_penalty"].sum, features.units.square().mean())
    assert found["accuracy"].sum == right and found["accuracy"].count == counts[0]
    of_label = [int((hidden & (labelled.unit_labels.values == label)).sum()) for label in (0, 1)]
    assert found["majority"].sum == max(of_label)


def test_the_network_does_not_see_what_it_predicts(model, labelled):
    features = model.eval().encoder.features(labelled)
    hidden = model.masking(features.layout, torch.Generator().manual_seed(0))
    seen = model.encoder(features, mask=hidden).units
    features.units = features.units.masked_fill(hidden[:, None], 9.0)
    assert torch.equal(model.encoder(features, mask=hidden).units, seen)


def test_it_learns(model, labelled):
    torch.manual_seed(0)
    model.masking = TimeSpans(0.3, 2)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        terms = model.loss(labelled)
        optimizer.zero_grad()
        sum(t.weight * t.sum / t.count for t in terms.values()).backward()
        optimizer.step()
        losses.append(float(terms["masked"].sum / terms["masked"].count))
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5]), losses
    assert all(p.grad is not None for p in model.parameters())


def test_mistakes(model, batch, labelled):
    with pytest.raises(ValueError, match=r"lit-pretrain units .* data\.init_args\.units"):
        model.loss(batch)
    with pytest.raises(ValueError, match="a unit label is 7, and the head has vocab_size=2"):
        model.loss(replace(batch, unit_labels=Ragged(torch.full((3,), 7), (1, 1, 1))))
    model.masking = TimeSpans(0.6, 60)
    with pytest.raises(ValueError, match="the longest has 50 units"):
        model.loss(labelled)
