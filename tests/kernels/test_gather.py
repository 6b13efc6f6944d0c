"""Two ranks with NT-Xent take the gradient that one process takes on the joined batch."""

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from lit_pretrain.kernels.gather import gather, mean_over_ranks, num_ranks, rank, rows_of_ranks
from lit_pretrain.losses.nt_xent import nt_xent

N, D = 10, 4  # rows of both ranks


def views() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, 3, generator=generator), torch.randn(N, 3, generator=generator)


def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Linear(3, D)


def of_rank(number: int, port: int, out: str, rows: tuple[int, int]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    mine, net = slice(sum(rows[:number]), sum(rows[: number + 1])), network()
    first, second = (net(view[mine]) for view in views())
    loss = nt_xent(first, second, 0.3) * rows[number] * 2 / N  # as the base weighs a term by its count
    loss.backward()
    found = {"loss": mean_over_ranks(loss.detach()), "weight": mean_over_ranks(net.weight.grad)}  # as DDP averages
    found |= {"rows": gather(first.detach()), "ranks": (rank(), num_ranks(), *rows_of_ranks(first))}
    x, other = torch.ones(2, 2, requires_grad=True), torch.ones(4, 2, requires_grad=True)
    tripled = 3 * other
    (gather(x) + tripled).backward(torch.ones(4, 2))  # not of `sum`, whose gradient is copied anyway
    found |= {"x": x.grad, "other": other.grad}
    torch.save(found, f"{out}{number}.pt")
    dist.barrier()
    dist.destroy_process_group()


def run(folder, rows: tuple[int, int]) -> list[dict]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(of_rank, (port, f"{folder}/rank", rows), nprocs=2, start_method="fork")
    return [torch.load(folder / f"rank{number}.pt") for number in range(2)]


@pytest.mark.parametrize("rows", [(5, 5), (7, 3), (2, 8)])
def test_two_ranks_equal_the_joined_batch(tmp_path, rows):
    net = network()
    first, second = (net(view) for view in views())
    loss = nt_xent(first, second, 0.3)
    loss.backward()
    for number, found in enumerate(run(tmp_path, rows)):
        torch.testing.assert_close(found["loss"], loss.detach())
        torch.testing.assert_close(found["weight"], net.weight.grad)
        torch.testing.assert_close(found["rows"], first.detach())
        assert found["ranks"] == (number, 2, *rows)


def test_gradients_sum_over_ranks_and_leave_those_of_others_alone(tmp_path):
    for found in run(tmp_path, (5, 5)):
        assert (found["x"] == 2).all(), "each of two ranks asks 1 of every row"
        assert (found["other"] == 3).all(), "what is added to gathered rows shares their gradient"


def test_one_rank_keeps_its_rows():
    x = torch.randn(3, 2)
    assert gather(x) is x and mean_over_ranks(x) is x and (rank(), num_ranks()) == (0, 1)
    assert rows_of_ranks(x) == [3]
