"""Networks of molecules pretrained on 19,000 SMILES of GuacaMol, fine-tuned on BBBP and ESOL, beside the same from scratch.

    LIT_PRETRAIN_DATA=... python experiments/graph/molecules/run.py

Scaffold splits; one budget for both rows; the learning rate is chosen on validation. Each cell goes into cells.csv.
"""

import argparse
import csv
import os
import statistics
from pathlib import Path

import lightning as L
import torch
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAUROC

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.smiles import ATOM_SIZES, SMILES
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.downstream.task.regress import Regress
from lit_pretrain.downstream.tune import Budget, tune
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.categories import Categories
from lit_pretrain.objectives.graph.attribute_masking import AttributeMasking
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.optim.schedule import Linear

HERE, COLUMNS = Path(__file__).parent, ("data", "start", "seed", "metric", "value", "learning_rate")
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


def encoder(seed: int) -> PyGEncoder:
    L.seed_everything(seed, verbose=False)
    options = {"norm": "batch_norm", "jk": "last"}
    return PyGEncoder(Categories(ATOM_SIZES, 128), model="GIN", dim=128, num_layers=5, options=options, maskable=True,
                      mapped=False)  # fmt: skip


def pretrained(folder: Path, epochs: int, kept: Path) -> dict[str, torch.Tensor]:
    """The weights; from `kept` if they are there."""
    if not kept.exists():
        network = encoder(0)
        data = GraphDataModule(SMILES(str(folder / "guacamol_smiles/train.smi"), split="random"), graphs_per_batch=256)
        model = AttributeMasking(network, ATOM_SIZES)
        model.optim = AdamW(1e-3, weight_decay=0.0, schedule=Linear(0.05))
        trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", gradient_clip_val=1.0, logger=False,
                            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)  # fmt: skip
        trainer.fit(model, data)
        print({name: round(float(value), 3) for name, value in trainer.callback_metrics.items()}, flush=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(network.cpu().state_dict(), kept)
    return torch.load(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=5, help="of pretraining")
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-3])
    parser.add_argument("--kept", type=Path, default=Path("runs/molecules/encoder.pt"), help="pretrained weights")
    parser.add_argument("--out", type=Path, default=HERE / "cells.csv")
    given = parser.parse_args()
    folder = Path(os.environ["LIT_PRETRAIN_DATA"]) / "molecules"
    weights, rows = pretrained(folder, given.epochs, given.kept), []
    for name, (file, column, task, epochs) in DATA.items():
        data = GraphDataModule(SMILES(str(folder / file), labels=[column], split="scaffold"), graphs_per_batch=32)
        budget = Budget(learning_rates=tuple(given.rates), epochs=epochs)
        for seed in given.seeds:
            for start in ("from scratch", "pretrained"):
                network = encoder(seed)
                if start == "pretrained":
                    network.load_state_dict(weights)
                found = tune(network, Full(), data, None, seed, budget, task.of)
                cell = (name, start, seed, task.main, round(found["metrics"][task.main], 4), found["learning_rate"])
                rows.append(dict(zip(COLUMNS, cell, strict=True)))
                print(rows[-1], flush=True)
                with given.out.open("w", newline="") as out:
                    writer = csv.DictWriter(out, COLUMNS)
                    writer.writeheader()
                    writer.writerows(rows)
    print("| start | BBBP, ROC-AUC (%) | ESOL, RMSE |\n|---|---:|---:|")
    for start in ("from scratch", "pretrained"):
        cells = []
        for name, scale, digits in (("BBBP", 100, 1), ("ESOL", 1, 3)):
            values = [scale * row["value"] for row in rows if (row["data"], row["start"]) == (name, start)]
            cells.append(f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}")
        print(f"| {start} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
