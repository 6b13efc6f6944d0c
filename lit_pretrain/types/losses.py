"""What an objective gives: named terms."""

from typing import NamedTuple

from torch import Tensor


class Term(NamedTuple):
    """A loss term as a sum over targets and their count, normalised by the count of all ranks and micro-batches.

    A plain tensor as a term is a mean of its own (the same as Term(value, 1)). Weight 0: logged, not trained on.
    """

    sum: Tensor
    count: Tensor | int
    weight: float = 1.0


Losses = dict[str, Tensor | Term]
