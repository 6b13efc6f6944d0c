"""Forward and backward of a linear map and its cross entropy: all logits at once, torch's chunks, ours.

One thread, in turns, CPU seconds (which other processes on the machine do not lengthen as they do wall time). Peak memory is
that of a process forked for one call. FLOPs are the three products.

    python -m experiments.benchmarks.kernels.linear_cross_entropy --rows 614 2048 --classes 8192 30522 50304
"""

import argparse
import csv
import statistics
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.benchmarks.peak import peak
from lit_pretrain.kernels.linear_cross_entropy import linear_cross_entropy


def logits(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, weight).float(), targets, reduction="sum")


def torch_chunks(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    return F.linear_cross_entropy(hidden, weight, targets, reduction="sum", options=nn.LinearCrossEntropyOptions())


WAYS = {"logits": logits, "torch_chunks": torch_chunks, "ours": linear_cross_entropy}


def step(way: str, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[float, list[Tensor]]:
    """CPU seconds, and the loss with its gradients."""
    hidden, weight, targets = (x.detach().requires_grad_(x.is_floating_point()) for x in inputs)
    began = time.process_time()
    loss = WAYS[way](hidden, weight, targets) / len(hidden)
    loss.backward()
    return time.process_time() - began, [loss.detach(), hidden.grad, weight.grad]


def matmul_rate() -> float:
    """FLOPs a CPU second of products of square matrices, the best of ten."""
    a, best = torch.randn(1024, 1024), float("inf")
    for _ in range(10):
        began = time.process_time()
        torch.mm(a, a)
        best = min(best, time.process_time() - began)
    return 2 * 1024**3 / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[614, 2048])
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--classes", type=int, nargs="+", default=[8192, 30522, 50304])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for rows in options.rows:
        for classes in options.classes:
            generator = torch.Generator().manual_seed(0)
            inputs = (torch.randn(rows, options.width, generator=generator),
                      torch.randn(classes, options.width, generator=generator) / options.width**0.5,
                      torch.randint(classes, (rows,), generator=generator))  # fmt: skip
            peaks = {way: peak(partial(step, way, inputs)) for way in WAYS}
            _, expected = step("logits", inputs)
            for way in WAYS:  # also the warm-up
                for one, two in zip(step(way, inputs)[1], expected, strict=True):
                    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-6)
            turns = [{way: step(way, inputs)[0] for way in WAYS} for _ in range(options.rounds)]
            ceiling = matmul_rate()
            new = not options.out.exists()
            with options.out.open("a", newline="") as file:
                if new:
                    csv.writer(file).writerow(("rows", "classes", "way", "ms", "faster", "peak_mib", "share_of_ceiling"))
                for way in WAYS:
                    seconds = statistics.median(turn[way] for turn in turns)
                    ratio = statistics.median(turn["logits"] / turn[way] for turn in turns)
                    share = 6 * rows * options.width * classes / seconds / ceiling
                    row = (rows, classes, way, f"{1e3 * seconds:.1f}", f"{ratio:.2f}", f"{peaks[way]:.0f}", f"{share:.2f}")
                    csv.writer(file).writerow(row)
                    print(*row, flush=True)


if __name__ == "__main__":
    main()
