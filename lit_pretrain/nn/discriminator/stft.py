"""Discriminators of spectrograms (EnCodec, arXiv 2210.13438). Legend: B recordings, S samples, T frames, F frequencies."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from lit_pretrain.part import Part


class Judged(NamedTuple):
    """
    Args:
        scores: (B, 1, T, f) how real each place of a spectrogram looks, without bounds.
        features: of each layer before it, (B, width, T, f).
    """

    scores: Tensor
    features: list[Tensor]


class STFTDiscriminators(Part):
    """A network for each window size: complex spectrogram -> convolutions over time and frequency -> scores.

    Real and imaginary parts are two channels. Kernels are 3 frames by 9 frequencies; three of the layers halve the
    frequencies, with dilations of 1, 2 and 4 in time.

    Args:
        windows: samples of a frame; the hop is a quarter. EnCodec has 2048, 1024, 512, 256 and 128 at 24 kHz.
        width: channels of all layers; 32 in EnCodec and FunCodec (arXiv 2309.07405).
    """

    def __init__(self, windows: Sequence[int] = (2048, 1024, 512, 256, 128), width: int = 32):
        super().__init__()
        self.windows = tuple(windows)
        self.networks = nn.ModuleList(Network(width) for _ in windows)

    def forward(self, waveforms: Tensor) -> list[Judged]:
        """(B, S) -> one for each window size.

        Raises:
            ValueError: recordings shorter than a window.
        """
        if waveforms.shape[1] < max(self.windows):
            raise ValueError(f"recordings of {waveforms.shape[1]} samples are shorter than a window of {max(self.windows)}:"
                             " take longer crops, or smaller windows for the discriminators")  # fmt: skip
        pairs = zip(self.networks, self.windows, strict=True)
        return [network(spectrogram(waveforms, window)) for network, window in pairs]


class Network(nn.Module):
    """(B, 2, T, F) -> `Judged`.

    Args:
        width: channels of all layers.
    """

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.ModuleList([weight_norm(nn.Conv2d(2, width, (3, 9), padding=(1, 4)))])
        for dilation in (1, 2, 4):
            layer = nn.Conv2d(width, width, (3, 9), (1, 2), padding=(dilation, 4), dilation=(dilation, 1))
            self.layers.append(weight_norm(layer))
        self.layers.append(weight_norm(nn.Conv2d(width, width, 3, padding=1)))
        self.out = weight_norm(nn.Conv2d(width, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Judged:
        x, features = x.to(self.out.bias.dtype), []
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), 0.2)
            features.append(x)
        return Judged(self.out(x), features)


def spectrogram(waveforms: Tensor, window: int) -> Tensor:
    """(B, S) -> (B, 2, T, F) in fp32, divided by the norm of the Hann window."""
    with torch.autocast(waveforms.device.type, enabled=False):
        hann = torch.hann_window(window, device=waveforms.device)
        x = torch.stft(waveforms.float(), window, window // 4, window=hann, center=False, return_complex=True)
        return torch.view_as_real(x / hann.square().sum().sqrt()).permute(0, 3, 2, 1)
