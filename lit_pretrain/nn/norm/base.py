"""The slot of normalisation layers."""

from copy import deepcopy
from typing import Self

from lit_pretrain.part import Part


class Norm(Part):
    """(..., D) -> (..., D). Residual layouts take one as a prototype and copy it for each place."""

    def copy(self) -> Self:
        return deepcopy(self)
