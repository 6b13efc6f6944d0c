"""Layers of peft in any encoder: what they train, what is saved, and what is taken away."""

import copy
import sys

import lightning as L
import pytest
import torch
from small_encoders import NAMES, small
from torch import nn

from lit_pretrain.adapt.tuning.dora import DoRA
from lit_pretrain.adapt.tuning.ia3 import IA3
from lit_pretrain.adapt.tuning.injected import injected
from lit_pretrain.adapt.tuning.lora import LoRA
from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.cli import main
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.checkpoint import load, load_encoder
from lit_pretrain.io.pretrained import from_pretrained
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import spec
from lit_pretrain.types import ImageBatch

TUNINGS = [LoRA(dropout=0.1), DoRA(), IA3()]
each_tuning = pytest.mark.parametrize("tuning", TUNINGS, ids=lambda t: type(t).__name__)


def learn(model: FineTune, batch, steps: int = 12) -> list[float]:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        term = model.loss(batch)["task"]
        (term.sum / term.count).backward()
        optimizer.step()
        losses.append(float(term.sum / term.count))
    return losses


@each_tuning
@pytest.mark.parametrize("name", NAMES)
def test_starts_at_the_encoder_learns_and_merges_into_it(name, tuning):
    encoder, batch = small(name)
    plain, before = copy.deepcopy(encoder), encoder(batch)
    model = FineTune(encoder, Classify(32, 3, dropout=0.0), tuning)
    torch.testing.assert_close(model.encoder(batch).units, before.units)
    losses = learn(model, batch)
    assert losses[-1] < 0.9 * losses[0]
    added = {id(p) for module in tuning.trainable(model.encoder) for p in module.parameters()}
    for p in model.encoder.parameters():
        assert (p.grad is not None and p.grad.any()) == (id(p) in added)

    model.eval()
    unmerged = model.encoder(batch)
    assert not torch.allclose(unmerged.pooled, before.pooled, atol=1e-3)
    merged = model.encoder.merged()
    assert type(merged) is type(plain) and merged.state_dict().keys() == plain.state_dict().keys()
    torch.testing.assert_close(merged(batch).units, unmerged.units, rtol=1e-4, atol=1e-5)


def test_less_than_two_percent_train():
    model = FineTune(BERT(30522, 256, 4, 4), Classify(256, 2), LoRA())
    trained = sum(p.numel() for p in model.encoder.parameters() if p.requires_grad)
    assert 0 < trained < 0.02 * sum(p.numel() for p in model.encoder.parameters())
    paper = FineTune(BERT(1, 256, 4, 4), Classify(256, 2), LoRA(targets=("query", "value")))
    assert sum(p.numel() for p in paper.encoder.parameters() if p.requires_grad) == 4 * 2 * 4 * (256 + 256)


def test_lora_is_the_low_rank_sum_of_the_paper():
    encoder, _ = small("bert")
    weight = encoder.blocks[0].mixer.query.weight.clone()
    wrapped = LoRA(rank=2, scale=3.0, targets=("mixer.query",)).prepare(encoder)
    layer = wrapped.blocks[0].mixer.query
    a, b = layer.lora_A["default"].weight, nn.init.normal_(layer.lora_B["default"].weight)
    assert a.shape == (2, 32) and b.shape == (32, 2)
    torch.testing.assert_close(wrapped.merged().blocks[0].mixer.query.weight, weight + 3 * b @ a)


def test_ia3_rescales_outputs_and_named_inputs():
    encoder, _ = small("bert")
    key, down = (layer.weight.clone() for layer in (encoder.blocks[1].mixer.key, encoder.blocks[1].feedforward.out))
    wrapped = IA3(targets=("key", "value", "feedforward.out"), rescale_inputs=("feedforward.out",)).prepare(encoder)
    scales = [nn.init.normal_(wrapped.blocks[1].get_submodule(name).ia3_l["default"])
              for name in ("mixer.key", "feedforward.out")]  # fmt: skip
    merged = wrapped.merged().blocks[1]
    torch.testing.assert_close(merged.mixer.key.weight, key * scales[0].view(-1, 1))
    torch.testing.assert_close(merged.feedforward.out.weight, down * scales[1].view(1, -1))


@each_tuning
@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("resnet10t", {}, "SparseConv2d"),
        ("mobilenetv3_small_050", {}, "Conv2d"),
        ("convnext_atto", {"conv_mlp": False, "ls_init_value": 1.0, "depths": (1, 1, 1, 1)}, "SparseLinear"),
    ],
)
def test_convolutions_are_adapted_where_there_are_no_linear_layers(name, options, kind, tuning):
    encoder = TimmEncoder(name, options=options).eval()
    batch = ImageBatch(torch.rand(2, 3, 32, 32))
    before = encoder(batch).pooled
    wrapped = tuning.prepare(encoder).eval()
    assert {type(layer.get_base_layer()).__name__ for _, layer in injected(wrapped)} == {kind}
    torch.testing.assert_close(wrapped(batch).pooled, before, rtol=1e-4, atol=1e-4)
    for module in tuning.trainable(wrapped):
        for parameter in module.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    expected = wrapped(batch).pooled
    assert not torch.allclose(expected, before, rtol=1e-2)
    torch.testing.assert_close(wrapped.merged()(batch).pooled, expected, rtol=1e-3, atol=1e-3)


def test_a_run_resumes_and_is_exported_merged(tmp_path):
    def fit(folder, steps, resume=None):
        torch.manual_seed(0)
        model = FineTune(ViT(8, 2, 1, 32, 2, 2), Classify(32, 10), LoRA())
        model.optim = AdamW(1e-2)
        trainer = L.Trainer(max_steps=steps, max_epochs=-1, default_root_dir=folder, callbacks=[Checkpoint(3)], logger=False,
                            accelerator="cpu", enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
        trainer.fit(
            model, datamodule=Labelled(VisionDataModule(Digits(), image_size=8, channels=1, batch_size=64)), ckpt_path=resume
        )
        return model.eval()

    whole = fit(tmp_path / "whole", 6)
    resumed = fit(tmp_path / "cut", 6, tmp_path / "whole/checkpoints/step-0000003.ckpt")
    for name, weight in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], weight), name

    data = VisionDataModule(Digits(), image_size=8, channels=1, batch_size=8)
    data.setup("fit")
    batch = next(iter(data.loader("train", shuffle=False)))
    again = load(tmp_path / "whole")
    assert torch.equal(again.encoder(batch).pooled, whole.encoder(batch).pooled)
    encoder = load_encoder(tmp_path / "whole")
    assert type(encoder) is ViT and not list(injected(encoder)) and all(p.requires_grad for p in encoder.parameters())
    assert main(["export", str(tmp_path / "whole"), "--to", str(tmp_path / "folder")]) == 0
    for taken in (encoder, from_pretrained(tmp_path / "folder")):
        assert spec(taken)["class_path"] == spec(encoder)["class_path"]
        torch.testing.assert_close(taken(batch).pooled, whole.encoder(batch).pooled, rtol=1e-4, atol=1e-5)


def test_what_is_wrong_is_named(monkeypatch):
    encoder, _ = small("bert")
    with pytest.raises(ValueError, match=r"targets=\['nothing'\].*blocks.0.mixer.query"):
        LoRA(targets=("query", "nothing")).prepare(encoder)
    with pytest.raises(ValueError, match="rank=0"):
        LoRA(rank=0)
    with pytest.raises(ValueError, match=r"rescale_inputs=\['up'\]"):
        IA3(targets=("key",), rescale_inputs=("up",))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match=r"pip install 'lit_pretrain\[peft\]'"):
        LoRA().prepare(encoder)
