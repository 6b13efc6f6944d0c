"""Every back end against a masked softmax over all units at once, in value and gradient."""

import pytest
import torch
from torch import Tensor

from lit_pretrain.kernels.attention import Backend, Bias, _choose, attention
from lit_pretrain.types import Layout

H, E = 2, 3
MIXED, EQUAL = (3, 1, 5), (4, 4)


def reference(q, k, v, layout: Layout, keys: Layout, causal: bool, bias: Bias | None, scale: float | None) -> Tensor:
    """One dense (H, U, S) softmax, with everything else than an example's own visible keys at -inf."""
    scores = torch.einsum("uhe,she->hus", q, k) * (E**-0.5 if scale is None else scale)
    hidden = torch.ones(len(q), len(k), dtype=torch.bool)
    for b in range(layout.num_examples):
        own_q, own_k = (layout.example == b).nonzero().flatten(), (keys.example == b).nonzero().flatten()
        behind = len(own_k) - len(own_q)
        for i, u in enumerate(own_q):
            for j, s in enumerate(own_k):
                ahead = causal and j > i + behind and j >= (layout.prefix[b] if layout.prefix else 0)
                hidden[u, s] = ahead or (layout.visible is not None and not layout.visible[b][i, j])
        if bias is not None:
            added = torch.zeros_like(scores)
            added[:, own_q[:, None], own_k[None]] = bias(b)
            scores = scores + added
    return torch.einsum("hus,she->uhe", scores.masked_fill(hidden, -torch.inf).softmax(-1), v)


CASES = {
    "mixed": (MIXED, MIXED, False, None),
    "equal": (EQUAL, EQUAL, False, None),
    "causal": (MIXED, MIXED, True, None),
    "equal causal": (EQUAL, EQUAL, True, None),
    "prefix": (MIXED, MIXED, True, (2, 0, 4)),
    "equal prefix": (EQUAL, EQUAL, True, (0, 3)),
    "cross": (MIXED, (2, 6, 1), False, None),
    "equal cross": (EQUAL, (2, 2), False, None),
    "cached": ((1, 1, 1), (4, 2, 7), True, None),
    "cached chunks": ((2, 0, 3), (4, 2, 7), True, None),
    "cached prefix": ((2, 1), (4, 4), True, (4, 2)),
}


@pytest.mark.parametrize("backend", ["each", "dense", "auto"])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("case", CASES)
def test_equals_a_dense_masked_softmax(case: str, biased: bool, scale: float | None, backend: Backend) -> None:
    torch.manual_seed(0)
    lengths, key_lengths, causal, prefix = CASES[case]
    layout, keys = Layout(lengths, prefix=prefix), Layout(key_lengths)
    inputs = [torch.randn(n, H, E, dtype=torch.float64) for n in (layout.num_units, keys.num_units, keys.num_units)]
    tables = [torch.randn(H, n, m, dtype=torch.float64) for n, m in zip(lengths, key_lengths, strict=True)]
    weight = torch.randn(layout.num_units, H, E, dtype=torch.float64)

    def run(function) -> list[Tensor]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        own = [x.clone().requires_grad_() for x in tables] if biased else []
        y = function(*leaves, own.__getitem__ if biased else None)
        (y * weight).sum().backward()
        return [y, *(x.grad for x in leaves), *(x.grad for x in own if x.numel())]

    expected = run(lambda q, k, v, bias: reference(q, k, v, layout, keys, causal, bias, scale))
    found = run(
        lambda q, k, v, bias: attention(q, k, v, layout, keys, causal=causal, bias=bias, scale=scale, backend=backend)
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("backend", ["each", "dense", "auto"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("lengths", [MIXED, EQUAL])
def test_units_may_be_hidden_from_each_other(lengths, biased, causal, backend) -> None:
    visible = tuple((torch.rand(n, n) < 0.5) | torch.eye(n, dtype=torch.bool) for n in lengths)
    layout = Layout(lengths, visible=visible)
    q, k, v = torch.randn(3, layout.num_units, H, E, dtype=torch.float64)
    tables = [torch.randn(H, n, n, dtype=torch.float64) for n in lengths]
    bias = tables.__getitem__ if biased else None
    found = attention(q, k, v, layout, layout, causal=causal, bias=bias, backend=backend)
    torch.testing.assert_close(found, reference(q, k, v, layout, layout, causal, bias, None))


def test_what_is_kept_is_hidden_as_before() -> None:
    visible = (torch.tensor([[True, False, True], [False, True, True], [True, True, True]]),)
    kept = Layout((3,), visible=visible).keep(torch.tensor([True, False, True]))
    assert kept.visible is not None and kept.visible[0].all() and kept.visible[0].shape == (2, 2)


@pytest.mark.parametrize("backend", ["each", "dense"])
@pytest.mark.parametrize("causal", [False, True])
def test_no_example_sees_another(backend: Backend, causal: bool) -> None:
    layout, x = Layout(MIXED), torch.randn(9, H, E)
    other = x.clone()
    other[:3], other[4:] = torch.randn(3, H, E) * 1e4, torch.inf
    a = attention(x, x, x, layout, layout, causal=causal, backend=backend)
    b = attention(other, other, other, layout, layout, causal=causal, backend=backend)
    assert torch.equal(a[3], b[3])


def test_one_by_one_is_bit_equal_to_every_example_alone() -> None:
    layout, x = Layout(MIXED), torch.randn(9, H, E)
    together = attention(x, x, x, layout, layout, backend="each")
    for part, out in zip(x.split(MIXED), together.split(MIXED), strict=True):
        alone = Layout((len(part),))
        assert torch.equal(attention(part, part, part, alone, alone, backend="each"), out)


@pytest.mark.parametrize("backend", ["each", "dense"])
def test_an_example_without_units(backend: Backend) -> None:
    layout, x = Layout((2, 0, 3)), torch.randn(5, H, E, requires_grad=True)
    y = attention(x, x, x, layout, layout, causal=True, backend=backend)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()


@pytest.mark.parametrize("backend", ["each", "dense"])
def test_dropout_keeps_the_mean(backend: Backend) -> None:
    torch.manual_seed(0)
    layout, x = Layout((3, 2)), torch.randn(5, H, E)
    ones = torch.ones(5, H, E)
    runs = torch.stack([attention(x, x, ones, layout, layout, dropout=0.5, backend=backend) for _ in range(800)])
    assert runs.std() > 0.1
    torch.testing.assert_close(runs.mean(0), ones, rtol=0, atol=0.15)


def test_the_choice_of_the_back_end() -> None:
    q, equal, mixed = torch.randn(8, H, E), Layout(EQUAL), Layout((3, 5))
    assert _choose(q, equal, equal, True, None, 0.0) == "dense"
    assert _choose(q, mixed, mixed, True, None, 0.0) == "each"
    assert _choose(q, equal, Layout((6, 6)), True, None, 0.0) == "each", "dense would need a mask"


def test_varlen_refuses_what_it_cannot_do() -> None:
    layout, x = Layout(MIXED), torch.randn(9, H, E)
    with pytest.raises(ValueError, match="no bias"):
        attention(x, x, x, layout, layout, bias=lambda b: x, backend="varlen")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the varlen kernel needs a CUDA device")
@pytest.mark.parametrize("case", ["mixed", "causal", "cross", "cached", "cached chunks"])
def test_varlen_equals_one_by_one(case: str) -> None:
    lengths, key_lengths, causal, _ = CASES[case]
    layout, keys = (Layout(n, torch.device("cuda")) for n in (lengths, key_lengths))
    shapes = [(n, H, 64) for n in (layout.num_units, keys.num_units, keys.num_units)]
    inputs = [torch.randn(s, device="cuda", dtype=torch.bfloat16) for s in shapes]
    outcomes = []
    for backend in ("each", "varlen"):
        leaves = [x.clone().requires_grad_() for x in inputs]
        y = attention(*leaves, layout, keys, causal=causal, backend=backend)
        y.float().square().sum().backward()
        outcomes.append([y, *(x.grad for x in leaves)])
    for a, b in zip(*outcomes, strict=True):
        torch.testing.assert_close(a, b, rtol=0.03, atol=0.03)
