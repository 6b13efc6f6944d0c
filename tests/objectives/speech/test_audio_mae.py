"""AudioMAE: a loss written out patch by patch, an encoder that never sees what is hidden, and what is learned."""

import pytest
import torch

from lit_pretrain.corruptions.time_frequency import TimeFrequency
from lit_pretrain.encoders.spectrogram_vit import SpectrogramViT
from lit_pretrain.encoders.vit import ViTDecoder
from lit_pretrain.nn.embedding.log_mel_patches import LogMelPatches
from lit_pretrain.objectives.speech.audio_mae import AudioMAE
from lit_pretrain.types import SpeechBatch

RATE, LENGTHS = 8000, (1400, 900, 1400)  # 16, 9 and 16 frames


@pytest.fixture
def tones() -> SpeechBatch:
    time = torch.arange(sum(LENGTHS))
    noise = torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0))
    return SpeechBatch((time * 0.5).sin() * (time // 300 % 2) + (time * 1.7).sin() + 0.1 * noise, LENGTHS, RATE)


def audio_mae(patch_size: int | tuple[int, int] = 4, **options) -> AudioMAE:
    torch.manual_seed(0)
    encoder = SpectrogramViT(LogMelPatches(16, 16, RATE, mels=12, patch_size=patch_size), 2, 2)
    return AudioMAE(encoder, ViTDecoder(8, 1, 2), patch_size=patch_size, **options)


def test_the_loss(tones):
    model = audio_mae().eval()
    model.generator.manual_seed(3)
    found = model.loss(tones)["audio_mae"]
    model.generator.manual_seed(3)
    patches = model.patches(tones)
    hidden = model.masking(patches.layout, model.generator)
    predicted, errors = model.predict(patches, hidden), []
    for u in hidden.nonzero().flatten():
        target = patches.units[u]
        target = (target - target.mean()) / (target.var() + 1e-6).sqrt()
        errors.append((predicted[u] - target).square().mean())
    assert [int(x.sum()) for x in hidden.split((12, 9, 12))] == [10, 8, 10] and found.count == 28
    torch.testing.assert_close(found.sum, torch.stack(errors).sum())


def test_hidden_patches_reach_the_target_only(tones):
    model = audio_mae().eval()
    patches = model.patches(tones)
    hidden = model.masking(patches.layout, torch.Generator().manual_seed(0))
    before = model.predict(patches, hidden)
    patches.units = patches.units.masked_fill(hidden[:, None], 7.0)
    assert torch.equal(model.predict(patches, hidden), before)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"masking": TimeFrequency(0.5, 0.4), "normalise": False},
        {"patch_size": (2, 12)},
    ],
    ids=["random", "lines", "stretches"],
)
def test_it_learns(tones, options):
    model = audio_mae(**options)
    model.generator.manual_seed(0)
    optimizer, losses = torch.optim.Adam(model.parameters(), 3e-3), []
    for _ in range(30):
        term = model.loss(tones)["audio_mae"]
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()
        losses.append(float(term.sum / term.count))
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5]), losses
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("patch_size", [4, (4, 2), (4, 12)])
def test_pictures(tones, patch_size):
    model = audio_mae(patch_size).eval()
    (rows,) = model.pictures(tones).values()
    assert rows.shape == (3, 3, 1, 12, 16) and rows[1, :, :, :, 12:].isnan().all() and not rows[1, ..., :12].isnan().any()
    assert rows.nan_to_num().min() == 0 and rows.nan_to_num().max() == 1
    original = model.encoder.embedding.spectrograms(tones).mT.flip(1)[:, None]
    original[1, ..., 12:] = torch.nan
    low, high = original[~original.isnan()].aminmax()
    torch.testing.assert_close(rows[:, 2], (original - low) / (high - low), rtol=1e-4, atol=1e-4, equal_nan=True)
    seen = ((rows[:, 0] == rows[:, 2]) & (rows[:, 2] > 0)).all(1)  # what is hidden is drawn as 0
    assert torch.equal(rows[:, 1, 0][seen], rows[:, 2, 0][seen]) and 0.1 < seen.float().mean() < 0.3


def test_mistakes(tones):
    model = audio_mae()
    model.patch_size = (8, 8)
    with pytest.raises(ValueError, match=r"patch_size=\(8, 8\), and the encoder's patches have 16 numbers"):
        model.loss(tones)
