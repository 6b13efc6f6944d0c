"""Embedded tokens may be given back with further units beside them; `WholePrefix` fills in a missing prefix only."""

import torch

from lit_pretrain.encoders.modern import ModernTransformer
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.embedding.whole_prefix import WholePrefix
from lit_pretrain.types import Layout, TextBatch, UnitBatch

BATCH = TextBatch(torch.tensor([1, 2, 3, 4, 5]), (3, 2))


def test_features_stand_in_for_the_batch():
    model = ModernTransformer(8, 8, 1, 2).eval()
    torch.testing.assert_close(model(model.features(BATCH)).units, model(BATCH).units)
    types = TokenEmbedding(8, 4, scale=2.0, num_types=2)
    found = types.features(BATCH)
    torch.testing.assert_close(found.units, 2 * types.table.weight[BATCH.tokens] + types.types.weight[0])
    assert torch.equal(types(found)[0], found.units)


def test_a_further_unit_leaves_the_others_alone_where_it_is_not_seen():
    model = ModernTransformer(8, 8, 2, 2).eval()
    found = model.features(BATCH)
    visible = [torch.ones(n, n, dtype=torch.bool) for n in (4, 2)]
    visible[0][:3, 3] = False
    units = torch.cat([found.units[:3], torch.randn(1, 8), found.units[3:]])
    more = UnitBatch(units, Layout((4, 2), visible=tuple(visible)))
    torch.testing.assert_close(model(more).units[[0, 1, 2, 4, 5]], model(BATCH).units)


def test_a_missing_prefix_is_the_whole_example():
    embedding = WholePrefix(8, 4)
    assert embedding(BATCH)[1].prefix == (3, 2)
    given = TextBatch(BATCH.tokens, BATCH.lengths, prefix=(0, 1))
    assert embedding(given)[1].prefix == (0, 1)
    assert embedding(embedding.features(BATCH))[1].prefix == (3, 2)
