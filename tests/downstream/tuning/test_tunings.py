"""What each tuning trains, and what it leaves bit-equal."""

import copy

import lightning as L
import pytest
import torch

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.layer_decay import LayerDecay
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.downstream.tuning.partial import Partial
from lit_pretrain.optim.recipe import AdamW


def changed(encoder, digits, tuning) -> tuple[FineTune, set[str]]:
    """The module after three steps, and the first names of the encoder's weights that differ from before."""
    before = copy.deepcopy(encoder.state_dict())
    model = FineTune(encoder, Classify(16, 10), tuning)
    model.optim = AdamW(1e-2)
    L.Trainer(max_steps=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
              enable_model_summary=False).fit(model, digits.loader("train", shuffle=True, labelled=True))  # fmt: skip
    names = {name for name, weight in encoder.state_dict().items() if not torch.equal(weight, before[name])}
    return model, {".".join(name.split(".")[:-2] or name.split(".")[:1]) for name in names}


def test_full_trains_all_but_what_is_frozen_by_design(encoder, digits):
    model, names = changed(encoder, digits, Full())
    assert all(not torch.equal(p, q) for p, q in [(encoder.blocks[0][0].weight, torch.zeros(16, 16))])
    assert "position" not in names and {"blocks.0", "blocks.1"} <= names
    assert model.encoder.blocks[0][2].training


def test_linear_leaves_the_encoder_bit_equal_and_in_eval_mode(encoder, digits):
    model, names = changed(encoder, digits, Linear())
    assert names == set()
    assert model.training and not any(module.training for module in encoder.modules())
    assert model.task.linear.weight.abs().sum() > 0


def test_partial_trains_the_top(encoder, digits):
    before = copy.deepcopy(encoder)
    changed(encoder, digits, Partial(1))
    assert torch.equal(encoder.embedding.weight, before.embedding.weight)
    assert torch.equal(encoder.blocks[0][0].weight, before.blocks[0][0].weight)
    assert not torch.equal(encoder.blocks[1][0].weight, before.blocks[1][0].weight)
    assert not torch.equal(encoder.final_norm.weight, before.final_norm.weight)
    assert encoder.blocks[1][2].training and not encoder.blocks[0][2].training


def test_layer_decay_gives_each_block_its_rate(encoder):
    model = FineTune(encoder, Classify(16, 10), LayerDecay(0.5))
    recipe = AdamW(1.0)
    optimizer = model.tuning.recipe(recipe).configure(model, 10)["optimizer"]
    rate = {id(p): group["initial_lr"] for group in optimizer.param_groups for p in group["params"]}
    assert rate[id(model.task.linear.weight)] == rate[id(encoder.final_norm.weight)] == 1.0
    assert rate[id(encoder.blocks[1][0].weight)] == 0.5
    assert rate[id(encoder.blocks[0][0].weight)] == 0.25
    assert rate[id(encoder.embedding.weight)] == 0.125
    assert recipe.layer_decay == 1.0  # the recipe given is not changed


@pytest.mark.parametrize("wrong", [lambda e: Partial(3).freeze(e), lambda e: Partial(-1), lambda e: LayerDecay(0.0)])
def test_wrong_numbers_are_named(encoder, wrong):
    with pytest.raises(ValueError, match=r"num_blocks=3.*only 2|num_blocks=-1|decay=0.0"):
        wrong(encoder)
