"""The upward half of a U-Net (arXiv 1505.04597), light. Legend: B images, C channels, S side of an image, D width."""

from collections.abc import Mapping

from torch import Tensor, nn

from lit_pretrain.part import Part


class UNetDecoder(Part):
    """From the coarsest map to pixels: each step adds the map of its resolution, if there is one, and doubles the sides
    while it halves the width. SparK's (arXiv 2301.03580): width 512, stride 32.

    Args:
        width: D of the coarsest map; step i works at D / 2^i.
        stride: side of an image / side of the coarsest map, a power of two.
        channels: C.

    Attributes:
        widths: by stride, the width of the map that is added there.
    """

    def __init__(self, width: int = 512, stride: int = 32, channels: int = 3):
        super().__init__()
        steps = stride.bit_length() - 1
        if stride < 2 or stride != 2**steps or width % stride:
            raise ValueError(f"stride={stride}, width={width}: the stride must be a power of two that divides the width")
        self.widths = {stride >> i: width >> i for i in range(steps)}
        self.steps = nn.ModuleList(_Up(w, w // 2) for w in self.widths.values())
        self.pixels = nn.Conv2d(width // stride, channels, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.trunc_normal_(layer.weight, std=0.02)
            elif isinstance(layer, nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)) and layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, maps: Mapping[int, Tensor]) -> Tensor:
        """By stride (B, D, h, w), with the coarsest -> (B, C, S, S)."""
        x = 0.0
        for stride, step in zip(self.widths, self.steps, strict=True):
            x = step(x + maps[stride] if stride in maps else x)
        return self.pixels(x)


class _Up(nn.Sequential):
    def __init__(self, width: int, out: int):
        super().__init__(
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU6(),
            nn.Conv2d(width, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
        )
