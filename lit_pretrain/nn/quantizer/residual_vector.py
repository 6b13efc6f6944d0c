"""Residual vector quantisation (SoundStream, arXiv 2107.03312).

Legend: U units, D width, Q stages, V codes of each stage, n stages in use.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.kernels.gather import num_ranks, rank
from lit_pretrain.nn.quantizer.kmeans import kmeans, nearest, totals_of
from lit_pretrain.part import Part


class ResidualQuantized(NamedTuple):
    """
    Args:
        units: (U, D) sums of one code of each stage; gradients pass to what was quantised as if nothing had happened.
        codes: (U, n) int64.
        loss: commitment, the mean over stages of what each leaves over, squared; the codes take no gradient.
    """

    units: Tensor
    codes: Tensor
    loss: Tensor


class ResidualVectorQuantizer(Part):
    """Stage i chooses the nearest of its V codes to what the stages before it have left over of a unit.

    Codes are moving averages of what they stand for, over the batches of all ranks (arXiv 1711.00937, appendix A.1). They
    start as the means of k-means over the first training batch. A code that stands for less than `revive_below` vectors of
    a batch, in the moving average, becomes a random one of the batch. The first n stages are a quantiser by themselves, of
    a lower bitrate; in training n is drawn for each batch. All stages learn their codes from every batch (in the published
    code the first n do).

    Args:
        dim: D.
        num_codes: V.
        num_quantizers: Q; 32 in FunCodec (arXiv 2309.07405) and EnCodec (arXiv 2210.13438).
        dropout: the n to draw from in training; empty: always Q. 1, 2, 4, 8, 16 and 32 in FunCodec.
        decay: of the moving averages.
        revive_below: vectors of a batch, above 0; 2 in the published code of EnCodec.
        iterations: of k-means.
    """

    codebooks: Tensor  # (Q, V, D)
    counts: Tensor  # (Q, V) moving average of the vectors of a batch that each code stands for
    sums: Tensor  # (Q, V, D) moving average of their sums
    initialised: Tensor

    def __init__(
        self,
        dim: int = 128,
        num_codes: int = 1024,
        num_quantizers: int = 8,
        dropout: Sequence[int] = (),
        decay: float = 0.99,
        revive_below: float = 2.0,
        iterations: int = 50,
    ):
        super().__init__()
        if any(not 1 <= n <= num_quantizers for n in dropout):
            raise ValueError(f"dropout={list(dropout)} names numbers of stages: they lie between 1 and {num_quantizers}")
        if revive_below <= 0:
            raise ValueError(f"revive_below={revive_below} must be above 0; a tiny number leaves dead codes dead")
        self.dim, self.num_codes, self.num_quantizers = dim, num_codes, num_quantizers
        self.dropout, self.decay, self.revive_below, self.iterations = tuple(dropout), decay, revive_below, iterations
        codebooks = torch.randn(num_quantizers, num_codes, dim)
        self.register_buffer("codebooks", codebooks)
        self.register_buffer("sums", codebooks * revive_below)
        self.register_buffer("counts", torch.full((num_quantizers, num_codes), revive_below))
        self.register_buffer("initialised", torch.zeros((), dtype=torch.bool))
        self._ready = False  # known on the host, so that only the first batch waits for the device

    def forward(self, units: Tensor, quantizers: int | None = None) -> ResidualQuantized:
        """(U, D) -> (U, D). Random draws come from torch's global generators.

        Args:
            quantizers: n; None: drawn from `dropout` in training, Q otherwise.
        """
        if quantizers is None and self.training and self.dropout:
            quantizers = self.dropout[int(torch.randint(len(self.dropout), ()))]
        used = self._number(quantizers)
        z = units.float()
        with torch.autocast(z.device.type, enabled=False):
            if self.training and not self._ready:
                if not self.initialised:
                    self._start(z.detach())
                self._ready = True
            codes = self.codes(z, self.num_quantizers if self.training else used)
            sums = self._chosen(codes).cumsum(1)  # (U, Q, D)
            loss = (z[:, None] - sums[:, :used]).square().mean()
            if self.training:
                self._learn(z.detach(), codes, sums)
        return ResidualQuantized((z + (sums[:, used - 1] - z).detach()).to(units.dtype), codes[:, :used], loss)

    @torch.no_grad()
    def codes(self, units: Tensor, quantizers: int | None = None) -> Tensor:
        """(U, D) -> (U, n) int64; None: Q stages."""
        left, codes = units.float(), []
        for codebook in self.codebooks[: self._number(quantizers)].float():
            codes.append(nearest(left, codebook))
            left = left - codebook[codes[-1]]
        return torch.stack(codes, 1)

    def lookup(self, codes: Tensor) -> Tensor:
        """(U, n) -> (U, D), as `forward` gives them."""
        return self._chosen(codes).sum(1)

    def bits(self, quantizers: int | None = None) -> float:
        """Of a unit: n log2(V)."""
        return self._number(quantizers) * math.log2(self.num_codes)

    @torch.no_grad()
    def usage(self, codes: Tensor) -> Tensor:
        """(U, n) -> (n,) exp(entropy) of each stage's codes, which is V where all are equally frequent."""
        shares = torch.stack([F.one_hot(stage, self.num_codes).float().mean(0) for stage in codes.T])
        return torch.special.entr(shares).sum(1).exp()

    def _number(self, quantizers: int | None) -> int:
        if quantizers is None:
            return self.num_quantizers
        if not 1 <= quantizers <= self.num_quantizers:
            raise ValueError(f"quantizers={quantizers}: there are stages 1 to {self.num_quantizers}")
        return quantizers

    def _chosen(self, codes: Tensor) -> Tensor:
        """(U, n) -> (U, n, D)."""
        return self.codebooks[torch.arange(codes.shape[1], device=codes.device), codes]

    @torch.no_grad()
    def _start(self, z: Tensor) -> None:
        """Codes from k-means over (U, D), the same on all ranks."""
        for codebook, counts in zip(self.codebooks, self.counts, strict=True):
            for buffer, found in zip((codebook, counts), kmeans(z, self.num_codes, self.iterations), strict=True):
                buffer.copy_(found)
                if num_ranks() > 1:
                    dist.broadcast(buffer, 0)
            z = z - codebook[nearest(z, codebook)]
        self.counts.mul_(num_ranks()).clamp_(min=self.revive_below)
        self.sums.copy_(self.codebooks * self.counts[..., None])
        self.initialised.fill_(True)

    @torch.no_grad()
    def _learn(self, z: Tensor, codes: Tensor, sums: Tensor) -> None:
        """One step of the moving averages, the same on all ranks: (U, D), (U, Q), (U, Q, D)."""
        left = z[:, None] - F.pad(sums[:, :-1], (0, 0, 1, 0))  # what each stage was to quantise
        totals = [totals_of(x, c, self.num_codes) for x, c in zip(left.unbind(1), codes.unbind(1), strict=True)]
        batch = torch.stack([torch.cat([total, count[:, None]], 1) for total, count in totals])  # (Q, V, D + 1)
        random = torch.randint(len(z), self.counts.shape, device=z.device)
        spare = left[random, torch.arange(self.num_quantizers, device=z.device)[:, None]] * (rank() == 0)  # (Q, V, D)
        batch = torch.cat([batch, spare], 2)
        if num_ranks() > 1:
            dist.all_reduce(batch)
        total, count, spare = batch.split((self.dim, 1, self.dim), 2)
        self.sums.lerp_(total, 1 - self.decay)
        self.counts.lerp_(count[..., 0], 1 - self.decay)
        dead = self.counts < self.revive_below
        self.sums.copy_(torch.where(dead[..., None], spare * self.revive_below, self.sums))
        self.counts.clamp_(min=self.revive_below)
        self.codebooks.copy_(self.sums / self.counts[..., None])

    def _load_from_state_dict(self, *args) -> None:
        self._ready = False
        super()._load_from_state_dict(*args)
