"""Pixels of hidden patches from convolutions that cannot see them.

Legend: B images, C channels, S side of an image, P side of a patch, R x K grid of patches, U patches of all images end
to end, D width, h x w positions of a map.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.nn.decoder.unet import UNetDecoder
from lit_pretrain.nn.sparse.norm import SparseBatchNorm2d
from lit_pretrain.nn.sparse.visible import Visible
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class Densify(nn.Module):
    """Norm of what is visible, a learned vector where nothing is, and a convolution to the decoder's width.

    Args:
        dim: D of the encoder's map.
        out: D of the decoder's.
        kernel: side of the convolution.
    """

    def __init__(self, dim: int, out: int, kernel: int):
        super().__init__()
        self.norm = SparseBatchNorm2d(dim)
        self.norm.visible = Visible()
        self.mask_vector = nn.Parameter(torch.empty(dim, 1, 1).normal_(0.0, 0.02))
        self.projection = nn.Conv2d(dim, out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, cells: Tensor) -> Tensor:
        """(B, D, h, w) with zeros where `cells` (B, R, K) are false -> (B, out, h, w) without gaps."""
        visible = self.norm.visible
        with visible.only(cells):
            x = torch.where(visible.at(*x.shape[2:]), self.norm(x), self.mask_vector.to(x.dtype))
        return self.projection(x)


class SparK(PretrainModule):
    """SparK (arXiv 2301.03580): BERT's task for convolutional networks, which must not smear the mask away.

    60 % of the patches are hidden; patches are as large as the stride of the encoder, so that each is one position of its
    last map. Hidden positions stay empty through every convolution, norm and pooling (masked-dense, equal to sparse
    convolution). The maps of all resolutions get a learned vector of their own at hidden positions and are added, from
    coarse to fine, in a light U-Net decoder, which predicts the pixels, normalised by the mean and the standard deviation
    of their own patch:

        loss = mean over hidden patches of |prediction - (pixels - mean) / std|^2 / (P^2 C)

    All but the encoder is left behind. Base setting: ResNet-50 or ConvNeXt-S of stride 32 on 224 x 224 pixels, decoder of
    width 512 (ResNet). The share that stays is rounded down, in the paper to the nearest.

    Args:
        encoder: convolutional with `keep` and `scales`, such as `encoders.timm.TimmEncoder`.
        decoder: of the encoder's stride and channels.
        masking: which patches are hidden; 60 % in the paper.
    """

    def __init__(self, encoder: Encoder, decoder: UNetDecoder, *, masking: RandomUnits = RandomUnits(0.6)):
        super().__init__()
        scales = getattr(encoder, "scales", None)
        if not scales or (coarsest := max(scales)) != max(decoder.widths):
            raise ValueError(f"SparK needs an encoder with maps of several resolutions, such as TimmEncoder, and a decoder"
                             f" of its stride: {type(encoder).__name__} has the strides {sorted(scales or ())}, the decoder"
                             f" {sorted(decoder.widths)}")  # fmt: skip
        self.encoder, self.decoder, self.masking = encoder, decoder, masking
        self.patch_size = coarsest
        self.layers = {stride: scales[stride][0] for stride in decoder.widths if stride in scales}
        self.densify = nn.ModuleDict({
            str(stride): Densify(scales[stride][1], decoder.widths[stride], 1 if stride == coarsest else 3)
            for stride in self.layers
        })  # fmt: skip

    def loss(self, batch: ImageBatch) -> Losses:
        cells = self.draw(batch)  # (B, R, K) bool, true where visible
        target, *_ = self.normalise(self.patches(batch.images))
        predicted = self.patches(self.predict(batch, cells))
        error = (predicted.float() - target).square().mean((1, 3, 5))  # (B, R, K), in fp32
        return {"spark": Term(error[~cells].sum(), (~cells).sum())}

    def draw(self, batch: ImageBatch) -> Tensor:
        """(B, R, K) bool: the visible patches."""
        layout = self.encoder.layout(batch)
        return ~self.masking(layout, self.generator).unflatten(0, (-1, *layout.grid))

    def predict(self, batch: ImageBatch, cells: Tensor) -> Tensor:
        """(B, C, S, S): every pixel, normalised by patch."""
        layers = self.encoder(batch, keep=cells.flatten(), layers=True).layers
        maps = {}
        for stride, layer in self.layers.items():
            rows, columns = (side // stride for side in batch.images.shape[2:])
            x = layers[layer].unflatten(0, (-1, rows, columns)).movedim(-1, 1)  # (B h w, D) -> (B, D, h, w)
            maps[stride] = self.densify[str(stride)](x, cells)
        return self.decoder(maps)

    def patches(self, images: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, C, R, P, K, P)."""
        return images.unflatten(3, (-1, self.patch_size)).unflatten(2, (-1, self.patch_size))

    def normalise(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each patch by its own mean and standard deviation, which are given too, in fp32."""
        patches = patches.float()
        mean, variance = patches.mean((1, 3, 5), keepdim=True), patches.var((1, 3, 5), keepdim=True)
        std = (variance + 1e-6).sqrt()
        return (patches - mean) / std, mean, std

    @torch.no_grad()
    def pictures(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Rows of masked image, prediction in its place, original: (B, 3, C, S, S) between 0 and 1; 8 images at most."""
        batch = replace(batch, images=batch.images[:8], views=())
        cells = self.draw(batch)
        original = self.patches(batch.images)
        _, mean, std = self.normalise(original)
        predicted = self.patches(self.predict(batch, cells)).float() * std + mean
        visible = cells[:, None, :, None, :, None]
        shown = (original * visible, torch.where(visible, original, predicted), original)
        images = torch.stack([x.flatten(4).flatten(2, 3) for x in shown], 1)
        return {"reconstruction": batch.pixels.restore(images)}
