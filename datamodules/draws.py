"""Random numbers that belong to a sample: the same in any batch, worker and on any device.

The generator is splitmix64 used as a hash: number k of a sample is mix(seed + (k + 1) * GAMMA), in 64-bit integers that
wrap around. Legend: B samples.
"""

import os

import torch
from torch import Tensor


def _signed(number: int) -> int:
    """The 64-bit pattern as torch's int64 has it."""
    return number - 2**64 if number >= 2**63 else number


GAMMA, FIRST, SECOND = (_signed(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Shifted to the right without regard to the sign."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def mix(x: Tensor) -> Tensor:
    """The finaliser of splitmix64, on int64."""
    x = (x ^ _shifted(x, 30)) * FIRST
    x = (x ^ _shifted(x, 27)) * SECOND
    return x ^ _shifted(x, 31)


def fold(seeds: Tensor, *numbers: int | Tensor) -> Tensor:
    """Seeds of something below: of an epoch, of a sample, of a view."""
    for number in numbers:
        seeds = mix(seeds * 31 + number + GAMMA)
    return seeds


class Draws:
    """The random numbers of B samples, in the order in which they are asked for.

    Args:
        seeds: (B,) int64, one for each sample; the numbers are drawn on its device.
    """

    def __init__(self, seeds: Tensor):
        self.seeds = seeds
        self.count = 0  # numbers drawn so far of each sample

    def uniform(self, n: int) -> Tensor:
        """(B, n) float32 in [0, 1)."""
        places = torch.arange(self.count + 1, self.count + n + 1, device=self.seeds.device)
        self.count += n
        return _shifted(mix(self.seeds[:, None] + places * GAMMA), 40).float() * 2**-24  # 24 bits fit a float32

    def between(self, low: float, high: float) -> Tensor:
        """(B,) float32 in [low, high)."""
        return low + (high - low) * self.uniform(1)[:, 0]


def run_seed() -> int:
    """Read when it is needed and not in advance: seed_everything may come after the datamodule."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))
