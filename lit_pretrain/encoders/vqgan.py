"""The convolutional encoder of VQGAN (arXiv 2012.09841).

Legend: B images, C channels, S side of an image, h x w positions of a map, U units of all images end to end, D width.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from lit_pretrain.nn.convnet.blocks import Halve, Middle, Out, Stage, widths
from lit_pretrain.types import Encoded, Encoder, ImageBatch, Layout


class VQGANEncoder(Encoder):
    """Stages of residual blocks, each halving the sides of the map but the last: units are the positions of the latent grid.

    Blocks are the stages, then residual block, attention and residual block on the coarsest map. The pooled vector is the
    mean of the units. Defaults: those of the paper's models with a stride of 16 (f16).

    Args:
        channels: C.
        width: of the first stage.
        multipliers: width of each stage / `width`.
        depth: residual blocks of a stage.
        dim: D, the width of the latent vectors.
        groups: of the norms; it must divide the widths.

    Attributes:
        stride: S / h.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 2, 4),
        depth: int = 2,
        dim: int = 256,
        groups: int = 32,
    ):
        super().__init__()
        outs = widths(width, multipliers)
        self.dim, self.num_layers, self.stride = dim, len(outs) + 1, 2 ** (len(outs) - 1)
        self.stem = nn.Conv2d(channels, width, 3, padding=1)
        self.blocks = nn.ModuleList()
        for i, (before, out) in enumerate(zip([width, *outs[:-1]], outs, strict=True)):
            last = i == len(outs) - 1
            self.blocks.append(Stage(before, out, depth, attend=last, resize=None if last else Halve, groups=groups))
        self.blocks.append(Middle(outs[-1], groups))
        self.out = Out(outs[-1], dim, groups)

    def forward(
        self, inputs: ImageBatch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        if keep is not None or mask is not None:
            raise ValueError("VQGANEncoder can neither leave units out (keep) nor replace them (mask); use another encoder")
        layout = self.layout(inputs)
        x = self.stem(inputs.images)
        named = {"embedding": flat(x)}
        for i, block in enumerate(self.blocks):
            x = block(x)
            named[f"block{i:02d}"] = flat(x)
        x = self.out(x)
        pooled = x.float().mean((2, 3)).to(x.dtype)  # in fp32
        return Encoded(pooled, flat(x), layout, named if layers else {})

    def layout(self, inputs: ImageBatch) -> Layout:
        count, channels, *sides = inputs.images.shape
        if channels != self.stem.in_channels or any(side % self.stride for side in sides):
            raise ValueError(f"images of shape {tuple(inputs.images.shape[1:])} reached an encoder of"
                             f" {self.stem.in_channels} channels and stride {self.stride}: their sides must be multiples"
                             " of it")  # fmt: skip
        rows, columns = (side // self.stride for side in sides)
        return Layout((rows * columns,) * count, inputs.images.device, grid=(rows, columns))


def flat(x: Tensor) -> Tensor:
    """(B, D, h, w) -> (B h w, D)."""
    return x.movedim(1, -1).flatten(0, 2)
