"""The protocol: what is compared, with how many labels, over which seeds, and what each may spend."""

import itertools
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from lit_pretrain.config.compose import compose
from lit_pretrain.config.mistake import Mistake, one_line
from lit_pretrain.config.schema import Argument, Schema, signature
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.downstream import compare, confusion, curves, fingerprint, report, sweep, table
from lit_pretrain.downstream.cell import Cell, Count, Subject
from lit_pretrain.downstream.evaluation import Evaluation, completed
from lit_pretrain.downstream.features import ALL, POOLED, FeatureStore, layers_of
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.tune import Budget, tune
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import SUFFIX, checkpoints, load_data
from lit_pretrain.part import Recorded, build, class_path, import_class, spec
from lit_pretrain.probes.base import Probe
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe

LISTS = ("--ckpt", "--labels", "--seeds", "--layers")  # options that take several values
HELP = """usage: lit-pretrain evaluate --ckpt PATH ... [options]

  --ckpt PATH ...       checkpoints, run folders, exported folders or names on the hub
  --config FILE         a protocol, such as conf/downstream/protocol.yaml; may be repeated
  --data FILE           labelled data; default: those of the checkpoint. --data.KEY VALUE sets a key of them
  --out FOLDER          where cells, table and plot are written; the same command in the same folder goes on
  --sweep true          each --ckpt run folder stands for all checkpoints in it: sweep.png, the curve over steps
  --jobs 4              processes that compute cells, each with its share of the cores and GPUs; default: 1
  --labels 100 all      numbers of training labels
  --seeds 0 1 2         each cell is repeated with these
  --task PATH           class path of what is fine-tuned, such as lit_pretrain.downstream.task.ctc.CTC; default: Classify
  --task_options.KEY VALUE  its arguments
  --budget.KEY VALUE    learning_rates, weight_decays, epochs, min_steps, max_steps, precision of every fine-tuning
  --layers all          which layers the probes may see: names, pooled (default), all; validation chooses
  --overlap 0.1         refuse data of whose test examples a larger share stands in train or validation too
  --probes, --tunings   see lit-pretrain show Protocol
"""


class Protocol(Recorded):
    """Every probe and every tuning, of a random and of the pretrained encoder, times label counts, times seeds.

    All choices (learning rate, weight decay, layer, a probe's penalty) are made on the validation split, from the grid that
    stands here, the same for every row. The test split is read once by each cell, after the choice, and data whose test
    examples stand in the validation or training split are refused. A seed sets which labels are kept, the random encoder,
    the head, and the order and draws of fine-tuning; so the spread of a deterministic probe on all labels of a pretrained
    encoder is 0. compare.csv says which differences are more than luck: `paired_bootstrap` over test examples, of each
    pretrained row against its random one and of each further checkpoint against the first, on the same data.

    Args:
        labels: how many training labels are used, balanced over the classes; "all". k shots of C classes are k * C labels.
        seeds: each cell is repeated with these; of few labels, each is an episode.
        probes: on frozen features.
        tunings: which weights train; a random encoder under the same tuning and budget is the row "from scratch".
        layers: what the probes may see: the mean over an example's units of a named layer, such as "block05"; "pooled",
            the encoder's own pooled vector; "all". Of several, each probe takes the one that is best on validation, and
            layers.csv and layers.png show all of them there.
        budget: what each tuning may spend.
        task: class path of the task that is fine-tuned.
        task_options: its arguments, except the encoder's width and the number of classes, which the data give. A probe
            of classes is left out where the data have none, and one of numbers where they have none. Tables show the main
            metrics, and table.csv has all.
        overlap: the largest share of test examples that may stand in the training or the validation split too; data with
            more are refused.
    """

    def __init__(
        self,
        labels: tuple[Count, ...] = ("all",),
        seeds: tuple[int, ...] = (0, 1, 2),
        probes: tuple[Probe, ...] = (LogisticProbe(), KNNProbe()),
        tunings: tuple[Tuning, ...] = (Full(),),
        layers: tuple[str, ...] = (POOLED,),
        budget: Budget = Budget(),
        task: str = class_path(Classify),
        task_options: dict[str, Any] | None = None,
        overlap: float = 0.1,
    ):
        if not labels or not seeds or not layers or not (probes or tunings):
            raise ValueError(f"labels={labels}, seeds={seeds}, layers={layers}: give at least one of each, and one probe or"
                             " tuning")  # fmt: skip
        if not 0 <= overlap <= 1:
            raise ValueError(f"overlap={overlap} is a share: give a number from 0 to 1")
        if bad := [count for count in labels if count != "all" and count < 1]:
            raise ValueError(f"labels={bad}: give a number above 0, or all")
        self.labels, self.seeds, self.probes, self.tunings = list(labels), list(seeds), list(probes), list(tunings)
        self.layers, self.budget, self.overlap = list(layers), budget, overlap
        self.task, self.task_options = import_class(task), dict(task_options or {})
        if not (isinstance(self.task, type) and issubclass(self.task, Task)):
            raise ValueError(f"task={task!r}: give the class path of a task, such as {class_path(Classify)}")
        options = signature(self.task).arguments.keys() - {"dim", "num_classes", "num_labels"}
        if unknown := self.task_options.keys() - options:
            raise ValueError(f"task_options={sorted(unknown)}: {self.task.__name__} takes {', '.join(sorted(options))}")
        if not tunings and self.task is not Classify:
            raise ValueError(f"task={task!r} is fine-tuned only: give a tuning")

    def cells(self, subjects: Sequence[Subject]) -> list[Cell]:
        """In the order of the table's rows."""
        return [
            Cell(subject, way, pretrained, count, seed)
            for subject in subjects
            for way in (*(probe for probe in self.probes if getattr(subject.data, probe.learns)), *self.tunings)
            for pretrained in (False, True)
            for count in self.labels
            for seed in self.seeds
        ]

    def run(self, subjects: Sequence[Subject], folder: Path) -> list[dict[str, Any]]:
        """The results of all cells; those that `folder` holds already are read from there.

        Raises:
            ValueError: the data have no labels of the task.
        """
        return completed(lambda: Evaluation(self, subjects, folder)).results()

    def evaluate(self, subjects: Sequence[Subject], folder: Path) -> list[table.Row]:
        """Run, and `tabulate`."""
        return self.tabulate(lambda: Evaluation(self, subjects, folder), folder)

    def tabulate(self, make: Callable[[], Evaluation], folder: Path, jobs: int = 1) -> list[table.Row]:
        """Write protocol.yaml, run (see `evaluation.completed`), write table.md, table.csv, table.png, results.json,
        compare.csv, confusion.json and report.html, and with several layers layers.csv and layers.png; give the table's
        rows."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "protocol.yaml").write_bytes(yaml.safe_dump(spec(self), sort_keys=False).encode())
        evaluation = completed(make, jobs)
        results = evaluation.results()
        rows = compare.marked(table.summarise(results), compare.write(evaluation, folder / "compare.csv"))
        table.write(rows, self.shown(rows), folder)
        curves.write(results, folder)
        confusion.write(evaluation, folder / "confusion.json")
        (folder / "report.html").write_bytes(report.compared([folder]).encode())
        return rows

    def shown(self, rows: Sequence[table.Row]) -> dict[str, bool]:
        """The main metric of the task and of each probe, as far as there are rows of it, and whether it is a share of 1."""
        found = {way.main: way.percent for way in (self.task, *self.probes)}
        return {metric: percent for metric, percent in found.items() if any(row["metric"] == metric for row in rows)}

    def key(self, cell: Cell, weights: str, data_hash: str) -> str:
        """The hash of all that the result depends on."""
        start = weights if cell.pretrained else spec(cell.subject.encoder)
        spent = self.layers if isinstance(cell.way, Probe) else [self.budget, class_path(self.task), self.task_options]
        # A probe of all features of the pretrained encoder draws nothing: it is measured once for all seeds.
        drawn = not (cell.pretrained and cell.limit is None and isinstance(cell.way, Probe))
        return fingerprint.digest(start, cell.way, cell.labels, cell.seed if drawn else None, data_hash, spent)

    def compute(self, cell: Cell, features: FeatureStore) -> dict[str, Any]:
        """The cell's `metrics` on test, whether their `larger_is_better`, the `outcomes` of test examples, and what was
        selected on validation."""
        return self._probe(cell, features) if isinstance(cell.way, Probe) else self._tune(cell)

    def _probe(self, cell: Cell, features: FeatureStore) -> dict[str, Any]:
        encoder = cell.encoder().to(torch.accelerator.current_accelerator(check_available=True) or "cpu")
        layers = layers_of(encoder, features.data) if ALL in self.layers else self.layers
        train = features.get(encoder, "train", cell.limit, cell.seed, layers)
        validation = features.get(encoder, "validation", layers=layers)
        probes = {layer: build(spec(cell.way)).fit(*train[layer], validation=validation[layer]) for layer in layers}
        selected: dict[str, Any] = {"layer": layers[0]}
        if len(layers) > 1:
            scores = {layer: dict(probe.score(*validation[layer]))[probe.main] for layer, probe in probes.items()}
            pick = max if cell.way.larger_is_better else min
            selected = {"layer": pick(scores, key=scores.__getitem__), "metric": cell.way.main, "validation": scores}
        probe, test = probes[selected["layer"]], features.get(encoder, "test", layers=[selected["layer"]])[selected["layer"]]
        return {"metrics": dict(probe.score(*test)), "larger_is_better": probe.larger_is_better,
                "outcomes": probe.outcomes(*test), "protocol": probe.protocol(), **selected}  # fmt: skip

    def _tune(self, cell: Cell) -> dict[str, Any]:
        task = partial(self.task.of, **self.task_options)
        return tune(cell.encoder(), cell.way, cell.subject.data, cell.limit, cell.seed, self.budget, task)


# ---- lit-pretrain evaluate ------------------------------------------------------------------------------------------


def subject(path: str, data: dict[str, Any] | None, name: str) -> Subject:
    """What stands at `path` (see `FromCheckpoint`) and the data it is tested on.

    Args:
        path: see `FromCheckpoint`.
        data: spec of labelled data; None: the data that the checkpoint was trained on.
        name: in tables.
    """
    encoder = FromCheckpoint(path)
    ours = Path(path).suffix == SUFFIX or bool(checkpoints(path))
    pretraining = load_data(path) if ours else None
    tested = pretraining if data is None else build(data)
    if tested is None:
        raise ValueError(f"{path} does not say which data it was trained on; give --data FILE.yaml")
    if data is not None and pretraining is not None:
        tested.adopt(pretraining)
    tested.prepare_data()
    tested.setup("test")
    return Subject(name, encoder, tested)


def evaluation(
    protocol: Protocol, paths: Sequence[tuple[str, str]], data: dict[str, Any] | None, folder: Path
) -> Evaluation:
    """Of the checkpoints at `paths`, each with its name in tables; see `subject`."""
    return Evaluation(protocol, [subject(path, data, name) for path, name in paths], folder)


def main(words: Sequence[str]) -> int:
    """`lit-pretrain evaluate`: the exit code.

    Raises:
        Mistake: of the user's, in one line.
    """
    arguments = signature(Protocol).arguments
    keys = Schema("lit-pretrain evaluate", {
        "ckpt": Argument(list[str]),
        "data": Argument(DataModule | None, None),
        "out": Argument(str, "runs/evaluate"),
        "jobs": Argument(int, 1),
        "sweep": Argument(bool, False),
        **arguments,
    })  # fmt: skip
    tree, asks = compose("evaluate", _lists(words), os.environ, keys)
    if asks:
        print(HELP, end="")
        return 0
    given = {name: tree[name] for name in arguments if name in tree}
    if "class_path" not in (budget := given.get("budget", {})):
        given["budget"] = {"class_path": class_path(Budget), "init_args": budget}
    out, jobs, sweeps = Path(tree.get("out", "runs/evaluate")), tree.get("jobs", 1), tree.get("sweep", False)
    if jobs < 1:
        raise Mistake(f"jobs={jobs}: give the number of processes, 1 or more")
    try:
        protocol = build({"class_path": class_path(Protocol), "init_args": given})
        paths = sweep.all_checkpoints(tree["ckpt"]) if sweeps else tree["ckpt"]
        names = [Path(path).name for path in paths]
        named = [name if names.count(name) == 1 else path for path, name in zip(paths, names, strict=True)]
        make = partial(evaluation, protocol, list(zip(paths, named, strict=True)), tree.get("data"), out)
        rows = protocol.tabulate(make, out, jobs)
        if sweeps:
            sweep.draw(rows, protocol.shown(rows), dict(zip(named, paths, strict=True)), out / "sweep.png")
    except ValueError as error:
        raise Mistake(one_line(str(error))) from error
    for metric, percent in protocol.shown(rows).items():
        table.show(rows, metric, percent=percent)
    more = ", sweep.png" if sweeps else ""
    print(f"{out}: report.html, table.md, table.csv, table.png, compare.csv, results.json, protocol.yaml{more}")
    return 0


def _lists(words: Sequence[str]) -> list[str]:
    """`--seeds 0 1 2` as `--seeds [0, 1, 2]`."""
    joined: list[str] = []
    rest = list(words)
    while rest:
        joined.append(rest.pop(0))
        if joined[-1] in LISTS:
            values = list(itertools.takewhile(lambda word: not word.startswith("--"), rest))
            del rest[: len(values)]
            joined += [value if value.startswith("[") else f"[{value}]" for value in [", ".join(values)] if values]
    return joined
