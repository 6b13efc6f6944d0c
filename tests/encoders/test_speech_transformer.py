"""One stack over every front end of speech."""

import pytest
import torch

from lit_pretrain.encoders.speech_transformer import SpeechTransformer
from lit_pretrain.nn.embedding.front_end import FrontEnd
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.embedding.mfcc import MFCCFrames
from lit_pretrain.nn.embedding.waveform_convolutions import WaveformConvolutions
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

LENGTHS = (900, 1700, 345)
FRONT_ENDS = [
    LogMelFrames(8, 8000, mels=10),
    MFCCFrames(8, 8000, stack=2),
    WaveformConvolutions(8, 8000, (4, 4), (10, 8), (5, 4)),
]
BATCH = SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0)) * 0.1, LENGTHS, 8000)


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=lambda part: type(part).__name__)
@torch.no_grad()
def test_over_every_front_end(front_end: FrontEnd) -> None:
    net = SpeechTransformer(front_end, 2, 2, maskable=True).eval()
    whole, features = net(BATCH), net.features(BATCH)
    assert (
        net.dim == 8
        and whole.units.shape == (whole.layout.num_units, 8)
        and features.units.shape[1] == front_end.feature_dim
    )
    assert torch.equal(net(features).units, whole.units) and net.layout(BATCH).lengths == whole.layout.lengths
    for waveform, own in zip(BATCH.waveforms.split(LENGTHS), whole.units.split(whole.layout.lengths), strict=True):
        alone = net(SpeechBatch(waveform, (len(waveform),), 8000)).units
        torch.testing.assert_close(alone, own, atol=1e-3, rtol=1e-3)
    keep = torch.arange(whole.layout.num_units) % 2 == 0
    assert len(net(BATCH, keep=keep).units) == int(keep.sum())
    again = build(spec(net)).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(BATCH).units, whole.units)


@torch.no_grad()
def test_order_matters() -> None:
    """Positions are added: the same frame twice gives two different units."""
    net = SpeechTransformer(FRONT_ENDS[0], 1, 2).eval()
    features = net.features(BATCH)
    features.units[1] = features.units[0]
    units = net(features).units
    assert not torch.allclose(units[0], units[1], atol=1e-3)
