"""BEiT: tokens of hidden patches, which only the frozen tokenizer sees; the numbers are transformers'."""

import pytest
import torch
import transformers as hf
from torch import Tensor

from lit_pretrain.corruptions.blockwise import Blockwise
from lit_pretrain.encoders.beit import BEiT as Encoder
from lit_pretrain.io.pretrained import from_pretrained, load_head, save_pretrained
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.tokenizer.base import VisualTokenizer
from lit_pretrain.nn.tokenizer.patch_kmeans import PatchKMeans
from lit_pretrain.objectives.vision.beit import BEiT
from lit_pretrain.types import ImageBatch


class Brightness(VisualTokenizer):
    """A token for each level of a patch's mean; keeps what it was given."""

    vocab_size, stride = 7, 2

    def encode_tokens(self, images: Tensor) -> Tensor:
        self.images = images
        means = torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 2).flatten(1)
        return (3 + 4 * means).round().clamp(0, 6).long()


def beit(tokenizer: VisualTokenizer | None = None) -> BEiT:
    torch.manual_seed(0)
    encoder = Encoder(16, 4, 3, 16, 2, 2, maskable=True)
    return BEiT(encoder, tokenizer or Brightness(), LinearHead(16, 7), Blockwise(min_units=2)).eval()


@pytest.fixture
def batch() -> ImageBatch:
    return ImageBatch(torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1)))


@torch.no_grad()
@pytest.mark.parametrize("biases", ["use_relative_position_bias", "use_shared_relative_position_bias"])
def test_equals_transformers(biases: str, batch, tmp_path) -> None:
    """Loss and logits of BeitForMaskedImageModeling, read from its files, with the same hidden patches."""
    torch.manual_seed(0)
    config = hf.BeitConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=7,
                           image_size=16, patch_size=4, use_mask_token=True, **{biases: True})  # fmt: skip
    theirs = hf.BeitForMaskedImageModeling(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.2)
    theirs.save_pretrained(tmp_path)
    ours = BEiT(from_pretrained(tmp_path), Brightness(), load_head(tmp_path)).eval()
    ours.encoder.mask_vector.copy_(theirs.beit.embeddings.mask_token.flatten())
    hidden = torch.rand(3, 16) < 0.4
    ours.masking = lambda layout, generator: torch.nn.functional.pad(hidden, (1, 0)).flatten()
    term = ours.loss(batch)["beit"]
    labels = ours.targets(batch, ours.encoder.layout(batch)).unflatten(0, (3, 17))[:, 1:][hidden]
    expected = theirs(batch.images, bool_masked_pos=hidden, labels=labels)
    torch.testing.assert_close(term.sum / term.count, expected.loss, rtol=1e-5, atol=1e-5)
    units = ours.encoder(batch, mask=ours.masking(None, None)).units
    logits = ours.head(units, ours.encoder).unflatten(0, (3, 17))[:, 1:]
    torch.testing.assert_close(logits, expected.logits, rtol=1e-4, atol=1e-4)

    assert save_pretrained(ours.encoder, tmp_path / "b") == "BeitModel"
    again = from_pretrained(tmp_path / "b")
    assert torch.equal(again(batch).pooled, ours.encoder(batch).pooled)
    bare = hf.AutoModel.from_pretrained(tmp_path / "b").eval()
    torch.testing.assert_close(bare(batch.images).last_hidden_state.flatten(0, 1), again(batch).units, rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("mean", [True, False])
def test_pooled_vectors_equal_transformers(mean: bool, batch, tmp_path) -> None:
    config = hf.BeitConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, image_size=16,
                           patch_size=4, use_mean_pooling=mean, use_relative_position_bias=True)  # fmt: skip
    theirs = hf.BeitModel(config).eval()
    for parameter in theirs.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.2)
    theirs.save_pretrained(tmp_path)
    ours = from_pretrained(tmp_path)(batch).pooled
    torch.testing.assert_close(ours, theirs(batch.images).pooler_output, rtol=1e-4, atol=1e-4)


def test_hidden_pixels_reach_the_tokenizer_only(batch) -> None:
    model = beit(PatchKMeans(7, 4))
    layout = model.encoder.layout(batch)
    hidden = model.masking(layout, torch.Generator().manual_seed(0))
    pixels = hidden.unflatten(0, (3, 17))[:, 1:].unflatten(1, (4, 4)).repeat_interleave(4, 1).repeat_interleave(4, 2)
    changed = ImageBatch(batch.images.masked_fill(pixels[:, None], 3.0))
    assert torch.equal(model.encoder(batch, mask=hidden).units, model.encoder(changed, mask=hidden).units)
    before, after = (model.targets(x, layout) for x in (batch, changed))
    assert torch.equal(before[~hidden], after[~hidden]) and not torch.equal(before[hidden], after[hidden])


def test_the_tokenizer_gets_a_token_for_each_patch(batch) -> None:
    model = beit()
    targets = model.targets(batch, model.encoder.layout(batch))
    assert model.tokenizer.images.shape == (3, 3, 8, 8) and targets.shape == (51,)
    same = beit(PatchKMeans(7, 4))
    tokens = same.targets(batch, same.encoder.layout(batch)).unflatten(0, (3, 17))[:, 1:]
    assert torch.equal(tokens, same.tokenizer.encode_tokens(batch.images))


def test_the_tokenizer_is_frozen() -> None:
    model = beit(PatchKMeans(7, 4)).train()
    assert not model.tokenizer.training and not any(p.requires_grad for p in model.tokenizer.parameters())


def test_accuracy_and_majority(batch) -> None:
    terms = beit().loss(batch)
    hidden = terms["beit"].count
    assert terms["accuracy"].weight == terms["majority"].weight == 0
    assert 0 <= terms["accuracy"].sum <= hidden and hidden / 7 <= terms["majority"].sum <= hidden


def test_the_head_must_know_all_tokens(batch) -> None:
    with pytest.raises(ValueError, match=r"vocab_size=7 differs from the tokenizer's 9"):
        beit(PatchKMeans(9, 4)).loss(batch)
    with pytest.raises(ValueError, match="biases='each'"):
        Encoder(16, 4, 3, 16, 2, 2, absolute=True)
