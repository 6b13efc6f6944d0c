"""What is written for timm is read by timm, and computes the same there."""

import json
from pathlib import Path

import pytest
import timm
import torch

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io import checkpoint
from lit_pretrain.io.export import main
from lit_pretrain.io.timm import save_timm
from lit_pretrain.nn.pooling.mean import Mean
from lit_pretrain.nn.pooling.patch_mean import PatchMean
from lit_pretrain.nn.position.rotary_2d import Rotary2D
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.part import build, spec
from lit_pretrain.types import ImageBatch

torch.set_num_threads(1)
VARIANTS = {
    "plain": {},
    "sincos, mean": {"position": SinCos2D(32), "pooling": Mean(), "maskable": True},
    "mean of patches": {"pooling": PatchMean()},
    "gelu_tanh, narrow": {"activation": "gelu_tanh", "hidden": 48},
}


def images(channels: int = 1) -> ImageBatch:
    return ImageBatch(torch.randn(2, channels, 16, 16, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
@torch.no_grad()
def test_timm_computes_what_our_vit_computes(options, tmp_path):
    torch.manual_seed(0)
    ours = ViT(16, 4, 1, 32, 2, 4, eps=1e-6, **options).eval()
    for weight in ours.parameters():
        torch.nn.init.normal_(weight, 0.0, 0.2)  # so that no bias is zero and no two weights are alike
    theirs = timm.create_model(save_timm(ours, tmp_path), pretrained=True).eval()
    encoded = ours(images())
    torch.testing.assert_close(theirs(images().images), encoded.pooled, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(theirs.forward_features(images().images).flatten(0, 1), encoded.units, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_timm_reads_its_own(tmp_path):
    torch.manual_seed(0)
    ours = TimmEncoder("test_resnet", channels=1, options={"output_stride": 8}).train()
    ours(images())  # moves the running statistics, which must travel too
    name = save_timm(ours.eval(), tmp_path)
    theirs = timm.create_model(name, pretrained=True).eval()
    assert torch.equal(theirs(images().images), ours(images()).pooled)
    named = timm.create_model("test_resnet", checkpoint_path=str(tmp_path / "model.safetensors"), in_chans=1, num_classes=0)
    assert named.state_dict().keys() == theirs.state_dict().keys()
    assert timm.create_model(name, pretrained=True, num_classes=7)(images().images).shape == (2, 7)
    again = TimmEncoder(name, pretrained=True, channels=1).eval()
    assert torch.equal(again(images()).units, ours(images()).units)
    assert build(spec(again)).stride == 8 and str(tmp_path) not in str(spec(again))


def test_the_command_writes_it(tmp_path: Path, capsys):
    encoder = ViT(16, 4, 1, 32, 2, 4, eps=1e-6).eval()
    said = {"crop_size": {"height": 16, "width": 16}, "image_mean": [0.3], "image_std": [0.2]}
    content = {"encoder": spec(encoder), "data": None, "artifacts": {"preprocessor_config.json": json.dumps(said)}}
    weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
    checkpoint.write({"state_dict": weights, checkpoint.KEY: content}, tmp_path / "checkpoints" / "step-1.ckpt")
    out = tmp_path / "out"
    assert main([str(tmp_path), "--to", str(out)]) == 0
    assert main([str(tmp_path), "--to", str(out), "--format", "timm"]) == 0
    assert f"timm.create_model('local-dir:{out}', pretrained=True)" in capsys.readouterr().out
    written = timm.create_model(f"local-dir:{out}", pretrained=True).pretrained_cfg
    assert (written["input_size"], written["mean"], written["std"]) == ((1, 16, 16), [0.3], [0.2])
    assert torch.equal(timm.create_model(f"local-dir:{out}", pretrained=True).norm.weight, encoder.final_norm.weight)


def test_what_timm_cannot_compute_is_refused(tmp_path, capsys):
    with pytest.raises(ValueError, match="BERT has no twin in timm"):
        save_timm(BERT(30, 8, 2, 2), tmp_path)
    with pytest.raises(ValueError, match="not Rotary2D"):
        save_timm(ViT(16, 4, 1, 32, 2, 4, position=Rotary2D(8)), tmp_path)
    assert not any(tmp_path.iterdir())
    save_timm(ViT(16, 4, 1, 32, 2, 4), tmp_path)
    assert "eps=1e-06 where this encoder has 1e-12" in capsys.readouterr().out
