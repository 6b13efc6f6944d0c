"""STFTDiscriminators: torchaudio's spectrogram, plain convolutions by hand, and what they can tell apart."""

import pytest
import torch
import torch.nn.functional as F
from torchaudio.transforms import Spectrogram

from lit_pretrain.nn.discriminator.stft import STFTDiscriminators, spectrogram


def made(width: int = 4, windows: tuple[int, ...] = (64, 32)) -> STFTDiscriminators:
    torch.manual_seed(0)
    return STFTDiscriminators(windows, width)


def test_equals_torchaudio() -> None:
    waveforms = torch.randn(2, 400)
    expected = Spectrogram(64, hop_length=16, power=None, normalized=True, center=False)(waveforms)  # (B, F, T)
    torch.testing.assert_close(torch.view_as_complex(spectrogram(waveforms, 64).permute(0, 3, 2, 1).contiguous()), expected)


def test_layers_by_hand() -> None:
    model, waveforms = made(), torch.randn(2, 400)
    out = model(waveforms)[1]
    x = spectrogram(waveforms, 32)
    for i, (stride, dilation) in enumerate(((1, 1), (2, 1), (2, 2), (2, 4), (1, 1))):
        layer = model.networks[1].layers[i]
        padding = (dilation * (layer.kernel_size[0] // 2), layer.kernel_size[1] // 2)
        x = F.leaky_relu(F.conv2d(x, layer.weight, layer.bias, (1, stride), padding, (dilation, 1)), 0.2)
        torch.testing.assert_close(out.features[i], x)
    frames = (400 - 32) // 8 + 1
    assert out.scores.shape == (2, 1, frames, 3)  # 17 frequencies, halved three times


def test_it_learns_what_is_real() -> None:
    model, time = made(windows=(32,)), torch.arange(200) / 8
    real = torch.stack([(time * f).sin() for f in (1.0, 1.3, 1.9, 2.2)])
    fake = real + 0.3 * torch.randn(real.shape)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(20):
        optimizer.zero_grad()
        good, bad = (model(x)[0].scores.mean() for x in (real, fake))
        loss = F.relu(1 - good) + F.relu(1 + bad)
        loss.backward()
        optimizer.step()
    assert loss < 1, "of 2 for a network that knows nothing"


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="shorter than a window of 64"):
        made()(torch.zeros(1, 60))
