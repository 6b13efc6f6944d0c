"""What went wrong in a run, one line of JSON an event."""

import json
import os
import warnings
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
        """Add an event; it is on disk when this returns, or else in a warning."""
        line = json.dumps(event)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            warnings.warn(f"{error}: {self.path} lacks {line}", stacklevel=2)

    def forget(self, step: int) -> None:
        """Drop the events of `step` and later: a resumed run goes through those steps again."""
        rows = self.rows()
        kept = [row for row in rows if row["step"] < step]
        if len(kept) < len(rows):
            partial = self.path.with_suffix(".partial")
            partial.write_bytes("".join(json.dumps(row) + "\n" for row in kept).encode())
            os.replace(partial, self.path)
