"""Conformer against torchaudio's with the same weights, and what it adds: positions and recordings that do not touch."""

import pytest
import torch
import torchaudio

from lit_pretrain.encoders.conformer import Conformer
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.position.base import Position
from lit_pretrain.part import build, spec
from lit_pretrain.types import SpeechBatch

LENGTHS = (900, 1700, 345)
BATCH = SpeechBatch(torch.randn(sum(LENGTHS), generator=torch.Generator().manual_seed(0)) * 0.1, LENGTHS, 8000)


def conformer(position: Position | None = None) -> Conformer:
    torch.manual_seed(0)
    net = Conformer(LogMelFrames(8, 8000, mels=10), 3, 2, hidden=12, kernel_size=5, position=position, maskable=True)
    for parameter in net.parameters():  # far from the initial values, so that everything shows
        torch.nn.init.normal_(parameter, std=0.5)
    return net


def names_of_torchaudio(net: Conformer) -> dict[str, torch.Tensor]:
    found = {}
    for i, block in enumerate(net.blocks):
        weights, (first, middle, convolution, second) = {}, block.residual.norms
        for name, norm, network in (("ffn1", first, block.first), ("ffn2", second, block.feedforward)):
            weights |= {f"{name}.sequential.0": norm, f"{name}.sequential.1": network.input,
                        f"{name}.sequential.4": network.out}  # fmt: skip
        weights |= {"self_attn_layer_norm": middle, "self_attn.out_proj": block.mixer.out, "final_layer_norm": block.norm,
                    "conv_module.layer_norm": convolution, "conv_module.sequential.0": block.convolution.input,
                    "conv_module.sequential.2": block.convolution.depthwise,
                    "conv_module.sequential.3": block.convolution.norm,
                    "conv_module.sequential.5": block.convolution.out}  # fmt: skip
        state = {f"{name}.{leaf}": x for name, part in weights.items() for leaf, x in part.state_dict().items()}
        for leaf in ("weight", "bias"):
            three = [getattr(getattr(block.mixer, part), leaf) for part in ("query", "key", "value")]
            state[f"self_attn.in_proj_{leaf}"] = torch.cat(three)
        for place in (0, 5):
            state[f"conv_module.sequential.{place}.weight"] = state[f"conv_module.sequential.{place}.weight"][:, :, None]
        found |= {f"conformer_layers.{i}.{name}": x for name, x in state.items()}
    return found


@torch.no_grad()
def test_equals_torchaudio() -> None:
    net = conformer(Position()).eval()
    theirs = torchaudio.models.Conformer(8, 2, 12, 3, depthwise_conv_kernel_size=5).eval()
    theirs.load_state_dict(names_of_torchaudio(net))  # strict
    units, layout = net.embedding(BATCH)
    rows = [theirs(own[None], torch.tensor([len(own)]))[0][0] for own in units.split(layout.lengths)]
    assert torch.cat(rows).std() > 0.1
    torch.testing.assert_close(net(BATCH).units, torch.cat(rows), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_batch_equals_its_recordings_alone() -> None:
    net = conformer().eval()
    whole = net(BATCH, layers=True)
    assert list(whole.layers) == ["embedding", "block00", "block01", "block02"] and whole.pooled.shape == (3, 8)
    for waveform, own in zip(BATCH.waveforms.split(LENGTHS), whole.units.split(whole.layout.lengths), strict=True):
        alone = net(SpeechBatch(waveform, (len(waveform),), 8000)).units
        torch.testing.assert_close(alone, own, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(whole.units, conformer(Position()).eval()(BATCH).units, atol=1e-2)


def test_every_weight_learns_and_none_is_shared() -> None:
    net = conformer()
    mask = torch.arange(net.layout(BATCH).num_units) % 3 == 0
    (net(BATCH, mask=mask).units * torch.randn(len(mask), 8)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    assert net.blocks[0].first.out.weight is not net.blocks[0].feedforward.out.weight
    with pytest.raises(ValueError, match="keep"):
        net(BATCH, keep=mask)


@torch.no_grad()
def test_its_spec_builds_it_again() -> None:
    net = conformer().eval()
    again = build(spec(net)).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(BATCH).units, net(BATCH).units)
