"""ContraBERT: variants of the program are its positives, those of earlier batches its negatives."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.corruptions.code.given_variants import GivenVariants
from lit_pretrain.corruptions.code.renaming import RenameVariables
from lit_pretrain.encoders.modern import ModernTransformer
from lit_pretrain.nn.head.tied import TransformHead
from lit_pretrain.nn.queue import Queue
from lit_pretrain.objectives.code.contrabert import ContraBERT
from lit_pretrain.types import CodeBatch, Ragged


def contrabert(**settings) -> ContraBERT:
    torch.manual_seed(0)
    return ContraBERT(ModernTransformer(128, 16, 2, 2), TransformHead(16, 128), Queue(8, 16), **settings)


def test_a_program_must_find_its_variant_in_the_queue(batch: CodeBatch):
    model = contrabert(code_changes=(), doc_changes=(), temperature=0.5)
    keys = F.normalize(model.teacher(batch).pooled, dim=1)
    seen = []
    model.encoder.register_forward_hook(lambda encoder, args, out: seen.append(out.pooled))
    term = model.loss(batch)["contrastive"]
    queries = F.normalize(seen[0], dim=1)
    scores = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ model.queue.vectors.T], 1) / 0.5
    torch.testing.assert_close(term.sum / term.count, -scores.log_softmax(1)[:, 0].mean())


def test_each_program_has_one_change_of_its_code_and_one_of_its_description(batch: CodeBatch):
    """Which changes reach which programs, counted over many draws."""
    reached = torch.zeros(3, 4)

    class Count(RenameVariables):
        def __init__(self, row: int):
            super().__init__()
            self.row = row

        def __call__(self, batch, which, generator):
            reached[self.row] += which
            return batch

    model = contrabert(code_changes=(Count(0), Count(1)), doc_changes=(Count(2),))
    for seed in range(200):
        model.generator.manual_seed(seed)
        model.variant(batch)
    assert torch.equal(reached[0] + reached[1], torch.full((4,), 200.0)) and (reached[2] == 200).all()
    assert (reached[0] > 60).all() and (reached[1] > 60).all()


def test_keys_enter_the_queue_after_the_step_and_the_teacher_follows(batch: CodeBatch):
    model = contrabert(momentum=0.9).train()
    before = model.queue.vectors.clone()
    model.loss(batch)
    assert torch.equal(model.queue.vectors, before)
    with torch.no_grad():
        model.encoder.embedding.table.weight += 1.0
    old = model.teacher.teacher.embedding.table.weight.clone()
    model.after_step()
    assert (model.queue.vectors != before).any(1).sum() == batch.num_examples
    torch.testing.assert_close(model.teacher.teacher.embedding.table.weight, old + 0.1)
    model.eval().loss(batch)
    model.after_step()
    assert (model.queue.vectors != before).any(1).sum() == batch.num_examples  # validation leaves it alone


def test_variants_that_the_data_give_take_the_place_of_the_code(batch: CodeBatch, generator):
    given = replace(batch, target=Ragged(torch.tensor([50, 51, 52, 60, 61]), (3, 0, 0, 2)))
    which = torch.tensor([True, True, True, False])
    made = GivenVariants(2)(given, which, generator)
    texts = [t.tolist() for t in made.tokens.split(made.lengths)]
    whole = [t.tolist() for t in batch.tokens.split(batch.lengths)]
    sep = whole[0].index(batch.vocab.sep)
    assert texts[0] == [*whole[0][: sep + 1], 50, 51, batch.vocab.sep]
    assert texts[1:] == whole[1:]
    assert GivenVariants()(batch, which, generator) is batch


def test_mistakes():
    with pytest.raises(ValueError, match="dim=16 must be the encoder's, 8"):
        ContraBERT(ModernTransformer(128, 8, 1, 2), TransformHead(8, 128), Queue(8, 16))
    with pytest.raises(ValueError, match="temperature=0"):
        contrabert(temperature=0.0)
