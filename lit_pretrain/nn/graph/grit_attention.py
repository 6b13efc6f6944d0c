"""Attention by given pairs of nodes, which learn from it (GRIT, arXiv 2305.17589).

Legend: N nodes, P pairs, D width, H heads, E = D / H.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.kernels.segment_softmax import segment_softmax, segment_sum
from lit_pretrain.part import Part
from lit_pretrain.types import Edges


class GRITAttention(Part):
    """For target i and source j of a pair with vector e:

        s_ij = relu(rho((q_i + k_j) * W_w e) + W_b e),   rho(y) = sign(y) sqrt(|y|)      (H, E)
        a_ij = softmax over j of w s_ij                                                  (H,)
        y_i  = sum over j of a_ij (v_j + W_v s_ij)                                       (H, E)

    Out come out(y_i * t1 + y_i * t2 log(1 + degree of i)) for nodes, with learned t1 and t2 (D,), and W_e s_ij for pairs.

    Args:
        dim: D, of nodes and of pairs.
        num_heads: H.
        dropout: of the attention weights.
        clamp: limit of the scores before the softmax, either way.
        degree_scaler: without it t1 is 1 and t2 is 0.
    """

    def __init__(
        self, dim: int, num_heads: int = 8, *, dropout: float = 0.0, clamp: float = 5.0, degree_scaler: bool = True
    ):
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"dim={dim} is not a multiple of num_heads={num_heads}")
        if clamp <= 0:
            raise ValueError(f"clamp={clamp} must be positive")
        self.num_heads, self.clamp, self.dropout = num_heads, clamp, nn.Dropout(dropout)
        head = dim // num_heads
        self.query = nn.Linear(dim, dim)
        self.key, self.value = (nn.Linear(dim, dim, bias=False) for _ in range(2))
        self.pair = nn.Linear(dim, 2 * dim)  # W_w and W_b
        self.score = nn.Parameter(torch.empty(num_heads, head))
        self.pair_value = nn.Parameter(torch.empty(num_heads, head, head))
        self.scales = nn.Parameter(torch.empty(2, dim)) if degree_scaler else None
        self.out, self.pair_out = nn.Linear(dim, dim), nn.Linear(dim, dim)
        for weight in (self.query, self.key, self.value, self.pair):
            nn.init.xavier_normal_(weight.weight)
        for weight in (self.score, self.pair_value, self.scales):
            if weight is not None:
                nn.init.xavier_normal_(weight)

    def forward(self, x: Tensor, e: Tensor, pairs: Edges, degrees: Tensor) -> tuple[Tensor, Tensor]:
        """
        Args:
            x: (N, D) of nodes.
            e: (P, D) of pairs.
            pairs: who looks at whom.
            degrees: (N,) int64 edges of each node in its graph.

        Returns:
            (N, D) and (P, D).
        """
        q, k, v = (self._heads(f(x)) for f in (self.query, self.key, self.value))  # (N, H, E)
        factor, term = (self._heads(y) for y in self.pair(e).chunk(2, -1))  # (P, H, E)
        y = (q[pairs.targets] + k[pairs.sources]) * factor
        # The slope of a root is infinite at 0; the distance that is added changes no larger number.
        s = torch.relu(y.sign() * ((y.abs() + 1e-8).sqrt() - 1e-4) + term)
        scores = (s.float() * self.score).sum(-1).clamp(-self.clamp, self.clamp)  # (P, H)
        shares = self.dropout(segment_softmax(scores, pairs))[..., None]
        felt = segment_sum(shares * v[pairs.sources].float(), pairs)
        seen = segment_sum(shares * s.float(), pairs)
        felt = (felt + torch.einsum("nhd,hdc->nhc", seen, self.pair_value.float())).flatten(1)  # (N, D)
        if self.scales is not None:
            felt = felt * self.scales[0] + felt * self.scales[1] * degrees.float().log1p()[:, None]
        return self.out(felt.to(x.dtype)), self.pair_out(s.flatten(1))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1))
