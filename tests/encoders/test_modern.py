"""The default Transformers: what a unit of each may see, pooling, and rebuilding."""

import pytest
import torch

from lit_pretrain.encoders.modern import (
    CausalTransformer,
    Decoder,
    ModernTransformer,
    PrefixTransformer,
    UnitTransformer,
)
from lit_pretrain.part import build, spec
from lit_pretrain.types import Encoded, Layout, TextBatch, UnitBatch

LAYOUT = Layout((4, 2), prefix=(2, 0))


def batch(tokens: torch.Tensor) -> TextBatch:
    text = TextBatch(tokens, LAYOUT.lengths)
    text.layout = LAYOUT
    return text


@torch.no_grad()
@pytest.mark.parametrize(("kind", "reach"), [
    (ModernTransformer, [[0, 1, 2, 3], [0, 1, 2, 3]]), (CausalTransformer, [[1, 2, 3], [2, 3]]),
    (PrefixTransformer, [[0, 1, 2, 3], [2, 3]]),
])  # fmt: skip
def test_what_reaches_whom(kind: type, reach: list[list[int]]) -> None:
    net, tokens = kind(9, 8, 2, 2).eval(), torch.arange(6)
    make = batch if kind is PrefixTransformer else lambda tokens: TextBatch(tokens, LAYOUT.lengths)
    y, changed = net(make(tokens)).units, []
    for unit in (1, 2):  # the last of the prefix, the first after it
        other = tokens.clone()
        other[unit] = 8
        changed.append((net(make(other)).units != y).any(1).nonzero().flatten().tolist())
    assert changed == reach


@torch.no_grad()
def test_pooling() -> None:
    encoded = ModernTransformer(9, 8, 1, 2).eval()(batch(torch.arange(6)))
    torch.testing.assert_close(encoded.pooled[0], encoded.units[:4].mean(0))
    encoded = CausalTransformer(9, 8, 1, 2).eval()(batch(torch.arange(6)))
    assert torch.equal(encoded.pooled, encoded.units[[3, 5]])


@torch.no_grad()
@pytest.mark.parametrize("kind", [ModernTransformer, CausalTransformer, PrefixTransformer, Decoder, UnitTransformer])
def test_its_spec_builds_it_again(kind: type) -> None:
    net = kind(8, 2, 2, hidden=10) if kind is UnitTransformer else kind(9, 8, 2, 2, hidden=10)
    inputs = UnitBatch(torch.randn(6, 8), LAYOUT) if kind is UnitTransformer else batch(torch.arange(6))
    given = {"source": Encoded(torch.zeros(2, 8), torch.randn(5, 8), Layout((3, 2)))} if kind is Decoder else {}
    again = build(spec(net)).eval()
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(inputs, **given).units, net.eval()(inputs, **given).units)


def test_no_biases() -> None:
    for kind in (ModernTransformer, CausalTransformer, PrefixTransformer, Decoder):
        assert not [n for n, _ in kind(9, 8, 1, 2).named_parameters() if "bias" in n]
