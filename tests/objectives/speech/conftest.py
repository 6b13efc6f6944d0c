"""Recordings of four sounds that take turns, and a tiny network over frames of them."""

import pytest
import torch
from torch import Tensor, nn

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.encoders.vit import vit_block
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.types import Batch, Layout, SpeechBatch, UnitBatch


class Frames(FrontEnd):
    """Features are linear in a frame's samples."""

    def __init__(self, feature_dim: int = 8, dim: int = 16, hop: int = 4):
        super().__init__()
        self.feature_dim, self.dim, self.hop, self.sample_rate = feature_dim, dim, hop, 100
        self.frame, self.projection = nn.Linear(hop, feature_dim), nn.Linear(feature_dim, dim)

    def layout(self, inputs: Batch) -> Layout:
        if isinstance(inputs, UnitBatch):
            return inputs.layout
        return Layout(tuple(n // self.hop for n in inputs.lengths), inputs.waveforms.device)

    def features(self, inputs: SpeechBatch) -> UnitBatch:
        frames = [x[: len(x) // self.hop * self.hop] for x in inputs.waveforms.split(inputs.lengths)]
        return UnitBatch(self.frame(torch.cat(frames).unflatten(0, (-1, self.hop))), self.layout(inputs))

    def project(self, features: Tensor, layout: Layout) -> Tensor:
        return self.projection(features)


@pytest.fixture
def encoder() -> Transformer:
    torch.manual_seed(0)
    return Transformer(Frames(), vit_block(16, 2, None, 0.0, "gelu", 1e-6), Plain(1), Sinusoidal(16),
                       final_norm=LayerNorm(16), maskable=True)  # fmt: skip


@pytest.fixture
def batch() -> SpeechBatch:
    sounds = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))  # each fills frame after frame
    lengths = (160, 121, 202)
    waveforms = [sounds[(torch.arange(n) // 48 + i) % 4, torch.arange(n) % 4] for i, n in enumerate(lengths)]
    return SpeechBatch(torch.cat(waveforms), lengths, sample_rate=100)
