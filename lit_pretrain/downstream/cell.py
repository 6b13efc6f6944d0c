"""One number of the table before it is averaged over seeds, and where it is kept."""

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from safetensors.torch import load_file, save_file

from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.zero_shot import ZeroShot
from lit_pretrain.part import build, spec
from lit_pretrain.probes.base import Probe
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.probes.retrieval import RetrievalProbe
from lit_pretrain.types import Encoder, Outcomes

Count = int | Literal["all"]  # of labels
# customary names; others are called by their class
PROBES = {LogisticProbe: "linear probe", KNNProbe: "kNN", RetrievalProbe: "retrieval"}


@dataclass
class Subject:
    """An encoder under test and the labelled data that it is tested on.

    Args:
        name: in tables.
        encoder: pretrained.
        data: set up, and in the form that the encoder was pretrained on (`DataModule.adopt`).
    """

    name: str
    encoder: Encoder
    data: DataModule


@dataclass(frozen=True)
class Cell:
    """One way of using an encoder, on so many labels, under one seed.

    Args:
        subject: encoder and data.
        way: a probe on frozen features, or a tuning.
        pretrained: start from the pretrained weights; otherwise from random ones.
        labels: of the training split.
        seed: of everything random.
    """

    subject: Subject
    way: Probe | Tuning
    pretrained: bool
    labels: Count
    seed: int

    @property
    def row(self) -> str:
        """The name of the table's row."""
        kind = type(self.way)
        if isinstance(self.way, Probe):
            name = PROBES.get(kind, kind.__name__)
            return f"{'pretrained' if self.pretrained else 'random init'} + {name}"
        if kind is ZeroShot:
            return f"{'pretrained' if self.pretrained else 'random init'}, zero-shot"
        return ("fine-tuned" if self.pretrained else "from scratch") + ("" if kind is Full else f" ({kind.__name__})")

    @property
    def limit(self) -> int | None:
        return None if self.labels == "all" else self.labels

    def encoder(self) -> Encoder:
        """A copy of the pretrained one, or a fresh one of the same architecture under this cell's seed."""
        if self.pretrained:
            return copy.deepcopy(self.subject.encoder)
        with isolate_rng():
            torch.manual_seed(self.seed)
            return build(spec(self.subject.encoder))


class CellStore:
    """One JSON file a cell, named by the hash of all that its result depends on, and beside it the outcomes of its test
    examples.

    Args:
        folder: where the files are; made when the first is written.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self, key: str) -> dict[str, Any] | None:
        """The result; None: not computed yet."""
        path = self._path(key)
        return json.loads(path.read_bytes()) if path.exists() else None

    def outcomes(self, key: str) -> Outcomes | None:
        """Of a cell that was computed; None: it has none (see `Task.outcomes`)."""
        path = self._path(key).with_suffix(".safetensors")
        if not path.exists():
            return None
        found = load_file(path)
        return Outcomes(**found | {"power": float(found["power"])})

    def write(self, key: str, result: dict[str, Any], outcomes: Outcomes | None = None) -> None:
        """Atomically, the result last: a killed run leaves whole files only."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{key}.{os.getpid()}.partial"
        if outcomes is not None:
            found = vars(outcomes) | {"power": torch.tensor(outcomes.power, dtype=torch.float64)}
            save_file({name: tensor.contiguous() for name, tensor in found.items() if tensor is not None}, partial)
            os.replace(partial, self._path(key).with_suffix(".safetensors"))
        partial.write_bytes(json.dumps(result, indent=2).encode())
        os.replace(partial, self._path(key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"
