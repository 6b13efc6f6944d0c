"""ViT over patches of spectrograms knows where its patches stand."""

import torch

from lit_pretrain.encoders.spectrogram_vit import SpectrogramViT
from lit_pretrain.nn.embedding.log_mel_patches import LogMelPatches
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

RATE, LENGTHS = 8000, (1400, 900, 1400)
NOISE = torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_patches_have_places():
    torch.manual_seed(0)
    encoder, batch = (
        SpectrogramViT(LogMelPatches(16, 16, RATE, mels=12, patch_size=4), 2, 2),
        SpeechBatch(NOISE, LENGTHS, RATE),
    )
    patches = encoder.features(batch)
    whole = encoder(batch, layers=True)
    assert patches.units.shape == (33, 16) and patches.layout.grid == (4, 3) and whole.pooled.shape == (3, 16)
    torch.testing.assert_close(encoder(patches).units, whole.units)
    turned = lambda units: torch.cat([x.flip(0) for x in units.split(patches.layout.lengths)])  # noqa: E731
    patches.units = turned(patches.units)
    moved = turned(encoder(patches).units)
    assert not torch.allclose(moved, whole.units, atol=1e-2), "the same patches at other places"
    keep = torch.arange(33) % 3 == 0
    torch.testing.assert_close(encoder(batch, keep=keep, layers=True).layers["embedding"], whole.layers["embedding"][keep])
    again = build(spec(encoder))
    again.load_state_dict(encoder.state_dict())
    assert torch.equal(again(batch).units, whole.units)
