"""Networks of molecules pretrained on 19,000 SMILES of GuacaMol, fine-tuned on BBBP and ESOL, beside the same from scratch.

    LIT_PRETRAIN_DATA=... python experiments/graph/molecules/run.py

Scaffold splits, and one budget for all rows; the learning rate is chosen on validation. What is pretrained stands in
runs/molecules, and each fine-tuning in cells.csv; what stands there already is not computed again.
"""

import argparse
import csv
import os
import statistics
from collections.abc import Callable
from pathlib import Path

import lightning as L
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAUROC

from lit_pretrain.corruptions.graph.node_dropping import NodeDropping
from lit_pretrain.corruptions.graph.one_of import OneOf
from lit_pretrain.corruptions.graph.walk_subgraph import WalkSubgraph
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.smiles import ATOM_SIZES, SMILES
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.downstream.tune import Budget, tune
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.head.plain_mlp import PlainMLP
from lit_pretrain.nn.head.shortcut_mlp import ShortcutMLP
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.nn.pooling.sum import Sum
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.graph.attribute_masking import AttributeMasking
from lit_pretrain.objectives.graph.context_prediction import ContextPrediction
from lit_pretrain.objectives.graph.graphcl import GraphCL
from lit_pretrain.objectives.graph.infograph import InfoGraph
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.optim.schedule import Linear

HERE, DIM = Path(__file__).parent, 128
COLUMNS = ("data", "start", "seed", "learning_rate", "validation", "test")
SOLUBILITY = "measured log solubility in mols per litre"


class Ranked(Classify):
    """Two classes, judged by the area under the curve."""

    main = "roc_auc"

    def __init__(self, dim: int, num_classes: int):
        super().__init__(dim, num_classes)
        self.metrics = MetricCollection({"roc_auc": MulticlassAUROC(num_classes)})


DATA = {  # file, column of labels, task, epochs
    "BBBP": ("bbbp/raw/BBBP.csv", "BBBP", Ranked, 15),
    "ESOL": ("esol/raw/delaney-processed.csv", SOLUBILITY, Regress, 40),
}


def encoder(seed: int, layers: int = 5) -> PyGEncoder:
    L.seed_everything(seed, verbose=False)
    options = {"norm": "batch_norm", "jk": "last"}
    return PyGEncoder(Categories(ATOM_SIZES, DIM), model="GIN", dim=DIM, num_layers=layers, pooling=Sum(), options=options,
                      maskable=True, mapped=False)  # fmt: skip


def graphcl(network: PyGEncoder) -> GraphCL:
    pool = OneOf([NodeDropping(), WalkSubgraph()])  # the two that the paper takes for molecules
    return GraphCL(network, PlainMLP(DIM, DIM, DIM), pool, pool, temperature=0.1)


OBJECTIVES: dict[str, Callable[[PyGEncoder], PretrainModule]] = {
    "attribute masking": lambda network: AttributeMasking(network, ATOM_SIZES),
    "context prediction": lambda network: ContextPrediction(network, encoder(1, layers=3)),
    "GraphCL": graphcl,
    "InfoGraph": lambda network: InfoGraph(network, ShortcutMLP(DIM), ShortcutMLP(DIM)),
}


def pretrained(objective: str, file: Path, epochs: int, kept: Path) -> dict[str, torch.Tensor]:
    """The weights; from `kept` if they are there."""
    if not kept.exists():
        source = SMILES(str(file), split="random", validation_fraction=0.0, test_fraction=0.0)
        network = encoder(0)
        model = OBJECTIVES[objective](network)
        model.optim = AdamW(1e-3, weight_decay=0.0, schedule=Linear(0.05))
        trainer = L.Trainer(max_epochs=epochs, limit_val_batches=0, accelerator="cpu", gradient_clip_val=1.0, logger=False,
                            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
        trainer.fit(model, GraphDataModule(source, graphs_per_batch=256))
        print(objective, {name: round(float(value), 3) for name, value in trainer.callback_metrics.items()}, flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.cpu().state_dict(), kept)
    return torch.load(kept)


def read(path: Path) -> list[dict]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table(rows: list[dict]) -> None:
    print("| start | data | validation | test |\n|---|---|---:|---:|")
    for start, name in dict.fromkeys((row["start"], row["data"]) for row in rows):
        cells = []
        for split in ("validation", "test"):
            values = [float(row[split]) for row in rows if (row["data"], row["start"]) == (name, start)]
            cells.append(f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}")
        print(f"| {start} | {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", nargs="+", default=["from scratch", *OBJECTIVES])
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA), help="none: only pretrain")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=5, help="of pretraining")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--kept", type=Path, default=Path("runs/molecules"), help="folder of pretrained weights")
    parser.add_argument("--out", type=Path, default=HERE / "cells.csv")
    given = parser.parse_args()
    folder = Path(os.environ["LIT_PRETRAIN_DATA"]) / "molecules"
    weights = {
        start: pretrained(start, folder / "guacamol_smiles/train.smi", given.epochs, given.kept / f"{start}.pt")
        for start in given.starts
        if start in OBJECTIVES
    }
    rows = read(given.out)
    for name in given.data:
        file, column, task, epochs = DATA[name]
        data = GraphDataModule(SMILES(str(folder / file), labels=[column], split="scaffold"), graphs_per_batch=32)
        budget = Budget(learning_rates=tuple(given.rates), epochs=epochs)
        for seed in given.seeds:
            for start in given.starts:
                if any((row["data"], row["start"], row["seed"]) == (name, start, str(seed)) for row in rows):
                    continue
                network = encoder(seed)
                if start in weights:
                    network.load_state_dict(weights[start])
                found = tune(network, Full(), data, None, seed, budget, task.of)
                rate, tested = found["learning_rate"], found["metrics"][task.main]
                validation = found["validation"][str(rate)]
                cell = (name, start, str(seed), f"{rate:g}", f"{validation:.4f}", f"{tested:.4f}")
                rows.append(dict(zip(COLUMNS, cell, strict=True)))
                print(rows[-1], flush=True)
                with given.out.open("w", newline="") as out:
                    writer = csv.DictWriter(out, COLUMNS)
                    writer.writeheader()
                    writer.writerows(rows)
    table(rows)


if __name__ == "__main__":
    main()
