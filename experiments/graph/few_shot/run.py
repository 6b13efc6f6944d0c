"""GraphPrompt beside fine-tuning at 1 and 5 labelled examples a class, over random episodes.

    python experiments/graph/few_shot/run.py cora --root FOLDER     (or proteins, mutag)

FOLDER holds torch-geometric's data sets, as it lays them out; `--download` fetches what is missing.
"""

import argparse
import statistics
from pathlib import Path

import lightning as L

from lit_pretrain.adapt.graph.graphprompt import GraphPrompt as Prompt
from lit_pretrain.datamodules.graph.datamodule import GraphDataModule
from lit_pretrain.datamodules.graph.source.pyg_graphs import PyGGraphs
from lit_pretrain.datamodules.graph.source.pyg_nodes import PyGNodes
from lit_pretrain.downstream.cell import Subject
from lit_pretrain.downstream.protocol import Protocol
from lit_pretrain.downstream.tune import Budget
from lit_pretrain.downstream.tuning.full import Full
from lit_pretrain.downstream.tuning.linear import Linear
from lit_pretrain.encoders.torch_geometric import PyGEncoder
from lit_pretrain.nn.nodes.raw import Raw
from lit_pretrain.nn.pooling.sum import Sum
from lit_pretrain.objectives.graph.graphprompt import GraphPrompt
from lit_pretrain.optim.recipe import AdamW
from lit_pretrain.part import class_path

SHOTS, STEPS = (1, 5), 50
NAMES = {  # of the rows of the three tables
    "tuned": {"from scratch": "supervised, from scratch", "fine-tuned": "fine-tuned",
              "random init + linear probe": "random encoder, linear probe", "pretrained + linear probe": "linear probe"},
    "prompt": {"from scratch (Linear)": "random encoder, GraphPrompt", "fine-tuned (Linear)": "GraphPrompt"},
    "no prompt": {"from scratch (Linear)": "random encoder, prototypes alone", "fine-tuned (Linear)": "prototypes alone"},
}  # fmt: skip


def pretrained(which: str, data: GraphDataModule) -> PyGEncoder:
    L.seed_everything(0, verbose=False)
    if which == "cora":
        nodes, options = Raw(1433, normalise=True), {"act": "prelu"}
        encoder = PyGEncoder(nodes, model="GCN", dim=128, num_layers=2, options=options, sparse=True)
        steps = 300
    else:
        features = next(iter(data.loader("train", shuffle=False))).features.shape[1]
        encoder = PyGEncoder(Raw(features), model="GIN", dim=32, num_layers=3, pooling=Sum())
        steps = 200
    model = GraphPrompt(encoder, temperature=0.2)
    model.optim = AdamW(1e-3, weight_decay=0.0)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = L.Trainer(max_steps=steps, max_epochs=-1, limit_val_batches=0, accelerator="cpu", **quiet)
    trainer.fit(model, datamodule=data)
    return encoder.cpu().eval()


def protocols(classes: int, episodes: int, settings: dict) -> dict[str, Protocol]:
    common = {"labels": tuple(shots * classes for shots in SHOTS), "seeds": tuple(range(episodes))}
    one = settings | {"learning_rates": (1e-9,)}
    prompt = {"probes": (), "tunings": (Linear(),), "task": class_path(Prompt)}
    return {
        "tuned": Protocol(**common, budget=Budget(**settings), tunings=(Full(),), probes=Protocol().probes[:1]),
        "prompt": Protocol(**common, budget=Budget(**settings), **prompt),
        "no prompt": Protocol(**common, budget=Budget(**one), **prompt),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["cora", "proteins", "mutag"])
    parser.add_argument("--root", required=True)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--out", default="runs/few_shot")
    parser.add_argument("--download", action="store_true")
    arguments = parser.parse_args()
    where = {"root": arguments.root, "download": arguments.download}
    if arguments.data == "cora":
        data = GraphDataModule(PyGNodes("Cora", **where))
    else:
        data = GraphDataModule(PyGGraphs(arguments.data.upper(), test_fraction=0.4, **where))
    folder = Path(arguments.out) / arguments.data
    subject = Subject(arguments.data, pretrained(arguments.data, data), data)
    settings = {"learning_rates": (1e-3, 1e-2), "epochs": STEPS, "min_steps": STEPS, "max_steps": STEPS}
    print(f"| {arguments.data}, accuracy (%) | " + " | ".join(f"{shots}-shot" for shots in SHOTS) + " |\n|---|---:|---:|")
    for table, protocol in protocols(data.num_classes, arguments.episodes, settings).items():
        results = protocol.run([subject], folder / table.replace(" ", "_"))
        for row, name in NAMES[table].items():
            cells = []
            for labels in protocol.labels:
                found = [100 * r["metrics"]["accuracy"] for r in results if (r["row"], r["labels"]) == (row, labels)]
                cells.append(f"{statistics.mean(found):.1f} ± {statistics.stdev(found):.1f}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
