"""A toy language: each label is spelled by a block of six units, and no label follows itself."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.downstream.task.base import Task
from lit_pretrain.types import Encoded, Layout, Ragged, UnitBatch

CLASSES, BLOCK = 4, 6
DIM = CLASSES * BLOCK


def spelled(targets: list[torch.Tensor]) -> UnitBatch:
    """A unit is 3 at the number of its label and place in the block."""
    labels, count = torch.cat(targets), tuple(map(len, targets))
    place = torch.arange(BLOCK).repeat(len(labels))
    units = 3 * F.one_hot(labels.repeat_interleave(BLOCK) * BLOCK + place, DIM).float()
    layout = Layout(tuple(BLOCK * n for n in count))
    return UnitBatch(units, layout, target=Ragged(labels, count), unit_labels=Ragged(labels, count))


def draw(generator: torch.Generator, examples: int = 6) -> UnitBatch:
    """One to three labels an example."""
    lengths = torch.randint(1, 4, (examples,), generator=generator).tolist()
    return spelled([torch.randperm(CLASSES, generator=generator)[:n] for n in lengths])


def encoded(batch: UnitBatch) -> Encoded:
    return Encoded(batch.units.new_zeros(batch.num_examples, DIM), batch.units, batch.layout)


@pytest.fixture
def learn() -> Callable[..., dict[str, float]]:
    """Trains a task on fresh batches, and gives its metrics on another."""

    def run(task: Task, steps: int = 40, lr: float = 2e-2) -> dict[str, float]:
        generator, optimizer = torch.Generator().manual_seed(0), torch.optim.Adam(task.parameters(), lr)
        for _ in range(steps):
            batch = draw(generator)
            term = task.loss(task(encoded(batch)), batch)
            optimizer.zero_grad()
            (term.sum / term.count).backward()
            optimizer.step()
        return measure(task.eval(), draw(generator, 16))

    return run


@torch.no_grad()
def measure(task: Task, batch: UnitBatch) -> dict[str, float]:
    predictions = task(encoded(batch))
    task.update(predictions, encoded(batch), batch)
    task.loss(predictions, batch)
    return {name: float(value) for name, value in task.metrics.compute().items()}


@pytest.fixture
def hard() -> UnitBatch:
    """A usual example, one without labels, one with more labels than units, and one without units."""
    targets = Ragged(torch.tensor([1, 3, 0, 1, 2, 3, 2]), (2, 0, 4, 1))
    units = torch.randn(12 + 5 + 2, DIM, generator=torch.Generator().manual_seed(1))
    return UnitBatch(units, Layout((12, 5, 2, 0)), target=targets)


@pytest.fixture
def gradients() -> Callable[[Task, UnitBatch], tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]]:
    """The gradients of a task's weights, and the sum and count of its loss."""

    def run(task: Task, batch: UnitBatch):
        term = task.loss(task(encoded(batch)), batch)
        found = torch.autograd.grad(term.sum, list(task.parameters()), allow_unused=True)
        names = [name for name, _ in task.named_parameters()]
        return dict(zip(names, found, strict=True)), term.sum.detach(), term.count

    return run
