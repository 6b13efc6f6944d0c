"""The sweep over layers: what each gives a probe on the validation split, and which was chosen."""

import csv
import statistics
from pathlib import Path
from typing import Any

COLUMNS = ("checkpoint", "row", "labels", "layer", "metric", "mean", "std", "n", "chosen")
Result = dict[str, Any]  # of a cell


def write(results: list[Result], folder: Path) -> None:
    """layers.csv and layers.png; `chosen` is by how many of the `n` seeds. Nothing where no probe had a choice."""
    rows = curve(results)
    if not rows:
        return
    with open(folder / "layers.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    _plot(rows, folder / "layers.png")


def curve(results: list[Result]) -> list[dict[str, Any]]:
    """A row for each layer of each row of the table, from bottom to top."""
    groups: dict[tuple, list[tuple[float, bool]]] = {}
    for result in (result for result in results if "metric" in result):
        for layer, value in result["validation"].items():
            key = (result["checkpoint"], result["row"], result["labels"], layer, result["metric"])
            groups.setdefault(key, []).append((value, layer == result["layer"]))
    rows = []
    for key, found in groups.items():
        values, chosen = zip(*found, strict=True)
        std = statistics.stdev(values) if len(values) > 1 else 0.0
        rows.append(dict(zip(COLUMNS, (*key, statistics.fmean(values), std, len(values), sum(chosen)), strict=True)))
    return rows


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    """A chart a number of labels and metric, a line a row; a ring where most seeds chose."""
    from matplotlib.figure import Figure  # without pyplot: no display and no global state is touched

    charts = list(dict.fromkeys((row["labels"], row["metric"]) for row in rows))
    several = len({row["checkpoint"] for row in rows}) > 1
    figure = Figure(figsize=(1.5 + 4.5 * len(charts), 4.8), layout="constrained")
    for axes, (labels, metric) in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
        shown = [row for row in rows if (row["labels"], row["metric"]) == (labels, metric)]
        layers = list(dict.fromkeys(row["layer"] for row in shown))
        for checkpoint, name in dict.fromkeys((row["checkpoint"], row["row"]) for row in shown):
            own = [row for row in shown if (row["checkpoint"], row["row"]) == (checkpoint, name)]
            x = [layers.index(row["layer"]) for row in own]
            mean, std = [row["mean"] for row in own], [row["std"] for row in own]
            style = {"marker": ".", "capsize": 2, "linestyle": "--" if name.startswith("random") else "-"}
            line = axes.errorbar(x, mean, std, label=f"{checkpoint}: {name}" if several else name, **style)[0]
            best = max(own, key=lambda row: row["chosen"])
            axes.plot(layers.index(best["layer"]), best["mean"], "o", markersize=11, fillstyle="none",
                      color=line.get_color())  # fmt: skip
        axes.set_xticks(range(len(layers)), layers, rotation=60, ha="right")
        axes.set_title(f"{labels} labels", fontsize=10)
        axes.set_ylabel(f"{metric} on validation")
        axes.grid(alpha=0.3)
    lines = figure.axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=len(charts) + 1, fontsize=8)
    figure.savefig(path, dpi=150)
