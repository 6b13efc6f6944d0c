"""What travels between the layers: batches in, encoded units out, named loss terms.

Units are flat everywhere: no padding is stored, and a `Layout` says where each example begins.
"""

from lit_pretrain.types.batch import Batch, UnitBatch
from lit_pretrain.types.code import CodeBatch, Kind
from lit_pretrain.types.ego import EgoBatch
from lit_pretrain.types.encoder import Encoded, Encoder
from lit_pretrain.types.graph import Edges, GraphBatch
from lit_pretrain.types.image import ImageBatch, Pixels, stretched
from lit_pretrain.types.layout import Layout, Ragged
from lit_pretrain.types.losses import Losses, Term
from lit_pretrain.types.outcomes import Outcomes
from lit_pretrain.types.relations import Relations
from lit_pretrain.types.speech import SpeechBatch
from lit_pretrain.types.text import TextBatch, Vocabulary

__all__ = ["Batch", "CodeBatch", "Edges", "EgoBatch", "Encoded", "Encoder", "GraphBatch", "ImageBatch", "Kind", "Layout",
           "Losses", "Outcomes", "Pixels", "Ragged", "Relations", "SpeechBatch", "Term", "TextBatch", "UnitBatch",
           "Vocabulary", "stretched"]  # fmt: skip
