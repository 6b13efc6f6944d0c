"""`lit-pretrain report RUN ...`: one page about several runs and tables, which opens anywhere without a network."""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lit_pretrain.callbacks.report_charts import Points, line_chart
from lit_pretrain.callbacks.report_confusion import confusion
from lit_pretrain.callbacks.report_page import page, picture, section, table
from lit_pretrain.callbacks.report_sections import results
from lit_pretrain.config.mistake import Mistake
from lit_pretrain.config.run_folder import CONFIG, flat

SHOWN = 40  # curves at most, and differing keys of configurations


def main(words: Sequence[str]) -> int:
    """`lit-pretrain report`: the exit code.

    Raises:
        Mistake: of the user's, in one line.
    """
    parser = argparse.ArgumentParser(prog="lit-pretrain report", description=__doc__.split(": ", 1)[1])
    parser.add_argument("runs", nargs="+", help="run folders, and folders that lit-pretrain evaluate wrote")
    parser.add_argument("--out", default="report.html", help="the page (default: %(default)s)")
    given = parser.parse_args(words)
    folders = [Path(run) for run in given.runs]
    if missing := [str(folder) for folder in folders if not folder.is_dir()]:
        raise Mistake(f"report: there is no folder {', '.join(missing)}")
    Path(given.out).write_text(compared(folders), encoding="utf-8")
    print(f"{given.out}: {len(folders)} folders")
    return 0


def compared(folders: Sequence[Path]) -> str:
    """The page: tables and confusions of evaluations, what differs in the configurations of runs, and their curves."""
    names = _names(folders)
    sections = [
        *(evaluation(folder) for folder in folders),
        differences(dict(zip(names, folders, strict=True))),
        section("Curves", "Each run in a colour of its own.", *_curves(dict(zip(names, folders, strict=True)))),
    ]
    return page(", ".join(names), "", f"{len(folders)} folders: " + ", ".join(map(str, folders)), (), sections)


def evaluation(folder: Path) -> str:
    """What `lit-pretrain evaluate` left in a folder: tables, comparisons, layers, confusions; of other folders nothing."""
    parts = [results(folder / "results.json")]
    if rows := _read_csv(folder / "compare.csv"):
        shown = [
            {"row": f"{r['checkpoint']}: {r['row']}", "compared with": f"{r['against_checkpoint']}: {r['against_row']}",
             "labels": r["labels"], "metric": r["metric"], "difference": f"{float(r['difference']):+.3g}",
             "95 %": f"{float(r['low']):+.3g} to {float(r['high']):+.3g}", "p": f"{float(r['p']):.3f}"}
            for r in rows
        ]  # fmt: skip
        note = "The metric of a row minus that of the other, by the paired bootstrap over test examples."
        parts.append(f"<section><h2>Differences</h2><p>{note}</p>{table('', shown)}</section>")
    if (folder / "layers.png").is_file():
        chart = picture("Probes by layer", (folder / "layers.png").read_bytes(), wide=True)
        parts.append(section("Layers", "On the validation split; a ring marks the layer that was chosen.", chart))
    if (folder / "confusion.json").is_file():
        found = json.loads((folder / "confusion.json").read_bytes())
        note = "Test examples by right class (rows) and predicted class (columns), in % of a row; the most labels."
        parts.append(section("Confusions", note, *(confusion(*one) for one in _most_labels(found))))
    return "".join(parts)


def differences(folders: dict[str, Path]) -> str:
    """A table of the keys in which the configurations of runs differ."""
    configs = {name: flat(yaml.safe_load((f / CONFIG).read_text())) for name, f in folders.items() if (f / CONFIG).is_file()}
    if len(configs) < 2:
        return ""
    keys = [key for key in dict.fromkeys(key for config in configs.values() for key in config)
            if len({repr(config.get(key)) for config in configs.values()}) > 1]  # fmt: skip
    rows = [{"key": key, **{name: str(config.get(key, "")) for name, config in configs.items()}} for key in keys[:SHOWN]]
    note = f"Keys that differ: {len(keys)}{f', of which the first {SHOWN} are shown' if len(keys) > SHOWN else ''}."
    return f"<section><h2>Configurations</h2><p>{note}</p>{table('', rows) if rows else ''}</section>"


def _curves(folders: dict[str, Path]) -> list[str]:
    """A chart for each metric that was logged, all runs together; validation first."""
    curves: dict[str, dict[str, Points]] = {}
    for name, folder in folders.items():
        for metric, points in logged(folder).items():
            curves.setdefault(metric, {})[name] = points
    order = sorted(curves, key=lambda metric: (not metric.startswith("val/"), not metric.startswith("train/"), metric))
    return [line_chart(metric, curves[metric], "") for metric in order[:SHOWN]]


def logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Metric -> (step, value), of all parts of a run that was resumed; where parts overlap, the later one counts."""
    found: dict[str, dict[int, float]] = {}
    for part in sorted(folder.glob("csv/from_step_*/metrics.csv"), key=lambda path: int(path.parent.name.split("_")[-1])):
        start = int(part.parent.name.split("_")[-1])
        for points in found.values():
            for step in [step for step in points if step > start]:
                del points[step]
        for row in _read_csv(part):
            for metric, value in row.items():
                if metric not in ("step", "epoch") and value:
                    found.setdefault(metric, {})[int(row["step"])] = float(value)
    return {metric: sorted(points.items()) for metric, points in found.items()}


def _most_labels(found: list[dict[str, Any]]) -> list[tuple[str, list[list[float]], list[str]]]:
    several = len({one["checkpoint"] for one in found}) > 1
    last = {(one["checkpoint"], one["row"]): one for one in found}  # labels are in rising order
    titles = [f"{one['checkpoint']}: {one['row']}" if several else one["row"] for one in last.values()]
    return [(title, one["matrix"], one["names"]) for title, one in zip(titles, last.values(), strict=True)]


def _names(folders: Sequence[Path]) -> list[str]:
    last = [folder.resolve().name for folder in folders]
    return [name if last.count(name) == 1 else str(folder) for name, folder in zip(last, folders, strict=True)]


def _read_csv(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
