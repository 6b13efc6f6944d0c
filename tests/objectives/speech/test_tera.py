"""TERA: the parts alter what they say, one after the other, and the head restores it."""

import pytest
import torch

from lit_pretrain.corruptions.frequency_alteration import FrequencyAlteration
from lit_pretrain.corruptions.magnitude_alteration import MagnitudeAlteration
from lit_pretrain.corruptions.time_alteration import TimeAlteration
from lit_pretrain.objectives.speech.tera import TERA


def seen_by(model: TERA, batch) -> torch.Tensor:
    """The features that the network gets."""
    seen = []
    forward = model.encoder.forward
    model.encoder.forward = lambda inputs, **options: seen.append(inputs) or forward(inputs, **options)
    model.generator.manual_seed(5)
    model.loss(batch)
    model.encoder.forward = forward
    return seen[0].units


def test_frames_are_altered_by_each_part_in_turn(encoder, batch) -> None:
    parts = TimeAlteration(), FrequencyAlteration(0.5), MagnitudeAlteration(0.5)
    clean, generator = encoder.features(batch), torch.Generator().manual_seed(5)
    expected = clean.units
    for part in parts:
        expected = part(expected, clean.layout, generator)
    found = seen_by(TERA(encoder, 8, time=parts[0], frequency=parts[1], magnitude=parts[2]), batch)
    assert torch.equal(found, expected) and not torch.equal(found, clean.units)


@pytest.mark.parametrize("axis", ["time", "frequency", "magnitude"])
def test_each_part_by_itself(encoder, batch, axis: str) -> None:
    options = {"time": TimeAlteration(zero=1.0, swap=0.0), "frequency": FrequencyAlteration(1.0),
               "magnitude": MagnitudeAlteration(1.0)}  # fmt: skip
    off = {name: None for name in options if name != axis}
    clean, layout = encoder.features(batch).units, encoder.layout(batch)
    changed = seen_by(TERA(encoder, 8, **{axis: options[axis]}, **off), batch) != clean
    generator = torch.Generator().manual_seed(5)
    if axis == "time":
        chosen = options[axis].choose(layout, generator)[0]
        assert torch.equal(changed, chosen[:, None].expand_as(changed)) and changed.any()
    elif axis == "frequency":
        assert torch.equal(changed, options[axis].choose(8, layout, generator)[layout.example]) and changed.any()
    else:
        assert changed.all()


def test_the_loss_is_the_mean_over_all_frames(encoder, batch) -> None:
    model = TERA(encoder, 8).eval()
    altered, clean = seen_by(model, batch), encoder.features(batch)
    clean.units, target = altered, clean.units
    predicted = model.head(encoder(clean).units)
    model.generator.manual_seed(5)
    found = model.loss(batch)
    torch.testing.assert_close(found["tera"].sum / found["tera"].count, (predicted - target).abs().mean())
    copying = found["copying"]
    torch.testing.assert_close(copying.sum / copying.count, (altered - target).abs().mean())
    assert copying.weight == 0 and found["tera"].count == len(target)


def test_targets_are_constants(encoder, batch) -> None:
    """No gradient comes through the target: it is that of an error against fixed numbers."""
    model = TERA(encoder, 8).eval()
    model.generator.manual_seed(5)
    model.loss(batch)["tera"].sum.backward()
    found = encoder.embedding.frame.weight.grad.clone()
    encoder.zero_grad()
    altered, clean = seen_by(model, batch), encoder.features(batch)
    target, clean.units = clean.units.detach(), altered
    ((model.head(encoder(clean).units) - target).abs().sum() / 8).backward()
    torch.testing.assert_close(found, encoder.embedding.frame.weight.grad)


def test_it_learns(encoder, batch) -> None:
    model = TERA(encoder, 8)
    encoder.embedding.frame.requires_grad_(False)  # fixed features, as those of a spectrogram
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 3e-3)
    losses = []
    for _ in range(30):
        term = model.loss(batch)["tera"]
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()
        losses.append(term.sum.item() / term.count)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_mistakes(encoder, batch) -> None:
    with pytest.raises(ValueError, match="all null"):
        TERA(encoder, time=None, frequency=None, magnitude=None)
    with pytest.raises(ValueError, match="feature_dim=80: the front end's features have a width of 8"):
        TERA(encoder).loss(batch)
