"""The Transformer of slots: every position, mixer, layout and depth policy with every other."""

import itertools

import pytest
import torch

from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.base import Depth
from lit_pretrain.nn.depth.layer_drop import LayerDrop
from lit_pretrain.nn.depth.looped import Looped
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.embedding.units import Units
from lit_pretrain.nn.feedforward.base import FeedForward
from lit_pretrain.nn.feedforward.glu import GLU
from lit_pretrain.nn.feedforward.grouped import GroupedMLP
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.mixer.attention import Attention, CausalAttention, CrossAttention, PrefixAttention
from lit_pretrain.nn.mixer.base import Mixer
from lit_pretrain.nn.mixer.span_convolution import SpanConvolution
from lit_pretrain.nn.norm.layer_norm import LayerNorm
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.position.alibi import ALiBi
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.nn.position.t5_relative import T5Relative
from lit_pretrain.nn.residual.base import Residual
from lit_pretrain.nn.residual.hybrid_norm import HybridNorm, HybridNormStar
from lit_pretrain.nn.residual.mix_norm import MixNorm
from lit_pretrain.nn.residual.parallel import Parallel
from lit_pretrain.nn.residual.post_norm import PostNorm
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.part import build, spec
from lit_pretrain.types import Encoded, Layout, TextBatch, UnitBatch

D, H, E, LENGTHS = 8, 2, 4, (3, 1, 2)
POSITIONS = [Position(), Learned(D, 16), Sinusoidal(D), Rotary(E), ALiBi(H), T5Relative(H, 8, 8)]
MIXERS = [
    Attention(D, H, qkv_norm=RMSNorm(E)), CausalAttention(D, H, bias=False), PrefixAttention(D, H),
    SpanConvolution(D, H, head_ratio=1, kernel_size=3),
]  # fmt: skip
FEEDFORWARDS = [MLP(D, 12), GLU(D, 6, "silu", bias=False), GroupedMLP(D, 8)]
RESIDUALS = [
    PreNorm(RMSNorm(D)), PostNorm(LayerNorm(D)), MixNorm(RMSNorm(D), share=0.5), HybridNorm(RMSNorm(D)),
    HybridNormStar(RMSNorm(D)), Parallel(LayerNorm(D)),
]  # fmt: skip
DEPTHS = [Plain(2), LayerDrop(2, 0.5), Looped(1, 2)]


def name(part: object) -> str:
    return type(part).__name__


def batch(tokens: torch.Tensor) -> TextBatch:
    text = TextBatch(tokens, LENGTHS)
    text.layout = Layout(LENGTHS, prefix=(2, 0, 1))
    return text


def encoder(
    position: Position,
    mixer: Mixer,
    residual: Residual = RESIDUALS[0],
    depth: Depth = DEPTHS[0],
    feedforward: FeedForward = FEEDFORWARDS[0],
    cross: Mixer | None = None,
) -> Transformer:
    block = Block(mixer, feedforward, residual, cross)
    net = Transformer(TokenEmbedding(9, D), block, depth, position, final_norm=RMSNorm(D), maskable=True)
    for parameter in net.parameters():  # far from the initial values, so that everything shows
        torch.nn.init.normal_(parameter, std=0.5)
    return net


def fits(position: Position, mixer: Mixer) -> bool:
    """Heads of mixed attention are half as wide here."""
    return not (isinstance(mixer, SpanConvolution) and isinstance(position, Rotary))


PAIRS = [pair for pair in itertools.product(POSITIONS, MIXERS) if fits(*pair)]


@pytest.mark.parametrize("feedforward", FEEDFORWARDS, ids=name)
@pytest.mark.parametrize(("position", "mixer"), PAIRS, ids=name)
def test_every_combination(position: Position, mixer: Mixer, feedforward: FeedForward) -> None:
    torch.manual_seed(0)
    tokens = torch.tensor([1, 2, 3, 4, 5, 6])
    for residual, depth in itertools.product(RESIDUALS, DEPTHS):
        net, what = encoder(position, mixer, residual, depth, feedforward), f"{name(residual)}, {name(depth)}"
        encoded = net.train()(batch(tokens), layers=True)
        assert encoded.units.shape == (6, D) and encoded.pooled.shape == (3, D), what
        assert list(encoded.layers) == ["embedding", "block00", "block01"], what
        encoded.units.square().sum().backward()
        lost = [n for n, p in net.named_parameters() if p.grad is None and n != "mask_vector"]
        assert not lost and all(p.grad is None or p.grad.isfinite().all() for p in net.parameters()), (what, lost)
        with torch.no_grad():
            net.eval()
            y = net(batch(tokens)).units
            other = torch.tensor([1, 2, 3, 8, 5, 6])  # a change in an example shows in it and nowhere else
            assert (net(batch(other)).units != y).any(1).tolist() == [False, False, False, True, False, False], what


@pytest.mark.parametrize("position", POSITIONS, ids=name)
@pytest.mark.parametrize("residual", RESIDUALS, ids=name)
def test_decoders(position: Position, residual: Residual) -> None:
    net = encoder(position, CausalAttention(D, H), residual, cross=CrossAttention(D, H))
    layout, units = Layout((2, 3, 1)), torch.randn(6, D, requires_grad=True)
    out = net(batch(torch.arange(6)), source=Encoded(units.new_zeros(3, D), units, layout)).units
    (gradient,) = torch.autograd.grad(out[:3].square().sum(), units)
    reached = gradient.abs().sum(1) > 0
    assert reached.tolist() == [True, True, False, False, False, False]


@torch.no_grad()
@pytest.mark.parametrize("position", POSITIONS, ids=name)
def test_kept_units_stay_where_they_are(position: Position) -> None:
    """They keep the positions of the whole example; only what depends on no more than distances is as if moved."""
    net, tokens = encoder(position, Attention(D, H)).eval(), torch.tensor([1, 2, 3, 4, 5, 6])
    keep = torch.tensor([False, True, True, True, False, True])
    kept = net(batch(tokens), keep=keep, layers=True)
    assert kept.layout.lengths == (2, 1, 1) and kept.layout.position.tolist() == [1, 2, 0, 1]
    whole = net(batch(tokens), layers=True)
    assert torch.equal(kept.layers["embedding"], whole.layers["embedding"][keep])
    everything = net(batch(tokens), keep=torch.ones(6, dtype=torch.bool)).units
    torch.testing.assert_close(everything, whole.units)
    earlier, keep[:3] = torch.tensor([2, 3, 1, 4, 5, 6]), torch.tensor([True, True, False])
    moved = net(batch(earlier), keep=keep).units  # the same two units one place earlier
    relative = type(position) in (Position, Rotary, ALiBi, T5Relative)
    assert torch.allclose(moved[:2], kept.units[:2], atol=1e-5) == relative


@torch.no_grad()
def test_masked_units_are_replaced() -> None:
    net, tokens = encoder(Rotary(E), Attention(D, H)).eval(), torch.tensor([1, 2, 3, 4, 5, 6])
    mask = torch.tensor([False, True, False, False, False, True])
    other = torch.where(mask, 7, tokens)
    assert torch.equal(net(batch(tokens), mask=mask).units, net(batch(other), mask=mask).units)
    assert torch.equal(net(batch(tokens), mask=mask, layers=True).layers["embedding"][1], net.mask_vector)
    plain = Transformer(TokenEmbedding(9, D), Block(MIXERS[0], FEEDFORWARDS[0], RESIDUALS[0]), Plain(1))
    with pytest.raises(ValueError, match="maskable=true"):
        plain(batch(tokens), mask=mask)


@torch.no_grad()
@pytest.mark.parametrize(("position", "mixer"), PAIRS, ids=name)
def test_its_spec_builds_it_again(position: Position, mixer: Mixer) -> None:
    tokens = batch(torch.arange(6))
    for residual, depth, feedforward in zip(RESIDUALS, DEPTHS * 2, FEEDFORWARDS * 2, strict=True):
        net = encoder(position, mixer, residual, depth, feedforward).eval()
        again = build(spec(net)).eval()
        assert spec(again) == spec(net)
        again.load_state_dict(net.state_dict())
        assert torch.equal(again(tokens).units, net(tokens).units), f"{name(residual)}, {name(depth)}"


@torch.no_grad()
def test_blocks_over_vectors() -> None:
    net = Transformer(Units(D), Block(MIXERS[0], FEEDFORWARDS[0], RESIDUALS[0]), Plain(1))
    assert net(UnitBatch(torch.randn(6, D), Layout(LENGTHS))).units.shape == (6, D)
    with pytest.raises(ValueError, match="no token embeddings"):
        net.token_table()


def test_another_width_than_the_embedding() -> None:
    block = Block(Attention(D, H), MLP(D, 12), PreNorm(RMSNorm(D)))
    net = Transformer(TokenEmbedding(9, 6), block, Plain(1), Learned(6, 8), dim=D, embedding_norm=LayerNorm(6))
    assert net.dim == D and net(batch(torch.arange(6))).units.shape == (6, D)
