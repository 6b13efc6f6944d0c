"""Attention to a subset of each example's units (MP3, arXiv 2207.07611). Legend: U units, K context units, D width."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from lit_pretrain.nn.context import Context
from lit_pretrain.nn.mixer.attention import Attention
from lit_pretrain.types import Layout


class ContextAttention(Attention):
    """Every unit asks, but inside `only_keys` no more than some of an example's units answer.

    The others have no key and no value at all, so nothing of them reaches another unit, and the cost falls with their
    share. Outside of `only_keys` it is plain attention. Arguments are those of `Attention`.
    """

    _subset: tuple[Tensor, Layout] | None = None  # (U,) bool, and the layout of what it keeps

    def forward(self, x: Tensor, context: Context) -> Tensor:
        if self._subset is None:
            return super().forward(x, context)
        if context.cache is not None:
            raise ValueError("ContextAttention takes a subset of the keys of whole examples, not of a cache")
        chosen, keys = self._subset
        seen = x[chosen]  # (K, D)
        q, k, v = self._project(0, x), self._project(1, seen), self._project(2, seen)
        q, k = context.position.rotate(q, context.layout), context.position.rotate(k, keys)
        return self._attend(q, k, v, context.layout, keys, self._bias(context, keys))


@contextmanager
def only_keys(module: nn.Module, layout: Layout, chosen: Tensor) -> Iterator[None]:
    """Inside, all mixers of `module` attend to the units where `chosen` (U,) bool is true. Gradients may be taken outside.

    Args:
        module: an encoder of `ContextAttention` alone.
        layout: of its units.
        chosen: at least one unit of each example.

    Raises:
        ValueError: a unit could see more, because a mixer is of another kind.
    """
    mixers = [block.mixer for block in module.blocks]
    if other := {type(mixer).__name__ for mixer in mixers if not isinstance(mixer, ContextAttention)}:
        raise ValueError(f"{', '.join(sorted(other))} cannot leave keys out: build the encoder's blocks with"
                         " lit_pretrain.nn.mixer.context_attention.ContextAttention")  # fmt: skip
    subset = chosen, layout.keep(chosen)
    for mixer in mixers:
        mixer._subset = subset
    try:
        yield
    finally:
        for mixer in mixers:
            mixer._subset = None
