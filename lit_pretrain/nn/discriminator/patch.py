"""A discriminator of patches (pix2pix, arXiv 1611.07004). Legend: B images, C channels, S side of an image."""

from torch import Tensor, nn

from lit_pretrain.part import Part


class PatchDiscriminator(Part):
    """(B, C, S, S) -> (B, 1, s, s): how real each of s x s overlapping patches looks, without bounds.

    Args:
        channels: C.
        width: of the first layer; it doubles up to eight times that.
        num_layers: convolutions of stride 2; 3 in the papers, which makes patches of 70 x 70 pixels.
    """

    def __init__(self, channels: int = 3, width: int = 64, num_layers: int = 3):
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        before = width
        for i in range(1, num_layers + 1):
            out = width * min(2**i, 8)
            stride = 2 if i < num_layers else 1
            convolution = nn.Conv2d(before, out, 4, stride=stride, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(out), nn.LeakyReLU(0.2)]
            before = out
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, 4, padding=1))
        self.smallest = 3 * 2**num_layers
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1.0, 0.02)

    def forward(self, images: Tensor) -> Tensor:
        if min(images.shape[2:]) < self.smallest:
            raise ValueError(f"images of {tuple(images.shape[2:])} pixels are smaller than the patches that are judged: with"
                             f" these num_layers their sides must be at least {self.smallest}")  # fmt: skip
        return self.layers(images)
