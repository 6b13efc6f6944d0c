"""In which layers an encoder tells what spans are and how they belong together, while it is being learned."""

import math
from copy import deepcopy
from typing import Any, Literal

import lightning as L

from lit_pretrain.callbacks.analysis.spans import Found, LabelledSpans, labelled
from lit_pretrain.callbacks.canvas import Drawn, profiles
from lit_pretrain.callbacks.measurement import Measurement
from lit_pretrain.datamodules.base import DataModule
from lit_pretrain.probes.edges import EdgeProbe, probe_depths

NUMBERS = ("accuracy", "majority", "centre_of_gravity", "expected_layer")
TITLES = {"by_depth": "accuracy with the layers so far", "weights": "weight of each layer"}


class EdgeProbing(Measurement):
    """In which layers spans of units, and pairs of them, are told apart (edge probing, arXiv 1905.06316 and 1905.05950).

    The tasks are those that the data know (see `LabelledSpans`): what a run of units is, and in which relation two stretches
    stand. A probe mixes all layers, and others see the first ones only:

    `NAME/TASK/accuracy`: of the label of validation edges, from all layers; `NAME/TASK/majority`: of always giving the most
    frequent label of the training edges, for comparison;
    `NAME/TASK/centre_of_gravity`: mean layer under the weights of the mix, where 0 is the embedding;
    `NAME/TASK/expected_layer`: mean layer under what each adds to the accuracy; left out where they add nothing.

    Weights and accuracies of all layers, first and last, are drawn into `pictures`, TensorBoard and the report; history and
    protocol go into `summary.json` and checkpoints.

    Args:
        data: with `unit_names` or `relations`; None: what the run trains on.
        every_n_steps, every_n_epochs, name, on_error: see `Measurement`.
        limit: examples of each split.
        edges: of each label and split, at most.
        least: training edges that a label must have to be among the labels of its task.
        probe: fitted anew for each number of layers.
    """

    def __init__(
        self,
        data: DataModule | None = None,
        every_n_steps: int = 0,
        every_n_epochs: int = 0,
        limit: int = 300,
        edges: int = 500,
        least: int = 20,
        probe: EdgeProbe = EdgeProbe(),
        name: str | None = None,
        on_error: Literal["warn", "raise"] = "warn",
    ):
        super().__init__(every_n_steps, every_n_epochs, name, on_error)
        self.view, self.least, self.probe = LabelledSpans(data, limit, edges), least, deepcopy(probe)

    def take(self, trainer: L.Trainer, pl_module: L.LightningModule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Task -> what is known of it; and how it was measured."""
        splits = [self.view.found(trainer, pl_module, split) for split in ("train", "validation")]
        names = {task: self._names(splits[0], task) for task in sorted({task for task, _ in splits[0]})}
        found = {task: self._task(*splits, task, labels) for task, labels in names.items() if len(labels) > 1}
        if not found:
            raise ValueError(f"the data tell apart no two kinds of spans with {self.least} training edges each: give data"
                             " with `unit_names` or `relations`, more examples, or a smaller `least`")  # fmt: skip
        protocol = {**self.view.describe(trainer), "least": self.least, "labels": names, "layers": self.view.layers}
        return found, protocol | {"probe": self.probe._init_args}

    def tell(self, trainer: L.Trainer, pl_module: L.LightningModule, found: dict[str, Any]) -> None:
        numbers = {f"{self.name}/{task}/{what}": row[what] for task, row in found.items() for what in NUMBERS}
        self.publish(trainer, {name: value for name, value in numbers.items() if not math.isnan(value)})
        for task, row in found.items():
            if task in self.history[0]:
                self.say(trainer, f"{task} accuracy", row["accuracy"], self.history[0][task]["accuracy"])

    def drawn(self, found: dict[str, Any]) -> Drawn:
        rows = self.first_and_last()
        panels = {f"{task}: {title}": {step: row[task][what] for step, row in rows.items() if task in row}
                  for task in found for what, title in TITLES.items()}  # fmt: skip
        return {"where spans are told apart": profiles(panels, self.view.layers)}

    def _names(self, train: Found, task: str) -> list[str]:
        """Of the labels with enough edges."""
        counts = {name: sum(len(lengths) for _, lengths in rows) for (own, name), rows in train.items() if own == task}
        return sorted(name for name, count in counts.items() if count >= self.least)

    def _task(self, train: Found, validation: Found, task: str, names: list[str]) -> dict[str, Any]:
        fitted_on, held = labelled(train, task, names), labelled(validation, task, names)
        depths = probe_depths(self.probe, fitted_on, held)
        majority = float((held.labels == fitted_on.labels.bincount().argmax()).double().mean())
        return {"accuracy": depths.accuracy[-1], "majority": majority, "centre_of_gravity": depths.centre_of_gravity,
                "expected_layer": depths.expected_layer, "weights": depths.weights, "by_depth": depths.accuracy,
                "edges": [len(fitted_on.labels), len(held.labels)]}  # fmt: skip
