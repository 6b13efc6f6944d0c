"""How much of what comes next stands in one hidden state already?

Legend: N places, D width, O offsets, C symbols that occur.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor

from lit_pretrain.probes.base import Standardiser, check_features, working_dtype


@dataclass(frozen=True)
class Futures:
    """Places in sequences of symbols.

    Args:
        now: (N,) int64 the symbol that stands there.
        later: (N, O) int64 the symbols 1, 2, ... O places on.
    """

    now: Tensor
    later: Tensor


def lens_accuracy(
    train: Tensor, validation: Tensor, known: Futures, wanted: Futures, l2: float = 1e-2, chunk: int = 512
) -> list[float]:
    """How often a linear map of the hidden state names the symbol 1, 2, ... O places on (Future Lens, arXiv 2311.04897, by a
    map onto symbols; the paper also maps onto the hidden states there, and decodes these with the model's own head).

    The map is ridge regression onto one-hot symbols, |Y - XW - b|² / N + l2 · |W|², of standardised states, in closed form.

    Args:
        train, validation: (N, D) states at the places of `known` and of `wanted`.
        chunk: places scored at a time, which bounds the memory at chunk · C.
    """
    for states in (train, validation):
        check_features(states)
    states = train.to(working_dtype(train))
    standardise = Standardiser(states)
    x = standardise(states)
    gram = x.T @ x / len(x)
    factor = torch.linalg.cholesky(gram + l2 * torch.eye(len(gram), dtype=x.dtype, device=x.device))
    asked = standardise(validation).float()
    return [_accuracy(x, factor, known.later[:, n], asked, wanted.later[:, n], chunk) for n in range(known.later.shape[1])]


def bigram_accuracy(known: Futures, wanted: Futures) -> list[float]:
    """How often the symbol that is most frequent 1, 2, ... O places after the present one is right: what is known from the
    present symbol alone. Symbols that training lacks are followed by the most frequent one of all."""
    return [
        _follows(known.now, later, wanted.now, right) for later, right in zip(known.later.T, wanted.later.T, strict=True)
    ]


def _accuracy(x: Tensor, factor: Tensor, targets: Tensor, asked: Tensor, wanted: Tensor, chunk: int) -> float:
    symbols, classes, counts = targets.unique(return_inverse=True, return_counts=True)
    moment = x.new_zeros(len(symbols), x.shape[1]).index_add_(0, classes, x) / len(x)  # (C, D); X is centred
    weight = torch.cholesky_solve(moment.T, factor).float()  # (D, C)
    bias = (counts / len(x)).float()
    found = torch.cat([symbols[(part @ weight + bias).argmax(1)] for part in asked.split(chunk)])
    return float((found == wanted).double().mean())


def _follows(now: Tensor, later: Tensor, asked: Tensor, wanted: Tensor) -> float:
    after: dict[int, Counter[int]] = defaultdict(Counter)
    for symbol, follower in zip(now.tolist(), later.tolist(), strict=True):
        after[symbol][follower] += 1
    (usual, _), *_ = Counter(later.tolist()).most_common(1)
    best = {symbol: counts.most_common(1)[0][0] for symbol, counts in after.items()}
    said = [best.get(symbol, usual) for symbol in asked.tolist()]
    return sum(a == b for a, b in zip(said, wanted.tolist(), strict=True)) / len(said)
