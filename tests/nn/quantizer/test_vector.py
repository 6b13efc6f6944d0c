"""VectorQuantizer: nearest codes, gradients that pass, and the two halves of its loss."""

import pytest
import torch

from lit_pretrain.nn.quantizer.vector import VectorQuantizer


def quantizer(beta: float = 0.25) -> VectorQuantizer:
    torch.manual_seed(0)
    made = VectorQuantizer(5, 4, beta=beta)
    torch.nn.init.normal_(made.codebook.weight)
    return made


def test_codes_are_the_nearest() -> None:
    made, units = quantizer(), torch.randn(30, 4)
    distance = torch.cdist(made.project_in(units), made.codebook.weight)
    out = made(units)
    assert torch.equal(out.codes, distance.argmin(1)) and torch.equal(made.codes(units), out.codes)
    torch.testing.assert_close(out.units, made.lookup(out.codes))
    torch.testing.assert_close(out.loss, 1.25 * distance.amin(1).square().mean() / 4)


def test_gradients_pass_as_if_nothing_had_happened() -> None:
    made, units = quantizer(), torch.randn(6, 4, requires_grad=True)
    direction = torch.randn(6, 4)
    (made(units).units * direction).sum().backward()
    torch.testing.assert_close(units.grad, direction @ made.project_out.weight @ made.project_in.weight)
    assert made.codebook.weight.grad is None, "only the codebook term moves the codes"


@pytest.mark.parametrize("beta", [0.25, 1.0])
def test_the_loss_moves_codes_fully_and_units_by_beta(beta: float) -> None:
    made, units = quantizer(beta), torch.randn(1, 4)
    z = made.project_in(units).detach().requires_grad_()
    made.project_in.forward = lambda x: z
    out = made(units)
    out.loss.backward()
    e = made.codebook.weight.grad[out.codes]
    torch.testing.assert_close(z.grad, -beta * e)


def test_usage() -> None:
    made = quantizer()
    perplexity, used = made.usage(torch.arange(5))
    assert perplexity.item() == pytest.approx(5, rel=1e-5) and used == 1
    perplexity, used = made.usage(torch.tensor([1, 1, 3, 3]))
    assert perplexity.item() == pytest.approx(2, rel=1e-5) and used.item() == pytest.approx(0.4)
