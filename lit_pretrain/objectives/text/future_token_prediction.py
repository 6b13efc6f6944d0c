"""The vector of a token must tell the next N tokens.

Legend: U tokens of all documents end to end, P positions that are predicted from, N tokens ahead, K units of a
pseudo-sequence, D width, V vocabulary.
"""

import torch
from torch import Tensor, nn

from lit_pretrain.nn.embedding.share import share_embedding
from lit_pretrain.nn.head.base import Head
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoded, Encoder, Layout, Losses, Term, TextBatch


class FutureTokenPrediction(PretrainModule):
    """Future token prediction (arXiv 2410.18160): a small decoder writes the next N tokens from one unit of the encoder.

    The unit of position i becomes a pseudo-sequence of K units by a linear map, and that is all that the decoder attends
    to besides the tokens since i:

        loss = -sum over i and n of decay^(n-1) log p(x_{i+n} | x_i ... x_{i+n-1}, K units of i) / sum of the weights

    So a unit holds what the text goes on with, not only its next token, and changes slowly along the text. `next_token`
    is the term of n = 1 alone, for comparison with a causal language model. Encoder and decoder share their embedding; the
    encoder is kept. Of N, K, `decay` and the first token that the decoder reads, the settings here are our own.

    Args:
        encoder: causal.
        decoder: causal, with cross attention; smaller than the encoder.
        head: units (P N, D) -> logits (P N, V).
        ahead: N.
        pseudo_length: K.
        decay: of the weights with the distance.
        share: of the positions that are predicted from in each step, at random; the decoder reads N tokens for each.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Encoder,
        head: Head,
        *,
        ahead: int = 8,
        pseudo_length: int = 8,
        decay: float = 0.8,
        share: float = 1.0,
    ):
        super().__init__()
        if ahead < 1 or pseudo_length < 1:
            raise ValueError(f"ahead={ahead} and pseudo_length={pseudo_length} must be at least 1")
        if not 0 < decay <= 1 or not 0 < share <= 1:
            raise ValueError(f"decay={decay} and share={share} must be above 0 and at most 1")
        self.encoder, self.decoder, self.head = encoder, decoder, head
        self.ahead, self.pseudo_length, self.decay, self.share = ahead, pseudo_length, decay, share
        self.expand = nn.Linear(encoder.dim, pseudo_length * decoder.dim)
        share_embedding(encoder, decoder)

    def loss(self, batch: TextBatch) -> Losses:
        units = self.encoder(batch).units  # (U, D)
        start = self.positions(batch)
        written, targets = self.write(units[start], batch, start)  # (P N, D), (P, N)
        asked = targets >= 0
        weights = asked * self.decay ** torch.arange(self.ahead, device=asked.device)
        nll = self.head.cross_entropy(written, targets.flatten(), self.encoder, weights=weights.flatten())
        with torch.no_grad():
            first = self.head.cross_entropy(written[:: self.ahead], targets[:, 0], self.encoder)
        return {"future_tokens": Term(nll, weights.sum()), "next_token": Term(first, asked[:, 0].sum(), 0.0)}

    def positions(self, batch: TextBatch) -> Tensor:
        """(P,) numbers of units that are predicted from: as many in each step, whatever follows them."""
        count = max(1, round(self.share * len(batch.tokens)))
        key = torch.rand(len(batch.tokens), device=batch.tokens.device, generator=self.generator)
        return key.argsort()[:count]

    def write(self, states: Tensor, batch: TextBatch, start: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's units (P N, D) for each start, (P,), given its state (P, D); and the tokens (P, N) that they shall
        tell, -1 where there is none.

        Windows that reach over the end of their document are filled up, so that all are as long and attention is fast.
        """
        example = batch.layout.example
        place = start[:, None] + torch.arange(self.ahead + 1, device=start.device)  # (P, N + 1)
        inside = place.clamp(max=len(example) - 1)
        asked = (inside == place) & (example[inside] == example[start][:, None])
        window = batch.tokens[torch.where(asked, inside, start[:, None])]
        source = self.expand(states).unflatten(1, (self.pseudo_length, -1)).flatten(0, 1)  # (P K, D)
        layout = Layout((self.pseudo_length,) * len(start), source.device)
        inputs = TextBatch(window[:, :-1].flatten(), (self.ahead,) * len(start), batch.vocab)
        written = self.decoder(inputs, source=Encoded(states, source, layout)).units
        return written, window.masked_fill(~asked, -1)[:, 1:]
