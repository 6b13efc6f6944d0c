"""The sweep over a run's checkpoints: what its features and their fine-tuning are worth while it pretrains."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lit_pretrain.downstream.table import Row
from lit_pretrain.io.checkpoint import checkpoints, step_of

START = ("random init", "from scratch")  # rows without pretraining


def all_checkpoints(paths: Sequence[str]) -> list[str]:
    """Run folders as the checkpoints in them, oldest first; files as they are.

    Raises:
        ValueError: there are fewer than two, which make no curve.
    """
    found = [str(file) for path in paths for file in (checkpoints(path) if Path(path).is_dir() else [Path(path)])]
    if len(found) < 2:
        raise ValueError(f"{', '.join(paths)}: a sweep needs at least two checkpoints and there are {len(found)}; runs keep"
                         " more of them with `keep` of the callback Checkpoint")  # fmt: skip
    return found


def draw(rows: Sequence[Row], metrics: Mapping[str, bool], files: Mapping[str, str], path: Path) -> None:
    """Write a picture: a chart for each metric and number of labels, over optimiser steps, with a line for each pretrained
    row and run, and the random start of each, which stays where it is, dashed in its colour.

    Args:
        rows: of the table.
        metrics: those that are drawn, each with whether it is a share of 1.
        files: name in the table -> checkpoint.
    """
    from matplotlib.figure import Figure  # without pyplot: no display and no global state is touched

    steps = {name: step_of(file) for name, file in files.items()}
    runs = {name: Path(file).parents[1].name for name, file in files.items()}
    several = len(set(runs.values())) > 1
    charts = list(dict.fromkeys((row["metric"], row["labels"]) for row in rows if row["metric"] in metrics))
    figure = Figure(figsize=(1.5 + 4.2 * len(charts), 4.4), layout="constrained")
    every = figure.subplots(1, len(charts), squeeze=False)[0]
    for axes, (metric, labels) in zip(every, charts, strict=True):
        scale = 100 if metrics[metric] else 1
        shown = [row for row in rows if (row["metric"], row["labels"]) == (metric, labels)]
        lines: dict[tuple[str, str], list[Row]] = {}
        for row in shown:
            lines.setdefault((runs[row["checkpoint"]], row["row"]), []).append(row)
        colours: dict[tuple[str, str], str] = {}
        for (run, name), own in lines.items():
            own.sort(key=lambda row: steps[row["checkpoint"]])
            start = name.startswith(START)
            colour = colours.setdefault((run, way(name)), f"C{len(colours) % 10}")
            axes.errorbar([steps[row["checkpoint"]] for row in own], [scale * row["mean"] for row in own],
                          yerr=None if start else [scale * row["std"] for row in own], color=colour, capsize=3, markersize=4,
                          fmt="--" if start else "o-", label=f"{run}: {name}" if several else name)  # fmt: skip
        axes.set(title=f"{labels} labels", xlabel="optimiser steps", ylabel=f"{metric} (%)" if metrics[metric] else metric)
        axes.grid(alpha=0.3)
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=120)


def way(row: str) -> str:
    """What a row has in common with the same of another start."""
    for word in (*START, "pretrained", "fine-tuned"):
        row = row.removeprefix(word)
    return row
