"""Convolutions of the waveform (wav2vec 2.0, arXiv 2006.11477).

Legend: B recordings, S samples of the longest, C channels, T frames of one layer for the longest recording, U units, F
channels of the last layer, D width of the network.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.embedding.windows import check_rate
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.types import Batch, Layout, SpeechBatch, UnitBatch


class WaveformConvolutions(FrontEnd):
    """Features: [convolution -> norm -> GELU] for each layer, (U, F). Units: dropout(linear(norm(features))), (U, D).

    Recordings are computed side by side, and each gets what it gets alone. (transformers' model with norm="group" takes
    mean and variance over the padding too, so that its result depends on how far a recording is padded.)

    Args:
        dim: D.
        sample_rate: samples a second.
        channels: C of each layer.
        kernels: widths of the kernels of each layer.
        strides: of each layer; their product is the hop.
        norm: "group": after the first layer only, of each channel over the recording; "layer": after every layer, of each
            frame over its channels.
        bias: of the convolutions.
        normalise: give each waveform mean 0 and variance 1.
        gradient_scale: factor on the gradient that reaches the convolutions; 0.1 in wav2vec 2.0 base.
        dropout: of the units.
        eps: of the norm before the linear map.
    """

    def __init__(
        self,
        dim: int,
        sample_rate: int = 16000,
        channels: Sequence[int] = (512,) * 7,
        kernels: Sequence[int] = (10, 3, 3, 3, 3, 2, 2),
        strides: Sequence[int] = (5, 2, 2, 2, 2, 2, 2),
        *,
        norm: Literal["group", "layer"] = "group",
        bias: bool = False,
        normalise: bool = False,
        gradient_scale: float = 0.1,
        dropout: float = 0.0,
        eps: float = 1e-5,
    ):
        super().__init__()
        if not len(channels) == len(kernels) == len(strides) > 0:
            raise ValueError(f"channels={list(channels)}, kernels={list(kernels)} and strides={list(strides)} must have one"
                             " number for each layer")  # fmt: skip
        if gradient_scale <= 0:
            raise ValueError(f"gradient_scale={gradient_scale} must be above 0; 1 leaves gradients as they are")
        self.dim, self.sample_rate, self.feature_dim = dim, sample_rate, channels[-1]
        self.hop = math.prod(strides)
        self.normalise, self.gradient_scale = normalise, gradient_scale
        self.convolutions = nn.ModuleList(
            nn.Conv1d(*widths, kernel, stride, bias=bias)
            for *widths, kernel, stride in zip((1, *channels[:-1]), channels, kernels, strides, strict=True)
        )
        after_first = [_RecordingNorm(channels[0])]
        self.norms = nn.ModuleList(after_first if norm == "group" else map(_ChannelNorm, channels))
        self.norm, self.linear = LayerNorm(channels[-1], eps), nn.Linear(channels[-1], dim)
        self.dropout = nn.Dropout(dropout)

    def layout(self, inputs: Batch) -> Layout:
        if isinstance(inputs, UnitBatch):
            return inputs.layout
        return Layout(self._counts(inputs)[-1], inputs.waveforms.device)

    def features(self, inputs: SpeechBatch) -> UnitBatch:
        """
        Raises:
            ValueError: recordings of another sample rate, or too short for one unit.
        """
        counts = self._counts(inputs)
        x = (_standardised(inputs) if self.normalise else inputs).padded()[:, None]  # (B, 1, S)
        x = x.to(self.linear.weight.dtype)
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x)
            x = self.norms[i](x, counts[i]) if i < len(self.norms) else x
            x = functional.gelu(x)  # (B, C, T)
        layout = Layout(counts[-1], x.device)
        units = x.mT[layout.example, layout.position]
        if units.requires_grad and self.gradient_scale != 1:
            units.register_hook(lambda gradient: gradient * self.gradient_scale)
        return UnitBatch(units, layout, labels=inputs.labels, index=inputs.index, unit_labels=inputs.unit_labels,
                         target=inputs.target)  # fmt: skip

    def project(self, features: Tensor, layout: Layout) -> Tensor:
        return self.dropout(self.linear(self.norm(features)))

    def _counts(self, inputs: SpeechBatch) -> list[tuple[int, ...]]:
        """Of each layer, the frames of each recording."""
        check_rate(inputs, self.sample_rate)
        counts, lengths = [], inputs.lengths
        for convolution in self.convolutions:
            (kernel,), (stride,) = convolution.kernel_size, convolution.stride
            lengths = tuple((n - kernel) // stride + 1 for n in lengths)
            counts.append(lengths)
        if min(lengths) < 1:
            raise ValueError(f"a recording of {min(inputs.lengths)} samples is too short: one unit takes {self._shortest()};"
                             " leave such recordings out")  # fmt: skip
        return counts

    def _shortest(self) -> int:
        samples = 1
        for convolution in reversed(self.convolutions):
            samples = (samples - 1) * convolution.stride[0] + convolution.kernel_size[0]
        return samples


class _RecordingNorm(nn.Module):
    """Group norm with one group a channel, over the frames of a recording and not its padding; in fp32."""

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.weight, self.bias, self.eps = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels)), eps

    def forward(self, x: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """(B, C, T) of which the first `lengths` frames count -> (B, C, T)."""
        y, weight, bias = x.float(), self.weight.float(), self.bias.float()
        if len(set(lengths)) == 1 and lengths[0] == x.shape[2]:
            return functional.group_norm(y, len(weight), weight, bias, self.eps).to(x.dtype)
        count = torch.tensor(lengths, device=x.device)[:, None, None]
        valid = torch.arange(x.shape[2], device=x.device) < count  # (B, 1, T)
        centred = y - (y * valid).sum(2, keepdim=True) / count
        variance = (centred.square() * valid).sum(2, keepdim=True) / count
        return (centred * (variance + self.eps).rsqrt() * weight[:, None] + bias[:, None]).to(x.dtype)


class _ChannelNorm(LayerNorm):
    """Layer norm of each frame over its channels."""

    def forward(self, x: Tensor, lengths: tuple[int, ...]) -> Tensor:
        """(B, C, T) -> (B, C, T)."""
        return super().forward(x.mT).mT


def _standardised(inputs: SpeechBatch) -> SpeechBatch:
    """Each waveform with mean 0 and variance 1."""
    waveforms = inputs.waveforms.float().split(inputs.lengths)
    made = [(w - w.mean()) * (w.var(correction=0) + 1e-7).rsqrt() for w in waveforms]
    return replace(inputs, waveforms=torch.cat(made))
