"""What went wrong in a run, one line of JSON an event."""

import json
import os
from pathlib import Path
from typing import Any


class Logbook:
    """`logbook.jsonl` of a run folder.

    Args:
        path: of the file; it appears with its first event.
    """

    def __init__(self, path: Path):
        self.path = path

    def rows(self) -> list[dict[str, Any]]:
        """All events, the oldest first."""
        return [json.loads(line) for line in self.path.read_bytes().splitlines()] if self.path.exists() else []

    def write(self, **event: Any) -> None:
        """Add an event; it is on disk when this returns."""
        with open(self.path, "a") as file:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def forget(self, step: int) -> None:
        """Drop the events of `step` and later: a resumed run goes through those steps again."""
        rows = self.rows()
        kept = [row for row in rows if row["step"] < step]
        if len(kept) < len(rows):
            partial = self.path.with_suffix(".partial")
            partial.write_bytes("".join(json.dumps(row) + "\n" for row in kept).encode())
            os.replace(partial, self.path)
