"""Linear probes of Cora's test nodes after self-supervision by several objectives, over seeds.

    LIT_PRETRAIN_DATA=... python experiments/graph/cora/table.py

Each objective is trained from the files that run.sh gives to `lit-pretrain fit`, in this process. Probes of the frozen
encoder are fitted to the 140 training nodes; the penalty, and the step of an objective, are chosen on the 500 validation
nodes. Every probe goes into probes.csv; what stands there already is not trained again.
"""

import argparse
import csv
import os
import statistics
from collections import defaultdict
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from lit_pretrain.config.compose import compose
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.part import build
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.run import root_schema

HERE = Path(__file__).parent
OBJECTIVES = {"dgi": "DGI", "graphmae": "GraphMAE", "bgrl": "BGRL", "graphcl": "GraphCL of nodes (GRACE)"}
COLUMNS = ("objective", "seed", "step", "validation", "test")
L2 = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def probed(vectors: Tensor, data: GraphDataModule) -> dict[str, float]:
    """(N, D) of all nodes -> accuracy on validation and test nodes, in percent."""
    graph, features = data.graph(), {}
    for split, nodes in graph.splits.items():
        features[split] = vectors[nodes], torch.from_numpy(graph.labels[nodes])
    probe = LogisticProbe(l2=L2).fit(*features["train"], features["validation"])
    return {split: 100 * dict(probe.score(*features[split]))["accuracy"] for split in ("validation", "test")}


class Probes(Callback):
    """Of the frozen encoder, every so many steps."""

    def __init__(self, every: int, data: GraphDataModule):
        self.every, self.data, self.found = every, data, {}

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        self.probe(0, module)

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_: object) -> None:
        if trainer.global_step % self.every == 0:
            self.probe(trainer.global_step, module)

    @torch.no_grad()
    def probe(self, step: int, module: L.LightningModule) -> None:
        batch = next(iter(self.data.loader("test", shuffle=False, labelled=True)))
        module.encoder.eval()
        self.found[step] = probed(module.encoder(batch.whole()).units, self.data)
        module.encoder.train()
        print(f"step {step}: {self.found[step]}", flush=True)


def trained(objective: str, seed: int, every: int, words: list[str]) -> dict[int, dict[str, float]]:
    files = [f"conf/graph/{objective}.yaml", str(HERE / "data.yaml"), str(HERE / f"{objective}.yaml")]
    arguments = [word for file in files for word in ("--config", file)] + words
    tree, _ = compose("fit", arguments, os.environ, root_schema("fit"))
    L.seed_everything(seed, verbose=False)
    model, data = build(tree["model"]), build(tree["data"])
    model.optim, probes = build(tree["optim"]), Probes(every, data)
    given = {name: tree["trainer"][name] for name in ("max_steps", "precision", "gradient_clip_val")}
    trainer = L.Trainer(**given, max_epochs=-1, limit_val_batches=0, callbacks=[probes], accelerator="cpu", logger=False,
                        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
    trainer.fit(model, data)
    return probes.found


def read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{k: v if k == "objective" else float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def write(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({k: v if k == "objective" else f"{v:g}" for k, v in row.items()} for row in rows)


def table(rows: list[dict]) -> None:
    print("| vectors | step | validation | test |\n|---|---:|---:|---:|")
    names = {"features": "raw features"} | {key: f"random encoder of {name}" for key, name in OBJECTIVES.items()}
    for key, name in names.items():
        line(name, [row for row in rows if row["objective"] == key and row["step"] == 0])
    for key, name in OBJECTIVES.items():
        steps = defaultdict(list)
        for row in rows:
            if row["objective"] == key and row["step"] > 0:
                steps[row["step"]].append(row)
        if steps:
            line(name, max(steps.values(), key=lambda own: statistics.mean(row["validation"] for row in own)))


def line(name: str, rows: list[dict]) -> None:
    if rows:
        cells = [[row[split] for row in rows] for split in ("validation", "test")]
        shown = [f"{statistics.mean(c):.1f} ± {statistics.stdev(c) if len(c) > 1 else 0:.1f}" for c in cells]
        print(f"| {name} | {rows[0]['step']:.0f} | {' | '.join(shown)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objectives", nargs="*", default=list(OBJECTIVES), choices=list(OBJECTIVES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--every", type=int, default=50, help="steps between probes")
    parser.add_argument("--out", type=Path, default=HERE / "probes.csv")
    given, words = parser.parse_known_args()
    rows = read(given.out)
    if not any(row["objective"] == "features" for row in rows):
        data = build(compose("fit", ["--config", "conf/graph/dgi.yaml", "--config", str(HERE / "data.yaml")], os.environ,
                             root_schema("fit"))[0]["data"])  # fmt: skip
        features = torch.nn.functional.normalize(data.graph().features, p=1.0)
        rows.append({"objective": "features", "seed": 0, "step": 0, **probed(features, data)})
        write(given.out, rows)
    for seed in given.seeds:
        for objective in given.objectives:
            if not any((row["objective"], row["seed"]) == (objective, seed) for row in rows):
                print(f"{objective}, seed {seed}", flush=True)
                found = trained(objective, seed, given.every, words)
                rows += [{"objective": objective, "seed": seed, "step": step, **own} for step, own in found.items()]
                write(given.out, rows)
    table(rows)


if __name__ == "__main__":
    main()
