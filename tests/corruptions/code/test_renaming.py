"""Renaming: the same new name at all places, different names stay different, nothing else changes."""

from dataclasses import replace

import pytest
import torch

from lit_pretrain.corruptions.code.renaming import RenameFunction, RenameVariables
from lit_pretrain.types import CodeBatch, Kind


def leaves(batch: CodeBatch, b: int) -> dict[int, list[int]]:
    """The tokens of each leaf of a program."""
    found: dict[int, list[int]] = {}
    for token, leaf in zip(batch.tokens.split(batch.lengths)[b].tolist(), batch.leaf.split(batch.lengths)[b].tolist(),
                           strict=True):  # fmt: skip
        found.setdefault(leaf, []).append(token)
    return found


def without_white_space(batch: CodeBatch) -> CodeBatch:
    return replace(batch, vocab=replace(batch.vocab, starts_word=torch.zeros_like(batch.vocab.starts_word)))


@pytest.mark.parametrize("kind", [RenameVariables, RenameFunction])
def test_names_change_together_and_nothing_else_does(batch: CodeBatch, generator, kind):
    batch = without_white_space(batch)
    which = torch.tensor([True, True, True, False])
    made = kind()(batch, which, generator)
    assert torch.equal(made.layout.offsets[-2:].diff(), batch.layout.offsets[-2:].diff())
    for b in range(4):
        before, after = leaves(batch, b), leaves(made, b)
        assert before.keys() == after.keys() and before.get(-1) == after.get(-1)
        variables = batch.variables.split()[b].tolist()
        renamed: dict[tuple, tuple] = {}
        names = dict(zip(batch.leaf.split(batch.lengths)[b].tolist(), batch.name.split(batch.lengths)[b].tolist(),
                         strict=True))  # fmt: skip
        first = min((leaf for leaf, name in names.items() if name >= 0), default=None)
        asked = {names[leaf] for leaf in variables} if kind is RenameVariables else {names.get(first)}
        for leaf in before.keys() - {-1}:
            old, new = tuple(before[leaf]), tuple(after[leaf])
            assert renamed.setdefault(old, new) == new
            assert (old != new) == (b < 3 and names[leaf] in asked), (b, leaf)
        assert len(set(renamed.values())) == len(renamed)


def test_annotations_stay_with_their_tokens(batch: CodeBatch, generator):
    batch = without_white_space(batch)
    made = RenameVariables()(batch, torch.ones(4, dtype=torch.bool), generator)
    assert len(made.tokens) == sum(made.lengths) == len(made.kind) == len(made.leaf) == len(made.name)
    for b in range(4):
        pairs = [set(zip(x.leaf.split(x.lengths)[b].tolist(), x.kind.split(x.lengths)[b].tolist(),
                         x.name.split(x.lengths)[b].tolist(), strict=True)) for x in (batch, made)]  # fmt: skip
        assert pairs[0] == pairs[1]


def test_white_space_stays(vocab, generator):
    """10 is an indent; 11 and 12 are a name with and without a space, so are 21 and 22; 30 stands with a space alone."""
    starts = torch.zeros_like(vocab.starts_word).index_fill(0, torch.tensor([10, 11, 21, 30]), True)
    tokens, leaf = torch.tensor([10, 11, 12, 12, 10, 21, 22, 30]), torch.tensor([0, 0, 1, 2, 0, 0, 1, 2])
    batch = CodeBatch(tokens, (4, 4), replace(vocab, starts_word=starts), kind=torch.full((8,), Kind.IDENTIFIER),
                      leaf=leaf, name=torch.tensor([0, 0, 0, 0, 0, 0, 0, 1]))  # fmt: skip
    made = RenameFunction()(batch, torch.tensor([True, False]), generator)
    assert made.tokens.tolist() == [10, 21, 22, 22, 10, 21, 22, 30]


def test_a_share_of_the_identifiers(batch: CodeBatch):
    counts = 0
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        made = RenameVariables(0.3)(without_white_space(batch), torch.ones(4, dtype=torch.bool), generator)
        counts += sum(leaves(made, 0)[leaf] != leaves(batch, 0)[leaf] for leaf in (3, 5, 8))  # a, b, c
    assert 25 < counts < 65


def test_a_program_alone_keeps_its_names(batch: CodeBatch, generator):
    alone = batch.only(batch.layout.example == 0)
    made = RenameVariables()(alone, torch.ones(4, dtype=torch.bool), generator)
    assert torch.equal(made.tokens, alone.tokens)


def test_mistakes():
    with pytest.raises(ValueError, match="rate=0"):
        RenameVariables(0.0)
