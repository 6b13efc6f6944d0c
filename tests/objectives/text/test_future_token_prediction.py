"""Future token prediction: one unit and the tokens since it are all that the next N tokens are predicted from."""

import pytest
import torch
import torch.nn.functional as F

from lit_pretrain.encoders.modern import CausalTransformer, Decoder
from lit_pretrain.nn.head.tied import TiedHead
from lit_pretrain.objectives.text.future_token_prediction import FutureTokenPrediction
from lit_pretrain.types import Encoded, Layout, TextBatch


def ftp(**settings) -> FutureTokenPrediction:
    torch.manual_seed(0)
    settings = {"ahead": 3, "pseudo_length": 2, **settings}
    return FutureTokenPrediction(CausalTransformer(64, 16, 1, 2), Decoder(64, 16, 1, 2), TiedHead(), **settings)


def nll(model, states, batch, start):
    """(P, N) -log p of the tokens after each start, 0 where there is none."""
    written, targets = model.write(states, batch, start)
    logits = model.head(written, model.encoder)
    return F.cross_entropy(logits, targets.flatten(), ignore_index=-1, reduction="none").view_as(targets)


def test_equals_one_position_and_one_distance_at_a_time(batch):
    model = ftp(decay=0.5)
    units = model.encoder(batch).units
    total, weights, first, begin = torch.tensor(0.0), 0.0, [], 0
    for tokens in batch.tokens.split(batch.lengths):
        for i in range(len(tokens)):
            source = model.expand(units[begin + i]).view(2, 16)
            for n in range(1, 4):
                if i + n < len(tokens):
                    inputs = TextBatch(tokens[i : i + n], (n,))
                    out = model.decoder(inputs, source=Encoded(source, source, Layout((2,)))).units[-1:]
                    nll = F.cross_entropy(model.head(out, model.encoder), tokens[i + n : i + n + 1])
                    total, weights = total + 0.5 ** (n - 1) * nll, weights + 0.5 ** (n - 1)
                    first += [nll.detach()] if n == 1 else []
        begin += len(tokens)
    terms = model.loss(batch)
    torch.testing.assert_close(terms["future_tokens"].sum, total)
    assert float(terms["future_tokens"].count) == pytest.approx(weights)
    torch.testing.assert_close(terms["next_token"].sum, torch.stack(first).sum())
    assert terms["next_token"].count == len(first) == len(batch.tokens) - 4 and terms["next_token"].weight == 0


def test_only_the_own_unit_is_looked_at(batch):
    """The loss of a position has a gradient at its own unit of the encoder and at no other."""
    model = ftp()
    units = model.encoder(batch).units.detach().requires_grad_()
    start = torch.tensor([2, 20])
    (grad,) = torch.autograd.grad(nll(model, units[start], batch, start)[0].sum(), units)
    assert grad.abs().sum(1).nonzero()[:, 0].tolist() == [2]


def test_a_state_learns_all_distances(batch):
    """Every distance is learned, also by what the decoder cannot know from the tokens since the position."""
    model = ftp()
    start = torch.arange(12, 24)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        terms = model.loss(batch)
        (terms["future_tokens"].sum / terms["future_tokens"].count).backward()
        optimizer.step()
    units = model.encoder(batch).units.detach()
    right, wrong = nll(model, units[start], batch, start), nll(model, units[start].roll(5, 0), batch, start)
    assert (wrong - right).sum(0).min() > 0.5


def test_a_share_of_the_positions(batch):
    model = ftp(share=0.25)
    found = model.positions(batch)
    assert len(found) == round(0.25 * len(batch.tokens)) == len(found.unique())
    assert len(ftp().positions(batch)) == len(batch.tokens)


def test_mistakes():
    with pytest.raises(ValueError, match="ahead=0"):
        ftp(ahead=0)
    with pytest.raises(ValueError, match="share=0"):
        ftp(share=0.0)
