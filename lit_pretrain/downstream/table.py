"""Results of cells summed up over seeds, and written for people, spreadsheets and programs."""

import csv
import json
import statistics
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

COLUMNS = ("checkpoint", "row", "labels", "metric", "larger_is_better", "mean", "std", "seeds", "n")
COMPARED = ("difference", "p", "mark")  # what `compare.marked` adds
Row = dict[str, Any]  # these


def summarise(results: list[dict[str, Any]]) -> list[Row]:
    """One row for each (checkpoint, row, labels, metric), in the order of the cells.

    `std` is the sample deviation over the `n` seeds; 0 for one seed.
    """
    groups: dict[tuple, list[tuple[int, float]]] = {}
    for result in results:
        for metric, value in result["metrics"].items():
            larger = result.get("larger_is_better", True)
            key = (result["checkpoint"], result["row"], result["labels"], metric, larger)
            groups.setdefault(key, []).append((result["seed"], value))
    rows = []
    for key, found in groups.items():
        seeds, values = zip(*found, strict=True)
        std = statistics.stdev(values) if len(values) > 1 else 0.0
        rows.append(dict(zip(COLUMNS, (*key, statistics.fmean(values), std, list(seeds), len(seeds)), strict=True)))
    return rows


def show(rows: list[Row], metric: str, console: Console | None = None, percent: bool = True) -> None:
    """Print one metric as a table: a line a row, a column a number of labels. Metrics are shares of 1 if `percent`."""
    heads, lines = _grid(rows, metric, percent)
    grid = Grid()
    for i, head in enumerate(heads):
        grid.add_column(head, justify="right" if i else "left")
    for line in lines:
        grid.add_row(*line)
    console = console or Console()
    console.print(_title(rows, metric, percent))
    console.print(grid)
    if note := _note(rows, metric):
        console.print(note)


def write(rows: list[Row], metrics: Mapping[str, bool], folder: Path) -> None:
    """table.md and table.png (some metrics, each with whether it is a share of 1), table.csv and results.json (all)."""
    page = []
    for metric, percent in metrics.items():
        heads, lines = _grid(rows, metric, percent)
        page += [_title(rows, metric, percent), ""]
        page += ["| " + " | ".join(line) + " |" for line in (heads, ["---", *["---:"] * (len(heads) - 1)], *lines)] + [""]
        page += [note, ""] if (note := _note(rows, metric)) else []
    (folder / "table.md").write_bytes("\n".join(page).encode())
    with open(folder / "table.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *COMPARED))
        writer.writeheader()
        writer.writerows(row | {"seeds": " ".join(map(str, row["seeds"]))} for row in rows)
    (folder / "results.json").write_bytes(json.dumps(rows, indent=2).encode())
    _plot(rows, metrics, folder / "table.png")


def _title(rows: list[Row], metric: str, percent: bool) -> str:
    larger = all(row["larger_is_better"] for row in rows if row["metric"] == metric)
    said = ", ".join(["%"] * percent + ["smaller is better"] * (not larger))
    return (f"{metric}{f' ({said})' if said else ''} on the test split,"
            f" mean ± standard deviation over {rows[0]['n']} seeds")  # fmt: skip


def _grid(rows: list[Row], metric: str, percent: bool) -> tuple[list[str], list[list[str]]]:
    rows = [row for row in rows if row["metric"] == metric]
    labels = list(dict.fromkeys(row["labels"] for row in rows))
    several = len({row["checkpoint"] for row in rows}) > 1
    lines: dict[str, dict[int | str, str]] = {}
    for row in rows:
        name = f"{row['checkpoint']}: {row['row']}" if several else row["row"]
        lines.setdefault(name, {})[row["labels"]] = _shown(row["mean"], row["std"], percent) + row.get("mark", "")
    heads = ["row", *(f"{count} labels" for count in labels)]
    return heads, [[name, *(cells.get(count, "") for count in labels)] for name, cells in lines.items()]


def _note(rows: list[Row], metric: str) -> str:
    if not any(row.get("mark") for row in rows if row["metric"] == metric):
        return ""
    return "p < 0.05, paired bootstrap over test examples (compare.csv): * better, † worse than from random weights"


def _shown(mean: float, std: float, percent: bool) -> str:
    return f"{100 * mean:.1f} ± {100 * std:.1f}" if percent else f"{mean:.3g} ± {std:.2g}"


def _plot(rows: list[Row], metrics: Mapping[str, bool], path: Path) -> None:
    """A line for each row of the table, in its order, with a dot and a spread for each number of labels."""
    from matplotlib.figure import Figure  # without pyplot: no display and no global state is touched

    names = list(dict.fromkeys((row["checkpoint"], row["row"]) for row in rows))
    labels = list(dict.fromkeys(row["labels"] for row in rows))
    several = len({checkpoint for checkpoint, _ in names}) > 1
    figure = Figure(figsize=(3.0 + 4.0 * len(metrics), 1.2 + 0.3 * len(names)), layout="constrained")
    every = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
    for axes, (metric, percent) in zip(every, metrics.items(), strict=True):
        scale = 100 if percent else 1
        for j, count in enumerate(labels):
            own = [row for row in rows if (row["metric"], row["labels"]) == (metric, count)]
            y = [names.index((r["checkpoint"], r["row"])) + 0.5 * ((j + 0.5) / len(labels) - 0.5) for r in own]
            axes.errorbar([scale * r["mean"] for r in own], y, xerr=[scale * r["std"] for r in own], fmt="o", capsize=3,
                          markersize=5, label=f"{count} labels")  # fmt: skip
        for i, (before, after) in enumerate(pairwise(names)):
            if before[0] != after[0]:
                axes.axhline(i + 0.5, color="0.8", linewidth=0.8)
        axes.set_xlabel(f"{metric} (%)" if percent else metric)
        axes.grid(axis="x", alpha=0.3)
    every[0].set_yticks(range(len(names)), [": ".join(name) if several else name[1] for name in names])
    every[0].set_ylim(len(names) - 0.5, -0.5)  # the first row on top
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(labels))
    figure.savefig(path, dpi=150)
