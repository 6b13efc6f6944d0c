"""A network beside an encoder.

Legend: B examples, L units of the longest example, U units of all examples, D width, R inner width, N blocks.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lit_pretrain.adapt.tuning.wrapped import Wrapped
from lit_pretrain.types import Batch, Encoded, Encoder, Layout


class SideNetwork(Wrapped):
    """Looks at all blocks of an encoder without touching it (UniPT, arXiv 2308.14316).

    For each vector x that the encoder gives, a unit or the pooled vector, and the units t_n of its example after block n:

        a = ask(relu(x)),  s_n = down_n(relu(t_n))                                          width R
        m_n = sum over units of relu(a s_n) s_n / sum over units of relu(a s_n), plus x's own unit of s_n
        c = softmax over n of gate(a of the pooled vector * mean of s_n)                    confidence in a block
        x' = x + up(relu(sum over n of c_n m_n))

    The pooled vector's own unit is the mean of s_n; in the published code, which reads the embedding too, it is [CLS]. `up`
    begins at zero here, so that training begins at the pretrained encoder.

    Args:
        encoder: is only read.
        hidden: R.
    """

    def __init__(self, encoder: Encoder, hidden: int):
        super().__init__(encoder)
        self.names = [f"block{i:02d}" for i in range(encoder.num_layers)]
        self.down = nn.ModuleList(nn.Linear(encoder.dim, hidden) for _ in self.names)
        self.ask, self.gate = nn.Linear(encoder.dim, hidden), nn.Linear(hidden, 1, bias=False)
        self.up = nn.Linear(hidden, encoder.dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(
        self, inputs: Batch, *, keep: Tensor | None = None, mask: Tensor | None = None, layers: bool = False
    ) -> Encoded:
        with torch.no_grad():
            found = self.encoder(inputs, keep=keep, mask=mask, layers=True)
        layout, blocks = found.layout, [found.layers[name] for name in self.names]
        if any(x.shape != (layout.num_units, self.dim) for x in (found.units, *blocks)):
            raise ValueError(f"the blocks of {type(self.encoder).__name__} differ in width or in their units, and UniPT"
                             " compares them: use an encoder whose blocks are alike, such as a Transformer")  # fmt: skip
        seen = [_padded(down(x.relu()), layout) for down, x in zip(self.down, blocks, strict=True)]
        vectors = torch.cat([_padded(found.units, layout), found.pooled[:, None]], 1)  # (B, L + 1, D)
        change = self._change(vectors, seen, layout)
        place = torch.arange(layout.num_units, device=layout.device) - layout.offsets.long()[layout.example]
        units = found.units + change[layout.example, place]
        return Encoded(found.pooled + change[:, -1], units, layout, found.layers if layers else {})

    def _change(self, vectors: Tensor, seen: list[Tensor], layout: Layout) -> Tensor:
        """(B, L + 1, D) of as many vectors; `seen` are N of (B, L, R)."""
        asked = self.ask(vectors.relu())  # (B, L + 1, R)
        counts = layout.offsets.diff().clamp(min=1)[:, None]  # (B, 1)
        merged, confidence = [], []
        for s in seen:
            mean = s.sum(1) / counts  # (B, R)
            weights = (asked @ s.mT).relu()  # (B, L + 1, L)
            looked = weights @ s / weights.sum(-1, keepdim=True).clamp(min=1e-6)
            merged.append(looked + torch.cat([s, mean[:, None]], 1))
            confidence.append(self.gate(asked[:, -1] * mean))
        shares = torch.cat(confidence, 1).float().softmax(1).to(asked.dtype)  # (B, N); softmax in fp32
        return self.up(torch.einsum("bn,nblr->blr", shares, torch.stack(merged)).relu())


def _padded(units: Tensor, layout: Layout) -> Tensor:
    """(U, R) -> (B, L, R), zeros where an example has no more units."""
    return pad_sequence(units.split(layout.lengths), batch_first=True)
