"""Gather the runs of run.sh: held-out losses as CSV, one table as Markdown, one picture.

python experiments/text/books/collect.py runs/books experiments/text/books
"""

import csv
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def held_out(run: Path) -> list[tuple[int, float]]:
    """(steps, held-out loss) of a run, in order, over all parts of a resumed run."""
    found: dict[int, float] = {}
    for path in sorted(run.glob("csv/*/metrics.csv")):
        for row in csv.DictReader(path.open()):
            if row.get("val/loss"):
                found[int(row["step"]) + 1] = float(row["val/loss"])
    return sorted(found.items())


def main(runs: Path, out: Path) -> None:
    lines = [
        "| method | steps | seconds | held-out loss: first | lowest | last | last is lowest |",
        "|---|---|---|---|---|---|---|",
    ]
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.5), layout="constrained")
    (out / "results").mkdir(exist_ok=True)
    for axis, run in zip(axes.flat, sorted(p.parent for p in runs.glob("*/summary.json")), strict=False):
        curve = held_out(run)
        steps, losses = zip(*curve, strict=True)
        seconds = json.loads((run / "summary.json").read_text())["seconds"]
        lines.append(f"| {run.name} | {steps[-1]} | {seconds:.0f} | {losses[0]:.3f} | {min(losses):.3f} | {losses[-1]:.3f} |"
                     f" {'yes' if losses[-1] == min(losses) else 'no'} |")  # fmt: skip
        (out / "results" / f"{run.name}.csv").write_text("step,loss\n" + "".join(f"{s},{x}\n" for s, x in curve))
        axis.plot(steps, losses, marker="o", markersize=3)
        axis.set_title(run.name)
        axis.set_xlabel("optimiser steps")
        axis.set_ylabel("held-out loss (nats)")
        axis.grid(alpha=0.3)
    for axis in axes.flat:
        axis.set_visible(axis.has_data())
    figure.savefig(out / "held_out.png", dpi=110)
    (out / "results" / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
