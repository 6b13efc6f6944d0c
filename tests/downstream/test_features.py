"""Features are pure functions of weights and data, and computing them leaves no trace."""

import pytest
import torch

from lit_pretrain.downstream import fingerprint
from lit_pretrain.downstream.features import FeatureStore, extract, layers_of


def test_extraction_is_eval_mode_and_leaves_no_trace(encoder, digits):
    encoder.train()
    encoder.blocks[0].eval()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    found, again = (extract(encoder, digits, "train", 40)["pooled"] for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert encoder.training and encoder.blocks[1][2].training and not encoder.blocks[0][2].training
    assert found.vectors.shape == (40, 16) and torch.equal(found.vectors, again.vectors)
    assert not found.vectors.requires_grad


def test_a_layer_is_the_mean_of_its_units(encoder, digits):
    batch = next(iter(digits.loader("test", shuffle=False)))
    found = extract(encoder, digits, "test", layers=["block00", "pooled"])
    encoded = encoder.eval()(batch, layers=True)
    for layer, expected in (("block00", encoded.layers["block00"]), ("pooled", encoded.pooled)):
        torch.testing.assert_close(found[layer].vectors[: batch.num_examples], expected.detach())
    assert layers_of(encoder, digits) == ("embedding", "block00", "block01", "pooled")
    with pytest.raises(ValueError, match=r"'block0'.*block00"):
        extract(encoder, digits, "test", layers=["block0"])


def test_stored_until_weights_or_data_change(encoder, digits, tmp_path, monkeypatch):
    store = FeatureStore(tmp_path, digits, fingerprint.of_data(digits))

    def vectors(**options) -> torch.Tensor:
        return store.get(encoder, "train", 20, **options)["pooled"].vectors

    first = vectors()
    monkeypatch.setattr("lit_pretrain.downstream.features.extract", None)  # a second call would fail
    assert torch.equal(vectors(), first)
    monkeypatch.undo()
    assert not torch.equal(vectors(seed=1), first)
    with torch.no_grad():
        encoder.embedding.weight.mul_(2)
    assert not torch.equal(vectors(), first)
    before = fingerprint.of_data(digits)
    digits.dataset.tensors[0][0] += 1
    assert fingerprint.of_data(digits) != before
