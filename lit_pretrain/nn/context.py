"""What a block may look at besides the units themselves."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from lit_pretrain.types import Layout

if TYPE_CHECKING:
    from lit_pretrain.nn.mixer.cache import KeyValueCache
    from lit_pretrain.nn.position.base import Position


@dataclass
class Context:
    """Shared by all blocks of one forward pass.

    Args:
        layout: boundaries and positions of the units.
        position: the position slot, for mixers that rotate queries and keys or bias scores.
        source: (S, D) units of the encoder, for cross attention.
        source_layout: their boundaries.
        cache: keys and values of the units before these, while generating.
        biases: position biases already computed in this pass, by mixer kind.
    """

    layout: Layout
    position: "Position"
    source: Tensor | None = None
    source_layout: Layout | None = None
    cache: "KeyValueCache | None" = None
    biases: dict = field(default_factory=dict)
