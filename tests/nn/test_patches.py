"""What masked autoencoders share, against loops."""

import torch

from lit_pretrain.nn.patches import among_hidden, moments, patchify, unpatchify


def test_visible_units_return_to_their_places():
    hidden, visible = torch.tensor([True, False, False, True, False]), torch.randn(3, 4, requires_grad=True)
    found = among_hidden(visible, hidden)
    assert torch.equal(found[~hidden], visible) and not found[hidden].any()
    found.square().sum().backward()
    torch.testing.assert_close(visible.grad, 2 * visible.detach())


def test_patches_of_images_that_are_no_squares():
    images = torch.randn(2, 3, 8, 12)
    patches = patchify(images, 4)
    assert patches.shape == (2, 6, 48) and torch.equal(unpatchify(patches, 4, (2, 3)), images)
    for row in range(2):
        for column in range(3):
            cut = images[1, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert torch.equal(patches[1, 3 * row + column], cut.permute(1, 2, 0).flatten())


def test_patches_that_are_no_squares():
    patches = torch.randn(2, 6, 2 * 3 * 5)  # of 2 x 3 pixels of 5 channels
    images = unpatchify(patches, (2, 3), (3, 2))
    assert images.shape == (2, 5, 6, 6)
    for row in range(3):
        for column in range(2):
            cut = images[1, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
            assert torch.equal(patches[1, 2 * row + column], cut.permute(1, 2, 0).flatten())


def test_moments():
    patches = torch.randn(2, 6, 48) * 3 + 1
    mean, std = moments(patches)
    for found, own in zip(((patches - mean) / std).flatten(0, 1), patches.flatten(0, 1), strict=True):
        torch.testing.assert_close(found, (own - own.mean()) / own.std(), rtol=1e-4, atol=1e-5)
    assert moments(torch.zeros(1, 48))[1] > 0, "a patch of one value can be normalised"
