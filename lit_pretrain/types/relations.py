"""Which units of a batch stand in a relation. Legend: U units, P pairs."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Relations:
    """Relations between stretches of units, such as the subject of a clause and its verb.

    Args:
        among: (U,) bool, units that can stand in a relation; others (such as separators) are none that could be meant.
        pairs: name of a relation -> (P, 4) int64: first unit of the stretch that it starts from and the unit after its last,
            and the same of the one that it leads to. Numbers count through the batch; both stretches are of one example.
    """

    among: Tensor
    pairs: dict[str, Tensor]
