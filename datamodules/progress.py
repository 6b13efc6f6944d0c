"""Progress of what is prepared once."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn

QUIET = 3.0  # seconds; shorter jobs show none


@contextmanager
def told(what: str, rows: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A line such as "tokenising train 5,120 documents, 81,000 tokens/s", gone at the end.

    The function that it gives takes the number of further rows that are done, and of all units until now.

    Args:
        what: is being done.
        rows, unit: what is counted, and what the rate is of.
    """
    columns = (SpinnerColumn(), TextColumn(f"{{task.description}} {{task.completed:,}} {rows}, {{task.fields[rate]}}"))
    progress, began = Progress(*columns, transient=True), time.monotonic()
    task = progress.add_task(what, total=None, rate="")
    with ExitStack() as stack:

        def tell(further: int, units: int) -> None:
            elapsed = time.monotonic() - began
            if not progress.live.is_started and elapsed > QUIET:
                progress.start()
                stack.callback(progress.stop)
            progress.update(task, advance=further, rate=f"{units / max(elapsed, 1e-6):,.0f} {unit}/s")

        yield tell
