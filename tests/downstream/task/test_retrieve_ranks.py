"""Two ranks take the gradient of the joined batch, also where one of them has no pair."""

import socket
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.poly_encoder import PolyEncoder
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.types import Encoded, Encoder, Layout, UnitBatch

DIM, TASKS = 6, (Retrieve, PolyEncoder)


class Map(Encoder):
    """A linear map of units, of which each is an example."""

    def __init__(self):
        super().__init__()
        self.dim, self.num_layers = DIM, 1
        self.blocks = nn.ModuleList([nn.Linear(DIM, DIM)])

    def forward(self, inputs, *, keep=None, mask=None, layers=False) -> Encoded:
        units = self.blocks[0](inputs.units)
        return Encoded(units, units, inputs.layout)


class Pairs(UnitBatch):
    """Two units are a pair; the last one alone is none."""

    @property
    def counterparts(self) -> tuple[UnitBatch, UnitBatch]:
        pairs = self.units[:-1].unflatten(0, (-1, 2))
        return tuple(UnitBatch(pairs[:, i], Layout((1,) * len(pairs))) for i in range(2))


def pairs(first: int, end: int) -> Pairs:
    units = torch.randn(21, DIM, generator=torch.Generator().manual_seed(0))
    return Pairs(torch.cat([units[2 * first : 2 * end], units[-1:]]), Layout((1,) * (2 * (end - first) + 1)))


def gradient(kind: type[Retrieve], batch: Pairs) -> list[torch.Tensor]:
    """The sum of the loss, and its gradients."""
    torch.manual_seed(1)
    model = FineTune(Map(), kind(DIM))
    term = model.loss(batch)["task"]
    return [term.sum.detach(), *torch.autograd.grad(term.sum, list(model.parameters()))]


def of_rank(number: int, port: int, out: str, counts: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=2,
                            timeout=timedelta(seconds=30))  # fmt: skip
    batch = pairs(sum(counts[:number]), sum(counts[: number + 1]))
    torch.save([gradient(kind, batch) for kind in TASKS], f"{out}{number}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.mark.parametrize("counts", [(7, 3), (10, 0)])
def test_two_ranks_equal_the_joined_batch(tmp_path, counts):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(of_rank, (port, f"{tmp_path}/rank", counts), nprocs=2, start_method="fork")
    parts = [torch.load(tmp_path / f"rank{number}.pt") for number in range(2)]
    for kind, *ours in zip(TASKS, *parts, strict=True):
        for theirs, first, second in zip(gradient(kind, pairs(0, 10)), *ours, strict=True):
            torch.testing.assert_close(first + second, theirs)
