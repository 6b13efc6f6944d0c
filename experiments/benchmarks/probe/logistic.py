"""The logistic probe beside scikit-learn's logistic regression: accuracy at the same penalty, and time.

Features as networks give them: classes are clusters in a space whose variances fall as a power, seen through a random map.
One thread, in turns, CPU seconds (which other processes on the machine do not lengthen as they do wall time). scikit-learn
gets standardised features, as ours makes them; its time is that of `fit` alone, and ours that of all.

    python experiments/benchmarks/probe/logistic.py --examples 20000 --width 256 --repeats 3
"""

import argparse
import csv
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from lit_pretrain.probes.base import Standardiser
from lit_pretrain.probes.logistic import LogisticProbe

COLUMNS = ("examples", "width", "classes", "l2", "ours_seconds", "sklearn_seconds", "times", "ours_accuracy",
           "sklearn_accuracy")  # fmt: skip
PATH = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def features(examples: int, width: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """(N, D) float32 and (N,) int64."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (examples,), generator=generator)
    spread = torch.arange(1, width + 1).float() ** -0.7
    latent = torch.randn(examples, width, generator=generator) * spread
    centres = torch.randn(classes, width, generator=generator) * spread * 0.15
    mixed = torch.linalg.qr(torch.randn(width, width, generator=generator))[0]
    return (latent + centres[labels]) @ mixed, labels


def timed(run: Callable[[], object]) -> tuple[float, object]:
    began = time.process_time()
    found = run()
    return time.process_time() - began, found


def sklearn(x: Tensor, y: Tensor, l2: float) -> LogisticRegression:
    """At its defaults but the penalty and the number of iterations, so that it converges."""
    return LogisticRegression(C=1 / (len(y) * l2), max_iter=1000).fit(x.numpy(), y.numpy())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=20000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.csv"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    x, y = features(given.examples + 5000, given.width, given.classes)
    (x, test), (y, truth) = x.split([given.examples, 5000]), y.split([given.examples, 5000])
    scale = Standardiser(x.double())
    rows = []
    for l2 in (*PATH, "path"):
        grid = PATH if l2 == "path" else (l2,)
        ours, theirs = [], []
        for _ in range(given.repeats):
            # Of a path, both solve every strength on all examples; which is best is not asked.
            probe = LogisticProbe(grid)
            seconds, _ = timed(lambda probe=probe: _path(probe, x, y))
            ours.append(seconds)
            seconds, found = timed(lambda grid=grid: [sklearn(scale(x), y, strength) for strength in grid])
            theirs.append(seconds)
        predicted = (probe.predict(test), torch.tensor(found[-1].predict(scale(test).numpy())))
        shares = ["" if l2 == "path" else f"{100 * float((said == truth).double().mean()):.2f}" for said in predicted]
        own, other = statistics.median(ours), statistics.median(theirs)
        figures = (f"{own:.3f}", f"{other:.3f}", f"{other / own:.1f}")
        values = (given.examples, given.width, given.classes, l2, *figures, *shares)
        rows.append(values)
        print(dict(zip(COLUMNS, values, strict=True)), flush=True)
    with open(given.out, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _path(probe: LogisticProbe, x: Tensor, y: Tensor) -> None:
    probe.classes, targets = y.unique(return_inverse=True)
    probe._solve(x, targets, sorted(probe.l2, reverse=True))


if __name__ == "__main__":
    main()
