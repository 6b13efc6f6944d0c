"""What the last block of an encoder attends to, whoever wrote it.

Legend: B examples, L units of each, H heads, E width of a head, h x w grid of the units.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lit_pretrain.kernels.attention_weights import log_attention_weights
from lit_pretrain.types import Batch, Layout


def attention_maps(pl_module: L.LightningModule, batch: Batch) -> Tensor | None:
    """(B, H, h, w) of the first leading unit (the class token), or of all units on average where there is none.

    None: the last block computes no `scaled_dot_product_attention`, or the units lie on no grid.
    """
    blocks = getattr(pl_module.encoder, "blocks", None)
    if not blocks:
        return None
    with Weights(blocks[-1]) as seen:
        layout = pl_module.encode(batch).layout
    if layout.grid is None or not seen.kept:
        return None
    weights = torch.cat(seen.kept)  # a call for all examples, or one for each
    if weights.shape[0] != layout.num_examples or {*weights.shape[2:]} != {*layout.lengths}:
        return None  # attention in windows
    asked = weights[:, :, 0] if layout.leading else weights.mean(2)  # (B, H, L)
    return asked[..., layout.leading :].unflatten(-1, layout.grid)


class Weights(TorchFunctionMode):
    """Keeps the weights of every scaled dot product attention in the last pass of a block.

    Attributes:
        kept: a tensor (B, H, L, L) for each call.
    """

    def __init__(self, block: nn.Module):
        super().__init__()
        self.kept: list[Tensor] = []
        self._block, self._inside, self._hooks = block, False, ()

    def __enter__(self) -> "Weights":
        self._hooks = (self._block.register_forward_pre_hook(self._begin), self._block.register_forward_hook(self._end))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if self._inside and function is F.scaled_dot_product_attention:
            self.kept.append(log_attention_weights(*args, **(kwargs or {})).exp())
        return function(*args, **(kwargs or {}))

    def _begin(self, *args: Any) -> None:
        self._inside, self.kept = True, []  # a looped block is passed more than once

    def _end(self, *args: Any) -> None:
        self._inside = False


def of_examples(kept: Sequence[Tensor], layout: Layout) -> list[Tensor]:
    """The weights (H, L, L) of each example, from those of a pass of a block.

    Raises:
        ValueError: the block computed none, or its attention is not that of all units of an example to each other.
    """
    found, lengths = [one for call in kept for one in call], layout.lengths  # a call for all examples, or one for each
    if len(found) != len(lengths) or any({*w.shape[1:]} - {n, max(lengths)} for w, n in zip(found, lengths, strict=True)):
        raise ValueError("this block computes no scaled_dot_product_attention of each unit to all of its example: its heads"
                         " cannot be looked into")  # fmt: skip
    return [w[:, :n, :n] for w, n in zip(found, lengths, strict=True)]


def of_layers(pl_module: L.LightningModule, batch: Batch) -> tuple[Layout, list[list[Tensor]]]:
    """Where the units of a batch stand, and of each block the weights (H, L, L) of each example.

    Raises:
        ValueError: see `of_examples`.
    """
    with ExitStack() as stack:
        seen = [stack.enter_context(Weights(block)) for block in pl_module.encoder.blocks]
        layout = pl_module.encode(batch).layout
    return layout, [of_examples(block.kept, layout) for block in seen]


@contextmanager
def uncompiled(module: nn.Module) -> Iterator[None]:
    """Inside, nothing of a module runs compiled: other shapes would make the compiler change what it made for training."""
    compiled = [(m, m._compiled_call_impl) for m in module.modules() if m._compiled_call_impl is not None]
    for m, _ in compiled:
        m._compiled_call_impl = None
    try:
        yield
    finally:
        for m, call in compiled:
            m._compiled_call_impl = call
