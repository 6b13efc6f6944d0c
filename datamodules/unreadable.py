"""What could not be read: counted, named in a file, and too many of it stops the run."""

import warnings
from collections.abc import Iterable
from pathlib import Path

NAMED = 10  # samples that a message names
AT_LEAST = 10  # unreadable samples that a share always allows
FILE = "unreadable.txt"


class Unreadable(Exception):
    """A sample that cannot be decoded.

    Args:
        name: what the source calls it.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, reason: str):
        super().__init__(name, reason)
        self.name, self.reason = name, reason


class UnreadableSamples:
    """The unreadable samples of a split that have been met.

    Args:
        what: what a message calls them, such as "images".
        split: for the messages.
        limit: the most that may be met.
    """

    def __init__(self, what: str, split: str, limit: int):
        self.what, self.split, self.limit = what, split, limit
        self.reasons: dict[str, str] = {}  # by name
        self._warned = False

    def meet(self, found: Iterable[tuple[str, str]], folder: Path | None) -> None:
        """Note samples, each (name, reason), and append those that are new to the file in `folder`.

        Raises:
            ValueError: more than `limit` have been met.
        """
        new = {name: reason for name, reason in found if name not in self.reasons}
        if not new:
            return
        self.reasons |= new
        where = "" if folder is None else f"; all are listed in {folder / FILE}"
        if folder is not None:
            _append(folder / FILE, new)
        count, first = len(self.reasons), self._first()
        if count > self.limit:
            raise ValueError(
                f"{count} {self.what} of {self.split!r} are unreadable, more than the {self.limit} that max_unreadable"
                f" allows. Mend or remove them, or raise max_unreadable{where}. The first:\n{first}"
            )
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self.what} of {self.split!r} are unreadable and are left out{where}:\n{first}", stacklevel=2)

    def _first(self) -> str:
        return "\n".join(f"  {name}: {reason}" for name, reason in list(self.reasons.items())[:NAMED])


def limit_of(allowed: int | float, count: int) -> int:
    """How many of `count` samples may be unreadable: a number, or a share of them."""
    return allowed if isinstance(allowed, int) else max(AT_LEAST, int(allowed * count))


def _append(file: Path, new: dict[str, str]) -> None:
    """One line each, unless it stands there already (written by a run that was cut, or by another rank)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    old = set(file.read_text().splitlines()) if file.exists() else set()
    lines = (f"{name}\t{reason}" for name, reason in new.items())
    with open(file, "a") as out:
        out.writelines(f"{line}\n" for line in lines if line not in old)


def reason(error: Exception) -> str:
    """What went wrong, in one line without tabs."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
