"""Wav2Vec2Pretraining: the loss of transformers on the same vectors, distractors, and what is learned."""

import pytest
import torch
import torch.nn.functional as F
from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.encoders.wav2vec2 import Wav2Vec2
from lit_pretrain.nn.quantizer.gumbel_product import GumbelProduct
from lit_pretrain.objectives.speech.speech_wav2vec2 import Wav2Vec2Pretraining, distractors
from lit_pretrain.types import Layout, SpeechBatch


@pytest.fixture
def model(encoder) -> Wav2Vec2Pretraining:
    return Wav2Vec2Pretraining(encoder, GumbelProduct(8, 6, 2, 4), dim=12, masking=TimeSpans(length=3), num_distractors=10)


def test_equals_transformers() -> None:
    """Contrastive and diversity loss of the whole model with the same weights, masks and distractors."""
    torch.manual_seed(0)
    without = ("hidden", "attention", "activation", "feat_proj", "feat_quantizer")
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, conv_dim=(8, 8),
        conv_kernel=(10, 4), conv_stride=(5, 4), num_conv_pos_embeddings=6, num_conv_pos_embedding_groups=2,
        num_codevectors_per_group=4, codevector_dim=6, proj_codevector_dim=12, layerdrop=0.0,
        **{f"{name}_dropout": 0.0 for name in without},
    )  # fmt: skip
    theirs = Wav2Vec2ForPreTraining(config).eval()
    encoder = Wav2Vec2(16, 2, 2, hidden=32, channels=(8, 8), kernels=(10, 4), strides=(5, 4), position_kernel=6,
                       position_groups=2, dropout=0.0)  # fmt: skip
    ours = Wav2Vec2Pretraining(encoder, GumbelProduct(8, 6, 2, 4), dim=12, masking=TimeSpans(0.5, 3), num_distractors=20,
                               dropout=0.0).eval()  # fmt: skip
    copy_weights(theirs, ours)
    waveforms = torch.randn(3, 600)
    waveforms = (waveforms - waveforms.mean(1, keepdim=True)) / waveforms.std(1, keepdim=True, correction=0)
    batch = SpeechBatch(waveforms.flatten(), (600,) * 3, 16000)
    layout = encoder.layout(batch)
    hidden = ours.masking(layout, torch.Generator().manual_seed(0))
    others = distractors(layout.keep(hidden), 20, torch.Generator().manual_seed(0))
    negatives = torch.zeros(layout.num_units, 20, dtype=torch.long)
    negatives[hidden] = hidden.nonzero()[:, 0][others]
    masks = {"mask_time_indices": hidden.unflatten(0, (3, -1)), "sampled_negative_indices": negatives.unflatten(0, (3, -1))}
    expected = theirs(waveforms, **masks)
    assert expected.contrastive_loss > hidden.sum(), "distractors with other codes are there"

    ours.masking = lambda layout, generator: ours.generator.manual_seed(0) and hidden
    found = ours.loss(batch)
    torch.testing.assert_close(found["contrastive"].sum, expected.contrastive_loss, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["code_perplexity"].sum, expected.codevector_perplexity)
    diversity = theirs.train()(waveforms, **masks).diversity_loss / hidden.sum()  # in evaluation theirs is that of codes
    torch.testing.assert_close(found["diversity"].sum, diversity, rtol=1e-4, atol=1e-6)


def copy_weights(theirs: Wav2Vec2ForPreTraining, ours: Wav2Vec2Pretraining) -> None:
    network, encoder = theirs.wav2vec2, ours.encoder
    front, stack = encoder.embedding, network.encoder
    pairs = [(front.norm, network.feature_projection.layer_norm), (front.linear, network.feature_projection.projection),
             (encoder.embedding_norm, stack.layer_norm), (encoder.position.convolution, stack.pos_conv_embed.conv),
             (front.norms[0], network.feature_extractor.conv_layers[0].layer_norm), (ours.context, theirs.project_hid),
             (ours.target, theirs.project_q), (ours.quantizer.logits, theirs.quantizer.weight_proj)]  # fmt: skip
    for convolution, layer in zip(front.convolutions, network.feature_extractor.conv_layers, strict=True):
        pairs.append((convolution, layer.conv))
    for block, layer in zip(encoder.blocks, stack.layers, strict=True):
        attention, forward = layer.attention, layer.feed_forward
        pairs += [(block.mixer.query, attention.q_proj), (block.mixer.key, attention.k_proj),
                  (block.mixer.value, attention.v_proj), (block.mixer.out, attention.out_proj),
                  (block.feedforward.input, forward.intermediate_dense), (block.feedforward.out, forward.output_dense),
                  (block.residual.norms[0], layer.layer_norm),
                  (block.residual.norms[1], layer.final_layer_norm)]  # fmt: skip
    for own, other in pairs:
        own.load_state_dict(other.state_dict())
    encoder.mask_vector.data.copy_(network.masked_spec_embed)
    ours.quantizer.entries.data.copy_(theirs.quantizer.codevectors.unflatten(1, (2, -1))[0])


def test_logits_equal_those_of_transformers(model) -> None:
    """Distractors with the target's codes included, which count for nothing."""
    torch.manual_seed(0)
    c, entries = torch.randn(20, 12), torch.randn(5, 12)
    codes = torch.randint(5, (20, 1))
    others = distractors(Layout((12, 8)), 10, torch.Generator().manual_seed(0))
    q = entries[codes[:, 0]]
    theirs = Wav2Vec2ForPreTraining.compute_contrastive_logits(q[None], q[others].transpose(0, 1), c, 0.1)  # (1 + K, M)
    same = (q == q[others].transpose(0, 1)).all(-1)
    theirs[1:][same] = -torch.inf
    assert same.any() and not same.all()
    torch.testing.assert_close(model.logits(c, q, codes, others), theirs.T)


def test_distractors_are_other_units_of_the_example() -> None:
    layout = Layout((3, 1, 0, 40))
    drawn = distractors(layout, 5000, torch.Generator().manual_seed(0))
    own = torch.arange(44)
    assert torch.equal(layout.example[drawn], layout.example[:, None].expand(-1, 5000)), "of the same example"
    alone = own == 3
    assert (drawn[~alone] != own[~alone, None]).all() and (drawn[alone] == 3).all()
    shares = F.one_hot(drawn[4:] - 4, 40).float().mean(1)
    assert (shares + torch.eye(40) / 39 - 1 / 39).abs().max() < 0.014, "uniform over all others"
    assert torch.equal(drawn[0].unique(), torch.tensor([1, 2])) and torch.equal(drawn[1].unique(), torch.tensor([0, 2]))


def test_the_loss(model, batch) -> None:
    """Written out for one unit after the other."""
    model.eval().generator.manual_seed(3)
    found = model.loss(batch)
    model.generator.manual_seed(3)
    z = model.encoder.features(batch)
    hidden = model.masking(z.layout, model.generator)
    others = distractors(z.layout.keep(hidden), 10, model.generator)
    c = model.context(model.encoder(batch, mask=hidden).units[hidden])
    out = model.quantizer(F.layer_norm(z.units[hidden], (8,)))
    q, total = model.target(out.units), torch.zeros(())
    for i in range(len(q)):
        scores = [F.cosine_similarity(c[i], q[i], dim=0) / 0.1]
        scores += [F.cosine_similarity(c[i], q[j], dim=0) / 0.1 for j in others[i] if not torch.equal(q[i], q[j])]
        total = total - torch.stack(scores).log_softmax(0)[0]
    assert found["contrastive"].count == hidden.sum() and found["contrastive"].weight == 1
    torch.testing.assert_close(found["contrastive"].sum, total, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found["feature_penalty"].sum, z.units.square().mean())
    torch.testing.assert_close(found["diversity"].sum, out.diversity)
    assert (found["diversity"].weight, found["feature_penalty"].weight) == (0.1, 10.0)


def test_the_network_does_not_see_what_it_predicts(model, batch) -> None:
    z = model.eval().encoder.features(batch)
    hidden = model.masking(z.layout, torch.Generator().manual_seed(0))
    seen = model.encoder(batch, mask=hidden).units
    changed = z.units.masked_fill(hidden[:, None], 9.0)
    z.units = changed
    assert torch.equal(model.encoder(z, mask=hidden).units, seen)


def test_it_learns(model, batch) -> None:
    """A masked frame's sound from those around it, once the codes of sounds are not lost in Gumbel noise."""
    torch.manual_seed(0)
    model.quantizer.logits.weight.data *= 4
    model.dropout.p = 0.0
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses, right = [], []
    for _ in range(60):
        terms = model.loss(batch)
        optimizer.zero_grad()
        sum(t.weight * t.sum / t.count for t in terms.values()).backward()
        optimizer.step()
        losses.append(terms["contrastive"].sum.item() / terms["contrastive"].count)
        right.append(terms["accuracy"].sum.item() / terms["accuracy"].count)
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10]) and sum(right[-10:]) > 1.4 * sum(right[:10])
    assert all(p.grad is not None for p in model.parameters())


def test_accuracy_does_not_reward_one_code_for_all(model, batch) -> None:
    torch.nn.init.zeros_(model.quantizer.logits.weight)
    found = model.eval().loss(batch)
    assert found["accuracy"].sum == 0 and found["contrastive"].sum == 0
    assert found["code_perplexity"].sum.item() == pytest.approx(2)


def test_the_temperature_falls_to_its_floor(model) -> None:
    assert model.temperature(0) == 2.0 and model.temperature(100_000) == pytest.approx(2 * 0.999995**100_000)
    assert model.temperature(277_000) > 0.5 and model.temperature(278_000) == 0.5


def test_mistakes(encoder, batch) -> None:
    quantizer = GumbelProduct(8, 6, 2, 4)
    with pytest.raises(ValueError, match=r"temperature=\[0\.5, 2\.0, 0\.9\]"):
        Wav2Vec2Pretraining(encoder, quantizer, temperature=(0.5, 2.0, 0.9))
    with pytest.raises(ValueError, match="num_distractors=0"):
        Wav2Vec2Pretraining(encoder, quantizer, num_distractors=0)
    with pytest.raises(ValueError, match="the longest has 50 units"):
        Wav2Vec2Pretraining(encoder, quantizer, masking=TimeSpans(length=60)).loss(batch)
