"""`lit-pretrain export` from a checkpoint to a folder."""

from pathlib import Path

import pytest
import torch
import transformers as hf

from lit_pretrain.encoders.bert import BERT
from lit_pretrain.io import checkpoint
from lit_pretrain.io.export import main
from lit_pretrain.io.pretrained import from_pretrained
from lit_pretrain.part import spec


@pytest.fixture
def saved(tmp_path: Path) -> tuple[BERT, Path]:
    encoder = BERT(30, 8, 2, 2, max_length=12).eval()
    weights = {f"encoder.{key}": value for key, value in encoder.state_dict().items()} | {"head.bias": torch.ones(2)}
    content = {"encoder": spec(encoder), "artifacts": {"tokenizer.json": '{"a": 1}'}}
    checkpoint.write({"state_dict": weights, checkpoint.KEY: content}, tmp_path / "checkpoints" / "step-1.ckpt")
    return encoder, tmp_path


@torch.no_grad()
def test_both_libraries_read_what_was_exported(saved: tuple[BERT, Path], capsys) -> None:
    encoder, run = saved
    assert main([str(run), "--to", str(run / "out")]) == 0
    printed = capsys.readouterr().out
    assert "lit_pretrain.from_pretrained" in printed and "transformers.BertModel" in printed
    assert (run / "out" / "tokenizer.json").read_text() == '{"a": 1}'
    ours, theirs = from_pretrained(run / "out"), hf.AutoModel.from_pretrained(run / "out").eval()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), encoder.parameters(), strict=True))
    assert torch.equal(theirs.embeddings.word_embeddings.weight, encoder.token_table())


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
