"""Outcomes of examples, collected batch by batch."""

from lit_pretrain.types import Outcomes


class Tally:
    """Keeps what it is given, where it lies, until all of it is taken at once."""

    def __init__(self) -> None:
        self.parts: list[Outcomes] = []

    def add(self, outcomes: Outcomes) -> None:
        self.parts.append(outcomes)

    def take(self) -> Outcomes | None:
        """All since the last call, on the CPU, in their order; None: there are none."""
        found = Outcomes.cat(self.parts).cpu() if self.parts else None
        self.parts = []
        return found
