"""MAE: the encoder never sees what is hidden, its cost falls with it, and the numbers are ViTMAE's."""

import pytest
import torch
import transformers as hf
from torch.utils.flop_counter import FlopCounterMode
from transformers.models.vit_mae.modeling_vit_mae import build_2d_sinusoidal_position_embedding

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.encoders.vit import ViT, ViTDecoder
from lit_pretrain.nn.position.sincos_2d import SinCos2D
from lit_pretrain.objectives.vision.mae import MAE, patchify, unpatchify
from lit_pretrain.types import ImageBatch, Layout, Pixels


def mae(ratio: float = 0.75, dim: int = 16, normalise: bool = True) -> MAE:
    torch.manual_seed(0)
    encoder = ViT(16, 4, 3, dim, 2, 2, position=SinCos2D(dim))
    return MAE(encoder, ViTDecoder(8, 1, 2), patch_size=4, masking=RandomUnits(ratio), normalise=normalise).eval()


@pytest.fixture
def batch() -> ImageBatch:
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return ImageBatch(images, pixels=Pixels((0.5,) * 3, (0.2,) * 3))


@pytest.mark.parametrize("normalise", [True, False])
def test_equals_vit_mae(batch, normalise):
    """Loss, prediction and hidden states of transformers' ViTMAE with the same weights and the same hidden patches."""
    torch.manual_seed(0)
    config = hf.ViTMAEConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, image_size=16,
                             patch_size=4, decoder_hidden_size=8, decoder_num_hidden_layers=1, norm_pix_loss=normalise,
                             decoder_num_attention_heads=2, decoder_intermediate_size=32, mask_ratio=0.75)  # fmt: skip
    theirs = hf.ViTMAEForPreTraining(config).eval()
    for table in (theirs.vit.embeddings.position_embeddings, theirs.decoder.decoder_pos_embed):  # zeros until loaded
        both = build_2d_sinusoidal_position_embedding(4, 4, table.shape[-1], cls_token=True).chunk(2, 1)
        table.data.copy_(torch.cat(both[::-1], 1))
    ours = mae(normalise=normalise)
    copy_weights(theirs, ours)
    noise = torch.rand(3, 16)
    expected = theirs(batch.images, noise=noise, output_hidden_states=True)
    hidden = torch.cat([torch.zeros(3, 1), expected.mask], 1).bool().flatten()
    ours.masking = lambda layout, generator: hidden
    term = ours.loss(batch)["mae"]
    torch.testing.assert_close(term.sum / term.count, expected.loss, rtol=1e-5, atol=1e-5)
    predicted = ours.predict(batch, ours.encoder.layout(batch), hidden, hidden.nonzero()[:, 0])
    torch.testing.assert_close(predicted, expected.logits[expected.mask.bool()], rtol=1e-4, atol=1e-5)
    encoded = ours.encoder(batch, keep=~hidden, layers=True)
    # Theirs stand in the order of their noise, ours in the order of the image.
    order = torch.cat([torch.zeros(3, 1, dtype=torch.long), 1 + noise.argsort(1)[:, :4]], 1).argsort(1)
    for name, states in zip(("embedding", "block00", "block01"), expected.hidden_states, strict=True):
        in_order = states.gather(1, order[..., None].expand_as(states)).flatten(0, 1)
        torch.testing.assert_close(encoded.layers[name], in_order, rtol=1e-4, atol=1e-5)


def copy_weights(theirs: hf.ViTMAEForPreTraining, ours: MAE) -> None:
    def layers(stack, blocks):
        for layer, block in zip(stack, blocks, strict=True):
            attention = layer.attention
            inner = getattr(attention, "attention", attention)
            for own, names in ((block.mixer.query, ("query", "q_proj")), (block.mixer.key, ("key", "k_proj")),
                               (block.mixer.value, ("value", "v_proj"))):  # fmt: skip
                own.load_state_dict(next(getattr(inner, n) for n in names if hasattr(inner, n)).state_dict())
            out = attention.output.dense if hasattr(attention, "output") else attention.o_proj
            up = layer.intermediate.dense if hasattr(layer, "intermediate") else layer.mlp.fc1
            down = layer.output.dense if hasattr(layer, "output") else layer.mlp.fc2
            for own, other in ((block.mixer.out, out), (block.feedforward.input, up), (block.feedforward.out, down),
                               (block.residual.norms[0], layer.layernorm_before),
                               (block.residual.norms[1], layer.layernorm_after)):  # fmt: skip
                own.load_state_dict(other.state_dict())

    encoder, decoder = theirs.vit, theirs.decoder
    ours.encoder.embedding.patch.load_state_dict(encoder.embeddings.patch_embeddings.projection.state_dict())
    ours.encoder.embedding.cls.data.copy_(encoder.embeddings.cls_token.flatten())
    ours.encoder.final_norm.load_state_dict(encoder.layernorm.state_dict())
    layers(getattr(encoder, "layers", None) or encoder.encoder.layer, ours.encoder.blocks)
    ours.projection.load_state_dict(decoder.decoder_embed.state_dict())
    ours.decoder.mask_vector.data.copy_(decoder.mask_token.flatten())
    ours.decoder.final_norm.load_state_dict(decoder.decoder_norm.state_dict())
    layers(decoder.decoder_layers, ours.decoder.blocks)
    ours.head.load_state_dict(decoder.decoder_pred.state_dict())


def test_hidden_pixels_reach_the_target_only(batch):
    model = mae()
    layout = model.encoder.layout(batch)
    hidden = model.masking(layout, torch.Generator().manual_seed(0))
    index = hidden.nonzero()[:, 0]
    images = patchify(batch.images, 4)
    images[hidden.unflatten(0, (3, 17))[:, 1:]] = 7.0
    changed = ImageBatch(unpatchify(images, 4, layout.grid))
    assert torch.equal(model.predict(batch, layout, hidden, index), model.predict(changed, layout, hidden, index))
    assert not torch.equal(model.targets(batch, layout, index), model.targets(changed, layout, index))


def test_the_encoder_s_cost_falls_with_the_hidden_share(batch):
    def cost(ratio: float) -> int:
        model = mae(ratio, dim=32)
        layout = model.encoder.layout(batch)
        with FlopCounterMode(display=False) as counter:
            model.encoder(batch, keep=~model.masking(layout, torch.Generator().manual_seed(0)))
        return counter.get_total_flops()

    quarter, half, most = cost(0.25), cost(0.5), cost(0.75)
    assert quarter > 1.3 * half > 1.3 * 1.3 * most


@pytest.mark.parametrize(("ratio", "stay"), [(0.75, 4), (0.6, 6), (0.99, 1)])
def test_every_example_hides_the_same_number(ratio, stay):
    layout = Layout((17,) * 50, leading=1)
    hidden = RandomUnits(ratio)(layout, torch.Generator().manual_seed(3)).unflatten(0, (50, 17))
    assert not hidden[:, 0].any() and (hidden.sum(1) == 16 - stay).all()
    assert len(hidden.unique(dim=0)) > 10 and (hidden[:, 1:].float().mean(0) - (16 - stay) / 16).abs().max() < 0.35


def test_patches_put_together_are_the_image(batch):
    patches = patchify(batch.images, 4)
    assert torch.equal(unpatchify(patches, 4, (4, 4)), batch.images)
    assert torch.equal(patches[1, 6], batch.images[1, :, 4:8, 8:12].permute(1, 2, 0).flatten())


def test_pictures(batch):
    (rows,) = mae().pictures(batch).values()
    assert rows.shape == (3, 3, 3, 16, 16) and rows.min() >= 0 and rows.max() <= 1
    torch.testing.assert_close(rows[:, 2], batch.pixels.restore(batch.images))
    covered = (rows[:, 0] == 0.5).all(1)  # the mean of all pixels
    assert covered.float().mean() == 0.75
    assert torch.equal(rows[:, 1].movedim(1, -1)[~covered], rows[:, 2].movedim(1, -1)[~covered])
