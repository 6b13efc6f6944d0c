"""A gap in a pattern, filled by the head of pretraining."""

from dataclasses import replace

import lightning as L
import pytest
import torch
from small_encoders import fine_tuned

from lit_pretrain.adapt.distillation.distil import Distil
from lit_pretrain.adapt.distillation.soft_labels import SoftLabels
from lit_pretrain.adapt.tuning.adapters import Adapters
from lit_pretrain.adapt.tuning.pet import PET
from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.corruptions.masking import DynamicMasking
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.files import Files
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import load, load_data
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.text.mlm import MLM
from lit_pretrain.part import build, spec
from lit_pretrain.types import TextBatch

QUIET = {"logger": False, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A masked language model that was trained for two steps."""
    folder = tmp_path_factory.mktemp("mlm")
    (folder / "text.jsonl").write_text('{"text": "good day"}\n{"text": "bad night"}\n' * 20)
    encoder = BERT(384, 16, 1, 2, max_length=40)
    source = Files(*[str(folder / "text.jsonl")] * 3)
    data = TextDataModule(source, Bytes("encoder"), max_length=20, tokens_per_batch=100)
    trainer = L.Trainer(max_steps=2, default_root_dir=folder, callbacks=[Checkpoint(2)], limit_val_batches=0, **QUIET)
    trainer.fit(MLM(encoder, TransformHead(16, 384), DynamicMasking(0.3)), data)
    return folder


def texts(run, *found: str) -> TextBatch:
    tokenizer = load_data(run).tokenizer
    before, after = tokenizer.around()
    ids = [torch.tensor([*before, *tokens, *after]) for tokens, _ in tokenizer.encode(list(found))]
    return TextBatch(torch.cat(ids), tuple(map(len, ids)), labels=torch.arange(len(found)) % 2)


def pet(run, *patterns: str) -> PET:
    return PET(16, 2, patterns, ("b", "g"), path=str(run))


def test_a_text_is_put_into_the_pattern_and_the_gap_is_found(run):
    task, batch = pet(run, "is {text}\n{mask}?"), texts(run, "good day", "bad")
    filled, place = task.fill(batch, task.ids["patterns"][0]["pieces"])
    cls, sep, mask = (getattr(load_data(run).tokenizer.vocabulary, name) for name in ("cls", "sep", "mask"))
    written = [
        [i if i in (cls, sep, mask) else chr(i - 3) for i in part.tolist()] for part in filled.tokens.split(filled.lengths)
    ]
    assert written[0] == [cls, *"is good day\n", mask, "?", sep] and written[1] == [cls, *"is bad\n", mask, "?", sep]
    assert filled.tokens[place].tolist() == [mask, mask]


def test_scores_are_those_of_the_pretrained_head_at_the_gap(run):
    task, encoder, batch = pet(run, "{text}{mask}", "{mask}:{text}"), load(run).encoder, texts(run, "good day", "bad night")
    head, expected = load(run).head, []
    for pattern in task.ids["patterns"]:
        filled, place = task.fill(batch, pattern["pieces"])
        logits = head(encoder(filled).units[place], encoder)
        expected.append(logits[:, [ord("b") + 3, ord("g") + 3]].log_softmax(1))
    torch.testing.assert_close(task(task.encode(encoder, batch)), torch.stack(expected).mean(0))


def test_learns_with_adapters_and_is_rebuilt_without_its_run(run, tmp_path):
    batch = texts(run, "good day", "bad night", "good night", "bad day")
    model = FineTune(FromCheckpoint(str(run)), pet(run, "{text}{mask}"), Adapters(4))
    losses = fine_tuned(model, batch, steps=30)
    assert losses[-1] < 0.8 * losses[0]
    again = build(spec(model))
    assert type(again.task.head) is TransformHead and again.task._init_args["path"] is None
    again.load_state_dict(model.state_dict())
    model.eval(), again.eval()
    torch.testing.assert_close(
        again.task(again.task.encode(again.encoder, batch)), model.task(model.task.encode(model.encoder, batch))
    )


def test_a_classifier_learns_what_the_patterns_say_of_unlabelled_texts(run):
    teacher, batch = FineTune(load(run).encoder, pet(run, "{text}{mask}")), texts(run, "good day", "bad night", "bad day")
    student = Distil(BERT(384, 16, 1, 2), Classify(16, 2, dropout=0.0), SoftLabels(teacher))
    found = student.loss(replace(batch, labels=None))["teacher"]
    scores = teacher.task(teacher.task.encode(teacher.encoder, batch))
    torch.testing.assert_close(found.sum, -(scores.softmax(1) * torch.tensor(0.5).log()).sum())


def test_what_does_not_fit_is_named(run, tmp_path):
    with pytest.raises(ValueError, match=r"words=good \(4\), bad \(3\).*one token"):
        PET(16, 2, ("{text}{mask}",), ("good", "bad"), path=str(run))
    with pytest.raises(ValueError, match=r"patterns=\['no gap in {text}'\]"):
        PET(16, 2, ("no gap in {text}",), ("b", "g"), path=str(run))
    with pytest.raises(ValueError, match="give one for each of the num_classes=3"):
        PET(16, 3, ("{text}{mask}",), ("b", "g"), path=str(run))
    with pytest.raises(ValueError, match="path=None"):
        PET(16, 2, ("{text}{mask}",), ("b", "g"))
