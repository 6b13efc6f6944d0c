"""VQGAN: two networks against each other in one backward pass, and a tokenizer that other runs can take."""

from functools import partial

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from lit_pretrain.callbacks.checkpoint import Checkpoint
from lit_pretrain.corruptions.blockwise import Blockwise
from lit_pretrain.encoders.beit import BEiT as BEiTEncoder
from lit_pretrain.encoders.tokenizer import TokenizerFromCheckpoint
from lit_pretrain.encoders.vit import ViT
from lit_pretrain.encoders.vqgan import VQGANEncoder
from lit_pretrain.losses.perceptual import Perceptual
from lit_pretrain.nn.decoder.vqgan import VQGANDecoder
from lit_pretrain.nn.discriminator.patch import PatchDiscriminator
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.quantizer.vector import VectorQuantizer
from lit_pretrain.nn.tokenizer.vq import VQTokenizer
from lit_pretrain.objectives.vision.beit import BEiT
from lit_pretrain.objectives.vision.dvae_vqgan import VQGAN
from lit_pretrain.part import build, spec
from lit_pretrain.types import ImageBatch, Pixels


def vqgan(start: int = 0, perceptual: Perceptual | None = None) -> VQGAN:
    torch.manual_seed(0)
    shape = {"channels": 1, "width": 8, "multipliers": (1, 2), "depth": 1, "dim": 8, "groups": 4}
    return VQGAN(VQGANEncoder(**shape), VQGANDecoder(**shape), VectorQuantizer(16, 8, 4), PatchDiscriminator(1, 4, 1),
                 perceptual, discriminator_start=start)  # fmt: skip


@pytest.fixture
def batch() -> ImageBatch:
    images = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    return ImageBatch(images, pixels=Pixels((0.5,), (0.25,)))


def gradients(model: VQGAN, value: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*((n, p) for n, p in model.named_parameters() if p.requires_grad), strict=True)
    found = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {name: g for name, g in zip(names, found, strict=True) if g is not None and g.abs().sum() > 0}


def test_each_network_gets_its_own_gradient(batch) -> None:
    model = vqgan()
    terms = model.loss(batch)
    assert {n.split(".")[0] for n in gradients(model, terms["discriminator"])} == {"discriminator"}
    generator = {n.split(".")[0] for n in gradients(model, terms["generator"])}
    assert generator == {"encoder", "decoder", "quantizer"}
    assert {n.split(".")[0] for n in gradients(model, terms["codebook"])} == {"encoder", "quantizer"}


def test_the_hinge_loss(batch) -> None:
    """The discriminator's gradient is that of max(0, 1 - D(x)) and max(0, 1 + D(y)) alone."""
    model = vqgan()
    value = model.loss(batch)["discriminator"]
    _, drawn = model.reconstruct(batch)
    real, fake = model.discriminator(batch.images), model.discriminator(drawn.detach())
    torch.testing.assert_close(value, ((1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()) / 2)


def test_the_generator_pulls_as_strongly_as_the_reconstruction(batch) -> None:
    """At the decoder's last layer, the adversarial gradient has 0.8 times the norm of the other."""
    model = vqgan()
    terms = model.loss(batch)
    norms = [gradients(model, terms[name])["decoder.out.2.weight"].norm() for name in ("generator", "reconstruction")]
    # Up to the small number that keeps the paper's weight finite.
    torch.testing.assert_close(norms[0] / norms[1], torch.tensor(0.8), rtol=0.05, atol=0)


def test_the_discriminator_waits(batch) -> None:
    model = vqgan(start=2)
    for waits in (True, True, False):
        terms = model.loss(batch)
        assert (terms["generator"] == 0) == (terms["discriminator"] == 0) == waits
        model.after_step()
    again = vqgan(start=2)
    again.load_state_dict(model.state_dict())
    assert again.loss(batch)["discriminator"] > 0, "the count of steps is in the checkpoint"


def test_logged_and_not_trained_on(batch) -> None:
    terms = vqgan().loss(batch)
    assert all(terms[name].weight == 0 for name in ("perplexity", "used", "psnr"))
    assert 1 <= terms["perplexity"].sum <= 16 and terms["used"].sum <= 1
    with torch.no_grad():
        model = vqgan().eval()
        terms, (rows,) = model.loss(batch), model.pictures(batch).values()
    error = (rows[:, 0] - rows[:, 1]).square().mean()
    torch.testing.assert_close(terms["psnr"].sum, -10 * error.log10())
    assert rows.shape == (3, 2, 1, 8, 8) and rows.min() >= 0 and rows.max() <= 1
    torch.testing.assert_close(rows[:, 0], batch.pixels.restore(batch.images))


def test_a_perceptual_distance_is_frozen_and_zero_for_equal_images(batch) -> None:
    distance = Perceptual(ViT(8, 4, 1, 8, 2, 2), ["embedding", "block01"])
    assert torch.equal(distance(batch.images, batch.images), torch.zeros(3))
    model = vqgan(perceptual=distance).train()
    assert not model.perceptual.encoder.training
    found = gradients(model, model.loss(batch)["reconstruction"])
    plain = vqgan()
    other = gradients(plain, plain.loss(batch)["reconstruction"])
    assert not torch.allclose(found["decoder.out.2.weight"], other["decoder.out.2.weight"])


def test_it_learns_to_draw(batch) -> None:
    model = vqgan(start=10**6)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=3e-3), []
    for _ in range(40):
        optimizer.zero_grad()
        terms = model.loss(batch)
        (terms["reconstruction"] + terms["codebook"]).backward()
        optimizer.step()
        losses.append(terms["reconstruction"].item())
    assert losses[-1] < 0.7 * losses[0]


def test_it_serves_beit_as_a_tokenizer(batch, tmp_path) -> None:
    model = vqgan()
    trainer = L.Trainer(max_steps=1, default_root_dir=tmp_path, logger=False, enable_progress_bar=False, accelerator="cpu",
                        enable_model_summary=False, callbacks=[Checkpoint(every_n_steps=1)])  # fmt: skip
    trainer.fit(model, DataLoader([batch], batch_size=None))
    tokenizer = TokenizerFromCheckpoint(str(tmp_path))
    assert isinstance(tokenizer, VQTokenizer) and (tokenizer.vocab_size, tokenizer.stride) == (16, 2)
    codes = model.quantizer.codes(model.eval().encoder(batch).units)
    assert torch.equal(tokenizer.encode_tokens(batch.images), codes.unflatten(0, (3, 16)))

    make = partial(BEiT, BEiTEncoder(8, 2, 1, 8, 1, 2, maskable=True), head=LinearHead(8, 16), masking=Blockwise(0.4, 2))
    beit = make(tokenizer=tokenizer)
    assert not any(p.requires_grad for p in beit.tokenizer.parameters())
    again = build(spec(beit))  # without the folder's path
    assert str(tmp_path) not in str(spec(beit))
    again.load_state_dict(beit.state_dict())
    layout = beit.encoder.layout(batch)
    assert torch.equal(again.targets(batch, layout), beit.targets(batch, layout))
    assert torch.equal(beit.targets(batch, layout).unflatten(0, (3, 17))[:, 1:].flatten(), codes)


def test_mistakes(tmp_path) -> None:
    with pytest.raises(ValueError, match="no run or checkpoint of a tokenizer"):
        TokenizerFromCheckpoint(str(tmp_path / "nowhere"))
