"""Does a program pass its tests?"""

from collections.abc import Sequence
from dataclasses import replace

from lit_pretrain.downstream.code.sandbox import Limits, Result, run


def check(program: str, tests: Sequence[str], limits: Limits = Limits()) -> Result:
    """Run a Python program and then its tests, as MBPP has them (`assert solve(2) == 4`; arXiv 2108.07732).

    The result is "passed" only where the last test was passed: a program that ends itself before has failed.

    Raises:
        ValueError: there are no tests.
    """
    if not tests:
        raise ValueError("no tests: a program without any would always pass")
    result = run("\n".join([program, *tests]), limits=limits)
    return replace(result, status="failed") if result.status == "passed" and not result.finished else result
