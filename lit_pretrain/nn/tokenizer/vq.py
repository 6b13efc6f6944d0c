"""The tokenizer that a quantised autoencoder leaves behind (VQGAN, arXiv 2012.09841)."""

import torch
from torch import Tensor

from lit_pretrain.nn.quantizer.vector import VectorQuantizer
from lit_pretrain.nn.tokenizer.base import VisualTokenizer
from lit_pretrain.types import Encoder, ImageBatch


class VQTokenizer(VisualTokenizer):
    """The codes of an encoder's units.

    Args:
        encoder: of images, with a `stride` and without class tokens, such as `VQGANEncoder`.
        quantizer: that was trained with it.
    """

    def __init__(self, encoder: Encoder, quantizer: VectorQuantizer):
        super().__init__()
        self.encoder, self.quantizer = encoder, quantizer
        self.vocab_size, self.stride = quantizer.num_codes, encoder.stride
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def encode_tokens(self, images: Tensor) -> Tensor:
        return self.quantizer.codes(self.encoder(ImageBatch(images)).units).unflatten(0, (len(images), -1))
