"""`lit-pretrain export` from a checkpoint to a folder, in each format, compared with the encoder."""

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import transformers as hf

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.io import checkpoint
from lit_pretrain.io.agreement import disagreement
from lit_pretrain.io.export import main
from lit_pretrain.io.pretrained import from_pretrained
from lit_pretrain.io.program import Program, example_of
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.part import spec
from lit_pretrain.types import Batch, Edges, Encoder, GraphBatch, ImageBatch, SpeechBatch, TextBatch

torch.manual_seed(0)
TEXT = TextBatch(torch.randint(1, 30, (11,)), (7, 4), labels=torch.tensor([0, 1]))
IMAGES = ImageBatch(torch.randn(2, 1, 16, 16))
SPEECH = SpeechBatch(torch.randn(1500), (900, 600), 8000)
GRAPH = GraphBatch(torch.randn(4, 5), Edges.of(torch.tensor([[0, 1, 2], [1, 2, 3]]), 4)[0], (3, 1))
FRONT = {"channels": (4, 4), "kernels": (10, 4), "strides": (5, 4), "position_kernel": 4, "position_groups": 2}
MODULE = {"class_path": "lit_pretrain.objectives.text.mlm.MLM", "init_args": {"rate": 0.15}}
CASES = {
    "text": (lambda: BERT(30, 8, 2, 2, max_length=12), TEXT),
    "images": (lambda: ViT(16, 4, 1, 16, 2, 2, eps=1e-6), IMAGES),
    "speech": (lambda: Wav2Vec2(16, 2, 4, sample_rate=8000, **FRONT), SPEECH),
    "graphs": (lambda: PyGEncoder(Raw(5), model="GCN", dim=8), GRAPH),
}


class Data:
    """What a checkpoint says of its data."""

    def __init__(self, batch: Batch):
        self.batch = batch

    def prepare_data(self) -> None: ...

    def setup(self, stage: str) -> None: ...

    def loader(self, split: str, *, shuffle: bool) -> list[Batch]:
        return [self.batch]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch):
    """A run of the encoder of a case, whose data are its batch."""

    def save(case: str, data: bool = True) -> tuple[Encoder, Path]:
        torch.manual_seed(0)
        encoder = CASES[case][0]().eval()
        for weight in encoder.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.2)  # so that no bias is zero and no two weights are alike
        weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()} | {"head.bias": torch.ones(2)}
        content = {"encoder": spec(encoder), "data": None, "artifacts": {"tokenizer.json": '{"a": 1}'}, "module": MODULE}
        callbacks = {"Report": {"curves": {"val/loss": [[1, 3.0], [7, 2.5]]}}}
        whole = {"state_dict": weights, checkpoint.KEY: content, "global_step": 7, "callbacks": callbacks}
        checkpoint.write(whole, tmp_path / "checkpoints" / "step-1.ckpt")
        if data:
            monkeypatch.setattr(checkpoint, "load_data", lambda path: Data(CASES[case][1]))
        return encoder, tmp_path

    return save


@torch.no_grad()
def test_both_libraries_read_what_was_exported(saved, capsys) -> None:
    encoder, run = saved("text")
    assert main([str(run), "--to", str(run / "out")]) == 0
    printed = capsys.readouterr().out
    assert "lit_pretrain.from_pretrained" in printed and "transformers.BertModel" in printed
    assert (run / "out" / "tokenizer.json").read_text() == '{"a": 1}'
    ours, theirs = from_pretrained(run / "out"), hf.AutoModel.from_pretrained(run / "out").eval()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), encoder.parameters(), strict=True))
    assert torch.equal(theirs.embeddings.word_embeddings.weight, encoder.token_table())


@pytest.mark.parametrize("format, case", [
    ("safetensors", "text"), ("safetensors", "graphs"), ("transformers", "text"), ("transformers", "images"),
    ("transformers", "speech"), ("timm", "images"), ("torch_export", "text"), ("torch_export", "images"),
    ("torch_export", "speech"), ("onnx", "text"), ("onnx", "images"),
])  # fmt: skip
def test_every_format_is_compared_with_the_encoder(saved, format, case, capsys) -> None:
    if format == "onnx" and not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
        pytest.skip("the extra onnx is not installed")
    _, run = saved(case)
    assert main([str(run), "--to", str(run / "out"), "--format", format]) == 0
    found = re.search(r"differs from the encoder by (\S+) of the largest number", capsys.readouterr().out)
    assert float(found[1]) < 1e-4
    assert (run / "out" / "encoder.json").exists() == (format == "safetensors")


@torch.no_grad()
def test_a_program_needs_no_code_of_ours(saved) -> None:
    encoder, run = saved("images")
    assert main([str(run), "--to", str(run / "out"), "--format", "torch_export"]) == 0
    program = torch.export.load(run / "out" / "encoder.pt2").module()
    images = torch.randn(1, 1, 16, 16)
    pooled, units = program(images)
    torch.testing.assert_close(pooled, encoder(ImageBatch(images)).pooled)
    torch.testing.assert_close(units, encoder(ImageBatch(images)).units)
    with pytest.raises(Exception, match=r"shape|Guard"):
        program(torch.randn(2, 1, 16, 16))


def test_other_numbers_are_found(saved) -> None:
    encoder, other, example = saved("text")[0], CASES["text"][0]().eval(), example_of(TEXT)
    assert disagreement(encoder, example, Program(encoder, example.batch)) == 0
    with pytest.raises(ValueError, match="differs from the encoder by"):
        disagreement(encoder, example, Program(other, example.batch))
    kept = Program(encoder, example.batch)(example.values)
    with pytest.raises(ValueError, match="differs from the encoder by"):  # a program that has kept the example
        disagreement(encoder, example, lambda values: kept)
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        disagreement(encoder, example, lambda values: [torch.ones(1, 3)])


def test_the_card_names_method_metrics_and_hashes(saved) -> None:
    _, run = saved("text")
    assert main([str(run), "--to", str(run / "out")]) == 0
    card = (run / "out" / "README.md").read_text()
    weights = hashlib.sha256((run / "out" / "model.safetensors").read_bytes()).hexdigest()
    assert card.startswith("---\nlibrary_name: lit_pretrain\n") and "# BERT by MLM" in card
    for part in (
        weights,
        "arxiv.org/abs/",
        "trained for 7 steps",
        "| val/loss | 2.5 |",
        "rate: 0.15",
        "differs from the enc",
    ):
        assert part in card


@pytest.mark.parametrize("format, case, says", [
    ("torch_export", "graphs", "a program of a GraphBatch would hold for it alone"),
    ("transformers", "graphs", "transformers has no model that computes what this PyGEncoder computes"),
    ("timm", "text", "BERT has no twin in timm"),
])  # fmt: skip
def test_formats_that_make_no_sense_are_refused(saved, format, case, says, capsys) -> None:
    _, run = saved(case)
    assert main([str(run), "--to", str(run / "out"), "--format", format]) == 2
    message = capsys.readouterr().err
    assert says in message and message.count("\n") == 1


def test_without_data_it_says_that_nothing_was_compared(saved, capsys) -> None:
    _, run = saved("text", data=False)
    assert main([str(run), "--to", str(run / "out")]) == 0
    assert "not compared with the encoder: the checkpoint does not say" in capsys.readouterr().out
    assert main([str(run), "--to", str(run / "out"), "--format", "torch_export"]) == 2
    assert "a program is traced with an example, and there is none" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["nowhere"], ["nowhere", "--to", "out"], ["x", "--too", "out"]])
def test_mistakes_end_in_one_line(arguments: list[str], capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = stop.code
    message = capsys.readouterr().err
    assert code == 2 and message.startswith("lit-pretrain export: ") and message.count("\n") == 1
    assert not any(tmp_path.iterdir())
