"""GumbelProduct: transformers' quantizer on the same weights and noise, and what perplexity means."""

import pytest
import torch
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2GumbelVectorQuantizer

from lit_pretrain.nn.quantizer.gumbel_product import GumbelProduct

U, D, E, G, V = 40, 6, 8, 2, 5


def pair(train: bool) -> tuple[GumbelProduct, Wav2Vec2GumbelVectorQuantizer]:
    torch.manual_seed(0)
    ours = GumbelProduct(D, E, G, V).train(train)
    theirs = Wav2Vec2GumbelVectorQuantizer(Wav2Vec2Config(num_codevector_groups=G, num_codevectors_per_group=V,
                                                          codevector_dim=E, conv_dim=[D] * 7)).train(train)  # fmt: skip
    theirs.weight_proj.load_state_dict(ours.logits.state_dict())
    theirs.codevectors.data.copy_(ours.entries.flatten(0, 1)[None])
    return ours, theirs


def test_equals_transformers_in_evaluation() -> None:
    ours, theirs = pair(train=False)
    units = torch.randn(U, D)
    expected, perplexity = theirs(units[None])
    out = ours(units)
    torch.testing.assert_close(out.units, expected[0])
    torch.testing.assert_close(ours.usage(out.codes)[0], perplexity)
    assert torch.equal(out.units, torch.cat([ours.entries[g, out.codes[:, g]] for g in range(G)], 1))


@pytest.mark.parametrize("temperature", [2.0, 0.5])
def test_equals_transformers_in_training(temperature: float) -> None:
    """Values and gradients with the same noise; theirs sees all units and is told which ones count."""
    ours, theirs = pair(train=True)
    theirs.temperature = temperature
    units, direction = torch.randn(U, D, requires_grad=True), torch.randn(U, E)
    torch.manual_seed(1)
    expected, perplexity = theirs(units[None], torch.ones(1, U, dtype=torch.bool))
    ((expected[0] * direction).sum() + perplexity).backward()
    gradients = [units.grad, theirs.weight_proj.weight.grad, theirs.codevectors.grad.unflatten(1, (G, V))[0]]
    units.grad = None
    torch.manual_seed(1)
    out = ours(units, temperature)
    torch.testing.assert_close(out.units, expected[0])
    torch.testing.assert_close(out.perplexity, perplexity)
    torch.testing.assert_close(out.diversity, (G * V - perplexity) / (G * V))
    ((out.units * direction).sum() + out.perplexity).backward()
    for got, wanted in zip([units.grad, ours.logits.weight.grad, ours.entries.grad], gradients, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)
    assert torch.equal(out.units, torch.cat([ours.entries[g, out.codes[:, g]] for g in range(G)], 1))


def test_perplexity_of_uniform_and_collapsed_units() -> None:
    made, units = GumbelProduct(D, E, G, V), torch.randn(U, D)
    torch.nn.init.zeros_(made.logits.weight)
    out = made(units)
    assert out.perplexity.item() == pytest.approx(G * V, rel=1e-5) and out.diversity.item() == pytest.approx(0, abs=1e-6)
    made.logits.bias.data[[3, V + 1]] = 50.0  # entry 3 of the first group, 1 of the second, whatever the unit
    out = made(units)
    assert out.perplexity.item() == pytest.approx(G) and out.diversity.item() == pytest.approx(1 - 1 / V)
    assert torch.equal(out.codes, torch.tensor([3, 1]).expand(U, 2))


def test_units_that_differ_are_diverse_however_sure_they_are() -> None:
    """The softmax is averaged before its entropy is taken."""
    made = GumbelProduct(V, E, 1, V)
    made.logits.weight.data.copy_(50 * torch.eye(V))
    assert made(torch.eye(V)).perplexity.item() == pytest.approx(V, rel=1e-5)


def test_usage() -> None:
    made = GumbelProduct(D, E, G, V)
    perplexity, used = made.usage(torch.tensor([[0, 2], [1, 2], [0, 2], [1, 2]]))
    assert perplexity.item() == pytest.approx(2 + 1, rel=1e-5) and used.item() == pytest.approx(3 / (G * V))


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="out_dim=7"):
        GumbelProduct(4, 7, 2)
    with pytest.raises(ValueError, match="num_entries=1"):
        GumbelProduct(num_entries=1)
