"""What each token is, as labels to be learned (as the identifier tagging of CodeT5, arXiv 2109.00859)."""

from dataclasses import replace

import torch

from lit_pretrain.types import CodeBatch, Kind, Ragged

TAGS = (Kind.IDENTIFIER, Kind.KEYWORD, Kind.OPERATOR, Kind.LITERAL, Kind.COMMENT)
TAG_NAMES = tuple(kind.name.lower() for kind in TAGS)


def tagged(batch: CodeBatch) -> CodeBatch:
    """The batch with `unit_labels`: a number of `TAG_NAMES` for each token; -1 for those of none, such as descriptions."""
    numbers = torch.full((len(Kind),), -1)
    numbers[torch.tensor(TAGS)] = torch.arange(len(TAGS))
    return replace(batch, unit_labels=Ragged(numbers[batch.kind.long()], batch.lengths))
