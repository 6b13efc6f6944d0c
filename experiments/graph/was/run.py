"""WAS against equal weights on one pool of tasks, over seeds, by probes of the frozen encoder on test nodes.

python experiments/graph/was/run.py --seeds 0 1 2                      (handwritten digits)
python experiments/graph/was/run.py --cora FOLDER --seeds 0 1 2        (FOLDER holds torch-geometric's Planetoid)
"""

import argparse
import csv
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import lightning as L
import torch
from torch import Tensor, nn

from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.digits import DigitsGraph
from lit_pretrain.datamodules.graph.source.pyg_nodes import PyGNodes
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.graph_task.attribute_mask import AttributeMask
from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View, relative_error
from lit_pretrain.nn.graph_task.context_label import ContextLabel
from lit_pretrain.nn.graph_task.distance_to_clusters import DistanceToClusters
from lit_pretrain.nn.graph_task.edge_mask import EdgeMask
from lit_pretrain.nn.graph_task.node_property import NodeProperty
from lit_pretrain.nn.graph_task.pair_attribute_similarity import PairAttributeSimilarity
from lit_pretrain.nn.graph_task.pairwise_distance import PairwiseDistance
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.objectives.graph.selftask import SelfTask
from lit_pretrain.objectives.graph.was import WAS
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.probes.knn import KNNProbe
from lit_pretrain.probes.logistic import LogisticProbe
from lit_pretrain.types import Encoder, GraphBatch

DIM = 128
METHODS: dict[str, Callable[[Encoder, list[GraphTask]], PretrainModule] | None] = {
    "random encoder": None,
    "equal weights": SelfTask,
    "WAS": WAS,
    "WAS, weighing alone": lambda encoder, tasks: WAS(encoder, tasks, margin=100.0),
    "WAS, selecting alone": lambda encoder, tasks: WAS(encoder, tasks, temperature=100.0),
}


class Noise(GraphTask):
    """Numbers that are drawn anew in each step: no answer is better than zero."""

    def __init__(self, dim: int):
        super().__init__()
        self.head = nn.Linear(dim, 1)

    def loss(self, nodes: Tensor, batch: GraphBatch, view: View, generator: torch.Generator) -> NodeLosses:
        wanted = torch.randn(len(nodes), 1, generator=generator)
        losses = relative_error(self.head(nodes), wanted)
        return NodeLosses(losses, torch.ones_like(losses))


def pool(features: int, classes: int, noise: int) -> list[GraphTask]:
    useful = [EdgeMask(DIM), AttributeMask(DIM, features), NodeProperty(DIM), DistanceToClusters(DIM), PairwiseDistance(DIM),
            PairAttributeSimilarity(DIM), ContextLabel(DIM, classes, features)]  # fmt: skip
    return [*useful, *(Noise(DIM) for _ in range(noise))]


def probed(encoder: Encoder, data: GraphDataModule) -> dict[str, float]:
    """Accuracy on test nodes in percent; the penalty is chosen on validation nodes."""
    found = {}
    with torch.no_grad():
        for split in ("train", "validation", "test"):
            batch = next(iter(data.loader(split, shuffle=False, labelled=True)))
            found[split] = encoder(batch).pooled, batch.labels
    probes = {"linear": LogisticProbe(), "kNN": KNNProbe(centre=True)}
    return {
        name: 100 * dict(probe.fit(*found["train"], found["validation"]).score(*found["test"]))["accuracy"]
        for name, probe in probes.items()
    }


def one(method: str, seed: int, data: GraphDataModule, steps: int, noise: int) -> dict[str, float]:
    L.seed_everything(seed, verbose=False)
    features = data.graph().features.shape[1]
    encoder = PyGEncoder(
        Raw(features, normalise=features > 1000), model="GCN", dim=DIM, options={"act": "prelu"}, maskable=True
    )
    found: dict[str, float] = {}
    if (make := METHODS[method]) is not None:
        model = make(encoder, pool(features, data.num_classes, noise))
        model.optim = AdamW(2e-3, weight_decay=1e-4)
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
        trainer = L.Trainer(
            max_steps=steps, max_epochs=-1, limit_val_batches=0, accelerator="cpu", gradient_clip_val=1.0, **quiet
        )
        trainer.fit(model, datamodule=data)
        batch = next(iter(data.loader("train", shuffle=True)))
        with torch.no_grad():
            losses = model.loss(batch)
        terms = {name: term for name, term in losses.items() if isinstance(term, tuple)}
        found = {f"weight of {n[10:]}": float(t.sum / t.count) for n, t in terms.items() if n.startswith("weight_of_")}
    return probed(encoder.cpu().eval(), data) | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cora", type=Path)
    parser.add_argument("--noise", type=int, default=0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--out", type=Path, default=Path("was.csv"))
    given = parser.parse_args()
    data = GraphDataModule(DigitsGraph() if given.cora is None else PyGNodes("Cora", str(given.cora)))
    rows = []
    for seed in given.seeds:
        for method in given.methods:
            rows.append({"method": method, "seed": seed, **one(method, seed, data, given.steps, given.noise)})
            print(rows[-1], file=sys.stderr, flush=True)
    with given.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)), restval="")
        writer.writeheader()
        writer.writerows({k: v if isinstance(v, (str, int)) else round(v, 3) for k, v in row.items()} for row in rows)
    print("| method | linear | kNN |\n|---|---|---|")
    for method in given.methods:
        cells = [[row[name] for row in rows if row["method"] == method] for name in ("linear", "kNN")]
        print(f"| {method} | " + " | ".join(f"{statistics.mean(c):.1f} ± {statistics.pstdev(c):.1f}" for c in cells) + " |")


if __name__ == "__main__":
    main()
