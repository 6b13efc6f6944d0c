"""SimCLR: the pair among all views, through a projector that stays behind."""

import pytest
import torch

from lit_pretrain.losses.nt_xent import nt_xent
from lit_pretrain.nn.head.projection import NormedMLP
from lit_pretrain.objectives.vision.simclr import SimCLR
from lit_pretrain.types import ImageBatch


def mean(model: SimCLR, batch: ImageBatch) -> torch.Tensor:
    term = model.loss(batch)["nt_xent"]
    assert term.count == batch.num_examples
    return term.sum / term.count


def test_the_loss_is_nt_xent_of_projected_views(encoder, views):
    model = SimCLR(encoder, NormedMLP(16, 8, 4), temperature=0.3)
    z = [model.projector(encoder(ImageBatch(x)).pooled) for x in views.all_views]
    torch.testing.assert_close(mean(model, views), nt_xent(*z, 0.3))


def test_the_pair_counts_and_the_order_of_images_does_not(encoder, views):
    model = SimCLR(encoder, NormedMLP(16, 8, 4))
    loss = mean(model, views)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    same = ImageBatch(views.images[order], (views.views[0][order],))
    torch.testing.assert_close(mean(model, same), loss)
    broken = ImageBatch(views.images, (views.views[0].roll(1, 0),))
    assert (mean(model, broken) - loss).abs() > 1e-3


def test_one_view_is_not_enough(encoder, views):
    with pytest.raises(ValueError, match=r"needs 2 views.*give 1"):
        SimCLR(encoder, NormedMLP(16, 8, 4)).loss(ImageBatch(views.images))
    with pytest.raises(ValueError, match="temperature=0"):
        SimCLR(encoder, NormedMLP(16, 8, 4), temperature=0)
