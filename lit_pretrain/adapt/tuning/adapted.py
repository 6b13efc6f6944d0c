"""An encoder with a small network after each block. Legend: D width, H inner width."""

from typing import Any

from torch import Tensor, nn

from lit_pretrain.adapt.tuning.wrapped import Wrapped
from lit_pretrain.types import Encoder


class Adapter(nn.Module):
    """x + up(relu(down(norm(x)))) of what a block gives, which is x or a tuple that begins with x; a forward hook.

    Args:
        dim: D.
        hidden: H.
    """

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.norm, self.down, self.up = nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, block: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        x, *rest = output if isinstance(output, tuple) else (output,)  # (..., D)
        x = x + self.change(x)
        return (x, *rest) if isinstance(output, tuple) else x

    def change(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.down.in_features:
            raise ValueError(f"adapters of width {self.down.in_features} cannot stand after a {tuple(x.shape)} output: they"
                             " need an encoder whose blocks all have its own width last; LoRA serves any")  # fmt: skip
        return self.up(self.down(self.norm(x)).relu())


class Adapted(Wrapped):
    """An encoder with an `Adapter` after each block.

    Args:
        encoder: gets hooks; its weights and their names stay.
        hidden: H.
    """

    def __init__(self, encoder: Encoder, hidden: int):
        super().__init__(encoder)
        blocks = list(dict.fromkeys(encoder.blocks))  # a block that is passed several times has one
        self.adapters = nn.ModuleList(Adapter(encoder.dim, hidden) for _ in blocks)
        for block, adapter in zip(blocks, self.adapters, strict=True):
            block.register_forward_hook(adapter)  # a module, not a closure: copies of the encoder have copies of it
