"""A network beside the encoder, and no gradient through it."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from small_encoders import NAMES, fine_tuned, small
from torch import nn

from lit_pretrain.adapt.tuning.lora import LoRA
from lit_pretrain.adapt.tuning.unipt import UniPT
from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.encoders.timm import TimmEncoder
from lit_pretrain.types import TextBatch


@contextmanager
def saved_bytes() -> Iterator[list[int]]:
    """What autograd keeps for the backward pass, beside parameters."""
    kept = []

    def pack(x: torch.Tensor) -> torch.Tensor:
        if not isinstance(x, nn.Parameter) and x._base is None:
            kept.append(x.nbytes)
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        yield kept


@pytest.mark.parametrize("name", NAMES)
def test_starts_at_the_encoder_and_learns_without_it(name):
    encoder, batch = small(name)
    before = encoder(batch)
    model = FineTune(encoder, Classify(32, 3, dropout=0.0), UniPT(16))
    torch.testing.assert_close(model.encoder(batch).units, before.units)
    torch.testing.assert_close(model.encoder(batch).pooled, before.pooled)
    losses = fine_tuned(model, batch)
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.grad is None for p in encoder.parameters())
    assert all(p.grad is not None and p.grad.any() for p in model.encoder.parameters() if p.requires_grad)


def test_no_graph_reaches_the_encoder_even_if_its_weights_may_train():
    encoder, batch = small("bert")
    wrapped = UniPT(8).prepare(encoder)
    wrapped(batch).units.sum().backward()
    assert all(p.requires_grad and p.grad is None for p in encoder.parameters())


def test_keeps_less_for_the_backward_pass_than_lora():
    batch = TextBatch(torch.randint(99, (128,)), (64, 64), labels=torch.tensor([0, 1]))
    kept = {}
    for tuning in (UniPT(8), LoRA(rank=1)):
        model = FineTune(BERT(99, 64, 6, 4), Classify(64, 2), tuning)
        with saved_bytes() as found:
            model.loss(batch)["task"].sum.backward()
        kept[type(tuning).__name__] = sum(found)
    assert 0 < kept["UniPT"] < 0.5 * kept["LoRA"]


def test_units_and_pooled_vectors_are_those_of_the_formula():
    encoder, batch = small("huggingface")
    wrapped = UniPT(8).prepare(encoder).eval()
    nn.init.normal_(wrapped.up.weight)
    inner, found = encoder(batch, layers=True), wrapped(batch)
    start = 0
    for b, length in enumerate(batch.lengths):
        span = slice(start, start := start + length)
        s = [down(inner.layers[n][span].relu()) for n, down in zip(wrapped.names, wrapped.down, strict=True)]
        asked = wrapped.ask(inner.pooled[b].relu())
        confidence = torch.stack([wrapped.gate(asked * x.mean(0)) for x in s]).softmax(0)

        def change(x, own, s=s, confidence=confidence):
            a = wrapped.ask(x.relu())
            weights = [(y @ a).relu() for y in s]
            merged = [w @ y / w.sum().clamp(min=1e-6) + o for w, y, o in zip(weights, s, own, strict=True)]
            return wrapped.up(sum(c * m for c, m in zip(confidence, merged, strict=True)).relu())

        expected = inner.pooled[b] + change(inner.pooled[b], [x.mean(0) for x in s])
        torch.testing.assert_close(found.pooled[b], expected, rtol=1e-4, atol=1e-4)
        last = inner.units[span][-1]
        expected = last + change(last, [x[-1] for x in s])
        torch.testing.assert_close(found.units[span][-1], expected, rtol=1e-4, atol=1e-4)


def test_layers_that_differ_are_named():
    _, batch = small("vit")
    batch.images = torch.rand(2, 3, 32, 32)
    with pytest.raises(ValueError, match="blocks of TimmEncoder differ"):
        UniPT().prepare(TimmEncoder("resnet10t"))(batch)
    with pytest.raises(ValueError, match="hidden=0"):
        UniPT(0)
