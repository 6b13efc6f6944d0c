"""Which chart shows what."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from lit_pretrain.callbacks.report_charts import Points, legend, line_chart, number, scatter
from lit_pretrain.callbacks.report_history import History, Map
from lit_pretrain.callbacks.report_page import picture, score_table, table

WIDE = 480  # pixels that half of the page holds

# metric -> (title, unit); each has a chart of its own, because their units differ
THROUGHPUT = {
    "throughput/units_per_s": ("Units", "units per second"),
    "throughput/examples_per_s": ("Examples", "examples per second"),
    "throughput/data_wait": ("Waiting for data", "% of the time"),
    "throughput/mfu": ("Model FLOPs utilisation", "% of a matrix product's rate"),
}
OPTIMISATION = {
    "learning rate": ("Learning rate", "rate of the last parameter group"),
    "collapse/gradient_norm": ("Gradient before clipping", "norm"),
    "collapse/std": ("Spread of the pooled features", "standard deviation"),
    "collapse/effective_rank": ("Effective rank of the pooled features", "directions"),
    "collapse/rankme": ("RankMe of the pooled features", "directions"),
    "collapse/uniformity": ("Uniformity of the pooled features", "nats"),
    "collapse/mean_cosine": ("Mean cosine of two examples", "cosine"),
}

# score of a probe -> title; each has a chart of its own, in percent
SCORES = {
    "accuracy": "Accuracy",
    "macro_f1": "F1 score, mean over classes",
    "map_at_r": "MAP@R",
    "r_precision": "R-precision",
    "mrr": "Mean reciprocal rank",
    "nmi": "Normalised mutual information of clusters and labels",
    "ari": "Adjusted Rand index of clusters and labels",
}


def charts(curves: Mapping[str, Points], wanted: Mapping[str, tuple[str, str]]) -> list[str]:
    """One chart for each wanted metric that was recorded."""
    made = []
    for name, (title, unit) in wanted.items():
        scale = 100 if unit.startswith("%") else 1
        made.append(line_chart(title, {"": [(step, scale * value) for step, value in curves.get(name, ())]}, unit))
    return made


def loss_charts(curves: Mapping[str, Points]) -> list[str]:
    """The loss, then each term that is not all of it, training and validation together."""
    terms: dict[str, dict[str, Points]] = {"loss": {}}
    for stage, side in {"train": "training", "val": "validation"}.items():
        for name in (name for name in curves if name.startswith(f"{stage}/")):
            terms.setdefault(name.split("/", 1)[1], {})[side] = curves[name]
    return [
        line_chart(_words(term).capitalize(), sides, "mean over targets")
        for term, sides in terms.items()
        if term == "loss" or sides != terms["loss"]
    ]


def probe_charts(probes: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """One chart for each score, all probes together."""
    return [
        line_chart(
            title,
            {_words(n): [(row["step"], 100 * row[score]) for row in rows] for n, rows in probes.items() if score in rows[0]},
            "%",
            baseline=True,
            dots=True,
        )
        for score, title in SCORES.items()
    ]


def map_charts(found: Map | None) -> list[str]:
    """Both projections and their legend; the largest classes get a colour each, the others share one."""
    if found is None:
        return []
    present, counts = found.labels.unique(return_counts=True)
    order = counts.argsort(descending=True, stable=True)
    present, counts = present[order].tolist(), counts[order].tolist()
    group = {label: place for place, label in enumerate(present)}
    names = [found.names[label] if label < len(found.names) else str(label) for label in present]
    groups = [group[label] for label in found.labels.tolist()]
    of = dict(zip(present, names, strict=True))
    tips = [f"{of[label]}, example {number} of the map" for number, label in enumerate(found.labels.tolist())]
    return [*(scatter(title, xy.tolist(), groups, tips) for title, xy in found.views.items()), legend(names, counts)]


def pictures(folder: Path) -> tuple[str, ...]:
    """A note, and what `Pictures` drew last, but the map, which has a section of its own."""
    steps = sorted(path for path in folder.glob("step-*") if path.is_dir())
    if not steps:
        return ("",)
    figures = []
    for path in sorted(steps[-1].glob("*.png")):
        if path.stem != "map":
            with Image.open(path) as file:
                title, wide = file.text.get("Title", path.stem), file.width > WIDE
            figures.append(picture(_words(title).capitalize(), path.read_bytes(), wide))
    return (f"Examples of the validation split at step {int(steps[-1].name.rpartition('-')[2]):,}.", *figures)


def results(path: Path) -> str:
    """The tables of a `results.json`."""
    if not path.is_file():
        return ""
    content = json.loads(path.read_text())
    tables = []
    for title, rows in (content if isinstance(content, dict) else {"": content}).items():
        if not rows or not {"row", "labels", "metric", "mean", "std"} <= rows[0].keys():
            tables.append(table(title, rows))
            continue
        several = len({row.get("checkpoint") for row in rows}) > 1
        named = [row | {"row": f"{row['checkpoint']}: {row['row']}"} if several else row for row in rows]
        for metric in dict.fromkeys(row["metric"] for row in rows):
            spread = f"mean ± spread over {rows[0].get('n', 1)} seeds"
            caption = f"{title + ': ' if title else ''}{_words(metric)} (%), {spread}"
            tables.append(score_table(caption, [row for row in named if row["metric"] == metric]))
    tables = "".join(tables)
    marks = "; * better, † worse than from random weights at p &lt; 0.05" if re.search("[*†]</small>", tables) else ""
    return f"<section><h2>Results</h2><p>On the test split{marks}.</p>{tables}</section>"


def headline(history: History) -> str:
    """One line: what the first probe gained, or else the last loss."""
    for name, rows in history.probes.items():
        first, last = rows[0], rows[-1]
        if last["step"] > first["step"]:
            main = _main(first)
            return (f"{_words(name).capitalize()} {_words(main)} went from {_shown(main, first[main])} at step"
                    f" {first['step']:,} to {_shown(main, last[main])} at step {last['step']:,}.")  # fmt: skip
    losses = history.curves.get("val/loss") or history.curves.get("train/loss")
    return f"The loss is {number(losses[-1][1], 4)} after {losses[-1][0]:,} steps." if losses else ""


def tiles(history: History) -> list[tuple[str, str]]:
    """The numbers to be seen first, as (name, value)."""
    mains = {name: _main(rows[-1]) for name, rows in history.probes.items()}
    found = [(f"{_words(n)} {_words(mains[n])}", _shown(mains[n], r[-1][mains[n]])) for n, r in history.probes.items()]
    last = {name: curve[-1][1] for name, curve in history.curves.items()}
    if "val/loss" in last:
        found.append(("validation loss", number(last["val/loss"], 4)))
    if "throughput/units_per_s" in last:
        found.append(("units per second", number(last["throughput/units_per_s"], 4)))
    if "throughput/mfu" in last:
        found.append(("FLOPs utilisation", f"{last['throughput/mfu']:.1%}"))
    return found


def _main(row: Mapping[str, float]) -> str:
    """The score that stands for a probe: the first that it gives."""
    return next(name for name in row if name not in ("step", "epoch"))


def _shown(score: str, value: float) -> str:
    return f"{value:.1%}" if score in SCORES else number(value, 4)


def _words(name: str) -> str:
    return name.replace("_", " ")
