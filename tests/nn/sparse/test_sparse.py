"""Sparse layers: nothing stands where nothing is seen, and statistics are those of what is seen."""

import copy

import pytest
import timm
import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, GroupNormAct, LayerNorm2d
from timm.layers.grn import GlobalResponseNorm
from torch import nn

from lit_pretrain.encoders.timm import HEAD
from lit_pretrain.nn.sparse.convert import make_sparse
from lit_pretrain.nn.sparse.norm import SparseBatchNorm2d
from lit_pretrain.nn.sparse.visible import Visible

torch.set_num_threads(1)
CELLS = torch.tensor([[[1, 0], [0, 0]], [[0, 1], [1, 1]]]).bool()  # of two images


def sparse(*layers: nn.Module) -> tuple[nn.Sequential, nn.Sequential, Visible]:
    """The dense layers with weights drawn at random, and their sparse twins."""
    torch.manual_seed(0)
    dense, visible = nn.Sequential(*layers), Visible()
    for weight in dense.parameters():
        nn.init.normal_(weight, 1.0)
    twin = copy.deepcopy(dense)
    assert make_sparse(twin, (), visible) is None
    return dense, twin, visible


def maps(size: int = 8, channels: int = 4) -> torch.Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1)) + 1


LAYERS = {
    "convolution": (nn.Conv2d(4, 6, 3, padding=1),),
    "strided": (nn.Conv2d(4, 6, 7, stride=2, padding=3),),
    "batch norm": (nn.BatchNorm2d(4),),
    "batch norm and activation": (BatchNormAct2d(4),),
    "group norm": (nn.GroupNorm(2, 4),),
    "group norm and activation": (GroupNormAct(4, 2),),
    "layer norm": (LayerNorm2d(4),),
    "response norm": (GlobalResponseNorm(4, channels_last=False),),
    "max pooling": (nn.ConstantPad2d(1, 0.0), nn.MaxPool2d(3, 2)),
    "average pooling": (nn.AvgPool2d(3, 2, 1),),
}


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_hidden_positions_are_empty_and_unseen(layers):
    dense, twin, visible = sparse(*layers)
    with visible.only(CELLS):
        x = visible.hide(maps())
        y = twin(x)
        assert torch.equal(y.abs().sum(1, keepdim=True) > 0, visible.at(*y.shape[2:]))
    assert twin.state_dict().keys() == dense.state_dict().keys()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_with_nothing_hidden_it_is_the_dense_layer(layers, training):
    dense, twin, visible = sparse(*layers)
    dense.train(training), twin.train(training)
    expected = dense(maps())
    assert torch.equal(copy.deepcopy(twin)(maps()), expected)
    with visible.only(torch.ones(2, 2, 2).bool()):
        torch.testing.assert_close(twin(maps()), expected)
    for key, value in dense.state_dict().items():  # running statistics
        torch.testing.assert_close(twin.state_dict()[key], value)


def test_batch_norm_takes_the_statistics_of_visible_positions():
    dense, twin, visible = sparse(nn.BatchNorm2d(4))
    with visible.only(CELLS):
        seen = visible.at(8, 8).movedim(1, -1)[..., 0]
        y = twin(visible.hide(maps()))
    alone = maps().movedim(1, -1)[seen]  # (positions, 4), as if they were all there is
    torch.testing.assert_close(y.movedim(1, -1)[seen], dense(alone[:, :, None, None])[..., 0, 0])
    torch.testing.assert_close(twin[0].running_var, dense[0].running_var)


def test_group_norm_takes_the_statistics_of_an_image():
    dense, twin, visible = sparse(nn.GroupNorm(2, 4))
    with visible.only(CELLS):
        y = twin(visible.hide(maps()))
    torch.testing.assert_close(y[:1, :, :4, :4], dense(maps()[:1, :, :4, :4]))


def test_pooling_sees_visible_values_only():
    x = -maps().abs()
    *_, visible = both = sparse(nn.MaxPool2d(3, 2, 1))
    with visible.only(CELLS):
        assert (both[1](visible.hide(x))[1, :, :2, 2:] < 0).all()  # no hidden zero to the left wins
    *_, visible = both = sparse(nn.AvgPool2d(3, 1, 1, count_include_pad=False))
    with visible.only(CELLS):
        y = both[1](visible.hide(x))
    torch.testing.assert_close(y[0, :, :4, :4], F.avg_pool2d(x[:1, :, :4, :4], 3, 1, 1, count_include_pad=False)[0])


def test_whole_images_are_pooled_over_visible_positions():
    _, twin, visible = sparse(nn.AdaptiveAvgPool2d(1))
    with visible.only(CELLS):
        y = twin(visible.hide(maps()))
    torch.testing.assert_close(y[0, :, 0, 0], maps()[0, :, :4, :4].mean((1, 2)))


def test_gradients_are_those_of_visible_positions_alone():
    """One visible cell, whose neighbourhood a 1 x 1 convolution and a norm do not leave."""
    dense, twin, visible = sparse(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    weights = torch.randn(1, 4, 4, 4)
    with visible.only(torch.tensor([[[True, False], [False, False]]])):
        (twin(visible.hide(maps()[:1]))[:, :, :4, :4] * weights).sum().backward()
    (dense(maps()[:1, :, :4, :4]) * weights).sum().backward()
    for own, other in zip(twin.parameters(), dense.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-4, atol=1e-5)


def test_copies_look_at_a_visible_of_their_own():
    _, twin, visible = sparse(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
    copied = copy.deepcopy(twin)
    with visible.only(CELLS):
        assert copied[0].visible is copied[1].visible and copied[0].visible.cells is None


def test_a_layer_without_a_sparse_form_is_named():
    network = timm.create_model("test_efficientnet", num_classes=0)
    assert "blocks.3.0.se.gate is a Sigmoid" in make_sparse(network, HEAD, Visible())
    assert not any(isinstance(layer, SparseBatchNorm2d) for layer in network.modules())
