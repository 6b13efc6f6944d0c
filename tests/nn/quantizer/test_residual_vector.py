"""ResidualVectorQuantizer: transformers' codes, moving averages by hand, dead codes, bitrates, two ranks."""

import socket
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor
from transformers import EncodecConfig
from transformers.models.encodec.modeling_encodec import EncodecResidualVectorQuantizer

from lit_pretrain.nn.quantizer.residual_vector import ResidualVectorQuantizer

U, D, Q, V = 200, 4, 3, 8


def units(seed: int = 1, count: int = U) -> Tensor:
    return torch.randn(count, D, generator=torch.Generator().manual_seed(seed))


def quantizer(**settings) -> ResidualVectorQuantizer:
    torch.manual_seed(0)
    return ResidualVectorQuantizer(D, V, Q, **{"revive_below": 0.5, **settings})


def test_equals_transformers() -> None:
    made = quantizer().eval()
    theirs = EncodecResidualVectorQuantizer(
        EncodecConfig(codebook_size=V, codebook_dim=D, hidden_size=D, sampling_rate=24000, target_bandwidths=[1.0])
    )
    for layer, codebook in zip(theirs.layers, made.codebooks, strict=False):
        layer.codebook.embed.copy_(codebook)
    codes = torch.stack([x[0] for x in theirs.encode(units().T[None], bandwidth=1.0)[:Q]], 1)  # (U, Q)
    out = made(units())
    assert torch.equal(out.codes, codes)
    torch.testing.assert_close(out.units, theirs.decode(codes.T[:, None])[0].T)
    torch.testing.assert_close(made.lookup(codes), out.units)


def test_each_stage_leaves_less_over() -> None:
    """With codes from k-means, which start in the first batch of the training, and not before."""
    made, x = quantizer(), units()
    made.eval()(x)
    assert not made.initialised
    made.train()(x)
    assert made.initialised
    made.eval()
    errors = [x.square().mean()] + [(made(x, n).units - x).square().mean() for n in (1, 2, 3)]
    assert all(after < 0.8 * before for before, after in pairwise(errors)), errors


def test_moving_averages_by_hand() -> None:
    made = quantizer(decay=0.9, revive_below=1e-6)
    made.train()(units())
    books, counts, sums = (x.clone() for x in (made.codebooks, made.counts, made.sums))
    x = units(5)
    out = made(x)
    left = x
    for stage in range(Q):
        for code in range(V):
            mine = left[out.codes[:, stage] == code]
            count = 0.9 * counts[stage, code] + 0.1 * len(mine)
            total = 0.9 * sums[stage, code] + 0.1 * mine.sum(0)
            torch.testing.assert_close(made.codebooks[stage, code], total / count)
        left = left - books[stage, out.codes[:, stage]]


def test_dead_codes_become_vectors_of_the_batch() -> None:
    made, x = quantizer(), units()
    made.train()(x)
    made.codebooks[0, 3] = made.sums[0, 3] = 1e3
    made.counts[0, 3] = 0.0
    made(x)
    assert (made.codebooks[0, 3] - x).abs().amax(1).min() < 1e-6
    before = made.counts[0, 3].clone()
    made(x)
    assert made.counts[0, 3] >= before, "it is nearest to itself at least"


def test_the_loss_and_gradients() -> None:
    made = quantizer().eval()
    x = units().requires_grad_()
    out = made(x, 2)
    first = made.lookup(out.codes[:, :1])
    by_hand = ((x - first).square().mean() + (x - made.lookup(out.codes)).square().mean()) / 2
    torch.testing.assert_close(out.loss, by_hand)
    direction = units(3)
    (out.units * direction).sum().backward()
    torch.testing.assert_close(x.grad, direction)


def test_bitrate_at_run_time() -> None:
    made, x = quantizer().eval(), units()
    whole = made(x).codes
    for n in (1, 2, 3):
        out = made(x, n)
        assert torch.equal(out.codes, whole[:, :n]) and torch.equal(made.codes(x, n), out.codes)
        torch.testing.assert_close(out.units, made.lookup(whole[:, :n]))
        assert made.bits(n) == n * 3
    for n in (0, Q + 1):
        with pytest.raises(ValueError, match=f"quantizers={n}"):
            made(x, n)


def test_dropout_of_stages() -> None:
    made = quantizer(dropout=(1, 3)).train()
    used = {made(units()).codes.shape[1] for _ in range(20)}
    assert used == {1, 3}
    assert made.eval()(units()).codes.shape[1] == Q
    books = made.codebooks.clone()
    made.train()(units(4), 1)
    assert (made.codebooks != books).flatten(1).any(1).all(), "every stage learns from every batch"


def test_same_draws_same_codes_and_resumed_as_uncut() -> None:
    def trained(again: bool) -> ResidualVectorQuantizer:
        made = quantizer(dropout=(1, 2), revive_below=40.0).train()
        for seed in range(4):
            if again and seed == 2:
                state, made = made.state_dict(), quantizer(dropout=(1, 2), revive_below=40.0).train()
                made.load_state_dict(state)
            torch.manual_seed(seed)
            made(units(seed))
        return made

    for name, value in trained(False).state_dict().items():
        assert torch.equal(value, trained(True).state_dict()[name]), name


def test_a_checkpoint_from_before_the_start() -> None:
    """One that has learned already starts anew where it gets the state of one that has not."""
    made = quantizer().train()
    made(units())
    made.load_state_dict(quantizer().state_dict())
    made(units())
    assert made.initialised and made.counts[0].sum() == pytest.approx(U, rel=0.1)


def test_usage() -> None:
    codes = torch.stack([torch.arange(V), torch.arange(V) // 4, torch.zeros(V, dtype=torch.long)], 1)
    torch.testing.assert_close(quantizer().usage(codes), torch.tensor([8.0, 2.0, 1.0]))


def of_rank(number: int, port: int, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=number, world_size=2)
    made = quantizer(revive_below=2.0).train()
    torch.manual_seed(number)
    made(units(number))  # k-means of rank 0
    first = {name: x.clone() for name, x in made.state_dict().items()}
    made.load_state_dict(torch.load(f"{out}/start.pt"))
    made(units()[:150] if number == 0 else units()[150:])
    torch.save((first, made.state_dict()), f"{out}/rank{number}.pt")
    dist.barrier()
    dist.destroy_process_group()


def test_two_ranks_equal_the_joined_batch(tmp_path: Path) -> None:
    made = quantizer().train()
    made(units(7))
    torch.save(made.state_dict(), tmp_path / "start.pt")
    made(units())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.start_processes(of_rank, (port, str(tmp_path)), nprocs=2, start_method="fork")
    (first, joined), (other_first, other_joined) = (torch.load(tmp_path / f"rank{n}.pt") for n in range(2))
    for name, value in made.state_dict().items():
        torch.testing.assert_close(joined[name], value)
        assert torch.equal(joined[name], other_joined[name])
        assert torch.equal(first[name], other_first[name]), name


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"dropout=\[4\]"):
        ResidualVectorQuantizer(D, V, Q, dropout=(4,))
    with pytest.raises(ValueError, match="revive_below=0"):
        ResidualVectorQuantizer(D, V, Q, revive_below=0)
