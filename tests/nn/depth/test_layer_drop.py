"""LayerDrop: how many blocks run, what a dropped one leaves, and the networks cut from it."""

import pytest
import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.layer_drop import LayerDrop, keep_every_other, sub_network
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.residual.mix_norm import MixNorm
from lit_pretrain.part import build, spec
from lit_pretrain.types import TextBatch

BATCH = TextBatch(torch.tensor([1, 2, 3, 4, 5]), (3, 2))


class Counting(Mixer):
    """Counts its passes."""

    def __init__(self):
        super().__init__()
        self.passes = 0

    def forward(self, x, context):
        self.passes += 1
        return x


def encoder(depth, mixer=None) -> Transformer:
    torch.manual_seed(0)
    block = Block(mixer or Attention(8, 2), MLP(8, 8), MixNorm(RMSNorm(8), share=0.5))
    return Transformer(TokenEmbedding(9, 8), block, depth, final_norm=RMSNorm(8))


def test_the_share_of_blocks_that_run() -> None:
    net = encoder(LayerDrop(8, 0.3), Counting()).train()
    for _ in range(100):
        encoded = net(BATCH, layers=True)
        assert len(encoded.layers) == 1 + 8
    share = sum(block.mixer.passes for block in net.blocks) / 800
    assert abs(share - 0.7) < 0.07  # four standard deviations
    assert all(0 < block.mixer.passes < 100 for block in net.blocks)


def test_evaluation_passes_all() -> None:
    net = encoder(LayerDrop(4, 0.9)).eval()
    plain = encoder(Plain(4)).eval()
    plain.load_state_dict(net.state_dict())
    assert torch.equal(net(BATCH).units, plain(BATCH).units)


def test_dropped_blocks_get_a_gradient_of_zero() -> None:
    """Data-parallel ranks that drop different blocks must all contribute to every parameter."""
    net = encoder(LayerDrop(6, 0.5)).train()
    with torch.no_grad():
        torch.manual_seed(1)
        before = torch.rand(6) < 0.5
    torch.manual_seed(1)
    net(BATCH).units.square().sum().backward()
    dropped = [all(not p.grad.any() for p in block.parameters()) for block in net.blocks]
    assert dropped == before.tolist() and any(dropped) and not all(dropped)


@torch.no_grad()
def test_a_sub_network_runs_the_kept_blocks() -> None:
    net = encoder(LayerDrop(6, 0.2)).eval()
    own = sub_network(net, [1, 2, 5])
    assert own.num_layers == len(own.blocks) == 3 and net.num_layers == 6
    expected = encoder(Plain(6)).eval()
    expected.load_state_dict(net.state_dict())
    expected.blocks = torch.nn.ModuleList(expected.blocks[i] for i in (1, 2, 5))
    torch.testing.assert_close(own(BATCH).units, expected(BATCH).units)
    again = build(spec(own)).eval()  # Mix-LN: the kept blocks keep the layouts of their own heights
    again.load_state_dict(own.state_dict())
    assert torch.equal(again(BATCH).units, own(BATCH).units)
    assert sub_network(own, [0, 2]).depth.kept == [1, 5]


def test_every_other() -> None:
    assert keep_every_other(12, 6) == [0, 2, 4, 6, 8, 10]
    assert keep_every_other(3, 3) == [0, 1, 2]
    with pytest.raises(ValueError, match="kept=4"):
        keep_every_other(3, 4)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"rate=1"):
        LayerDrop(4, 1.0)
    with pytest.raises(ValueError, match=r"kept=\[1, 4\]"):
        LayerDrop(4, 0.2, [1, 4])
    with pytest.raises(ValueError, match="without LayerDrop"):
        sub_network(encoder(Plain(2)), [0])
    net = encoder(LayerDrop(4, 0.2))
    for kept in ([0, 4], [1, 0], [-1], []):
        with pytest.raises(ValueError, match="kept="):
            sub_network(net, kept)
