"""Every reader of files, with the valid files that `fuzz` damages."""

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
import zstandard

from experiments.reliability import seeds
from lit_pretrain.config.compose import compose
from lit_pretrain.config.run_folder import refuse_another
from lit_pretrain.datamodules.code.datamodule import CodeDataModule
from lit_pretrain.datamodules.code.source.base import Program
from lit_pretrain.datamodules.code.source.base import Source as CodeSource
from lit_pretrain.datamodules.code.source.json_lines import JSONLines as CodeLines
from lit_pretrain.datamodules.code.source.parallel_lines import ParallelLines
from lit_pretrain.datamodules.code.source.tree import LANGUAGES, Tree
from lit_pretrain.datamodules.graph.source.base import GraphSource
from lit_pretrain.datamodules.graph.source.edge_list import EdgeList
from lit_pretrain.datamodules.graph.source.json_lines import JSONLines as GraphLines
from lit_pretrain.datamodules.graph.source.ogb_nodes import OGBNodes
from lit_pretrain.datamodules.graph.source.pyg_graphs import PyGGraphs
from lit_pretrain.datamodules.graph.source.shards import Shards as GraphShards
from lit_pretrain.datamodules.graph.source.smiles import SMILES
from lit_pretrain.datamodules.speech.source.audio_folder import AudioFolder
from lit_pretrain.datamodules.speech.source.base import Source as SpeechSource
from lit_pretrain.datamodules.speech.source.manifest import Manifest
from lit_pretrain.datamodules.speech.source.shards import Shards as SpeechShards
from lit_pretrain.datamodules.text.datamodule import TextDataModule
from lit_pretrain.datamodules.text.source.base import Document, Source
from lit_pretrain.datamodules.text.source.columns import Columns
from lit_pretrain.datamodules.text.source.files import Files
from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.pretrained import Pretrained
from lit_pretrain.datamodules.units import Units
from lit_pretrain.datamodules.unreadable import Unreadable
from lit_pretrain.datamodules.vision.source.base import Source as VisionSource
from lit_pretrain.datamodules.vision.source.folder import Folder
from lit_pretrain.datamodules.vision.source.shards import Shards as VisionShards
from lit_pretrain.datamodules.vision.source.torchvision_set import TorchvisionSet
from lit_pretrain.io.checkpoint import fault, load_data, load_encoder, write
from lit_pretrain.io.pretrained import from_pretrained, save_pretrained
from lit_pretrain.io.untrusted import load_values
from lit_pretrain.run import root_schema


class Reader(NamedTuple):
    """
    Args:
        files: makes valid ones.
        read: goes through all that a folder of them holds; what could not be decoded is among it as `Unreadable`.
    """

    files: Callable[[], seeds.Contents]
    read: Callable[[Path], Iterable[Any]]


def each(count: int, get: Callable[[int], Any]) -> Iterator[Any]:
    for number in range(count):
        try:
            yield get(number)
        except Unreadable as problem:
            yield problem


def images(source: VisionSource) -> Iterator[Any]:
    yield source.class_names, source.tag_names
    found = source.images("train")
    yield from each(len(found), found.__getitem__)


def speech(source: SpeechSource) -> Iterator[Any]:
    yield source.class_names
    found = source.recordings("train")
    yield from each(len(found), found.read)
    yield from each(len(found), lambda i: found.read(i, 0.05, 0.1))


def graphs(source: GraphSource) -> Iterator[Any]:
    yield source.class_names, source.label_names
    found = source.graphs("train")
    yield found.batch(np.arange(len(found)))
    yield from (Unreadable(*problem) for problem in found.unreadable)


def programs(folder: Path) -> Iterator[Any]:
    languages = tuple(sorted(set(LANGUAGES.values())))
    source = Tree(str(folder), validation_fraction=0.0, test_fraction=0.0)
    yield from CodeDataModule(source, Bytes(), languages=languages).loader("train", shuffle=False)


class Kept(Source):
    """Documents whose tokens are in the cache."""

    def documents(self, split: str) -> Iterator[Document]:
        return (Document(row["text"], "ab"[row["label"]]) for row in seeds.ROWS if split == "train")

    def fingerprint(self, split: str) -> str:
        return "the rows"


class KeptPrograms(CodeSource):
    """Programs whose tokens are in the cache."""

    def programs(self, split: str) -> Iterator[Program]:
        return (Program(row["code"], "python", "ab"[row["label"]]) for row in seeds.ROWS if split == "train")

    def fingerprint(self, split: str) -> str:
        return "the rows"


def kept(folder: Path) -> Iterator[Any]:
    """Batches whose tokens are in `folder`, or get there."""
    before, os.environ["LIT_PRETRAIN_CACHE"] = os.environ.get("LIT_PRETRAIN_CACHE"), str(folder)
    try:
        for data in (TextDataModule(Kept(), Bytes()), CodeDataModule(KeptPrograms(), Bytes())):
            yield data.class_names, list(data.loader("train", shuffle=False))
    finally:
        os.environ.pop("LIT_PRETRAIN_CACHE")
        os.environ |= {} if before is None else {"LIT_PRETRAIN_CACHE": before}


def read_trained(folder: Path) -> Iterator[Any]:
    made = seeds.tokenizer(folder)
    yield from made.encode([seeds.TEXT])
    yield made.vocabulary


def read_pretrained(folder: Path) -> Iterator[Any]:
    made = Pretrained(str(folder))
    made.prepare(lambda: (), lambda: "", folder)
    yield from made.encode([seeds.TEXT])
    yield made.vocabulary


def read_checkpoint(folder: Path) -> Iterator[Any]:
    yield load_encoder(folder)
    yield load_data(folder)


def read_content(folder: Path) -> Iterator[Any]:
    """A checkpoint whose manifest fits: damaged before it was hashed, or made by someone who means harm."""
    path = folder / "checkpoints/step-0000001.ckpt"
    fault(path)
    (folder / "checkpoints/step-0000001.ckpt.json").unlink(missing_ok=True)
    content = load_values(path)
    write(content, path)
    yield from read_checkpoint(folder)


def read_units(folder: Path) -> Iterator[Any]:
    found = Units(str(folder))
    found.check("train", "abc")
    yield found.num_clusters
    yield found.of("train", [0, 1])


def composed(folder: Path) -> Iterator[Any]:
    yield compose("fit", ["--config", str(folder / "run.yaml")], {}, root_schema("fit"))


def another(folder: Path) -> Iterator[Any]:
    yield refuse_another(folder, yaml.safe_load(seeds.configuration()["data.yaml"]))


READERS: dict[str, Reader] = {
    "text: lines": Reader(
        lambda: {"a.txt": seeds.TEXT.encode()},
        lambda f: Files(str(f / "a.txt"), split_on="line").documents("train"),
    ),
    "text: JSON lines": Reader(
        lambda: {"a.jsonl": seeds.json_lines(seeds.ROWS)},
        lambda f: Files(str(f), label_field="label", max_bad=0.5).documents("train"),
    ),
    "text: gzip": Reader(
        lambda: {"a.jsonl.gz": gzip.compress(seeds.json_lines(seeds.ROWS), mtime=0)},
        lambda f: Files(str(f)).documents("train"),
    ),
    "text: zstd": Reader(
        lambda: {"a.jsonl.zst": zstandard.compress(seeds.json_lines(seeds.ROWS))},
        lambda f: Files(str(f)).documents("train"),
    ),
    "text: Parquet": Reader(
        lambda: {"a.parquet": seeds.parquet(seeds.ROWS)},
        lambda f: Files(str(f), label_field="label").documents("train"),
    ),
    "text: tagged words": Reader(
        lambda: {"a.conll": "Ada\tB-person\nin\tO\nKöln\tB-place\n\n# note\nBye\tO\n".encode()},
        lambda f: Columns(str(f / "a.conll")).sentences("train"),
    ),
    "text: trained tokenizer": Reader(
        lambda: seeds.written(seeds.tokenizer),
        read_trained,
    ),
    "text: published tokenizer": Reader(
        seeds.published,
        read_pretrained,
    ),
    "kept tokens": Reader(
        lambda: seeds.written(lambda f: list(kept(f))),
        kept,
    ),
    "vision: folder": Reader(
        seeds.images_and_tags,
        lambda f: images(Folder(str(f))),
    ),
    "vision: tar": Reader(
        lambda: {"a.tar": seeds.images_in_tar("w")},
        lambda f: images(VisionShards(str(f / "a.tar"), class_names=["a", "b"], tag_names=["red"])),
    ),
    "vision: tar.gz": Reader(
        lambda: {"a.tar.gz": seeds.images_in_tar("w:gz")},
        lambda f: images(VisionShards(str(f / "a.tar.gz"), class_names=["a", "b"])),
    ),
    "vision: torchvision": Reader(
        seeds.digits,
        lambda f: images(TorchvisionSet("FashionMNIST", str(f))),
    ),
    "speech: folder": Reader(
        seeds.recordings,
        lambda f: speech(AudioFolder(str(f), validation_fraction=0.0, test_fraction=0.0)),
    ),
    "speech: manifest in JSON": Reader(
        lambda: seeds.manifest("jsonl"),
        lambda f: speech(Manifest(str(f / "list.jsonl"), label="word")),
    ),
    "speech: manifest in a table": Reader(
        lambda: seeds.manifest("tsv"),
        lambda f: speech(Manifest(str(f / "list.tsv"), label="word")),
    ),
    "speech: tar": Reader(
        lambda: {"a.tar": seeds.recordings_in_tar()},
        lambda f: speech(SpeechShards(str(f / "a.tar"), label="word")),
    ),
    "graph: JSON lines": Reader(
        lambda: {"a.jsonl": seeds.json_lines(seeds.GRAPHS)},
        lambda f: graphs(GraphLines(str(f / "a.jsonl"), validation_fraction=0.0)),
    ),
    "graph: tables": Reader(
        seeds.edge_list,
        lambda f: [EdgeList(str(f / "edges.csv"), str(f / "nodes.csv"), label="kind", split="part").graph()],
    ),
    "graph: arrays": Reader(
        seeds.arrays,
        lambda f: [EdgeList(str(f / "edges.npz"), str(f / "nodes.npz"), label="kind").graph()],
    ),
    "graph: torch": Reader(
        lambda: {"a.pt": seeds.tensors()},
        lambda f: graphs(GraphShards(str(f / "a.pt"), validation_fraction=0.0)),
    ),
    "graph: Parquet": Reader(
        lambda: {"a.parquet": seeds.columns_of_graphs()},
        lambda f: graphs(GraphShards(str(f / "a.parquet"), validation_fraction=0.0)),
    ),
    "graph: table of SMILES": Reader(
        lambda: {"a.csv": seeds.table([{"smiles": "CC(=O)Oc1ccccc1", "y": 0.5}, {"smiles": "C1CC1N", "y": 1}] * 4)},
        lambda f: graphs(SMILES(str(f / "a.csv"), labels=["y"])),
    ),
    "graph: list of SMILES": Reader(
        lambda: {"a.smi": b"CC(=O)Oc1ccccc1 aspirin\nC1CC1N\nCCO\n[Na+].[Cl-]\n"},
        lambda f: graphs(SMILES(str(f / "a.smi"), split="random")),
    ),
    "graph: TUDataset": Reader(
        seeds.tu_dataset,
        lambda f: graphs(PyGGraphs("MUTAG", str(f))),
    ),
    "graph: OGB": Reader(
        seeds.ogb,
        lambda f: [OGBNodes(str(f)).graph()],
    ),
    "code: tree": Reader(
        lambda: {f"a{ending}": text.encode() for ending, text in seeds.PROGRAMS.items()},
        programs,
    ),
    "code: JSON lines": Reader(
        lambda: {"a.jsonl": seeds.json_lines(seeds.ROWS)},
        lambda f: CodeLines(str(f), doc="text", label="label", max_bad=0.5).programs("train"),
    ),
    "code: parallel lines": Reader(
        lambda: {"a.java": b"int f() {}\nint g() {}\n", "a.cs": b"int F() {}\nint G() {}\n"},
        lambda f: ParallelLines(str(f / "a")).programs("train"),
    ),
    "units": Reader(
        lambda: seeds.written(seeds.units),
        read_units,
    ),
    "checkpoint": Reader(
        lambda: seeds.written(seeds.checkpoint),
        read_checkpoint,
    ),
    "checkpoint's content": Reader(
        lambda: {k: v for k, v in seeds.written(seeds.checkpoint).items() if k.endswith("ckpt")},
        read_content,
    ),
    "folder of ours": Reader(
        lambda: seeds.written(lambda f: save_pretrained(seeds.small_encoder(), f, theirs=False)),
        lambda f: [from_pretrained(f)],
    ),
    "folder of transformers": Reader(
        lambda: seeds.written(lambda f: save_pretrained(seeds.small_encoder(), f, theirs=True)),
        lambda f: [from_pretrained(f)],
    ),
    "folder of an adapted model": Reader(
        lambda: seeds.written(seeds.adapted),
        lambda f: [from_pretrained(f)],
    ),
    "folder with a pickle": Reader(
        lambda: seeds.written(seeds.pickled),
        lambda f: [from_pretrained(f)],
    ),
    "configuration": Reader(
        seeds.configuration,
        composed,
    ),
    "configuration of a run": Reader(
        lambda: {"config.yaml": seeds.configuration()["data.yaml"]},
        another,
    ),
}
