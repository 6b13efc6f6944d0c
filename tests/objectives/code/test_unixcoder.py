"""UniXcoder: each mode's mask, trees that come back from the units, and who is predicted from what."""

import pytest
import torch

from lit_pretrain.corruptions.code.flattening import MODES, flat_trees, with_nodes
from lit_pretrain.encoders.unified import UnifiedTransformer
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.objectives.code.unixcoder import TASKS, UniXcoder, joined, mode
from lit_pretrain.types import CodeBatch, TextBatch

SIZE = 128 + 2 + 2 * 9  # tokens, modes, nodes


def unixcoder(dropout: float = 0.0, **settings) -> UniXcoder:
    torch.manual_seed(0)
    return UniXcoder(UnifiedTransformer(SIZE, 16, 2, 2, dropout=dropout), TransformHead(16, SIZE), **settings)


def nested(ids: list[int]) -> list:
    """The tree that a flattening stands for: [type, child, ...], a leaf's tokens one by one."""
    stack: list[list] = [[]]
    for i in ids:
        node = i - 128 - MODES
        if node < 0:
            stack[-1].append(i)
        elif node % 2 == 0:
            stack.append([("type", node // 2)])
        else:
            done = stack.pop()
            assert done[0] == ("type", node // 2)
            stack[-1].append(done)
    (only,) = stack
    return only


def test_trees_come_back_from_the_units(batch: CodeBatch, trees: list[tuple | str], encode):
    def expected(tree) -> list:
        if isinstance(tree, str):
            return encode(tree)
        return [[("type", tree[0]), *(x for child in tree[1:] for x in expected(child))]]

    flat = flat_trees(batch)
    for ids, tree in zip(flat.tokens.split(flat.lengths), trees, strict=True):
        assert nested(ids.tolist()) == ([] if isinstance(tree, str) else expected(tree))
    assert flat.lengths[2] == 0  # the program that could not be parsed


def test_ids_of_nodes_and_modes_are_none_of_the_tokenizer(batch: CodeBatch):
    vocab = with_nodes(batch.vocab, batch.node_types)
    assert vocab.size == SIZE and vocab.special[128:130].all() and not vocab.special[130:].any()
    assert flat_trees(batch).tokens.max() < SIZE
    assert [int(mode(batch, i)) for i in range(2)] == [128, 129]


@pytest.mark.parametrize("name", TASKS)
def test_who_sees_whom(batch: CodeBatch, name: str):
    """Change each unit in turn and look where the output changes."""
    model = unixcoder().eval()
    programs = model.programs(batch)
    sequences = [*model.language(batch, joined(batch, programs)), *model.generation(batch, programs)]
    sequence = next(s for s in sequences if s.task == name and len(s.tokens) < 60)
    length, first = len(sequence.tokens), int(sequence.tokens[0])
    whole = {"mlm": length, "ulm": 0, "denoising": sequence.prefix, "generation": sequence.prefix}[name]
    assert first == {"mlm": 2, "ulm": 128}.get(name, 129)
    assert name in ("mlm", "ulm") or 0 < whole < length

    def units(tokens) -> torch.Tensor:
        return model.encoder(TextBatch(tokens, (length,), prefix=(sequence.prefix,))).units

    before = units(sequence.tokens)
    for j in range(length):
        changed = sequence.tokens.clone()
        changed[j] = (changed[j] + 1) % 100
        reached = (units(changed) - before).abs().amax(1) > 1e-7
        assert torch.equal(reached, torch.tensor([j <= i or j < whole for i in range(length)])), j


def test_what_is_predicted_is_not_seen(batch: CodeBatch):
    """In all but `mlm`, a target is the unit after the one that predicts it, and outside of the prefix."""
    model = unixcoder()
    programs = model.programs(batch)
    sequences = [*model.language(batch, joined(batch, programs)), *model.generation(batch, programs)]
    assert [s.task for s in sequences] == ["mlm"] * 2 + ["ulm", "denoising"] + ["generation"] * 3
    for s in sequences:
        if s.task != "mlm":
            asked = (s.targets >= 0).nonzero()[:, 0]
            assert asked.tolist() == list(range(max(0, s.prefix - 1), max(0, s.prefix - 1) + len(asked)))
            following = asked[asked + 1 < len(s.tokens)]
            assert torch.equal(s.tokens[following + 1], s.targets[following])


def test_descriptions_are_written_from_programs_and_the_other_way(batch: CodeBatch):
    model = unixcoder(tree_share=0.0)
    docs = [t.tolist() for t in batch.tokens.split(batch.lengths)]
    seen = set()
    for seed in range(8):
        model.generator.manual_seed(seed)
        for s in model.generation(batch, model.programs(batch)):
            source, target = s.tokens[1 : s.prefix].tolist(), s.targets[s.targets >= 0].tolist()
            assert target[-1] == batch.vocab.eos
            both = [[t for t in doc if t > 7] for doc in docs]
            there, back = source + target[:-1], target[:-1] + source
            assert there in both or back in both
            seen.add(back in both and there not in both)
    assert seen == {True, False}


def test_half_of_the_programs_are_trees(batch: CodeBatch):
    model = unixcoder()
    found = []
    for seed in range(60):
        model.generator.manual_seed(seed)
        programs = model.programs(batch)
        assert programs.lengths[2] == int(batch.is_code[batch.layout.example == 2].sum())
        found.append(int((programs.tokens.split(programs.lengths)[0] >= 130).any()))
    assert 15 < sum(found) < 45


def test_the_two_passes_differ_by_dropout_alone(batch: CodeBatch, monkeypatch):
    pairs = []
    monkeypatch.setattr("lit_pretrain.objectives.code.unixcoder.info_nce",
                        lambda first, second, t: pairs.append((first, second)) or first.sum())  # fmt: skip
    model = unixcoder(dropout=0.1)
    model.loss(batch)
    model.eval().loss(batch)
    assert len(pairs[0][0]) == batch.num_examples and (pairs[0][0] - pairs[0][1]).abs().min() > 0
    torch.testing.assert_close(*pairs[1])


def test_a_clean_batch_is_read_in_both_directions(batch: CodeBatch):
    model = unixcoder().eval()
    changed = batch.tokens.clone()
    changed[batch.lengths[0] - 2] = 9
    first = model.encode(TextBatch(changed, batch.lengths)).units[0] - model.encode(batch).units[0]
    assert first.abs().max() > 0


def test_mistakes(batch: CodeBatch):
    small = UniXcoder(UnifiedTransformer(140, 16, 1, 2), TransformHead(16, 140))
    with pytest.raises(ValueError, match="vocab_size=140 must be 148"):
        small.loss(batch)
    with pytest.raises(ValueError, match="tree_share=2"):
        unixcoder(tree_share=2.0)
