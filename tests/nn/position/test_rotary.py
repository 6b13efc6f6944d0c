"""Rotary positions: against transformers' Llama, and what makes them relative."""

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.types import Layout


def at(position) -> Layout:
    return Layout((len(position),), positions=torch.as_tensor(position))


@pytest.mark.parametrize("base", [10000.0, 500.0])
def test_equals_llama(base: float) -> None:
    config = LlamaConfig(hidden_size=16, num_attention_heads=2, rope_parameters={"rope_type": "default", "rope_theta": base})
    q, k = torch.randn(2, 7, 2, 8)  # each (U, H, E)
    position = torch.tensor([0, 1, 2, 3, 9, 100, 2000])
    cos, sin = LlamaRotaryEmbedding(config)(q, position[None])
    theirs = apply_rotary_pos_emb(q[None].transpose(1, 2), k[None].transpose(1, 2), cos, sin)
    for x, expected in zip((q, k), theirs, strict=True):
        ours = Rotary(8, base).rotate(x, at(position))
        torch.testing.assert_close(ours, expected[0].transpose(0, 1), rtol=1e-4, atol=1e-4)


def test_scores_depend_on_distances_only() -> None:
    rotary, q, k = Rotary(8), torch.randn(1, 1, 8), torch.randn(1, 1, 8)

    def score(i: int, j: int) -> torch.Tensor:
        return (rotary.rotate(q, at([i])) * rotary.rotate(k, at([j]))).sum()

    torch.testing.assert_close(score(7, 3), score(107, 103), rtol=1e-4, atol=1e-4)
    assert (score(7, 3) - score(7, 4)).abs() > 1e-3
    assert torch.equal(rotary.rotate(q, at([0])), q)


def test_a_model_cast_to_half_keeps_its_angles() -> None:
    x, position = torch.randn(3, 1, 8), torch.tensor([5, 701, 1999])
    cast = Rotary(8).to(torch.bfloat16)
    assert torch.equal(cast.rotate(x, at(position)), Rotary(8).rotate(x, at(position)))
    assert cast.rotate(x.bfloat16(), at(position)).dtype == torch.bfloat16


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="head_dim=7"):
        Rotary(7)
    with pytest.raises(ValueError, match=r"width 6 .* made for 8"):
        Rotary(8).rotate(torch.randn(2, 1, 6), at([0, 1]))
