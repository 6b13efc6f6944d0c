"""Whatever signs eigenvectors come with, SignNet gives one answer, and not that of their absolute values."""

import torch

from lit_pretrain.nn.graph_position import sign_net
from lit_pretrain.nn.graph_position.sign_net import SignNet


def with_vectors(monkeypatch, batch, change):
    found = sign_net.eigenvectors
    torch.manual_seed(0)
    net = SignNet(vectors=4, dim=6)
    with monkeypatch.context() as patch:
        patch.setattr(sign_net, "eigenvectors", lambda b, k: change(found(b, k)))
        return net(batch)


def test_signs_change_nothing(graphs, monkeypatch):
    signs = torch.tensor([[-1.0, 1], [1, 1], [-1, 1], [1, 1]])  # of the vectors; eigenvalues keep theirs
    plain = with_vectors(monkeypatch, graphs.batch, lambda v: v)
    torch.testing.assert_close(with_vectors(monkeypatch, graphs.batch, lambda v: v * signs), plain)


def test_signs_within_a_vector_are_seen(graphs, monkeypatch):
    plain = with_vectors(monkeypatch, graphs.batch, lambda v: v)
    assert not torch.allclose(with_vectors(monkeypatch, graphs.batch, torch.abs), plain, atol=1e-3)


def test_learns(graphs):
    net = SignNet(vectors=4, dim=6)
    net(graphs.batch).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
