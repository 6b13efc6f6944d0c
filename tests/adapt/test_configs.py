"""The configurations of tunings and distillation run on what small runs left."""

from pathlib import Path

import lightning as L
import pytest

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.cli import main
from lit_pretrain.config.compose import compose
from lit_pretrain.config.schema import Schema, signature
from lit_pretrain.corruptions.masking import DynamicMasking
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.files import Files
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.labelled import Labelled
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.encoders.modern import CausalTransformer, ModernTransformer
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.io.checkpoint import load, load_encoder
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.text.mlm import MLM
from lit_pretrain.part import build, class_path

CONF = Path(__file__).parents[2] / "conf/downstream"
SMOKE = ["--config", str(CONF.parent / "trainer/smoke.yaml"), "--trainer.accelerator", "cpu",
         "--trainer.precision", "32-true", "--trainer.max_steps", "2"]  # fmt: skip


def leave(model, data, folder: Path) -> str:
    """The folder of a run of one step."""
    L.Trainer(max_steps=1, default_root_dir=folder, callbacks=[Checkpoint(1)], accelerator="cpu", logger=False,
              limit_val_batches=0, enable_progress_bar=False, enable_model_summary=False).fit(model, data)  # fmt: skip
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("runs")
    rows = [f'{{"text": "{word} number {i}", "label": "{word}"}}\n' for i in range(20) for word in ("good", "bad")]
    (folder / "reviews.jsonl").write_text("".join(rows))
    data = TextDataModule(Files(*[str(folder / "reviews.jsonl")] * 3, label_field="label"), Bytes("encoder"),
                          max_length=32, tokens_per_batch=256)  # fmt: skip
    mlm = MLM(ModernTransformer(384, 16, 2, 2), TransformHead(16, 384), DynamicMasking(0.3))
    images = VisionDataModule(Digits(), image_size=16, channels=1, batch_size=64)
    return {
        "reviews": str(folder / "reviews.jsonl"),
        "mlm": leave(mlm, data, folder / "mlm"),
        "tuned": leave(FineTune(ModernTransformer(384, 16, 2, 2), Classify(16, 2)), Labelled(data), folder / "tuned"),
        "causal": leave(FineTune(CausalTransformer(384, 128, 2, 2), Classify(128, 2)), Labelled(data), folder / "causal"),
        "image": leave(FineTune(ViT(16, 4, 1, 16, 1, 2), Classify(16, 10)), Labelled(images), folder / "image"),
    }


def words_of(name: str, runs: dict[str, str]) -> list[str]:
    """The command line, as the header of the file has it."""
    if name == "unic":
        teacher = f"{{class_path: lit_pretrain.encoders.checkpoint.FromCheckpoint, init_args: {{path: {runs['image']}}}}}"
        return ["--model.teachers", f"[{teacher}, {teacher}]"]
    text = ["--model.task.dim", "128" if name == "attention_transfer" else "16", "--model.task.num_classes", "2",
            "--data.data.source", class_path(Files), "--data.data.source.train", runs["reviews"],
            "--data.data.source.label_field", "label", "--data.data.source.validation", runs["reviews"]]  # fmt: skip
    return text + {
        "lora": ["--model.encoder.path", runs["mlm"]],
        "pet": ["--model.encoder.path", runs["mlm"], "--model.task.words", "[b, g]",
                "--model.task.patterns", "['{text}:{mask}', '{mask}:{text}']"],
        "distil": ["--model.encoder.path", runs["mlm"], "--model.teaching.teacher.path", runs["tuned"]],
        "attention_transfer": ["--model.teaching.teacher.path", runs["causal"], "--model.encoder.vocab_size", "384"],
    }[name]  # fmt: skip


@pytest.mark.parametrize("name", ["lora", "pet", "distil", "attention_transfer", "unic"])
def test_a_configuration_runs_and_leaves_its_encoder(name, runs, tmp_path):
    words = ["--config", str(CONF / f"{name}.yaml"), *SMOKE, *words_of(name, runs), "--run_dir", str(tmp_path)]
    assert main(["fit", *words]) in (0, None)
    module, encoder = load(tmp_path), load_encoder(tmp_path)
    assert type(module).__name__ == {"lora": "FineTune", "pet": "FineTune", "unic": "UNIC"}.get(name, "Distil")
    assert type(encoder).__name__ == {"pet": "Adapted", "unic": "ViT", "attention_transfer": "CausalTransformer"}.get(
        name, "ModernTransformer"
    )


def test_neighbours_and_a_classifier_stand_in_one_table_with_both_together(runs, tmp_path):
    words = ["--config", str(CONF / "knn_interpolation.yaml"), "--ckpt", runs["image"], "--labels", "50", "--seeds", "0"]
    assert main(["evaluate", *words, "--out", str(tmp_path)]) == 0
    table = (tmp_path / "table.md").read_text()
    assert all(f"pretrained + {way}" in table for way in ("linear probe", "kNN", "KNNInterpolation"))


@pytest.mark.parametrize("name", ["tunings", "dkvb"])
def test_a_protocol_is_made_and_fills_a_table(name, runs, tmp_path):
    keys = Schema("lit-pretrain evaluate", signature(Protocol).arguments)
    tree, _ = compose("evaluate", ["--config", str(CONF / f"{name}.yaml")], {}, keys)
    tree["budget"] = {"class_path": class_path(Budget), "init_args": tree["budget"]}
    protocol = build({"class_path": class_path(Protocol), "init_args": tree})
    assert protocol.tunings and not protocol.probes
    words = ["--config", str(CONF / f"{name}.yaml"), "--ckpt", runs["image"], "--labels", "20", "--seeds", "0", "--out",
             str(tmp_path), "--budget.learning_rates", "[1.0e-3]", "--budget.max_steps", "2"]  # fmt: skip
    assert main(["evaluate", *words]) == 0
    table = (tmp_path / "table.md").read_text()
    assert all(f"({type(tuning).__name__})" in table for tuning in protocol.tunings if type(tuning).__name__ != "Full")
