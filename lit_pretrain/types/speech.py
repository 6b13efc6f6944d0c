"""Recordings as waveforms. Legend: B recordings, S samples of all recordings laid end to end."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lit_pretrain.types.batch import Batch


@dataclass
class SpeechBatch(Batch):
    """Recordings as waveforms, laid end to end.

    Args:
        waveforms: (S,) float32 between -1 and 1, of all recordings.
        lengths: samples of each recording.
        sample_rate: samples a second.
    """

    waveforms: Tensor
    lengths: tuple[int, ...]
    sample_rate: int

    @property
    def num_examples(self) -> int:
        return len(self.lengths)

    @property
    def num_units(self) -> int:
        return len(self.waveforms)

    def padded(self) -> Tensor:
        """(B, longest) the recordings side by side, zeros after their ends."""
        if len(set(self.lengths)) == 1:
            return self.waveforms.unflatten(0, (len(self.lengths), -1))
        return torch.nn.utils.rnn.pad_sequence(list(self.waveforms.split(self.lengths)), batch_first=True)

    def preview(self) -> Tensor:
        """(B, 1, 1, H, W): spectrograms as they are shown, time to the right and frequency upwards, between 0 (80 dB below
        the loudest) and 1; NaN after the end of a recording. Windows of 25 ms, 10 ms apart."""
        size, hop = round(0.025 * self.sample_rate), round(0.01 * self.sample_rate)
        window = torch.hann_window(size, device=self.waveforms.device)
        spectra = torch.stft(self.padded().float(), size, hop, window=window, return_complex=True).abs()  # (B, H, W)
        decibels = 20 * spectra.clamp(min=1e-9).log10()
        shown = 1 + ((decibels - decibels.amax((1, 2), keepdim=True)) / 80).clamp(min=-1)
        ends = torch.tensor(self.lengths, device=shown.device)[:, None, None]
        shown = shown.masked_fill(torch.arange(shown.shape[2], device=shown.device) * hop > ends, torch.nan)
        return shown.flip(1)[:, None, None]
