"""Vector quantisation (VQ-VAE, arXiv 1711.00937). Legend: U units, D width, E width of a code, V codes."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.part import Part


class Quantized(NamedTuple):
    """
    Args:
        units: (U, D) made of codes; gradients pass to what was quantised as if nothing had happened.
        codes: (U,) int64.
        loss: mean of the codebook and commitment terms.
    """

    units: Tensor
    codes: Tensor
    loss: Tensor


class VectorQuantizer(Part):
    """The nearest of V learned codes e to z = W units: out(z + sg(e - z)), with sg as stop-gradient.

        loss = mean of (sg(z) - e)^2 + beta (z - sg(e))^2

    The first term moves the codes, the second keeps z from running away. (The published code of VQGAN has beta at the first
    one, which its authors call a mistake that they keep for their checkpoints.)

    Args:
        num_codes: V; 1024 to 16384 in VQGAN (arXiv 2012.09841).
        dim: D.
        code_dim: E; default D.
        beta: 0.25 in both papers.
        spread: codes start uniformly between -spread and spread; default 1 / V, as published. Codes that start far closer
            together than the units are mostly never the nearest, and a short run does not mend it.
    """

    def __init__(
        self,
        num_codes: int = 1024,
        dim: int = 256,
        code_dim: int | None = None,
        beta: float = 0.25,
        spread: float | None = None,
    ):
        super().__init__()
        code_dim = code_dim or dim
        self.num_codes, self.dim, self.beta = num_codes, dim, beta
        self.project_in, self.project_out = nn.Linear(dim, code_dim), nn.Linear(code_dim, dim)
        self.codebook = nn.Embedding(num_codes, code_dim)
        spread = spread or 1 / num_codes
        nn.init.uniform_(self.codebook.weight, -spread, spread)

    def forward(self, units: Tensor) -> Quantized:
        z = self.project_in(units).float()  # (U, E); distances and their losses in fp32
        codes = self._nearest(z)
        e = self.codebook(codes).float()
        loss = F.mse_loss(e, z.detach()) + self.beta * F.mse_loss(z, e.detach())
        return Quantized(self.project_out((z + (e - z).detach()).to(units.dtype)), codes, loss)

    @torch.no_grad()
    def codes(self, units: Tensor) -> Tensor:
        """(U, D) -> (U,) int64."""
        return self._nearest(self.project_in(units).float())

    def lookup(self, codes: Tensor) -> Tensor:
        """(U,) -> (U, D), as `forward` gives them."""
        return self.project_out(self.codebook(codes))

    @torch.no_grad()
    def usage(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Of a batch's codes, exp(entropy), which is V where all are equally frequent, and the share that occurs."""
        shares = torch.bincount(codes, minlength=self.num_codes).float() / len(codes)
        return torch.special.entr(shares).sum().exp(), (shares > 0).float().mean()

    def _nearest(self, z: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            codebook = self.codebook.weight.float()
            return (codebook.square().sum(1) - 2 * z @ codebook.T).argmin(1)
