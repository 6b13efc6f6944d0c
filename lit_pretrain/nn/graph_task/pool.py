"""Several tasks, asked at once. Legend: N nodes, U units, D width of the encoder."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from lit_pretrain.nn.graph_task.base import GraphTask, NodeLosses, View
from lit_pretrain.types import Encoded, Encoder, GraphBatch


class Encodings:
    """What an encoder makes of a batch and of views of it; the clean batch is encoded once, and if someone asks."""

    def __init__(self, encoder: Encoder, batch: GraphBatch):
        self.encoder, self.batch = encoder, batch

    @cached_property
    def clean(self) -> Encoded:
        """With all nodes as units."""
        return self.encoder(self.batch.whole())

    def nodes(self, view: View) -> Tensor:
        """(N, D)."""
        if view.hidden is None and view.dropped is None:
            return self.clean.units
        return self.encoder(view.graph, mask=view.hidden).units

    def pooled(self) -> Tensor:
        """(B, D) of the examples, clean."""
        return self.clean.pooled if self.batch.seeds is None else self.clean.units[self.batch.seeds]


class TaskPool(nn.ModuleDict):
    """Tasks by the names of their classes; a second one of a class is numbered.

    Args:
        tasks: at least one.

    Raises:
        ValueError: there is none.
    """

    def __init__(self, tasks: Sequence[GraphTask]):
        if not tasks:
            raise ValueError("tasks=[]: give at least one task of lit_pretrain.nn.graph_task")
        met, named = Counter(), {}
        for task in tasks:
            name = type(task).__name__
            met[name] += 1
            named[name if met[name] == 1 else f"{name}{met[name]}"] = task
        super().__init__(named)

    def ask(self, encodings: Encodings, generator: torch.Generator) -> dict[str, NodeLosses]:
        """The losses (U,) of the units, by task."""
        batch, found = encodings.batch, {}
        for name, task in self.items():
            view = task.corrupt(batch, generator)
            losses = task.loss(encodings.nodes(view), batch, view, generator)
            found[name] = NodeLosses(*(batch.of_units(x) for x in losses))
        return found
