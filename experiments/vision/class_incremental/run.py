"""Class-incremental digits on a frozen encoder: a linear head against the discrete key-value bottleneck.

python experiments/vision/class_incremental/run.py --ckpt runs/simclr
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor

from lit_pretrain.adapt.tuning.dkvb import DKVB
from lit_pretrain.downstream.task.base import Task
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.checkpoint import FromCheckpoint
from lit_pretrain.io.checkpoint import load_data
from lit_pretrain.types import Encoded, ImageBatch, Layout

HERE = Path(__file__).parent
SPLITS = ("train", "validation", "test")
RATES = {"linear head": (0.001, 0.01, 0.1, 1.0), "key-value bottleneck": (1.0, 10.0, 100.0)}
PAIRS, STEPS, PLACING, BATCH = 5, 100, 50, 64


def features(ckpt: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Pooled vectors, standardised with the training split's statistics, and labels."""
    encoder, data, found = FromCheckpoint(ckpt), load_data(ckpt), {}
    data.prepare_data()
    data.setup("test")
    for split in SPLITS:
        with torch.no_grad():
            rows = [(encoder(batch).pooled, batch.labels) for batch in data.loader(split, shuffle=False, labelled=True)]
        found[split] = tuple(map(torch.cat, zip(*rows, strict=True)))
    mean, deviation = found["train"][0].mean(0), found["train"][0].std(0).clamp(min=1e-6)
    return {split: ((x - mean) / deviation, y) for split, (x, y) in found.items()}


def head(name: str, dim: int) -> Task:
    return Classify(dim, 2 * PAIRS, dropout=0.0) if name == "linear head" else DKVB(dim, 2 * PAIRS, placing=PLACING)


def encoded(x: Tensor) -> Encoded:
    return Encoded(x, x, Layout((1,) * len(x)))


def learn(task: Task, x: Tensor, y: Tensor, optimizer: torch.optim.Optimizer, steps: int) -> None:
    task.train()
    for _ in range(steps):
        chosen = torch.randint(len(x), (BATCH,))
        term = task.loss(task(encoded(x[chosen])), ImageBatch(x[chosen, None, None], labels=y[chosen]))
        optimizer.zero_grad()
        (term.sum / term.count).backward()
        optimizer.step()


@torch.no_grad()
def accuracies(task: Task, x: Tensor, y: Tensor) -> list[float]:
    """Of the classes of each pair, among all classes."""
    right = task.eval().decode(task(encoded(x))).argmax(1) == y
    return [float(right[y // 2 == pair].float().mean()) for pair in range(PAIRS)]


def stream(name: str, rate: float, seed: int, data: dict[str, tuple[Tensor, Tensor]], split: str) -> list[list[float]]:
    """Accuracies of each pair of classes on a split, after each pair of classes was learned, and never seen again."""
    torch.manual_seed(seed)
    x, y = data["train"]
    task = head(name, x.shape[1])
    optimizer = torch.optim.SGD(task.parameters(), rate)
    if name != "linear head":
        learn(task, x, y, optimizer, PLACING)  # moves keys over images of all classes; labels have no effect
    found = []
    for pair in range(PAIRS):
        now = y // 2 == pair
        learn(task, x[now], y[now], optimizer, STEPS)
        found.append(accuracies(task, *data[split]))
    return found


def measures(found: list[list[float]]) -> dict[str, float]:
    """The mean accuracy at the end, and how much of the best accuracy of earlier pairs is lost by then."""
    lost = [max(row[pair] for row in found) - found[-1][pair] for pair in range(PAIRS - 1)]
    return {"accuracy": sum(found[-1]) / PAIRS, "forgetting": sum(lost) / len(lost)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ckpt", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    data, rows = features(given.ckpt), []
    for name, rates in RATES.items():
        tried = {rate: measures(stream(name, rate, 0, data, "validation"))["accuracy"] for rate in rates}
        rate = max(tried, key=tried.get)
        for seed in given.seeds:
            found = stream(name, rate, seed, data, "test")
            rows.append({"head": name, "seed": seed, "rate": rate, **measures(found), "after_each_pair": found})
            print(name, seed, rate, {k: round(100 * v, 1) for k, v in measures(found).items()}, flush=True)
    (HERE / "results.json").write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
