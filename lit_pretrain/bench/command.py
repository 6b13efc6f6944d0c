"""`lit-pretrain bench`: what a training step of a configuration costs, side by side with others.

Each configuration has a process of its own, and they take turns, so that what else the machine does falls on all of them.
"""

import contextlib
import json
import multiprocessing
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from lit_pretrain.bench.figures import summary, table
from lit_pretrain.bench.subject import Subject
from lit_pretrain.config.chatter import hush
from lit_pretrain.config.mistake import Mistake

EPILOG = """any further --KEY VALUE is for all of them, as in fit: --trainer.precision 32-true
example: lit-pretrain bench --config conf/text/mlm.yaml --config "conf/text/mlm.yaml --compile true" """


def main(words: Sequence[str]) -> int:
    """`lit-pretrain bench`: the exit code."""
    parser = ArgumentParser(prog="lit-pretrain bench", description=__doc__.splitlines()[0], epilog=EPILOG,
                            formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False)  # fmt: skip
    parser.add_argument("--config", action="append", required=True, metavar="FILE",
                        help="a configuration of fit; may be repeated; with options of its own in quotes")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5, help="turns of each configuration (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of a turn (default: %(default)s)")
    parser.add_argument("--warmup", type=int, default=3, help="untimed steps before them (default: %(default)s)")
    parser.add_argument("--out", default="bench.json", help="file of all figures (default: %(default)s)")
    options, shared = parser.parse_known_args(words)
    if min(options.rounds, options.steps, options.warmup) < 1:
        raise Mistake("--rounds, --steps and --warmup must be at least 1")
    workers = [Worker(config.split(), shared, options.warmup, options.steps) for config in options.config]
    try:
        for worker in workers:
            worker.ask("build")  # before any of them is timed
        rounds = [[worker.ask("round") for worker in workers] for _ in range(options.rounds)]
        totals = [worker.ask("totals") for worker in workers]
    finally:
        for worker in workers:
            worker.process.kill()
    turns = list(zip(*rounds, strict=True))  # of each configuration
    found = [summary(own, turns[0], total) for own, total in zip(turns, totals, strict=True)]
    Console().print(table(options.config, found))
    rows = [{"config": c, **f, "rounds": t} for c, f, t in zip(options.config, found, turns, strict=True)]
    Path(options.out).write_text(json.dumps(rows, indent=1))
    print(f"{options.out}: all figures, those of each step too")
    return 0


class Worker:
    """A process that holds one configuration and trains when asked."""

    def __init__(self, config: list[str], shared: list[str], warmup: int, steps: int):
        context = multiprocessing.get_context("spawn")
        self.file, *own = config
        self.pipe, theirs = context.Pipe()
        words = ["--config", self.file, *shared, *own]
        self.process = context.Process(target=serve, args=(words, warmup, steps, theirs))
        self.process.start()
        theirs.close()

    def ask(self, what: str) -> dict[str, Any]:
        self.pipe.send(what)
        try:
            answer = self.pipe.recv()
        except EOFError:
            raise Mistake(f"{self.file} failed; its error stands above") from None
        if isinstance(answer, Mistake):
            raise answer
        return answer


def serve(words: list[str], warmup: int, steps: int, pipe: Any) -> None:
    """What a worker does: answer until nobody asks any more."""
    hush()
    subject = Subject(words, warmup, steps)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while what := pipe.recv():
            try:
                pipe.send(getattr(subject, what)())
            except Mistake as mistake:
                pipe.send(mistake)
