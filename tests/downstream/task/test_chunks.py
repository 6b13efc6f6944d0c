"""A batch in chunks has the values and gradients of the whole one, and holds less in between."""

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks

from lit_pretrain.downstream.finetune import FineTune
from lit_pretrain.downstream.task.chunks import in_chunks
from lit_pretrain.downstream.task.poly_encoder import PolyEncoder
from lit_pretrain.downstream.task.retrieve import Retrieve
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.types import CodeBatch, Kind

DIM, PAIRS = 16, 23


@pytest.fixture
def batch() -> CodeBatch:
    """Descriptions of 1 to 5 tokens before code of 1 to 9."""
    generator = torch.Generator().manual_seed(0)
    docs, codes = (torch.randint(1, most, (PAIRS,), generator=generator) for most in (6, 10))
    lengths = torch.stack([docs, codes], 1)
    kinds = torch.tensor([Kind.DOC, Kind.IDENTIFIER]).repeat(PAIRS).repeat_interleave(lengths.flatten())
    tokens = torch.randint(0, 50, (len(kinds),), generator=generator)
    none = torch.full_like(tokens, -1)
    return CodeBatch(tokens, tuple(lengths.sum(1).tolist()), kind=kinds.byte(), leaf=none, name=none)


def encoder(dropout: float = 0.0) -> BERT:
    torch.manual_seed(0)
    return BERT(50, DIM, 2, 2, max_length=32, dropout=dropout).double()


def gradients(model: FineTune, batch: CodeBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The sum of the loss, and the gradients of all weights."""
    torch.manual_seed(1)
    loss = model.loss(batch)["task"].sum
    torch.rand(5)  # other draws between the two passes
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return loss.detach(), torch.cat([gradient.flatten() for gradient in found])


def agree(ours: tuple[torch.Tensor, torch.Tensor], theirs: tuple[torch.Tensor, torch.Tensor]) -> None:
    """To a millionth of the largest; losses are fp32 in any model."""
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 * float(other.abs().max()))
        assert other.any()


@pytest.mark.parametrize("kind", [Retrieve, PolyEncoder])
@pytest.mark.parametrize("chunk", [1, 4, 23, 100])
def test_loss_and_gradients_are_those_of_the_whole_batch(batch, chunk, kind):
    whole, chunked = (gradients(FineTune(encoder(), kind(DIM, chunk=size).double()), batch) for size in (0, chunk))
    agree(chunked, whole)


def test_each_chunk_draws_the_same_again(batch, monkeypatch):
    model = FineTune(encoder(dropout=0.3), Retrieve(DIM, chunk=4))
    cached = gradients(model, batch)
    monkeypatch.setattr(f"{in_chunks.__module__}.checkpoint", lambda run, *given, use_reentrant: run(*given))
    agree(cached, gradients(model, batch))


def test_less_is_kept_until_the_gradients(batch):
    def kept(chunk: int) -> int:
        sizes = []
        with saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            FineTune(encoder(), Retrieve(DIM, chunk=chunk)).loss(batch)
        return sum(sizes)

    assert 10 * kept(4) < kept(0)


def test_units_are_those_of_the_examples(batch):
    side, model = batch.counterparts[1], encoder().eval()
    whole, chunked = in_chunks(model, side, 0), in_chunks(model, side, 5)
    torch.testing.assert_close(chunked.units, whole.units)
    assert (chunked.layout.lengths, chunked.layout.leading) == (whole.layout.lengths, whole.layout.leading)
