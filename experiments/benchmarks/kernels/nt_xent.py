"""Forward and backward of NT-Xent: all cosines at once, and ours, which makes them chunk by chunk.

One thread, in turns, CPU seconds. Peak memory is that of a process forked for one call.

    python -m experiments.benchmarks.kernels.nt_xent --batch 512 2048
"""

import argparse
import csv
import statistics
import time
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.benchmarks.peak import peak
from lit_pretrain.losses.nt_xent import nt_xent


def at_once(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    views = F.normalize(torch.cat([first, second]), dim=1)
    own = torch.arange(len(views))
    similar = (views @ views.T / temperature).scatter(1, own[:, None], -torch.inf)
    return F.cross_entropy(similar, own.roll(len(first)))


WAYS = {"at_once": at_once, "ours": nt_xent}


def step(way: str, inputs: Tensor) -> tuple[float, list[Tensor]]:
    """CPU seconds, and the loss with its gradient."""
    inputs = inputs.detach().requires_grad_()
    began = time.process_time()
    loss = WAYS[way](inputs[0], inputs[1], 0.1)
    loss.backward()
    return time.process_time() - began, [loss.detach(), inputs.grad]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[512, 2048])
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [("batch", "way", "ms", "faster", "peak_mib")]
    for batch in options.batch:
        inputs = torch.randn(2, batch, options.width, generator=torch.Generator().manual_seed(0))
        peaks = {way: peak(partial(step, way, inputs)) for way in WAYS}
        for one, two in zip(step("at_once", inputs)[1], step("ours", inputs)[1], strict=True):  # also the warm-up
            torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-7)
        turns = [{way: step(way, inputs)[0] for way in WAYS} for _ in range(options.rounds)]
        for way in WAYS:
            ratio = statistics.median(turn["at_once"] / turn[way] for turn in turns)
            ms = 1e3 * statistics.median(turn[way] for turn in turns)
            rows.append((batch, way, f"{ms:.1f}", f"{ratio:.2f}", f"{peaks[way]:.0f}"))
            print(*rows[-1], flush=True)
    with options.out.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
