"""Milliseconds of an epoch (one step on the whole graph) on Cora: DGI, BGRL and GraphMAE, of public examples and ours.

    LIT_PRETRAIN_DATA=... OMP_NUM_THREADS=1 python experiments/graph/speed/run.py

Theirs are loops around layers of torch-geometric (theirs.py), ours run under Lightning's trainer; networks are the same on
both sides. Rounds alternate. The figures stand in README.md, each round's in rounds.csv.
"""

import argparse
import csv
import os
import statistics
import time
from pathlib import Path

import lightning as L
import theirs
import torch
from lightning.pytorch.callbacks import Callback
from torch_geometric.data import Data

from lit_pretrain.corruptions.graph.all_of import AllOf
from lit_pretrain.corruptions.graph.edge_dropping import EdgeDropping
from lit_pretrain.corruptions.graph.feature_masking import FeatureMasking
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.pyg_nodes import PyGNodes
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.graph.bgrl import BGRL
from lit_pretrain.objectives.graph.dgi import DGI
from lit_pretrain.objectives.graph.graphmae import GraphMAE
from lit_pretrain.optim.recipe import AdamW

FEATURES, DIM, WARM_UP, HERE = 1433, 512, 3, Path(__file__).parent
RATES = ((0.2, 0.3), (0.4, 0.4))  # of edges and of columns that BGRL hides
METHODS = ("DGI", "BGRL", "GraphMAE")
COLUMNS = ("method", "round", "who", "wall_ms", "computing_ms")


def their_step(method: str, data: Data) -> theirs.Step:
    if method == "BGRL":
        return theirs.bgrl(data, DIM, RATES)
    return theirs.dgi(data, DIM) if method == "DGI" else theirs.graphmae(data, DIM)


def gcn(layers: int, options: dict, **more: bool) -> PyGEncoder:
    options = {"act": "prelu", "jk": "last"} | options
    return PyGEncoder(
        Raw(FEATURES), model="GCN", dim=DIM, num_layers=layers, options=options, mapped=False, sparse=True, **more
    )


def our_objective(method: str) -> PretrainModule:
    if method == "DGI":
        return DGI(gcn(1, {"act_kwargs": {"num_parameters": DIM}}))
    if method == "BGRL":
        first, second = (AllOf([EdgeDropping(edges), FeatureMasking(columns)]) for edges, columns in RATES)
        return BGRL(gcn(2, {"norm": "batch_norm"}), PlainMLP(DIM, 512, DIM, activation="prelu"), first, second)
    decoder = PyGEncoder(Raw(DIM), model="GCN", dim=FEATURES, num_layers=1)
    return GraphMAE(gcn(2, {"dropout": 0.2}, maskable=True), decoder)


def run_theirs(method: str, root: str, epochs: int) -> tuple[float, float]:
    graph = GraphDataModule(PyGNodes("Cora", root)).graph()
    step = their_step(method, Data(x=graph.features, edge_index=graph.edges.index))
    for epoch in range(WARM_UP + epochs):
        if epoch == WARM_UP:
            begin = time.perf_counter(), time.process_time()
        step()
    return elapsed(begin, epochs)


class Clock(Callback):
    """When the warm-up ended."""

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == WARM_UP:
            self.begin = time.perf_counter(), time.process_time()


def run_ours(method: str, root: str, epochs: int) -> tuple[float, float]:
    model, clock = our_objective(method), Clock()
    model.optim = AdamW(1e-3, weight_decay=0.0)
    trainer = L.Trainer(max_steps=WARM_UP + epochs, max_epochs=-1, accelerator="cpu", callbacks=[clock], logger=False,
                        limit_val_batches=0, enable_checkpointing=False, enable_progress_bar=False,
                        enable_model_summary=False)  # fmt: skip
    trainer.fit(model, GraphDataModule(PyGNodes("Cora", root)))
    return elapsed(clock.begin, epochs)


def elapsed(begin: tuple[float, float], epochs: int) -> tuple[float, float]:
    """Milliseconds an epoch, on the wall and of computing."""
    return 1000 * (time.perf_counter() - begin[0]) / epochs, 1000 * (time.process_time() - begin[1]) / epochs


def table(rows: list[dict]) -> None:
    print("| method | | theirs, ms | ours, ms | ratio |\n|---|---|---:|---:|---:|")
    for method in dict.fromkeys(row["method"] for row in rows):
        for key, what in (("wall_ms", "on the wall"), ("computing_ms", "of computing")):
            medians = [statistics.median(r[key] for r in rows if (r["method"], r["who"]) == (method, who))
                       for who in ("theirs", "ours")]  # fmt: skip
            print(f"| {method} | {what} | {medians[0]:.0f} | {medians[1]:.0f} | {medians[1] / medians[0]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=HERE / "rounds.csv")
    given = parser.parse_args()
    root = f"{os.environ['LIT_PRETRAIN_DATA']}/graph"
    torch.set_num_threads(1)
    rows = []
    for number in range(given.rounds):
        for method in given.methods:
            for who, run in (("theirs", run_theirs), ("ours", run_ours)):
                wall, computing = run(method, root, given.epochs)
                rows.append(dict(zip(COLUMNS, (method, number, who, round(wall, 1), round(computing, 1)), strict=True)))
                print(rows[-1], flush=True)
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    table(rows)


if __name__ == "__main__":
    main()
