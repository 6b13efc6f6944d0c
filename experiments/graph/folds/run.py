"""Unsupervised vectors of graphs under an SVM in ten folds: InfoGraph and GraphCL beside the random network.

    LIT_PRETRAIN_DATA=... python experiments/graph/folds/run.py mutag proteins

As published: GIN, 32 wide, sums of each layer side by side; epochs on all graphs without labels, Adam at 0.01, 128 graphs
a batch; then an SVM with C from 0.001 to 1000, chosen by 5 folds inside of the nine. One number is the mean over ten folds
at the last epoch. Each goes into folds.csv; what stands there already is not computed again.
"""

import argparse
import csv
import os
import statistics
from itertools import product
from pathlib import Path

import lightning as L
import numpy as np
import torch
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.svm import SVC

from lit_pretrain.corruptions.graph.attribute_masking import AttributeMasking
from lit_pretrain.corruptions.graph.edge_perturbation import EdgePerturbation
from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.corruptions.graph.one_of import OneOf
from lit_pretrain.corruptions.graph.walk_subgraph import WalkSubgraph
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.pyg_graphs import PyGGraphs
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.nn.head.shortcut_mlp import ShortcutMLP
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.nn.pooling.sum import Sum
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.graph.graphcl import GraphCL
from lit_pretrain.objectives.graph.infograph import InfoGraph
from lit_pretrain.optim.recipe import AdamW

HERE = Path(__file__).parent
METHODS = ("random encoder", "InfoGraph", "GraphCL")
COLUMNS = ("data", "layers", "epochs", "method", "seed", "accuracy")


def objective(method: str, encoder: PyGEncoder) -> PretrainModule:
    if method == "InfoGraph":
        return InfoGraph(encoder, ShortcutMLP(encoder.dim), ShortcutMLP(encoder.dim))
    pool = [NodeDropping(), EdgePerturbation(), AttributeMasking(), WalkSubgraph()]
    projector = PlainMLP(encoder.dim, encoder.dim, encoder.dim)
    return GraphCL(encoder, projector, OneOf(pool), OneOf(pool), temperature=0.2)


def vectors(method: str, seed: int, data: GraphDataModule, layers: int, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Of all graphs, and their classes."""
    L.seed_everything(seed, verbose=False)
    features = next(iter(data.loader("train", shuffle=False))).features.shape[1]
    options = {"norm": "batch_norm", "act_first": True, "jk": "cat"}
    encoder = PyGEncoder(Raw(features), model="GIN", dim=32, num_layers=layers, pooling=Sum(), options=options, mapped=False)
    if method != "random encoder":
        model = objective(method, encoder)
        model.optim = AdamW(1e-2, weight_decay=0.0)
        trainer = L.Trainer(max_epochs=epochs, limit_val_batches=0, accelerator="cpu", logger=False,
                            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
        trainer.fit(model, data)
    encoder.cpu().eval()
    with torch.no_grad():
        batches = [(encoder(batch).pooled, batch.labels) for batch in data.loader("train", shuffle=False, labelled=True)]
    found, labels = (torch.cat(parts).numpy() for parts in zip(*batches, strict=True))
    return found, labels


def ten_folds(found: np.ndarray, labels: np.ndarray, seed: int) -> float:
    """Accuracy in percent."""
    inner = StratifiedKFold(5, shuffle=True, random_state=seed)
    outer = StratifiedKFold(10, shuffle=True, random_state=seed)
    search = GridSearchCV(SVC(), {"C": [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0]}, cv=inner)
    return 100 * cross_val_score(search, found, labels, cv=outer).mean()


def read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict]) -> None:
    print("| data | layers | epochs | vectors | accuracy |\n|---|---:|---:|---|---:|")
    for setting in dict.fromkeys(tuple(row[key] for key in COLUMNS[:4]) for row in rows):
        found = [float(row["accuracy"]) for row in rows if tuple(row[key] for key in COLUMNS[:4]) == setting]
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        print(f"| {' | '.join(setting)} | {statistics.mean(found):.1f} ± {spread:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", choices=["mutag", "proteins"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--layers", type=int, nargs="+", default=[3])
    parser.add_argument("--epochs", type=int, nargs="+", default=[20])
    parser.add_argument("--out", type=Path, default=HERE / "folds.csv")
    given = parser.parse_args()
    rows, root = read(given.out), f"{os.environ['LIT_PRETRAIN_DATA']}/graph"
    for name, layers, seed, method in product(given.data, given.layers, given.seeds, METHODS):
        source = PyGGraphs(name.upper(), root, validation_fraction=0.0, test_fraction=0.0)
        data = GraphDataModule(source, drop_last=False)
        for epochs in [0] if method == "random encoder" else given.epochs:
            cell = (name, str(layers), str(epochs), method, str(seed))
            if any(tuple(row[key] for key in COLUMNS[:5]) == cell for row in rows):
                continue
            accuracy = ten_folds(*vectors(method, seed, data, layers, epochs), seed)
            rows.append(dict(zip(COLUMNS, (*cell, f"{accuracy:.2f}"), strict=True)))
            print(rows[-1], flush=True)
            with given.out.open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)
    table(rows)


if __name__ == "__main__":
    main()
