"""Generation: with cached keys and values it writes what it would write by reading everything anew."""

import pytest
import torch
from torch import Tensor

from lit_pretrain.encoders.modern import CausalTransformer, Decoder, ModernTransformer, PrefixTransformer
from lit_pretrain.encoders.opt import OPT
from lit_pretrain.encoders.t5 import T5Decoder, T5Encoder
from lit_pretrain.encoders.transformer import Transformer
from lit_pretrain.nn.block import Block
from lit_pretrain.nn.depth.base import Depth
from lit_pretrain.nn.depth.layer_drop import LayerDrop
from lit_pretrain.nn.depth.looped import Looped
from lit_pretrain.nn.depth.plain import Plain
from lit_pretrain.nn.embedding.token import TokenEmbedding
from lit_pretrain.nn.feedforward.mlp import MLP
from lit_pretrain.nn.generate import choose, generate
from lit_pretrain.nn.head.linear import LinearHead
from lit_pretrain.nn.mixer.attention import CausalAttention, CrossAttention, PrefixAttention
from lit_pretrain.nn.mixer.cache import KeyValueCache
from lit_pretrain.nn.norm.rms_norm import RMSNorm
from lit_pretrain.nn.position.alibi import ALiBi
from lit_pretrain.nn.position.base import Position
from lit_pretrain.nn.position.learned import Learned
from lit_pretrain.nn.position.rotary import Rotary
from lit_pretrain.nn.position.sinusoidal import Sinusoidal
from lit_pretrain.nn.position.t5_relative import T5Relative
from lit_pretrain.nn.residual.pre_norm import PreNorm
from lit_pretrain.types import Encoded, Encoder, Layout, TextBatch

V, D, H = 13, 8, 2
POSITIONS = [Position(), Learned(D, 32), Sinusoidal(D), Rotary(4), ALiBi(H), T5Relative(H, 8, 8)]
torch.manual_seed(1)
HEAD = LinearHead(D, V, bias=False).requires_grad_(False)


def spread(model: Encoder) -> Encoder:
    """Weights so large that the likeliest token changes from step to step."""
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, std=3.0 if "embedding" in name else 1.4)
    return model.eval()


def with_prefix(tokens: Tensor, lengths: tuple[int, ...], prefix: tuple[int, ...] | None) -> TextBatch:
    batch = TextBatch(tokens, lengths)
    batch.layout = Layout(lengths, prefix=prefix)
    return batch


def prompt(prefix: bool = False) -> TextBatch:
    return with_prefix(torch.tensor([1, 2, 3, 4, 5, 6, 7]), (4, 1, 2), (4, 1, 2) if prefix else None)


@torch.no_grad()
def recomputed(model: Encoder, batch: TextBatch, steps: int, source: Encoded | None = None) -> list[list[int]]:
    """Greedy, each example alone, each step from the beginning."""
    given = [{} for _ in batch.lengths]
    if source is not None:
        parts = zip(source.units.split(source.layout.lengths), source.layout.lengths, strict=True)
        given = [{"source": Encoded(u[:1], u, Layout((n,)))} for u, n in parts]
    written = []
    for b, tokens in enumerate(batch.tokens.split(batch.lengths)):
        start = len(tokens)
        for _ in range(steps):
            prefix = batch.layout.prefix and batch.layout.prefix[b : b + 1]
            whole = with_prefix(tokens, (len(tokens),), prefix)
            logits = HEAD(model(whole, **given[b]).units[-1:], model)
            tokens = torch.cat([tokens, logits.argmax(-1)])
        written.append(tokens[start:].tolist())
    return written


def tolist(written: list[Tensor]) -> list[list[int]]:
    return [tokens.tolist() for tokens in written]


@pytest.mark.parametrize("depth", [Plain(2), Looped(2, 2), LayerDrop(2)], ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("kind", [CausalAttention, PrefixAttention])
@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: type(p).__name__)
def test_cached_equals_recomputed(position: Position, kind: type, depth: Depth) -> None:
    block = Block(kind(D, H), MLP(D, 12), PreNorm(RMSNorm(D)))
    model = spread(Transformer(TokenEmbedding(V, D), block, depth, position, final_norm=RMSNorm(D)))
    batch = prompt(kind is PrefixAttention)
    expected = recomputed(model, batch, 8)
    assert tolist(generate(model, HEAD, batch, max_new_tokens=8, temperature=0)) == expected
    assert len({token for row in expected for token in row}) > 2, "nothing is tested where all tokens are equal"

    # The same with given tokens, in unequal pieces and by value.
    cache, tokens, units = KeyValueCache(), torch.randint(V, (3, 9)), []
    for lengths in ((4, 1, 2), (1, 1, 1), (0, 3, 1), (4, 4, 5)):
        before = cache.lengths or (0, 0, 0)
        piece = torch.cat([row[n : n + m] for row, n, m in zip(tokens, before, lengths, strict=True)])
        units.append(model(with_prefix(piece, lengths, batch.layout.prefix), cache=cache).units.split(lengths))
    joined = torch.cat([torch.cat(example) for example in zip(*units, strict=True)])
    whole = model(with_prefix(tokens.flatten(), (9, 9, 9), batch.layout.prefix)).units
    torch.testing.assert_close(joined, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("position", POSITIONS, ids=lambda p: type(p).__name__)
def test_decoders_too(position: Position) -> None:
    block = Block(CausalAttention(D, H), MLP(D, 12), PreNorm(RMSNorm(D)), CrossAttention(D, H))
    model = spread(Transformer(TokenEmbedding(V, D), block, Looped(1, 2), position, final_norm=RMSNorm(D)))
    units = torch.randn(6, D)
    source = Encoded(units[:3], units, Layout((2, 1, 3)))
    expected = recomputed(model, prompt(), 6, source)
    assert tolist(generate(model, HEAD, prompt(), max_new_tokens=6, temperature=0, source=source)) == expected


def test_published_architectures() -> None:
    for model in (CausalTransformer(V, D, 2, H), OPT(V, D, 2, H), PrefixTransformer(V, D, 2, H)):
        batch = prompt(isinstance(model, PrefixTransformer))
        spread(model)
        assert tolist(generate(model, HEAD, batch, max_new_tokens=5, temperature=0)) == recomputed(model, batch, 5)
    encoder, decoder = spread(T5Encoder(V, D, 1, H)), spread(T5Decoder(V, D, 2, H))
    with torch.no_grad():
        source = encoder(prompt())
    start = TextBatch(torch.zeros(3, dtype=torch.long), (1, 1, 1))
    expected = recomputed(decoder, start, 5, source)
    assert tolist(generate(decoder, HEAD, start, max_new_tokens=5, temperature=0, source=source)) == expected


def test_an_example_ends_with_the_stop_token() -> None:
    model = spread(CausalTransformer(V, D, 2, H))
    whole = tolist(generate(model, HEAD, prompt(), max_new_tokens=10, temperature=0))
    stop = whole[0][2]
    cut = [row[: row.index(stop) + 1] if stop in row else row for row in whole]
    assert tolist(generate(model, HEAD, prompt(), max_new_tokens=10, temperature=0, stop=stop)) == cut
    assert cut != whole


def test_draws_follow_the_generator() -> None:
    model = spread(CausalTransformer(V, D, 2, H))
    runs = [tolist(generate(model, HEAD, prompt(), max_new_tokens=8, generator=torch.Generator().manual_seed(s)))
            for s in (0, 0, 1)]  # fmt: skip
    assert runs[0] == runs[1] != runs[2]


def test_draws_have_the_right_shares() -> None:
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    logits, g = shares.log().expand(20000, -1), torch.Generator().manual_seed(0)

    def found(temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> Tensor:
        return choose(logits, temperature, top_k, top_p, g).bincount(minlength=4) / len(logits)

    def near(expected: list[float]) -> Tensor:
        expected = torch.tensor(expected)
        return expected / expected.sum()

    close = {"rtol": 0, "atol": 0.02}
    torch.testing.assert_close(found(), shares, **close)
    torch.testing.assert_close(found(0.5), near([0.25, 0.09, 0.0225, 0.0025]), **close)
    torch.testing.assert_close(found(top_k=2), near([0.5, 0.3, 0, 0]), **close)
    torch.testing.assert_close(found(top_k=9), shares, **close)
    torch.testing.assert_close(found(top_p=0.7), near([0.5, 0.3, 0, 0]), **close)
    torch.testing.assert_close(found(top_p=0.1), near([1.0, 0, 0, 0]), **close)
    torch.testing.assert_close(found(top_k=3, top_p=0.99), near([0.5, 0.3, 0.15, 0]), **close)
    assert (choose(logits.flip(1), 0, None, None, None) == 3).all()


@pytest.mark.parametrize(("option", "message"), [
    ({"max_new_tokens": 0}, "max_new_tokens=0"), ({"temperature": -1.0}, "temperature=-1"), ({"top_k": 0}, "top_k=0"),
    ({"top_p": 0.0}, "top_p=0"), ({"top_p": 1.5}, "top_p=1.5"),
])  # fmt: skip
def test_options_out_of_range(option: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(CausalTransformer(V, D, 1, H), HEAD, prompt(), **{"max_new_tokens": 1} | option)


def test_who_cannot_write() -> None:
    with pytest.raises(ValueError, match="ModernTransformer sees units ahead"):
        generate(ModernTransformer(V, D, 1, H), HEAD, prompt(), max_new_tokens=1)
    with pytest.raises(ValueError, match="prompt 1 is empty"):
        generate(CausalTransformer(V, D, 1, H), HEAD, TextBatch(torch.tensor([1, 2]), (2, 0)), max_new_tokens=1)
    with pytest.raises(ValueError, match="needs a source"):
        generate(Decoder(V, D, 1, H), HEAD, prompt(), max_new_tokens=1)


def test_nothing_is_dropped_while_generating() -> None:
    """A dropped block would leave a hole in the cache: training mode or not, all blocks are passed."""
    block = Block(CausalAttention(D, H), MLP(D, 12), PreNorm(RMSNorm(D)))
    model = spread(Transformer(TokenEmbedding(V, D), block, LayerDrop(4, 0.9), Rotary(4), final_norm=RMSNorm(D)))
    expected = tolist(generate(model, HEAD, prompt(), max_new_tokens=6, temperature=0))
    assert tolist(generate(model.train(), HEAD, prompt(), max_new_tokens=6, temperature=0)) == expected
