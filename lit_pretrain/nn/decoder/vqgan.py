"""The convolutional decoder of VQGAN (arXiv 2012.09841). Legend: B images, C channels, S side, D width, h x w latents."""

from collections.abc import Sequence

from torch import Tensor, nn

from lit_pretrain.nn.convnet.blocks import Double, Middle, Out, Stage, widths
from lit_pretrain.part import Part


class VQGANDecoder(Part):
    """(B, D, h, w) latent vectors -> (B, C, S, S) pixels; the encoder of the same arguments in reverse.

    Args:
        channels: C.
        width: of the last stage.
        multipliers: width of each stage / `width`, from fine to coarse, as the encoder has them.
        depth: of the encoder's stages; the decoder's have one residual block more.
        dim: D.
        groups: of the norms.

    Attributes:
        last: the layer that gives the pixels.
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
        outs = widths(width, multipliers)[::-1]
        self.stem = nn.Conv2d(dim, outs[0], 3, padding=1)
        self.middle = Middle(outs[0], groups)
        self.stages = nn.ModuleList()
        for i, (before, out) in enumerate(zip([outs[0], *outs[:-1]], outs, strict=True)):
            resize = None if i == len(outs) - 1 else Double
            self.stages.append(Stage(before, out, depth + 1, attend=i == 0, resize=resize, groups=groups))
        self.out = Out(outs[-1], channels, groups)

    @property
    def last(self) -> nn.Conv2d:
        return self.out[-1]

    def forward(self, latents: Tensor) -> Tensor:
        x = self.middle(self.stem(latents))
        for stage in self.stages:
            x = stage(x)
        return self.out(x)
