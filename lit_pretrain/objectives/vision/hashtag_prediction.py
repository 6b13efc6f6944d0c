"""What people wrote under a picture. Legend: B images, T tags, D width."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_pretrain.objectives.base import PretrainModule
from lit_pretrain.types import Encoder, ImageBatch, Losses, Term


class HashtagPrediction(PretrainModule):
    """Weakly supervised pretraining on hashtags (arXiv 1805.00932; SWAG, arXiv 2201.08371).

    An image with k tags has the target 1/k for each of them and 0 for all others; the loss is the cross-entropy of one
    softmax over all tags:  -mean over tagged images of sum over its tags of log p(tag) / k. (The first of the papers found
    this better than a sigmoid for each tag.) Frequent tags would drown the rare ones, so images are drawn more often the
    rarer their tags are: give the datamodule `resampling: datamodules.vision.resampling.SquareRoot`.
    The classifier is left behind, unless `zero_shot` maps it to classes.

    Args:
        encoder: its pooled vector is trained.
        num_tags: T.
    """

    def __init__(self, encoder: Encoder, num_tags: int):
        super().__init__()
        self.encoder, self.classifier = encoder, nn.Linear(encoder.dim, num_tags)

    def loss(self, batch: ImageBatch) -> Losses:
        if batch.tags is None:
            raise ValueError("hashtag prediction needs tagged images: give a source with tags, such as a folder with a"
                             " metadata.jsonl")  # fmt: skip
        if batch.tags.shape[1] != self.classifier.out_features:
            raise ValueError(f"num_tags={self.classifier.out_features}, but the data have {batch.tags.shape[1]} tags")
        tagged = batch.tags.any(1)
        logs = F.log_softmax(self.classifier(self.encoder(batch).pooled).float(), 1)  # (B, T), in fp32
        return {"hashtag": Term(-(targets(batch.tags) * logs).sum(), tagged.sum())}

    @torch.no_grad()
    def zero_shot(self, batch: ImageBatch, tags_of_class: list[list[int]]) -> Tensor:
        """(B, C) log-probabilities of classes that tags stand for, as in SWAG: a class has the probability of its tags.

        Args:
            batch: images.
            tags_of_class: of each class, the numbers of the tags that mean it; at least one.
        """
        if empty := [i for i, tags in enumerate(tags_of_class) if not tags]:
            raise ValueError(f"tags_of_class: classes {empty[:8]} have no tag")
        logs = F.log_softmax(self.classifier(self.encode(batch).pooled).float(), 1)
        chosen = torch.stack([logs[:, tags].logsumexp(1) for tags in tags_of_class], 1)
        return chosen.log_softmax(1)


def targets(tags: Tensor) -> Tensor:
    """(B, T) bool -> (B, T) float: 1/k at each of an image's k tags; all zero for an image without tags."""
    return tags.float() / tags.sum(1, keepdim=True).clamp(min=1)
