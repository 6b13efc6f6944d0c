"""A network that reads graphs as sequences: units are tokens, evaluation is deterministic, and what it writes are graphs."""

import pytest
import torch

from lit_pretrain.encoders.graph_tokens import GraphTokens
from lit_pretrain.encoders.modern import CausalTransformer, ModernTransformer
from lit_pretrain.nn.graph_tokenizer.sequence import GraphSequence
from lit_pretrain.nn.head.base import Head
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.types import Edges, GraphBatch, TextBatch


def graphs() -> GraphBatch:
    """A triangle and a path of four nodes."""
    once = torch.tensor([[0, 0, 1, 3, 4, 5], [1, 2, 2, 4, 5, 6]])
    edges, _ = Edges.of(torch.cat([once, once.flip(0)], 1), 7)
    return GraphBatch(torch.tensor([0, 1, 2, 2, 1, 0, 0])[:, None], edges, (3, 4))


def encoder() -> GraphTokens:
    torch.manual_seed(0)
    sequence = GraphSequence(6, 3)
    return GraphTokens(sequence, CausalTransformer(sequence.vocabulary.size, 16, 2, 2))


def test_units_are_tokens():
    reads = encoder().eval()
    found, told = reads(graphs(), layers=True), reads.sequence(graphs(), shuffle=False)
    assert found.layout.lengths == (2 * 3 + 2 * 3 + 3, 2 * 4 + 2 * 3 + 3) == told.lengths == reads.layout(graphs()).lengths
    expected = reads.model(TextBatch(told.tokens, told.lengths))
    assert torch.equal(found.units, expected.units)
    torch.testing.assert_close(found.pooled, torch.stack([x.mean(0) for x in expected.units.split(told.lengths)]))
    assert list(found.layers) == ["embedding", "block00", "block01"] and reads.num_layers == len(reads.blocks) == 2
    assert torch.equal(reads(told).units, found.units), "tokens are read as they are"


def test_orders_change_in_training_alone():
    reads = encoder()
    first, second = reads(graphs()).units, reads(graphs()).units
    assert not torch.equal(first, second)
    torch.manual_seed(3)
    third = reads(graphs()).units
    torch.manual_seed(3)
    assert torch.equal(reads(graphs()).units, third)
    reads.eval()
    assert torch.equal(reads(graphs()).units, reads(graphs()).units)


def test_some_tokens_are_left_out():
    reads, keep = encoder().eval(), torch.arange(32) % 3 > 0
    found = reads(graphs(), keep=keep)
    assert len(found.units) == int(keep.sum()) == found.layout.num_units


class Reciter(Head):
    """Says one of these tokens at each step, all equally likely."""

    def __init__(self, tokens: list[list[int]], size: int):
        super().__init__()
        self.tokens, self.size, self.step = tokens, size, 0

    def last(self, units, encoder):
        self.step += 1
        bias = torch.full((self.size,), -1e4).index_fill(0, torch.tensor(self.tokens[self.step - 1]), 0.0)
        return units[:, :1], torch.zeros(self.size, 1), bias


@pytest.mark.parametrize("max_length", [17, 16])
def test_what_it_writes_is_decoded(max_length):
    writes = encoder().eval()
    told = writes.sequence(graphs(), shuffle=False)
    path = [[token] for token in told.tokens[-told.lengths[1] :].tolist()]
    made = writes.generate(Reciter(path[1:], 12), 3, max_length=max_length)
    if max_length == 16:
        assert made.lengths == (0, 0, 0), "there was no room for the end"
        return
    assert made.lengths == (4, 4, 4) and made.features[:4, 0].tolist() == [2, 1, 0, 0]
    assert made.edges.index[:, :6].tolist() == [[1, 0, 2, 1, 3, 2], [0, 1, 1, 2, 2, 3]]


def test_draws_follow_the_generator():
    """Graphs of one node, of any of three types, and of one sort that is no graph."""
    writes, found = encoder().eval(), []
    for seed in (1, 1, 2):
        single = Reciter([[9, 10, 11], [3], [1, 4], [2]], 12)
        found.append(writes.generate(single, 200, max_length=9, generator=torch.Generator().manual_seed(seed)))
    first, again, other = found
    assert first.lengths == again.lengths and torch.equal(first.features, again.features)
    assert first.lengths != other.lengths
    assert set(first.lengths) == {0, 1} and 70 < sum(first.lengths) < 130
    assert all(count > 15 for count in first.features[:, 0].bincount(minlength=3).tolist())


def test_what_does_not_fit():
    sequence = GraphSequence(6, 3)
    with pytest.raises(ValueError, match="knows 13 tokens and graphs are told in 12: set its vocab_size to 12"):
        GraphTokens(sequence, CausalTransformer(13, 16, 2, 2))
    with pytest.raises(ValueError, match="sees units ahead"):
        GraphTokens(sequence, ModernTransformer(12, 16, 2, 2)).generate(TiedHead(), 1, max_length=9)
