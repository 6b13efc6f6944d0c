"""Where a teacher looks, and nothing else of it."""

import pytest
import torch
import torch.nn.functional as F
from small_encoders import small
from torch import nn

from lit_pretrain.adapt.distillation.attention_copy import AttentionCopy
from lit_pretrain.adapt.distillation.attention_maps import AttentionMaps
from lit_pretrain.adapt.distillation.attention_transfer import AttentionTransfer
from lit_pretrain.adapt.distillation.distil import Distil
from lit_pretrain.downstream.task.classify import Classify
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.part import build, spec

LOOKING = ("bert", "vit", "timm", "huggingface")


def other(name: str):
    """An encoder like the small one, with other weights."""
    encoder, batch = small(name)
    torch.manual_seed(1)
    for layer in encoder.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
    return encoder, batch


@pytest.mark.parametrize("name", LOOKING)
def test_kept_weights_and_values_make_what_attention_makes(name):
    encoder, batch = small(name)
    expected = encoder(batch).units
    with AttentionMaps() as seen:
        encoder(batch)
    assert len(seen.kept) % 2 == 0 and all(x.exp().sum(-1).allclose(torch.ones(())) for x in seen.kept)
    with AttentionMaps([x.exp() for x in seen.kept]):
        torch.testing.assert_close(encoder(batch).units, expected, rtol=1e-4, atol=1e-5)
    query, key, value = torch.randn(3, 2, 4, 6, 8).unbind()
    with AttentionMaps() as seen:
        found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(seen.kept[0].exp() @ value, found)


@pytest.mark.parametrize("name", LOOKING)
def test_a_student_comes_to_look_where_its_teacher_looks(name):
    teacher, batch = other(name)
    student = Distil(small(name)[0], Classify(32, 3), AttentionTransfer(teacher), label_weight=1.0)
    optimizer = torch.optim.Adam([p for p in student.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        terms = student.loss(batch)
        sum(t.weight * t.sum / t.count for t in terms.values()).backward()
        optimizer.step()
        losses.append(float(terms["attention"].sum / terms["attention"].count))
    with AttentionMaps() as shown, torch.no_grad():
        teacher(batch)
    entropy = -sum(float((x.exp() * x.nan_to_num(neginf=0.0)).sum(-1).mean(1).sum()) for x in shown.kept)
    floor = entropy / student.encoder(batch).layout.num_units
    assert losses[-1] - floor < 0.8 * (losses[0] - floor)


def test_the_loss_is_the_cross_entropy_of_the_first_blocks():
    (teacher, batch), (encoder, _) = other("vit"), small("vit")
    found = Distil(encoder, Classify(32, 3), AttentionTransfer(teacher, num_blocks=1, weight=2.0)).loss(batch)["attention"]
    with AttentionMaps() as theirs:
        teacher(batch)
    with AttentionMaps() as ours:
        encoder(batch)
    expected = -(theirs.kept[0].exp() * ours.kept[0]).sum(-1).mean()
    torch.testing.assert_close(found.sum / found.count, expected)
    assert found.weight == 2.0


def test_padding_does_not_count():
    """BERT of transformers pads, ours does not, and with the same maps both have the same loss."""
    term = {}
    for name in ("bert", "huggingface"):
        encoder, batch = small(name)
        for layer in encoder.modules():
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)  # every unit looks at all of its example alike
        term[name] = Distil(encoder, Classify(32, 3), AttentionTransfer(encoder)).loss(batch)["attention"]
    torch.testing.assert_close(term["bert"].sum, term["huggingface"].sum)
    expected = 2 * sum(n * torch.tensor(float(n)).log() for n in batch.lengths)
    torch.testing.assert_close(term["bert"].sum, expected)


@pytest.mark.parametrize("name", LOOKING)
def test_a_copy_looks_where_its_teacher_looks_and_its_own_queries_do_nothing(name):
    teacher, batch = other(name)
    copied = AttentionCopy(small(name)[0], teacher).eval()
    before = copied(batch).units
    copied(batch).pooled.sum().backward()
    looking = [p for n, p in copied.encoder.named_parameters() if "query" in n or "key" in n]
    assert all(p.grad is None or not p.grad.any() for p in looking) and (looking or name == "timm")
    assert any(p.grad is not None and p.grad.any() for p in copied.encoder.parameters())
    assert all(p.grad is None for p in teacher.parameters())
    for parameter in looking:
        nn.init.normal_(parameter)
    torch.testing.assert_close(copied(batch).units, before)
    assert not torch.allclose(copied.encoder(batch).units, before, atol=1e-3)
    again = build(spec(copied)).eval()
    again.load_state_dict(copied.state_dict())
    torch.testing.assert_close(again(batch).units, before)


def test_what_does_not_fit_is_named():
    encoder, batch = small("bert")
    for teacher in (BERT(99, 32, 2, 4), BERT(99, 32, 3, 2)):
        with pytest.raises(ValueError, match=r"teacher shows attention of.*need equal blocks, heads"):
            Distil(encoder, Classify(32, 3), AttentionTransfer(teacher)).loss(batch)
    with pytest.raises(ValueError, match=r"attention maps of shape.*do not fit"):
        AttentionCopy(encoder, BERT(99, 32, 2, 4))(batch)
    graph, nodes = small("graph")
    with pytest.raises(ValueError, match="teacher shows attention of no shape"):
        Distil(graph, Classify(32, 3), AttentionTransfer(small("graph")[0])).loss(nodes)
    with pytest.raises(ValueError, match="num_blocks=3"):
        AttentionTransfer(encoder, num_blocks=3)
