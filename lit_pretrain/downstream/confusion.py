"""confusion.json: what each row of the table takes for what. Legend: C classes."""

import json
from pathlib import Path
from typing import Any

import torch

from lit_pretrain.downstream.evaluation import Evaluation


def write(evaluation: Evaluation, path: Path) -> list[dict[str, Any]]:
    """For each row whose examples have one class each: `matrix` (C, C), test examples by right and by predicted class, the
    mean over seeds, and `names` of the classes. Nothing is written where there is none."""
    rows: dict[tuple, list[int]] = {}
    for number, cell in enumerate(evaluation.cells):
        rows.setdefault((cell.subject.name, cell.row, cell.labels), []).append(number)
    found = []
    for (checkpoint, row, labels), numbers in rows.items():
        names = list(evaluation.cells[numbers[0]].subject.data.class_names)
        outcomes = [evaluation.outcomes(number) for number in numbers]
        if not names or any(each is None or each.predicted is None for each in outcomes):
            continue
        codes = torch.cat([each.labels * len(names) + each.predicted for each in outcomes])
        matrix = torch.bincount(codes, minlength=len(names) ** 2).reshape(len(names), -1) / len(numbers)
        found.append({"checkpoint": checkpoint, "row": row, "labels": labels, "names": names, "matrix": matrix.tolist()})
    if found:
        path.write_bytes(json.dumps(found).encode())
    return found
