"""Two ranks with NT-Xent take the gradient that one process takes on the joined batch."""

import socket

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from lit_pretrain.kernels.gather import gather, mean_over_ranks, num_ranks, rank
from lit_pretrain.losses.nt_xent import nt_xent

B, D = 5, 4  # of each rank


def views() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2 * B, 3, generator=generator), torch.randn(2 * B, 3, generator=generator)


def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Linear(3, D)


def of_rank(number: int, port: int, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    mine, net = slice(number * B, (number + 1) * B), network()
    first, second = (net(view[mine]) for view in views())
    loss = nt_xent(first, second, 0.3)
    loss.backward()
    found = {"loss": mean_over_ranks(loss.detach()), "weight": mean_over_ranks(net.weight.grad)}  # as DDP averages
    found |= {"rows": gather(first.detach()), "ranks": (rank(), num_ranks())}
    torch.save(found, f"{out}{number}.pt")
    dist.barrier()
    dist.destroy_process_group()


def test_two_ranks_equal_the_joined_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(of_rank, (port, f"{tmp_path}/rank"), nprocs=2, start_method="fork")
    net = network()
    first, second = (net(view) for view in views())
    loss = nt_xent(first, second, 0.3)
    loss.backward()
    for number in range(2):
        found = torch.load(tmp_path / f"rank{number}.pt")
        torch.testing.assert_close(found["loss"], loss.detach())
        torch.testing.assert_close(found["weight"], net.weight.grad)
        torch.testing.assert_close(found["rows"], first.detach())
        assert found["ranks"] == (number, 2)


def test_one_rank_keeps_its_rows():
    x = torch.randn(3, 2)
    assert gather(x) is x and mean_over_ranks(x) is x and (rank(), num_ranks()) == (0, 1)
