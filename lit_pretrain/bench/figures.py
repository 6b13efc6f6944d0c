"""What turns of timed steps say, as numbers and as a table."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich.table import Table

LINES = {  # of the table: name in bench.json -> what is printed, its format
    "step_ms": ("step, ms (median)", "{:.1f}"),
    "quartiles_ms": ("quartiles, ms", "{0[0]:.1f} to {0[1]:.1f}"),
    "against_first": ("examples/s by the first's", "{:.2f}"),
    "examples_per_s": ("examples/s", "{:,.1f}"),
    "units_per_s": ("units/s", "{:,.0f}"),
    "loader_examples_per_s": ("examples/s, loader alone", "{:,.1f}"),
    "data_wait": ("waiting for data", "{:.1%}"),
    "mfu": ("FLOPs by matmul ceiling", "{:.1%}"),
    "ceiling_gflops_per_s": ("matmul ceiling, GFLOP/s", "{:,.0f}"),
    "first_step_s": ("first step, s", "{:.2f}"),
    "peak_mib": ("peak memory, MiB", "{:,.0f}"),
    "padding": ("padding, if padded", "{:.1%}"),
    "parameters": ("parameters", "{:,}"),
}


def summary(turns: Sequence[dict[str, Any]], first: Sequence[dict[str, Any]], totals: dict[str, Any]) -> dict[str, Any]:
    """What `bench.json` says of a configuration. `first`: turns of that with which it is compared."""
    seconds = [s for turn in turns for s in turn["seconds"]]
    examples, units, base = ([sum(t[what]) / sum(t["seconds"]) for t in own]
                             for own, what in ((turns, "examples"), (turns, "units"), (first, "examples")))  # fmt: skip
    quartiles = statistics.quantiles(seconds, n=4) if len(seconds) > 1 else 3 * seconds
    mfu = [rate * totals["flops_per_unit"] / t["ceiling"] for rate, t in zip(units, turns, strict=True)]
    return {
        "step_ms": 1e3 * statistics.median(seconds),
        "quartiles_ms": (1e3 * quartiles[0], 1e3 * quartiles[2]),
        "against_first": statistics.median(a / b for a, b in zip(examples, base, strict=True)),
        "examples_per_s": statistics.median(examples),
        "units_per_s": statistics.median(units),
        "data_wait": sum(sum(t["waited"]) for t in turns) / sum(seconds),
        "mfu": statistics.median(mfu),
        "ceiling_gflops_per_s": statistics.median(t["ceiling"] for t in turns) / 1e9,
        "first_step_s": turns[0]["first_step"],
        **totals,
    }


def table(names: Sequence[str], found: Sequence[dict[str, Any]]) -> Table:
    """A column a configuration."""
    grid = Table("", *names)
    for key, (label, form) in LINES.items():
        if any(row.get(key) is not None for row in found):
            grid.add_row(label, *("" if row.get(key) is None else form.format(row[key]) for row in found))
    return grid
