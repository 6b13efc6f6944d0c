"""Every task with every tuning on every kind of data: it takes two steps, or one ValueError says by name why it cannot.

Tasks and tunings are found in the source, so a new one stands in the matrix by itself.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.adapt.distillation.distil import Distil
from lit_pretrain.adapt.distillation.ssld import SSLD
from lit_pretrain.adapt.tuning.pet import _ids
from lit_pretrain.catalogue import scan
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.tree import Tree
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.held_out_edges import HeldOutEdges
from lit_pretrain.datamodules.graph.source.motifs import Motifs
from lit_pretrain.datamodules.speech.datamodule import SpeechDataModule
from lit_pretrain.datamodules.speech.source.synthesiser import Synthesiser
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.columns import Columns
from lit_pretrain.datamodules.text.source.files import Files
from lit_pretrain.datamodules.text.tagged import TaggedTextDataModule
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.vision.datamodule import VisionDataModule
from lit_pretrain.datamodules.vision.source.digits import Digits
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.numbers import Numbers
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.speech_transformer import SpeechTransformer
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.nn.embedding.log_mel import LogMelFrames
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import import_class
from lit_pretrain.types import Batch, Encoder

FEW = {"train": 12, "validation": 2, "test": 2}
SOURCE = Path(__file__).parents[2] / "lit_pretrain/probes"


def text(folder: Path) -> tuple[DataModule, Encoder]:
    rows = [f'{{"text": "{word} {i}", "label": "{word}"}}\n' for i in range(4) for word in ("good", "bad")]
    (folder / "text.jsonl").write_text("".join(rows))
    source = Files(*[str(folder / "text.jsonl")] * 3, label_field="label")
    return TextDataModule(source, Bytes("encoder"), max_length=16), BERT(384, 16, 2, 2, max_length=300)


def words(folder: Path) -> tuple[DataModule, Encoder]:
    (folder / "words.conll").write_text("Zoë\tB-person\nAdair\tI-person\nin\tO\nRome\tB-place\n\nRain\tO\n\n" * 4)
    data = TaggedTextDataModule(Columns(str(folder / "words.conll")), Bytes("encoder"), first=True)
    return data, BERT(384, 16, 2, 2, max_length=300)


def code(folder: Path) -> tuple[DataModule, Encoder]:
    data = CodeDataModule(Tree(str(SOURCE)), Bytes("encoder"), max_length=64, max_doc_length=16, tokens_per_batch=512,
                          tags=True)  # fmt: skip
    return data, BERT(384, 16, 2, 2, max_length=300)


def images(folder: Path) -> tuple[DataModule, Encoder]:
    return VisionDataModule(Digits(), image_size=8, channels=1, batch_size=16), ViT(8, 4, 1, 16, 2, 2)


def convnet(folder: Path) -> tuple[DataModule, Encoder]:
    data = VisionDataModule(Digits(), image_size=8, channels=1, batch_size=16)
    return data, TimmEncoder("resnet10t", channels=1, options={"channels": (4, 8, 8, 16), "stem_width": 4})


def speech(folder: Path) -> tuple[DataModule, Encoder]:
    data = SpeechDataModule(Synthesiser(words=(1, 2), sizes=FEW), sample_rate=8000, max_seconds=3.0, seconds_per_batch=6.0,
                            transcripts="characters")  # fmt: skip
    return data, SpeechTransformer(LogMelFrames(16, sample_rate=8000, mels=20, stack=2), num_layers=2, num_heads=2)


def graphs(folder: Path) -> tuple[DataModule, Encoder]:
    return GraphDataModule(Motifs(FEW), graphs_per_batch=12), PyGEncoder(Categories((5,), 8), dim=16)


def nodes(folder: Path) -> tuple[DataModule, Encoder]:
    return GraphDataModule(DigitsGraph(noise=0.3)), PyGEncoder(Raw(64), model="GCN", dim=16)


def links(folder: Path) -> tuple[DataModule, Encoder]:
    return GraphDataModule(HeldOutEdges(DigitsGraph(noise=0.3))), PyGEncoder(Raw(64), model="GCN", dim=16)


DATA = (text, words, code, images, convnet, speech, graphs, nodes, links)
OPTIONS = {
    "Retrieve": {"projection": 8},
    "Link": {"hidden": 8, "hits": 2},
    "DKVB": {"num_codebooks": 4, "num_keys": 8, "placing": 1},
}


def found(base: type) -> list[type]:
    """The subclasses of a part that a configuration can name."""
    entries = [e for e in scan() if e.path.startswith(("lit_pretrain.downstream.", "lit_pretrain.adapt."))]
    kinds = {import_class(entry.path) for entry in entries if not entry.name.startswith("_")}
    whole = [kind for kind in kinds if issubclass(kind, base) and hasattr(kind, "main" if base is Task else "trainable")]
    return sorted((kind for kind in whole if not _abstract(kind)), key=lambda kind: kind.__name__)


def _abstract(kind: type) -> bool:
    """Whether a method is left to subclasses. (Parts have no metaclass that would say so.)"""
    return any(getattr(getattr(kind, name, None), "__isabstractmethod__", False) for name in dir(kind))


TASKS, TUNINGS = found(Task), found(Tuning)
# What has no sense, and what is said of it: (data, task, tuning) by name.
REFUSED = [
    ("(?!words).*", "TagSpans", ".*", "TagSpans reads the tags"),
    (".*", ".*", "ZeroShot", "ZeroShot trains nothing"),
    ("(?!graphs|nodes|links).*", "GraphPrompt", ".*", "GraphPrompt reads graphs"),
    ("(?!text|words|code).*", "PET", ".*", "PET puts texts into patterns"),
    (".*", "DKVB|GraphPrompt", "(?!Linear).*", "is not frozen"),
    ("convnet", ".*", "Adapters", "adapters of width"),
    ("convnet|graphs|nodes|links", ".*", "Prefix", "compute no scaled_dot_product_attention"),
    ("convnet", ".*", "UniPT", "blocks of TimmEncoder differ"),
]


@cache
def made(make: Callable, folder: Path) -> tuple[DataModule, Encoder, Batch]:
    torch.manual_seed(0)
    data, encoder = make(folder)
    data.prepare_data()
    data.setup("fit")
    return data, encoder, next(iter(data.loader("train", shuffle=False, labelled=True)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("matrix")


def task_of(kind: type[Task], encoder: Encoder, data: DataModule) -> Task:
    options = OPTIONS.get(kind.__name__, {})
    if kind.__name__ == "PET":
        words = tuple("abcdefghijklmnopqrstuvwxyz0123456789"[: len(kind.names(data))])
        options = {"patterns": ("{text}:{mask}",), "words": words, "head": TransformHead(encoder.dim, 384)}
        options["ids"] = _ids(Bytes("encoder"), options["patterns"], words)
    if issubclass(kind, Numbers):  # each class is a question
        return kind(encoder.dim, len(data.class_names), **options)
    return kind.of(encoder, data, **options)


def expected(make: Callable, task: type[Task], tuning: type[Tuning]) -> str | None:
    cell = (make.__name__, task.__name__, tuning.__name__)
    fits = (says for *names, says in REFUSED if all(re.fullmatch(n, x) for n, x in zip(names, cell, strict=True)))
    return next(fits, None)


@pytest.mark.parametrize("kind", TASKS, ids=lambda t: t.__name__)
@pytest.mark.parametrize("make", DATA, ids=lambda m: m.__name__)
def test_takes_two_steps_or_says_why_not(make, kind, folder):
    data, encoder, batch = made(make, folder)
    numbers = issubclass(kind, Numbers)
    if not (data.class_names if numbers else kind.names(data)):
        with pytest.raises(ValueError, match=f"{kind.__name__}.* empty"):
            kind.of(encoder, data)
        return
    if numbers:
        batch = replace(batch, labels=F.one_hot(batch.labels, len(data.class_names)).float())
    for tuning in TUNINGS:
        says = expected(make, kind, tuning)
        if says is None:
            two_steps(FineTune(copy.deepcopy(encoder), task_of(kind, encoder, data), tuning()), batch)
        else:
            with pytest.raises(ValueError, match=says):
                two_steps(FineTune(copy.deepcopy(encoder), task_of(kind, encoder, data), tuning()), batch)


def two_steps(model: FineTune, batch: Batch) -> None:
    model.optim = AdamW(1e-3)
    model._trainer = SimpleNamespace(max_steps=2)
    optimizer = model.configure_optimizers()["optimizer"]
    for _ in range(2):
        optimizer.zero_grad()
        loss = sum(t.weight * t.sum / max(1, int(t.count)) for t in model._terms(batch).values())
        loss.backward()
        optimizer.step()
        assert loss.isfinite()
    trained = [p for p in model.encoder.parameters() if p.requires_grad]
    assert not trained or any(p.grad is not None and p.grad.any() for p in trained)


@pytest.mark.parametrize("tuning", TUNINGS, ids=lambda t: t.__name__)
def test_each_tuning_serves_each_kind_of_data_in_distillation(tuning, folder):
    for make in DATA:
        data, encoder, batch = made(make, folder)
        if data.class_names and expected(make, Classify, tuning) is None:
            teacher, task = (Classify.of(encoder, data) for _ in range(2))
            torch.nn.init.normal_(teacher.linear.weight)
            model = Distil(copy.deepcopy(encoder), task, SSLD(FineTune(copy.deepcopy(encoder), teacher)), tuning())
            two_steps(model, replace(batch, labels=None))
