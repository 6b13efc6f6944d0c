"""Speech2C: HuBERT's terms, what the decoder writes, and that it reads the recording."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.encoders.modern import Decoder
from lit_pretrain.nn.head.cosine import CosineHead
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.objectives.speech.hubert import HuBERT
from lit_pretrain.objectives.speech.speech2c import Speech2C, written
from lit_pretrain.types import Ragged, TextBatch

LENGTHS = (40, 30, 50)


@pytest.fixture
def labelled(batch):
    labels = [((torch.arange(n // 4) * 4 // 24 + i) % 2) for i, n in enumerate(batch.lengths)]
    return replace(batch, unit_labels=Ragged(torch.cat(labels), LENGTHS))


@pytest.fixture
def model(encoder) -> Speech2C:
    return Speech2C(encoder, Decoder(3, 16, 1, 2), CosineHead(16, 2, 8), LinearHead(16, 3), TimeSpans(0.3, 2))


def test_repetitions_are_written_once():
    labels = Ragged(torch.tensor([4, 4, 2, 2, 2, 4, -1, -1, 4, 4, 1, -1]), (8, 3, 0, 1))
    found = written(labels, 9)
    assert [own.tolist() for own in found.split()] == [[4, 2, 4, 9], [4, 1, 9], [9], [9]]


def test_the_loss(model, labelled):
    """HuBERT's terms with the same draws, and the decoder's written out for one recording after the other."""
    model.eval().generator.manual_seed(3)
    found = model.loss(labelled)
    hubert = HuBERT(model.encoder, model.head, model.masking).eval()
    hubert.generator.manual_seed(3)
    for name, term in hubert.loss(labelled).items():
        torch.testing.assert_close(found[name], term)
    model.generator.manual_seed(3)
    features = model.encoder.features(labelled)
    source = model.encoder(labelled, mask=model.masking(features.layout, model.generator))
    total, number = torch.zeros(()), 0
    for i, own in enumerate(labelled.unit_labels.split()):
        sequence = [2]
        for label in own.tolist():
            sequence += [label] if label != sequence[-1] else []
        target = torch.tensor([*sequence[1:], 2])
        alone = replace(source, units=source.units.split(LENGTHS)[i], layout=replace(source.layout, lengths=(LENGTHS[i],)))
        units = model.decoder(TextBatch(torch.tensor(sequence), (len(sequence),)), source=alone).units
        total, number = total + F.cross_entropy(model.decoder_head.out(units), target, reduction="sum"), number + len(target)
    assert found["decoder"].count == number and found["decoder"].weight == 1.0
    torch.testing.assert_close(found["decoder"].sum, total, rtol=1e-4, atol=1e-4)


def test_the_decoder_sees_what_comes_before_and_the_recording(model, labelled):
    model.eval()
    source = model.encoder(labelled)
    target = written(labelled.unit_labels, 2)
    alone = source.units.split(LENGTHS)[0]

    def nll(values, units=source.units):
        logits = model.decoder_head(model.decoder(TextBatch(values.roll(1), target.lengths),
                                                  source=replace(source, units=units)).units, model.decoder)  # fmt: skip
        return F.cross_entropy(logits, target.values, reduction="none")

    last = target.values.clone()
    last[target.lengths[0] - 2] = 1 - last[target.lengths[0] - 2]  # the last label of the first recording
    changed = nll(last) - nll(target.values)
    assert changed.nonzero().flatten().tolist() == [target.lengths[0] - 1]
    other = torch.cat([alone.flip(1), source.units[len(alone) :]])
    changed = (nll(target.values, other) - nll(target.values)).abs() > 1e-6
    assert changed[: target.lengths[0]].all() and not changed[target.lengths[0] :].any()


def test_it_learns(model, labelled):
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = {"masked": [], "decoder": []}
    for _ in range(30):
        terms = model.loss(labelled)
        optimizer.zero_grad()
        sum(t.weight * t.sum / t.count for t in terms.values()).backward()
        optimizer.step()
        for name, values in losses.items():
            values.append(float(terms[name].sum / terms[name].count))
    for values in losses.values():
        assert sum(values[-5:]) < 0.7 * sum(values[:5]), losses
    assert all(p.grad is not None for p in model.parameters())


def test_mistakes(encoder, model, batch):
    with pytest.raises(ValueError, match="vocab_size=2 must be the head's 2 and one more"):
        Speech2C(encoder, Decoder(2, 16, 1, 2), CosineHead(16, 2), LinearHead(16, 3))
    with pytest.raises(ValueError, match="lit-pretrain units"):
        model.loss(batch)
