"""Does a program do what another does? Tried on many inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from lit_pretrain.downstream.code.sandbox import Limits, Result, run


@dataclass(frozen=True)
class Difference:
    """An input, and how both programs ended on it."""

    stdin: str
    reference: Result
    candidate: Result


@dataclass(frozen=True)
class Fuzzed:
    """What was found.

    Args:
        tried: inputs.
        differences: of those on which the candidate does not do what the reference does.
    """

    tried: int
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


def fuzz(
    reference: str, candidate: str, inputs: Sequence[str], driver: str = "", limits: Limits = Limits(), stop: bool = True
) -> Fuzzed:
    """Give both programs the same inputs and compare what they print, white space at the ends of lines left out (the
    evaluation of BioCoder, arXiv 2308.16458).

    Args:
        reference: a Python program that is right.
        candidate: the program to be judged; it must also end as the reference does, within the limits.
        inputs: texts on the standard input.
        driver: put after both, such as `import json; print(solve(*json.loads(input())))` for functions.
        limits: of each run; see `run`.
        stop: at the first difference.

    Raises:
        ValueError: there is no input, or the reference fails on one.
    """
    if not inputs:
        raise ValueError("no inputs: two programs without one input cannot be told apart")
    differences = []
    for number, stdin in enumerate(inputs, 1):
        right, tried = (run(f"{program}\n{driver}", stdin, limits) for program in (reference, candidate))
        if right.status != "passed":
            raise ValueError(f"the reference {right.status} on input {number}, {stdin[:80]!r}: {right.stderr[-200:]}")
        if tried.status != "passed" or lines(tried.stdout) != lines(right.stdout):
            differences.append(Difference(stdin, right, tried))
            if stop:
                return Fuzzed(number, tuple(differences))
    return Fuzzed(len(inputs), tuple(differences))


def lines(printed: str) -> list[str]:
    return [line.rstrip() for line in printed.rstrip().splitlines()]
