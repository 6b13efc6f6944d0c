"""PatchKMeans: fitted once, a token for each patch, and mean patches that k-means would not move."""

import torch

from lit_pretrain.nn.tokenizer.patch_kmeans import PatchKMeans
from lit_pretrain.part import build, spec


def test_patches_of_a_kind_have_one_token() -> None:
    torch.manual_seed(0)
    kinds = torch.randn(5, 3, 4, 4)
    which = torch.randint(5, (20, 2, 3))
    images = kinds[which].permute(0, 3, 1, 4, 2, 5).reshape(20, 3, 8, 12)
    tokenizer = PatchKMeans(5, patch_size=4)
    tokens = tokenizer.encode_tokens(images + 0.01 * torch.randn_like(images))
    assert tokens.shape == (20, 6) and tokens.dtype == torch.int64
    pairs = set(zip(which.flatten().tolist(), tokens.flatten().tolist(), strict=True))
    assert len(pairs) == 5, "a token for each kind of patch, row by row"
    centres = tokenizer.codebook[tokens[0, 4]]
    torch.testing.assert_close(centres, kinds[which[0, 1, 1]].flatten(), atol=0.02, rtol=0)


def test_it_is_fitted_once_and_travels_with_the_state() -> None:
    torch.manual_seed(0)
    first, second = torch.randn(30, 1, 8, 8), 5 + torch.randn(30, 1, 8, 8)
    tokenizer = PatchKMeans(8, patch_size=4, channels=1).train()
    assert not tokenizer.training and not tokenizer.fitted
    tokens = tokenizer.encode_tokens(first)
    codebook = tokenizer.codebook.clone()
    tokenizer.encode_tokens(second)
    assert tokenizer.fitted and torch.equal(tokenizer.codebook, codebook)
    again = build(spec(tokenizer))
    again.load_state_dict(tokenizer.state_dict())
    assert torch.equal(again.encode_tokens(first), tokens) and torch.equal(again.codebook, codebook)
    # k-means has converged: each mean patch is the mean of what it names.
    patches = torch.nn.functional.unfold(first, 4, stride=4).mT.flatten(0, 1)
    means = torch.stack([patches[tokens.flatten() == v].mean(0) for v in range(8)])
    torch.testing.assert_close(means, codebook, atol=0.2, rtol=0)


def test_fewer_kinds_of_patches_than_tokens() -> None:
    tokenizer = PatchKMeans(8, patch_size=2, channels=1)
    tokens = tokenizer.encode_tokens(torch.zeros(4, 1, 4, 4))
    assert tokenizer.codebook.isfinite().all() and len(tokens.unique()) == 1
