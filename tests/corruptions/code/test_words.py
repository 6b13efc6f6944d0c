"""Words of descriptions are deleted, switched and copied, as in loops over them; code stays as it is."""

import pytest
import torch

from lit_pretrain.corruptions.code.words import CopyWords, DeleteWords, SwitchWords
from lit_pretrain.types import CodeBatch

ALL = torch.ones(4, dtype=torch.bool)


def words(batch: CodeBatch, b: int) -> list[tuple[int, ...]]:
    """The description's words: tokens up to the next that begins one."""
    found: list[tuple[int, ...]] = []
    doc = batch.tokens.split(batch.lengths)[b][batch.is_doc.split(batch.lengths)[b]].tolist()
    for token in doc:
        if batch.vocab.starts_word[token] or not found:
            found.append(())
        found[-1] += (token,)
    return found


def rest(batch: CodeBatch, b: int) -> list[int]:
    return batch.tokens.split(batch.lengths)[b][~batch.is_doc.split(batch.lengths)[b]].tolist()


@pytest.mark.parametrize("kind", [DeleteWords, SwitchWords, CopyWords])
def test_only_descriptions_of_the_chosen_programs_change(batch: CodeBatch, kind):
    changed = torch.zeros(4, dtype=torch.bool)
    for seed in range(20):
        made = kind(0.5)(batch, torch.tensor([True, True, True, False]), torch.Generator().manual_seed(seed))
        assert len(made.tokens) == len(made.kind) == len(made.leaf) == len(made.name) == sum(made.lengths)
        for b in range(4):
            assert rest(made, b) == rest(batch, b)
            changed[b] |= words(made, b) != words(batch, b)
    assert changed[0] and not changed[1] and not changed[3]


def test_deleted_words_are_gone_and_one_is_left(batch: CodeBatch):
    counts = []
    for seed in range(100):
        made = DeleteWords(0.9)(batch, ALL, torch.Generator().manual_seed(seed))
        whole, left = words(batch, 0), words(made, 0)
        place = -1
        for word in left:
            place = whole.index(word, place + 1)  # in order
        counts.append(len(left))
        assert left
    assert min(counts) == 1 and len(whole) > 2


def test_a_word_changes_places_with_the_next_and_none_moves_twice(batch: CodeBatch):
    seen = set()
    for seed in range(100):
        made = words(SwitchWords(0.5)(batch, ALL, torch.Generator().manual_seed(seed)), 0)
        whole = words(batch, 0)
        assert sorted(made) == sorted(whole)
        moved = [made.index(word) - i for i, word in enumerate(whole)]
        assert all(abs(m) <= 1 for m in moved)
        seen.add(tuple(moved))
    assert len(seen) > 2


def test_copied_words_stand_twice(batch: CodeBatch):
    for seed in range(20):
        made, whole = words(CopyWords(0.5)(batch, ALL, torch.Generator().manual_seed(seed)), 0), words(batch, 0)
        for word in whole:
            start = made.index(word)
            assert made[start : start + made.count(word)] == [word] * made.count(word) and made.count(word) in (1, 2)


def test_the_share_of_words(batch: CodeBatch):
    extra = [len(words(CopyWords(0.3)(batch, ALL, torch.Generator().manual_seed(seed)), 0)) for seed in range(400)]
    count = len(words(batch, 0))
    assert abs(sum(extra) / 400 / count - 1.3) < 0.05


def test_mistakes():
    with pytest.raises(ValueError, match="rate=1"):
        DeleteWords(1.0)
