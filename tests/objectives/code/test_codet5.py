"""CodeT5: one sentinel an identifier and no identifier left; dual generation turns around; the tagger finds identifiers."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.code.identifiers import hide_identifiers
from lit_pretrain.corruptions.writing import pick
from lit_pretrain.encoders.t5 import T5Decoder, T5Encoder
from lit_pretrain.nn.head.binary import BinaryHead
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.objectives.code.codet5 import CodeT5
from lit_pretrain.types import CodeBatch, Kind


def codet5(**settings) -> CodeT5:
    torch.manual_seed(0)
    encoder, decoder = (kind(128, 16, 2, 2, dropout=0.0) for kind in (T5Encoder, T5Decoder))
    return CodeT5(encoder, decoder, LinearHead(16, 128, bias=False), BinaryHead(16), **settings)


def examples(batch) -> list[list[int]]:
    return [x.tolist() for x in batch.tokens.split(batch.lengths)]


def test_an_identifier_has_one_sentinel_at_all_its_places(batch: CodeBatch, encode):
    source, target = hide_identifiers(batch)
    s = batch.vocab.sentinels
    add, c, a, b, plus = (encode(x)[0] for x in ("add", "c", "a", "b", "+"))
    first, written = examples(source)[0], examples(target)[0]
    code = first[first.index(batch.vocab.sep) + 1 :]
    parts = [encode(x)[0] for x in ("def", "(", ",", ")", ":", "=", "return", "+")]
    assert [x for x in code if x in s] == [s[0], s[1], s[2], s[3], s[1], s[2], s[3]]  # add a b c a b c
    assert set(code) - set(s) - {batch.vocab.sep, *encode("return")} <= {*parts}
    assert written == [s[0], add, s[1], a, s[2], b, s[3], c, batch.vocab.eos]
    assert plus in code and encode("add two numbers")[0] in first  # descriptions stay


def test_the_target_gives_the_program_back(batch: CodeBatch):
    """Names in place of their sentinels are the program; names in front of one sentinel are never another's."""
    source, target = hide_identifiers(batch)
    for whole, short, written in zip(examples(batch), examples(source), examples(target), strict=True):
        names: dict[int, list[int]] = {}
        for token in written[:-1]:
            names.setdefault(token, []) if token in batch.vocab.sentinels else names[list(names)[-1]].append(token)
        assert [t for token in short for t in names.get(token, [token])] == whole
        assert len(set(map(tuple, names.values()))) == len(names)


def test_no_identifier_is_left(batch: CodeBatch):
    source, _ = hide_identifiers(batch)
    spelled = set(batch.tokens[batch.name >= 0].tolist())
    described = set(batch.tokens[batch.is_doc].tolist())
    assert not set(source.tokens.tolist()) & (spelled - described)


def test_more_identifiers_than_sentinels(batch: CodeBatch):
    few = replace(batch, vocab=replace(batch.vocab, sentinels=(112, 113)))
    source, target = hide_identifiers(few)
    assert not set(source.tokens.tolist()) & set(batch.tokens[(batch.name >= 2)].tolist())
    assert [t for t in examples(target)[0] if t >= 112] == [112, 113]


def test_dual_generation_turns_around(batch: CodeBatch):
    """What is read in one direction is written in the other, and together they are the program."""
    model = codet5(dual_from=0.0)
    tasks = model.tasks(batch)
    assert tasks["dual_generation"] == [0, 2, 3] and tasks["masked_spans"] == [1]  # the program without a description
    pairs = model.pairs(batch, tasks)["dual_generation"]
    taken = [tuple(examples(side)[number] for side, number in pair) for pair in pairs]
    for b, (there, back) in zip((0, 2, 3), zip(taken[:3], taken[3:], strict=True), strict=True):
        assert there[0][1:] == back[1] and back[0][1:] == there[1]  # without the marker
        assert [there[0][0], back[0][0]] == list(batch.vocab.sentinels[-2:])
        text = [t for t in examples(batch)[b] if t > 7]
        assert there[0][1:-1] + back[0][1:-1] == text


def test_each_program_has_one_task_and_the_sum_is_over_all_written_tokens(batch: CodeBatch):
    model = codet5()
    terms = model.loss(batch)
    tasks = model.tasks(batch)
    assert sorted(b for numbers in tasks.values() for b in numbers) == [0, 1, 2, 3]
    assert 2 in tasks["masked_spans"] and not tasks["dual_generation"]  # the program that could not be parsed
    watched = [terms[name] for name in ("masked_spans", "masked_identifiers", "dual_generation")]
    assert sum(int(t.count) for t in watched) == terms["codet5"].count
    torch.testing.assert_close(sum(t.sum for t in watched), terms["codet5"].sum.detach())
    assert all(t.weight == 0 for t in watched)


def test_joint_passes_equal_single_ones(batch: CodeBatch):
    """All tasks share one pass of encoder and decoder, and no program sees another."""
    model = codet5()
    together = model.loss(batch)
    model.generator.manual_seed(model.generator.initial_seed())
    tasks = model.tasks(batch)
    pairs = model.pairs(batch, tasks)
    alone = 0.0
    for source, target in ((pick([s]), pick([t])) for both in pairs.values() for s, t in both):
        units = model.decode(model.encoder(source), target)
        alone += F.cross_entropy(model.head(units, model.encoder), target.tokens, reduction="sum")
    torch.testing.assert_close(alone, together["codet5"].sum)


def test_the_tagger_learns_what_is_an_identifier(batch: CodeBatch):
    model = codet5()
    assert model.tag(model.encoder(batch), batch, [0, 1, 2, 3]).count == int(batch.is_code.sum())
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        term = model.tag(model.encoder(batch), batch, [0, 1, 2, 3])
        term.sum.backward()
        optimizer.step()
    scores = model.tagger(model.encoder(batch).units[batch.is_code]) > 0
    assert torch.equal(scores, batch.kind[batch.is_code] == Kind.IDENTIFIER)


def test_mistakes(batch: CodeBatch):
    with pytest.raises(ValueError, match="num_sentinels"):
        codet5().loss(replace(batch, vocab=replace(batch.vocab, sentinels=())))
    with pytest.raises(ValueError, match="dual_from=2"):
        codet5(dual_from=2.0)
