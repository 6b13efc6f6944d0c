"""Images as grids of codes, from which they can be drawn again.

Legend: B images, C channels, S side of an image, U latents of all images end to end, D width, h x w latents of an image.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from lit_pretrain.losses.perceptual import Perceptual
from lit_pretrain.nn.quantizer.vector import VectorQuantizer
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.part import Part
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class VQGAN(PretrainModule):
    """The first stage of Taming Transformers (arXiv 2012.09841): an autoencoder whose latents are codes of a codebook.

        loss = |x - y| + perceptual(x, y) + codebook loss + w (-D(y)) + hinge loss of D(x), D(sg(y))
        w    = 0.8 |grad of (|x - y| + perceptual)| / |grad of -D(y)|, both at the decoder's last layer

    for reconstructions y of images x and a discriminator D of patches, whose two terms begin after `discriminator_start`
    steps. In the term -D(y) the weights of D are constants, and in the hinge loss y is, so one backward pass gives each
    network its own gradient. Both then step at once; the published code steps the autoencoder first and judges what it made
    before. In validation, where there are no gradients, w is 0.

    Logged beside it: how many codes are in use (exp of their entropy, and the share that occurs in a batch) and the
    signal-to-noise ratio of reconstructions in dB. What transfers is the encoder; with the quantiser it is a tokenizer for
    others (`TokenizerFromCheckpoint`). Stage two, the autoregressive prior over codes, is not in here. Base setting: stride
    16, 1024 codes of width 256, Adam with betas 0.5 and 0.9 and no decay.

    Args:
        encoder: of images, its units the latents.
        decoder: (B, D, h, w) -> (B, C, S, S), with the attribute `last`, such as `VQGANDecoder`.
        quantizer: of the latents.
        discriminator: (B, C, S, S) -> scores, such as `PatchDiscriminator`.
        perceptual: a distance of images to add to that of pixels; None: none. The paper has LPIPS on VGG.
        perceptual_weight: factor on it; 1 in the paper.
        discriminator_weight: the 0.8 in w, as in the published configurations.
        discriminator_start: steps without the last two terms; 250000 on ImageNet in the published configurations.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Part,
        quantizer: VectorQuantizer,
        discriminator: Part,
        perceptual: Perceptual | None = None,
        *,
        perceptual_weight: float = 1.0,
        discriminator_weight: float = 0.8,
        discriminator_start: int = 250_000,
    ):
        super().__init__()
        self.encoder, self.decoder, self.quantizer = encoder, decoder, quantizer
        self.discriminator, self.perceptual = discriminator, perceptual
        self.perceptual_weight, self.discriminator_weight = perceptual_weight, discriminator_weight
        self.discriminator_start = discriminator_start
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def loss(self, batch: ImageBatch) -> Losses:
        images = batch.images
        quantized, drawn = self.reconstruct(batch)
        reconstruction = F.l1_loss(drawn.float(), images.float())
        if self.perceptual is not None:
            reconstruction = reconstruction + self.perceptual_weight * self.perceptual(drawn, images).mean()
        frozen = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        fooled = -functional_call(self.discriminator, frozen, (drawn,)).float().mean()
        real, fake = (self.discriminator(x).float() for x in (images, drawn.detach()))
        hinge = (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
        started = (self.steps >= self.discriminator_start).float()  # on the device: no step waits for it
        perplexity, used = self.quantizer.usage(quantized.codes)
        terms = {
            "reconstruction": reconstruction,
            "codebook": quantized.loss,
            "generator": started * self.generator_weight(reconstruction, fooled) * fooled,
            "discriminator": started * hinge,
            "perplexity": Term(perplexity, 1, weight=0.0),
            "used": Term(used, 1, weight=0.0),
        }
        if batch.pixels is not None:
            error = F.mse_loss(*(batch.pixels.restore(x.detach().float()) for x in (drawn, images)))
            terms["psnr"] = Term(-10 * error.clamp(min=1e-10).log10(), 1, weight=0.0)
        return terms

    def reconstruct(self, batch: ImageBatch) -> tuple[Tensor, Tensor]:
        """What the quantiser gives, and (B, C, S, S)."""
        encoded = self.encoder(batch)
        quantized = self.quantizer(encoded.units)
        latents = quantized.units.unflatten(0, (-1, *encoded.layout.grid)).movedim(-1, 1)  # (U, D) -> (B, D, h, w)
        return quantized, self.decoder(latents)

    def generator_weight(self, reconstruction: Tensor, fooled: Tensor) -> Tensor | float:
        """The w of the loss, a constant for the gradient."""
        if not torch.is_grad_enabled():
            return 0.0
        last: nn.Parameter = self.decoder.last.weight
        wanted, unwanted = (
            torch.autograd.grad(x, last, retain_graph=True)[0].float().norm() for x in (reconstruction, fooled)
        )
        return self.discriminator_weight * (wanted / (unwanted + 1e-4)).clamp(max=1e4).detach()  # the paper's 1e-4

    @torch.no_grad()
    def after_step(self) -> None:
        self.steps += 1

    @torch.no_grad()
    def pictures(self, batch: ImageBatch) -> dict[str, Tensor]:
        """Rows of original and reconstruction: (B, 2, C, S, S) between 0 and 1; 8 images at most."""
        batch = replace(batch, images=batch.images[:8], views=())
        _, drawn = self.reconstruct(batch)
        rows = torch.stack([batch.images, drawn.to(batch.images.dtype)], 1)
        return {"reconstruction": batch.pixels.restore(rows)}
