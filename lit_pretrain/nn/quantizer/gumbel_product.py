"""Product quantisation with Gumbel softmax. Legend: U units, D width in, E width out, G groups, V entries of each."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.part import Part


class ProductQuantized(NamedTuple):
    """
    Args:
        units: (U, E) the chosen entries of all groups side by side.
        codes: (U, G) int64.
        perplexity: sum over groups of exp(entropy) of the mean softmax; G V where all entries are equally likely.
        diversity: (G V - perplexity) / (G V), a loss: 0 where all are equally likely, 1 - 1 / V where one of each group is.
    """

    units: Tensor
    codes: Tensor
    perplexity: Tensor
    diversity: Tensor


class GumbelProduct(Part):
    """One of V learned entries from each of G groups (wav2vec 2.0, arXiv 2006.11477, after vq-wav2vec, arXiv 1910.05453).

    In training the entry is that with the largest logit + Gumbel noise, and gradients are those of the softmax of both
    divided by a temperature (straight through). In evaluation it is that with the largest logit.

    Args:
        dim: D; 512 in wav2vec 2.0.
        out_dim: E; 256 in the base model, 768 in the large one.
        num_groups: G.
        num_entries: V.

    Raises:
        ValueError: the groups do not divide the width, or there is but one entry.
    """

    def __init__(self, dim: int = 512, out_dim: int = 256, num_groups: int = 2, num_entries: int = 320):
        super().__init__()
        if out_dim % num_groups:
            raise ValueError(
                f"out_dim={out_dim} is not a multiple of num_groups={num_groups}, whose entries lie side by side"
            )
        if num_entries < 2:
            raise ValueError(f"num_entries={num_entries}: there must be two at least to choose from")
        self.dim, self.out_dim, self.num_groups, self.num_entries = dim, out_dim, num_groups, num_entries
        self.logits = nn.Linear(dim, num_groups * num_entries)
        self.entries = nn.Parameter(torch.empty(num_groups, num_entries, out_dim // num_groups))
        nn.init.normal_(self.logits.weight)  # far from uniform at the start, as published
        nn.init.zeros_(self.logits.bias)
        nn.init.uniform_(self.entries)

    def forward(self, units: Tensor, temperature: float = 2.0) -> ProductQuantized:
        """(U, D) -> (U, E). Noise comes from torch's global generator."""
        with torch.autocast(units.device.type, enabled=False):  # in fp32, for near ties decide what the targets are
            weight, bias = self.logits.weight.float(), self.logits.bias.float()
            logits = F.linear(units.float(), weight, bias).unflatten(1, (self.num_groups, self.num_entries))  # (U, G, V)
            if self.training:
                chosen = F.gumbel_softmax(logits, temperature, hard=True)
            else:
                chosen = F.one_hot(logits.argmax(2), self.num_entries).to(logits.dtype)
            out = torch.einsum("ugv,gve->uge", chosen, self.entries.float()).flatten(1)
        codes = chosen.argmax(2)
        shares = logits.softmax(2).mean(0)  # (G, V)
        perplexity, total = torch.special.entr(shares).sum(1).exp().sum(), self.num_groups * self.num_entries
        return ProductQuantized(out.to(units.dtype), codes, perplexity, (total - perplexity) / total)

    @torch.no_grad()
    def usage(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Of a batch's codes (U, G), the sum over groups of exp(entropy), and the share of all entries that occurs."""
        shares = F.one_hot(codes, self.num_entries).float().mean(0)  # (G, V)
        return torch.special.entr(shares).sum(1).exp().sum(), (shares > 0).float().mean()
