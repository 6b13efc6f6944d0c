"""Where each unit stands, told by content alone.

Legend: B examples, U units of all examples end to end, T of them that stand somewhere (all but leading ones), D width,
N positions.
"""

import torch.nn.functional as F
from torch import nn

from lit_pretrain.corruptions.random_units import RandomUnits
from lit_pretrain.nn.mixer.context_attention import only_keys
from lit_pretrain.nn.position.base import Position
from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Batch, Encoder, Losses, Term


class MP3(PretrainModule):
    """MP3 (arXiv 2207.07611): a puzzle of patches, frames or tokens without the picture on the box.

    The encoder gets no positions. In each example a random share of `1 - masking.ratio` of the units is the context: only
    these have keys and values, in all blocks, while all units ask. Each unit's last vector is classified:

        loss = -mean over units of log p(position of the unit | its content and the context)

    with a softmax over all N positions. Units outside of the context find their place among units that have not seen them,
    which is what makes the task hard. Where units have equal contents (blank patches), they cannot be told apart, and the
    loss has a floor. For transfer the context is whole; the paper then adds position embeddings and fine-tunes.

    It serves every modality whose encoder can say where its units stand.

    Args:
        encoder: without positions, of blocks with `ContextAttention`.
        num_positions: N; at least the units of the longest example, without class tokens.
        masking: which units are outside of the context. Leading units are always in it.
    """

    def __init__(self, encoder: Encoder, *, num_positions: int, masking: RandomUnits = RandomUnits(0.75)):
        super().__init__()
        if type(getattr(encoder, "position", None)) not in (Position, type(None)):
            raise ValueError(f"the encoder's position={type(encoder.position).__name__} gives away what is to be predicted:"
                             " leave it out, or give lit_pretrain.nn.position.base.Position")  # fmt: skip
        self.encoder, self.masking, self.num_positions = encoder, masking, num_positions
        self.head = nn.Linear(encoder.dim, num_positions)

    def loss(self, batch: Batch) -> Losses:
        layout = self.encoder.layout(batch)
        if layout.max_length - layout.leading > self.num_positions:
            raise ValueError(f"num_positions={self.num_positions}, and an example has {layout.max_length - layout.leading}"
                             " units; raise it, or shorten the examples")  # fmt: skip
        context = ~self.masking(layout, self.generator)  # (U,) bool
        with only_keys(self.encoder, layout, context):
            units = self.encoder(batch).units
        stands = layout.position >= layout.leading
        places, context = (layout.position - layout.leading)[stands], context[stands]  # (T,)
        logits = self.head(units[stands]).float()  # (T, N); softmax in fp32
        right = logits.argmax(1) == places
        return {
            "mp3": Term(F.cross_entropy(logits, places, reduction="sum"), len(places)),
            "accuracy": Term(right.sum(), len(places), weight=0.0),
            "accuracy_outside": Term((right & ~context).sum(), (~context).sum(), weight=0.0),
        }
