"""Mixed attention: equality with transformers is in tests/io; here the boundaries and the formula."""

import pytest
import torch

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.span_convolution import SpanConvolution
from lit_pretrain.nn.position.base import Position
from lit_pretrain.types import Layout


@torch.no_grad()
def test_no_unit_depends_on_another_example() -> None:
    mixer, x = SpanConvolution(16, 4, kernel_size=5), torch.randn(12, 16)
    together = mixer(x, Context(Layout((3, 1, 8)), Position()))
    for part, out in zip(x.split((3, 1, 8)), together.split((3, 1, 8)), strict=True):
        torch.testing.assert_close(mixer(part, Context(Layout((len(part),)), Position())), out)


@torch.no_grad()
def test_the_kernel_comes_from_the_span() -> None:
    """A far unit changes the convolved heads of no unit outside its window, a near one does."""
    mixer, x, layout = SpanConvolution(16, 4, kernel_size=3), torch.randn(9, 16), Layout((9,))
    other = x.clone()
    other[6] += 1
    a, b = (mixer._convolve(y, mixer.query(y), layout) for y in (x, other))
    changed = (a - b).abs().flatten(1).amax(1) > 1e-6
    assert changed.tolist() == [i in (5, 6, 7) for i in range(9)]


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        SpanConvolution(16, 4, kernel_size=4)
    with pytest.raises(ValueError, match="not a multiple"):
        SpanConvolution(18, 4)
    layout = Layout((3, 3)).keep(torch.tensor([True, False, True, True, True, True]))
    with pytest.raises(ValueError, match="keep"):
        SpanConvolution(16, 4)(torch.randn(5, 16), Context(layout, Position()))
