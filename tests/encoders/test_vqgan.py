"""VQGAN's encoder and decoder: those of transformers' Janus, which has the published architecture, on the same weights."""

import pytest
import torch
from transformers.models.janus.modeling_janus import JanusVQVAE, JanusVQVAEConfig

from lit_pretrain.encoders.vqgan import VQGANEncoder
from lit_pretrain.nn.convnet.blocks import Residual
from lit_pretrain.nn.decoder.vqgan import VQGANDecoder
from lit_pretrain.nn.quantizer.vector import VectorQuantizer
from lit_pretrain.types import ImageBatch


@torch.no_grad()
def test_equals_janus() -> None:
    """Latents, codes and pixels."""
    torch.manual_seed(0)
    config = JanusVQVAEConfig(embed_dim=8, num_embeddings=20, latent_channels=16, base_channels=32, num_patches=4,
                              channel_multiplier=[1, 2, 2], num_res_blocks=2)  # fmt: skip
    theirs = JanusVQVAE(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.03)
    shape = {"channels": 3, "width": 32, "multipliers": (1, 2, 2), "depth": 2, "dim": 16}
    encoder, decoder = VQGANEncoder(**shape).eval(), VQGANDecoder(**shape).eval()
    quantizer = VectorQuantizer(20, 16, 8)
    for own, other in ((encoder, theirs.encoder), (decoder, theirs.decoder)):  # the weights stand in the same order
        values = other.state_dict().values()
        own.load_state_dict(dict(zip(own.state_dict(), values, strict=True)))
    for own, other in ((quantizer.project_in, theirs.quant_conv), (quantizer.project_out, theirs.post_quant_conv)):
        own.weight.copy_(other.weight.flatten(1))
        own.bias.copy_(other.bias)
    quantizer.codebook.load_state_dict(theirs.quantize.embedding.state_dict())

    images = torch.randn(2, 3, 16, 16)
    units = encoder(ImageBatch(images)).units
    expected = theirs.encode(images)
    torch.testing.assert_close(units, expected.last_hidden_state.movedim(1, -1).flatten(0, 2), rtol=1e-4, atol=1e-4)
    codes = quantizer.codes(units)
    assert torch.equal(codes, expected.image_tokens.flatten()) and len(codes.unique()) > 3
    pixels = decoder(quantizer.lookup(codes).unflatten(0, (2, 4, 4)).movedim(-1, 1))
    # Their `decode` would norm the codes, which VQGAN does not.
    drawn = theirs.decoder(theirs.post_quant_conv(expected.quantized_last_hidden_state))
    torch.testing.assert_close(pixels, drawn, rtol=1e-3, atol=1e-4)


@torch.no_grad()
def test_layers_are_maps_of_all_resolutions() -> None:
    encoder = VQGANEncoder(1, 8, (1, 2), 1, 4, groups=4).eval()
    batch = ImageBatch(torch.randn(3, 1, 8, 12))
    encoded = encoder(batch, layers=True)
    assert encoded.layout == encoder.layout(batch) and encoded.layout.grid == (4, 6)
    assert encoded.units.shape == (72, 4) and encoded.pooled.shape == (3, 4)
    shapes = {name: tuple(layer.shape) for name, layer in encoded.layers.items()}
    assert shapes == {"embedding": (288, 8), "block00": (72, 8), "block01": (72, 16), "block02": (72, 16)}
    assert encoder.num_layers == len(encoder.blocks) == 3 and encoded.pool("block00").shape == (3, 8)
    torch.testing.assert_close(encoded.units.unflatten(0, (3, 24)).mean(1), encoded.pooled)


def test_mistakes() -> None:
    encoder = VQGANEncoder(1, 8, (1, 2), 1, 4, groups=4)
    with pytest.raises(ValueError, match="stride 2"):
        encoder(ImageBatch(torch.zeros(1, 1, 7, 8)))
    with pytest.raises(ValueError, match="keep"):
        encoder(ImageBatch(torch.zeros(1, 1, 8, 8)), mask=torch.ones(16) > 0)
    with pytest.raises(ValueError, match="groups=32: a width of 8"):
        Residual(8, 8)
    with pytest.raises(ValueError, match="multipliers"):
        VQGANEncoder(multipliers=())
