"""Two or more ways to train the same weights on the same batches: compared in value, then timed in turns.

Bare loops, fp32, one thread, dropout 0, the same fused AdamW. Seconds are CPU seconds, which other processes on the machine
do not lengthen as they do wall time. Peak memory is that of a process forked for one step.
"""

import argparse
import csv
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from experiments.benchmarks.peak import peak
from lit_pretrain.types import TextBatch
from lit_pretrain.types.text import Vocabulary

MASK, SPECIAL = 4, 5  # as in BERT's order: padding is 0


def some_batch(classes: int, lengths: str, documents: int, longest: int, seed: int) -> TextBatch:
    """Documents of random ids, all of full length or of log-normal lengths: 0.54 of a padded batch is text."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.empty(documents).log_normal_(math.log(0.48 * longest), 0.6, generator=generator).long().clamp(8, longest)
    counts = tuple(drawn.tolist()) if lengths == "natural" else (longest,) * documents
    special = torch.arange(classes) < SPECIAL
    vocab = Vocabulary(classes, special, ~special, pad=0, mask=MASK)
    return TextBatch(torch.randint(SPECIAL, classes, (sum(counts),), generator=generator), counts, vocab)


def padded(x: Tensor, lengths: tuple[int, ...], fill: int) -> Tensor:
    return nn.utils.rnn.pad_sequence(list(x.split(lengths)), batch_first=True, padding_value=fill)


class Side:
    """A model, its loss (model, batch, seed) and its optimiser."""

    def __init__(self, model: nn.Module, loss: Callable[[nn.Module, TextBatch, int], Tensor]):
        self.model, self.loss = model.train(), loss
        self.optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def step(self, batch: TextBatch, seed: int) -> float:
        """CPU seconds."""
        began = time.process_time()
        self.optimizer.zero_grad()
        self.loss(self.model, batch, seed).backward()
        self.optimizer.step()
        return time.process_time() - began


def compare(sides: dict[str, Side], batch: TextBatch) -> None:
    """Losses, and the norms of all gradients, are the same on all sides."""
    facts = []
    for side in sides.values():
        side.model.zero_grad()
        loss = side.loss(side.model, batch, 0)
        loss.backward()
        squares = [p.grad.square().sum() for p in side.model.parameters() if p.grad is not None]
        facts.append(torch.stack([loss.detach(), torch.stack(squares).sum().sqrt()]))
    for other in facts[1:]:
        torch.testing.assert_close(other, facts[0], rtol=1e-4, atol=1e-5)
    print(f"loss {float(facts[0][0]):.5f} and norm of the gradient {float(facts[0][1]):.5f} on all sides")


def race(description: str, sides_of: Callable[[int], dict[str, Side]], out: Path, documents: int, longest: int) -> None:
    """The command line: a row for each side in `out`, each against the first side."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=8192)
    parser.add_argument("--lengths", choices=("full", "natural"), default="full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="of each side in a round")
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sides, draw = sides_of(options.classes), (options.classes, options.lengths, documents, longest)
    batch = some_batch(*draw, 0)
    peaks = {name: peak(partial(side.step, batch, 0)) for name, side in sides.items()}
    compare(sides, batch)
    for side in sides.values():
        side.step(batch, 0)  # warm-up, and the optimiser's state
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(options.rounds):
        batches = [some_batch(*draw, 1 + number * options.steps + i) for i in range(options.steps)]
        for name, side in sides.items():
            seconds = sum(side.step(batch, i) for i, batch in enumerate(batches))
            rates[name].append(sum(len(batch.tokens) for batch in batches) / seconds)
        print(*(f"{name} {values[-1]:,.0f}" for name, values in rates.items()), flush=True)
    new = not options.out.exists()
    with options.out.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(("classes", "lengths", "side", "tokens_per_s", "ratio", "least", "most", "peak_mib"))
        for name, values in rates.items():
            ratios = [a / b for a, b in zip(values, next(iter(rates.values())), strict=True)]
            row = (options.classes, options.lengths, name, f"{statistics.median(values):.0f}",
                   *(f"{x:.2f}" for x in (statistics.median(ratios), min(ratios), max(ratios))),
                   f"{peaks[name]:.0f}")  # fmt: skip
            writer.writerow(row)
            print(*row)
