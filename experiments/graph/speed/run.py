"""Milliseconds of an epoch (one step on the whole graph) of DGI on Cora: torch-geometric's own example and ours.

    LIT_PRETRAIN_DATA=... python experiments/graph/speed/run.py

Both are the paper's setting: one layer of GCN, 512 wide, PReLU, Adam at 0.001, fp32. Rounds alternate. The figures stand in
README.md, each round's in rounds.csv.
"""

import argparse
import csv
import os
import statistics
import time
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import DeepGraphInfomax, GCNConv

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.pyg_nodes import PyGNodes
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.graph.dgi import DGI
from lit_pretrain.optim.recipe import AdamW

DIM, WARM_UP, HERE = 512, 3, Path(__file__).parent


class Theirs(nn.Module):
    """The encoder of examples/infomax_transductive.py of torch-geometric."""

    def __init__(self, features: int):
        super().__init__()
        self.conv, self.prelu = GCNConv(features, DIM, cached=True), nn.PReLU(DIM)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.prelu(self.conv(x, edge_index))


def theirs(root: str, epochs: int) -> tuple[float, float]:
    data = Planetoid(root, "Cora")[0]
    model = DeepGraphInfomax(
        hidden_channels=DIM,
        encoder=Theirs(data.num_features),
        summary=lambda z, *args, **kwargs: z.mean(dim=0).sigmoid(),
        corruption=lambda x, edge_index: (x[torch.randperm(x.size(0))], edge_index),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for epoch in range(WARM_UP + epochs):
        if epoch == WARM_UP:
            begin = time.perf_counter(), time.process_time()
        model.train()
        optimizer.zero_grad()
        loss = model.loss(*model(data.x, data.edge_index))
        loss.backward()
        optimizer.step()
    return elapsed(begin, epochs)


class Clock(Callback):
    """When the warm-up ended."""

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == WARM_UP:
            self.begin = time.perf_counter(), time.process_time()


def ours(root: str, epochs: int) -> tuple[float, float]:
    data = GraphDataModule(PyGNodes("Cora", root))
    options = {"act": "prelu", "act_kwargs": {"num_parameters": DIM}, "jk": "last"}
    encoder = PyGEncoder(Raw(1433), model="GCN", dim=DIM, num_layers=1, options=options, mapped=False, sparse=True)
    model, clock = DGI(encoder), Clock()
    model.optim = AdamW(1e-3, weight_decay=0.0)
    trainer = L.Trainer(max_steps=WARM_UP + epochs, max_epochs=-1, accelerator="cpu", callbacks=[clock], logger=False,
                        limit_val_batches=0, enable_checkpointing=False, enable_progress_bar=False,
                        enable_model_summary=False)  # fmt: skip
    trainer.fit(model, data)
    return elapsed(clock.begin, epochs)


def elapsed(begin: tuple[float, float], epochs: int) -> tuple[float, float]:
    """Milliseconds an epoch, on the wall and of computing."""
    return 1000 * (time.perf_counter() - begin[0]) / epochs, 1000 * (time.process_time() - begin[1]) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    root = f"{os.environ['LIT_PRETRAIN_DATA']}/graph"
    torch.set_num_threads(1)
    rows = []
    for number in range(given.rounds):
        for name, run in (("torch-geometric", theirs), ("ours", ours)):
            wall, computing = run(root, given.epochs)
            rows.append({"round": number, "who": name, "wall_ms": round(wall, 1), "computing_ms": round(computing, 1)})
            print(rows[-1], flush=True)
    with (HERE / "rounds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print("| | ms an epoch | of computing |\n|---|---:|---:|")
    medians = {}
    for name in ("torch-geometric", "ours"):
        both = [[row[key] for row in rows if row["who"] == name] for key in ("wall_ms", "computing_ms")]
        medians[name] = [statistics.median(values) for values in both]
        print(f"| {name} | " + " | ".join(f"{m:.0f}" for m in medians[name]) + " |")
    ratios = [own / other for own, other in zip(medians["ours"], medians["torch-geometric"], strict=True)]
    print("| ratio | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")


if __name__ == "__main__":
    main()
