"""The protocol: what is compared, with how many labels, over which seeds, and what each may spend."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser
from omegaconf import OmegaConf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lit_pretrain.downstream import fingerprint, table
from lit_pretrain.downstream.cell import Cell, CellStore, Count, Subject
from lit_pretrain.downstream.features import FeatureStore
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tune import Budget, tune
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import SUFFIX, checkpoints, load_data
from lit_pretrain.part import Recorded, build, spec
from lit_pretrain.probes.base import Probe
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe


class Protocol(Recorded):
    """Every probe and every tuning, of a random and of the pretrained encoder, times label counts, times seeds.

    All choices (learning rate, a probe's penalty) are made on the validation split, from the grid that stands here,
    the same for every row. The test split is read once by each cell, after the choice. A seed sets which labels are
    kept, the random encoder, the head, and the order and draws of fine-tuning; so the spread of a deterministic probe
    on all labels of a pretrained encoder is 0.

    Args:
        labels: how many training labels are used, balanced over the classes; "all".
        seeds: each cell is repeated with these.
        probes: on frozen features.
        tunings: which weights train; a random encoder under the same tuning and budget is the row "from scratch".
        layer: named layer whose mean the probes see; None: the pooled vector.
        budget: what each tuning may spend.
    """

    def __init__(
        self,
        labels: tuple[Count, ...] = ("all",),
        seeds: tuple[int, ...] = (0, 1, 2),
        probes: tuple[Probe, ...] = (LogisticProbe(), KNNProbe()),
        tunings: tuple[Tuning, ...] = (Full(),),
        layer: str | None = None,
        budget: Budget = Budget(),
    ):
        if not labels or not seeds or not (probes or tunings):
            raise ValueError(f"labels={labels}, seeds={seeds}: give at least one of each, and one probe or tuning")
        if bad := [count for count in labels if count != "all" and count < 1]:
            raise ValueError(f"labels={bad}: give a number above 0, or all")
        self.labels, self.seeds, self.probes, self.tunings = list(labels), list(seeds), list(probes), list(tunings)
        self.layer, self.budget = layer, budget

    def cells(self, subjects: Sequence[Subject]) -> list[Cell]:
        """In the order of the table's rows."""
        return [
            Cell(subject, way, pretrained, count, seed)
            for subject in subjects
            for way in (*self.probes, *self.tunings)
            for pretrained in (False, True)
            for count in self.labels
            for seed in self.seeds
        ]

    def run(self, subjects: Sequence[Subject], folder: Path) -> list[dict[str, Any]]:
        """The results of all cells; those that `folder` holds already are read from there.

        Raises:
            ValueError: the data have no labels.
        """
        for subject in subjects:
            if not subject.data.class_names:
                raise ValueError(f"{subject.name}: the data have no labels to test on; give labelled data with --data")
        store, cells = CellStore(folder / "cells"), self.cells(subjects)
        features = [FeatureStore(folder / "features", s.data, fingerprint.of_data(s.data)) for s in subjects]
        weights = [fingerprint.of_weights(s.encoder) for s in subjects]
        results = []
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                   TextColumn("left"), TimeRemainingColumn())  # fmt: skip
        with Progress(*columns) as progress:
            bar = progress.add_task("", total=len(cells))
            for cell in cells:
                progress.update(bar, description=f"{cell.row}, {cell.labels} labels, seed {cell.seed}")
                number = subjects.index(cell.subject)
                key = self._key(cell, weights[number], features[number].data_hash)
                result = store.read(key)
                if result is None:
                    cell.subject.data.seed = cell.seed
                    result = self._probe(cell, features[number]) if isinstance(cell.way, Probe) else self._tune(cell)
                    store.write(key, result)
                # How a cell is called may change; what was measured does not.
                names = {"checkpoint": cell.subject.name, "row": cell.row, "labels": cell.labels, "seed": cell.seed}
                results.append(names | result)
                progress.advance(bar)
        return results

    def evaluate(self, subjects: Sequence[Subject], folder: Path) -> list[table.Row]:
        """Run, write table.md, table.csv, table.png, results.json and protocol.yaml, and give the table's rows."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "protocol.yaml").write_bytes(yaml.safe_dump(spec(self), sort_keys=False).encode())
        rows = table.summarise(self.run(subjects, folder))
        table.write(rows, Classify.main, folder)
        return rows

    def _key(self, cell: Cell, weights: str, data_hash: str) -> str:
        """All that the result depends on."""
        start = weights if cell.pretrained else spec(cell.subject.encoder)
        spent = self.layer if isinstance(cell.way, Probe) else self.budget
        return fingerprint.digest(start, cell.way, cell.labels, cell.seed, data_hash, spent)

    def _probe(self, cell: Cell, features: FeatureStore) -> dict[str, Any]:
        probe = build(spec(cell.way))
        encoder = cell.encoder().to(torch.accelerator.current_accelerator(check_available=True) or "cpu")
        train = features.get(encoder, "train", cell.limit, self.layer)
        probe.fit(*train, validation=features.get(encoder, "validation", layer=self.layer))
        test = features.get(encoder, "test", layer=self.layer)
        return {"metrics": dict(probe.score(*test)), "protocol": probe.protocol()}

    def _tune(self, cell: Cell) -> dict[str, Any]:
        return tune(cell.encoder(), cell.way, cell.subject.data, cell.limit, cell.seed, self.budget)


# ---- lit-pretrain evaluate ------------------------------------------------------------------------------------------


def subject(path: str, data: dict[str, Any] | None = None, name: str | None = None) -> Subject:
    """What `path` (run folder, checkpoint, exported folder) is tested on.

    Args:
        path: see `FromCheckpoint`.
        data: spec of labelled data; None: the data that the checkpoint was trained on.
        name: in tables; default: the last part of the path.
    """
    ours = Path(path).suffix == SUFFIX or bool(checkpoints(path))
    pretraining = load_data(path) if ours else None
    tested = pretraining if data is None else build(data)
    if tested is None:
        raise ValueError(f"{path} does not say which data it was trained on; give --data FILE.yaml")
    if data is not None and pretraining is not None:
        tested.adopt(pretraining)
    tested.prepare_data()
    tested.setup("test")
    return Subject(name or Path(path).name, FromCheckpoint(path), tested)


def main(argv: list[str]) -> int:
    """`lit-pretrain evaluate`: the exit code."""
    about = "Measure checkpoints by a declared protocol; the same command goes on where it was cut."
    parser = ArgumentParser(prog="lit-pretrain evaluate", exit_on_error=False, description=about)
    parser.add_argument("--config", action="config", help="YAML with any of these arguments")
    parser.add_argument("--ckpt", nargs="+", type=str, required=True, help="checkpoints, run folders, exported folders")
    parser.add_argument("--data", type=str, help="YAML of a labelled datamodule; default: the checkpoint's own data")
    parser.add_argument("--out", type=str, default="runs/evaluate", help="folder of the results")
    parser.add_argument("--labels", nargs="+", type=Count, default=["all"], help="training labels used, or all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="each cell is repeated with these")
    parser.add_class_arguments(Protocol, skip={"labels", "seeds"})
    try:
        given = parser.instantiate_classes(parser.parse_args(argv))
        protocol = Protocol(given.labels, given.seeds, given.probes, given.tunings, given.layer, given.budget)
        data = None if given.data is None else _data(Path(given.data))
        names = given.ckpt if len({Path(p).name for p in given.ckpt}) < len(given.ckpt) else [None] * len(given.ckpt)
        subjects = [subject(path, data, name) for path, name in zip(given.ckpt, names, strict=True)]
        rows = protocol.evaluate(subjects, Path(given.out))
    except (ValueError, TypeError, ArgumentError) as error:
        print(f"lit-pretrain evaluate: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    table.show(rows, Classify.main)
    print(f"tables, plot and cells: {given.out}")
    return 0


def _data(path: Path) -> dict[str, Any]:
    """The tree of a datamodule's YAML, which may stand under the key `data` as in a configuration of `fit`."""
    if not path.is_file():
        raise ValueError(f"--data {path}: there is no such file")
    tree = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    tree = tree.get("data", tree) if isinstance(tree, dict) else {}
    if "class_path" not in tree:
        raise ValueError(f"--data {path}: it names no class_path of a datamodule")
    return tree
