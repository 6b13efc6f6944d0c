"""Which discrete unit a place is, as HuBERT asks (arXiv 2106.07447). Legend: U places (units of the encoder), V codes."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_pretrain.corruptions.time_spans import TimeSpans
from lit_pretrain.types import Batch, Layout, Losses, Ragged, Term


def unit_labels(batch: Batch) -> Ragged:
    """The batch's unit labels.

    Raises:
        ValueError: it has none.
    """
    if batch.unit_labels is None:
        raise ValueError("this objective predicts unit labels and the data have none: run `lit-pretrain units --data"
                         " DATA.yaml --features mfcc --out FOLDER` and give data.init_args.units=FOLDER")  # fmt: skip
    return batch.unit_labels


def unit_targets(batch: Batch, layout: Layout, num_codes: int) -> Tensor:
    """(U,) int64: the label of each place; -1 where there is none.

    Raises:
        ValueError: the batch has no labels, or some that are not below `num_codes`.
    """
    targets = unit_labels(batch).at(layout)
    if (highest := int(targets.max())) >= num_codes:
        raise ValueError(f"a unit label is {highest}, and the head has vocab_size={num_codes}: give it the number of"
                         " clusters")  # fmt: skip
    return targets


def hidden_spans(masking: TimeSpans, layout: Layout, generator: torch.Generator) -> Tensor:
    """(U,) bool, true where hidden.

    Raises:
        ValueError: no example is as long as a span, so nothing would be predicted.
    """
    if layout.max_length - layout.leading < masking.length:
        raise ValueError(f"no recording of the batch (the longest has {layout.max_length} units) has room for a span of"
                         f" {masking.length}: give longer recordings, or lower the masking's length")  # fmt: skip
    return masking(layout, generator)


def unit_prediction(logits: Tensor, targets: Tensor, hidden: Tensor, unmasked_weight: float) -> Losses:
    """Cross entropy at hidden places, and at seen ones with a weight of its own; each is a mean over its places.

    Beside it: how often the most likely code is right at hidden places, and how often the most frequent one would be.

    Args:
        logits: (U, V).
        targets: (U,) int64; -1: none.
        hidden: (U,) bool.
        unmasked_weight: of the seen places; 0: logged only.
    """
    logits = logits.float()  # softmax in fp32
    nll = F.cross_entropy(logits, targets, ignore_index=-1, reduction="none")  # 0 where there is no target
    labelled = targets >= 0
    asked, seen = hidden & labelled, ~hidden & labelled
    right = (logits.argmax(1) == targets) & asked
    majority = torch.zeros(logits.shape[1], dtype=torch.long, device=logits.device)
    majority = majority.index_add_(0, targets.clamp(min=0), asked.long()).max()
    return {
        "masked": Term((nll * asked).sum(), asked.sum()),
        "unmasked": Term((nll * seen).sum(), seen.sum(), unmasked_weight),
        "accuracy": Term(right.sum(), asked.sum(), weight=0.0),
        "majority": Term(majority, asked.sum(), weight=0.0),
    }
