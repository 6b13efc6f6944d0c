"""What the speech encoders of other libraries have in common.

Legend: B recordings, S samples of the longest, T units of the longest, U units of all recordings end to end, D width.
"""

from abc import abstractmethod

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lit_pretrain.nn.embedding.windows import check_rate
from lit_pretrain.nn.pooling.base import Pooling
from lit_pretrain.types import Encoded, Encoder, Layout, SpeechBatch


class SpeechAdapter(Encoder):
    """Recordings are padded for the library's model, and the padding is dropped again.

    A recording's units do not depend on its neighbours: where padding would change them, only recordings of one length
    are computed together. Ranks then differ in how often they pass the blocks, which strategies that shard blocks
    (FSDP) do not bear; give them recordings of one length.

    Args:
        pooling: one vector a recording.
        sample_rate: samples a second.

    Attributes:
        model: of the library.
        normalise: each recording gets mean 0 and variance 1.
        eps: what is added to that variance.
        paddable: padding changes nothing, if the model is told where it is.
        maskable: the model has a vector for masked units.
    """

    model: torch.nn.Module
    normalise: bool
    eps: float
    paddable: bool
    maskable: bool

    def __init__(self, pooling: Pooling, sample_rate: int):
        super().__init__()
        self.pooling, self.sample_rate = pooling, sample_rate

    @abstractmethod
    def _counts(self, lengths: tuple[int, ...]) -> tuple[int, ...]:
        """Units of recordings of so many samples; below 1: too few samples."""

    @abstractmethod
    def _states(self, waveforms: Tensor, lengths: Tensor | None, mask: Tensor | None, layers: bool) -> list[Tensor]:
        """What the model computes.

        Args:
            waveforms: (B, S).
            lengths: (B,) samples; None: all are of one length.
            mask: (B, T) bool, units that are replaced by the mask vector.
            layers: also give the input of the first block and the outputs of all, before the units.

        Returns:
            each (B, T, D); the units come last.
        """

    def layout(self, inputs: SpeechBatch) -> Layout:
        """
        Raises:
            ValueError: recordings of another sample rate, or too short for one unit.
        """
        check_rate(inputs, self.sample_rate)
        counts = self._counts(inputs.lengths)
        if min(counts) < 1:
            raise ValueError(f"a recording of {min(inputs.lengths)} samples is too short for one unit of"
                             f" {type(self.model).__name__}; leave such recordings out")  # fmt: skip
        return Layout(counts, inputs.waveforms.device)

    def forward(
        self, inputs: SpeechBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        name = type(self.model).__name__
        if keep is not None:
            raise ValueError(f"{name} cannot be told the positions of its units, so none can be left out (keep)")
        if mask is not None and not self.maskable:
            raise ValueError(f"{name} has no vector for masked units; use an encoder built with maskable=true, such as"
                             " lit_pretrain.encoders.wav2vec2.Wav2Vec2")  # fmt: skip
        layout = self.layout(inputs)
        recordings = self._recordings(inputs)
        masks = None if mask is None else mask.split(layout.lengths)
        parts: list[list[Tensor]] = [[] for _ in recordings]  # of each recording its (T, D) of every state
        for numbers in self._runs(inputs.lengths):
            samples = [inputs.lengths[n] for n in numbers]
            lengths = torch.tensor(samples, device=inputs.waveforms.device) if len(set(samples)) > 1 else None
            hidden = None if masks is None else pad_sequence([masks[n] for n in numbers], batch_first=True)
            states = self._states(pad_sequence([recordings[n] for n in numbers], batch_first=True), lengths, hidden, layers)
            if any(x.shape[1] != states[-1].shape[1] for x in states):
                raise ValueError(f"the blocks of {name} pass {states[0].shape[1]} frames where it gives"
                                 f" {states[-1].shape[1]} units, so its layers cannot be named (layers)")  # fmt: skip
            for row, n in enumerate(numbers):
                parts[n] = [x[row, : layout.lengths[n]] for x in states]
        *states, units = (torch.cat(x) for x in zip(*parts, strict=True))
        names = ["embedding", *(f"block{i:02d}" for i in range(self.num_layers))] if layers else []
        return Encoded(self.pooling(units, layout), units, layout, dict(zip(names, states, strict=True)))

    def _recordings(self, inputs: SpeechBatch) -> list[Tensor]:
        waveforms = inputs.waveforms.float().split(inputs.lengths)
        if self.normalise:
            waveforms = [functional.layer_norm(x, x.shape, eps=self.eps) for x in waveforms]
        dtype = next(self.model.parameters()).dtype
        return [x.to(dtype) for x in waveforms]

    def _runs(self, lengths: tuple[int, ...]) -> list[list[int]]:
        """Numbers of the recordings that are computed together."""
        if self.paddable:
            return [list(range(len(lengths)))]
        runs: dict[int, list[int]] = {}
        for number, length in enumerate(lengths):
            runs.setdefault(length, []).append(number)
        return list(runs.values())
