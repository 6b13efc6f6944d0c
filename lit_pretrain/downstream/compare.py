"""Which differences between rows are more than luck: compare.csv, and marks in the table."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lit_pretrain.downstream.bootstrap import paired_bootstrap
from lit_pretrain.downstream.evaluation import Evaluation
from lit_pretrain.downstream.table import Row
from lit_pretrain.part import spec
from lit_pretrain.probes.base import Probe
from lit_pretrain.types import Outcomes

ROW = ("checkpoint", "row", "labels", "metric")
COLUMNS = (*ROW, "against_checkpoint", "against_row", "difference", "low", "high", "p", "examples", "seeds")


def write(evaluation: Evaluation, path: Path) -> list[dict[str, Any]]:
    """Compare, write and give the rows of compare.csv: `difference` is the metric of a row minus that of the one it is
    compared with, with its 95 % interval; test `examples` are resampled, and the `seeds` of a row taken together."""
    found = list(_comparisons(evaluation))
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(found)
    return found


def marked(rows: list[Row], comparisons: list[dict[str, Any]]) -> list[Row]:
    """Rows of the table with `difference` and `p` against the same from random weights, None where none was compared, and a
    `mark`: an asterisk for what is better, a dagger for what is worse, both at p < 0.05."""
    own = {tuple(c[name] for name in ROW): c for c in comparisons if c["against_checkpoint"] == c["checkpoint"]}
    found = [own.get(tuple(row[name] for name in ROW), {}) for row in rows]
    return [
        row | {"difference": c.get("difference"), "p": c.get("p"), "mark": _mark(row, c)}
        for row, c in zip(rows, found, strict=True)
    ]


def _mark(row: Row, comparison: dict[str, Any]) -> str:
    if not comparison or comparison["p"] >= 0.05:
        return ""
    return " *" if (comparison["difference"] > 0) == row["larger_is_better"] else " †"


def _comparisons(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Pretrained against random, and each further checkpoint against the first, if both are tested on the same data."""
    cells = evaluation.cells
    subjects = list({id(cell.subject): cell.subject for cell in cells}.values())
    rows: dict[tuple, list[int]] = {}  # numbers of the cells of a row, one a seed
    for number, cell in enumerate(cells):
        rows.setdefault((subjects.index(cell.subject), id(cell.way), cell.pretrained, cell.labels), []).append(number)
    for (subject, way, pretrained, labels), numbers in rows.items():
        if not pretrained:
            continue
        others = [rows[subject, way, False, labels]]
        if subject > 0 and spec(subjects[subject].data) == spec(subjects[0].data):
            others.append(rows[0, way, True, labels])
        for other in others:
            first, second = _pooled(evaluation, numbers), _pooled(evaluation, other)
            if first is None or second is None:
                continue
            ours, theirs = cells[numbers[0]], cells[other[0]]
            metric = (ours.way if isinstance(ours.way, Probe) else evaluation.protocol.task).main
            names = ours.subject.name, ours.row, labels, metric, theirs.subject.name, theirs.row
            found = *names, *paired_bootstrap(first, second), len(first.sums), len(numbers)
            yield dict(zip(COLUMNS, found, strict=True))


def _pooled(evaluation: Evaluation, numbers: list[int]) -> Outcomes | None:
    found = [evaluation.outcomes(number) for number in numbers]
    return None if any(outcomes is None for outcomes in found) else Outcomes.pooled(found)
