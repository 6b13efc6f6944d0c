"""SimCLR, BYOL and MAE out of lightly's parts, put together as in lightly's examples for PyTorch Lightning.

Legend: B images, C channels, S side of an image, N tokens of an image ([CLS] first), K of them visible, M hidden, P side
of a patch, D width.
"""

from abc import abstractmethod
from copy import deepcopy

import lightning as L
from lightly.loss import NegativeCosineSimilarity, NTXentLoss
from lightly.models import utils
from lightly.models.modules import (
    BYOLPredictionHead,
    BYOLProjectionHead,
    MaskedVisionTransformerDecoderTIMM,
    MaskedVisionTransformerTIMM,
    SimCLRProjectionHead,
)
from lightly.utils.scheduler import cosine_schedule
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from lit_pretrain.optim.recipe import Optim
from lit_pretrain.types import ImageBatch


class LightlyModule(L.LightningModule):
    """Takes the batches and the optimiser of the other side.

    Args:
        optim: how it is optimised.
    """

    def __init__(self, optim: Optim):
        super().__init__()
        self.optim = optim

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, D): the vectors that are probed."""

    def configure_optimizers(self) -> dict:
        return self.optim.configure(self, self.trainer.max_steps)


class SimCLR(LightlyModule):
    """
    Args:
        backbone: images -> vectors.
        dim, hidden, out: of the projector.
        temperature: of the loss.
        optim: see `LightlyModule`.
    """

    def __init__(self, backbone: nn.Module, dim: int, hidden: int, out: int, temperature: float, optim: Optim):
        super().__init__(optim)
        self.backbone = backbone
        self.projection_head = SimCLRProjectionHead(dim, hidden, out)
        self.criterion = NTXentLoss(temperature)

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images)

    def training_step(self, batch: ImageBatch, batch_idx: int) -> Tensor:
        first, second = (self.projection_head(self.backbone(view)) for view in batch.all_views)
        return self.criterion(first, second)


class BYOL(LightlyModule):
    """
    Args:
        backbone: images -> vectors.
        dim, hidden, out: of the projector; the predictor has the same hidden and outer width.
        momentum: of the teacher at the start; 1 at the end.
        optim: see `LightlyModule`.
    """

    def __init__(self, backbone: nn.Module, dim: int, hidden: int, out: int, momentum: float, optim: Optim):
        super().__init__(optim)
        self.backbone, self.momentum = backbone, momentum
        self.projection_head = BYOLProjectionHead(dim, hidden, out)
        self.prediction_head = BYOLPredictionHead(out, hidden, out)
        self.backbone_momentum = deepcopy(self.backbone)
        self.projection_head_momentum = deepcopy(self.projection_head)
        utils.deactivate_requires_grad(self.backbone_momentum)
        utils.deactivate_requires_grad(self.projection_head_momentum)
        self.criterion = NegativeCosineSimilarity()

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images)

    def training_step(self, batch: ImageBatch, batch_idx: int) -> Tensor:
        momentum = cosine_schedule(self.global_step, self.trainer.max_steps, self.momentum, 1.0)
        utils.update_momentum(self.backbone, self.backbone_momentum, momentum)
        utils.update_momentum(self.projection_head, self.projection_head_momentum, momentum)
        views = batch.all_views
        predicted = [self.prediction_head(self.projection_head(self.backbone(view))) for view in views]
        targets = [self.projection_head_momentum(self.backbone_momentum(view)).detach() for view in views]
        return 0.5 * (self.criterion(predicted[0], targets[1]) + self.criterion(predicted[1], targets[0]))


class MAE(LightlyModule):
    """Predicts pixels that are normalised by their patch, as the paper and the other side do.

    Args:
        vit: the encoder, without a classifier.
        channels: C.
        dim, depth, heads: of the decoder.
        ratio: the share of the patches that is hidden.
        initialise: draw the encoder's weights as lightly does; otherwise they stay as they come.
        optim: see `LightlyModule`.
    """

    def __init__(self, vit: VisionTransformer, channels: int, dim: int, depth: int, heads: int, ratio: float,
                 initialise: bool, optim: Optim):  # fmt: skip
        super().__init__(optim)
        self.ratio, self.patch_size = ratio, vit.patch_embed.patch_size[0]
        self.backbone = MaskedVisionTransformerTIMM(vit, weight_initialization="" if initialise else "skip")
        self.decoder_embed = nn.Linear(vit.embed_dim, dim)
        self.decoder = MaskedVisionTransformerDecoderTIMM(vit.patch_embed.num_patches, dim, depth, heads)
        self.prediction_head = nn.Linear(dim, self.patch_size**2 * channels)
        self.criterion = nn.MSELoss()

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone.encode(images).mean(1)  # over all tokens, as the other side pools

    def training_step(self, batch: ImageBatch, batch_idx: int) -> Tensor:
        size = (batch.num_examples, self.backbone.sequence_length)
        keep, hidden = utils.random_token_mask(size, self.ratio, device=self.device)  # (B, K), (B, M)
        visible = self.decoder_embed(self.backbone.encode(batch.images, idx_keep=keep))  # (B, K, D)
        tokens = utils.set_at_index(visible.new_zeros(*size, visible.shape[-1]), keep, visible)  # (B, N, D)
        decoded = self.decoder(tokens, idx_mask=hidden)
        predicted = self.prediction_head(utils.get_at_index(decoded, hidden))  # (B, M, P P C)
        patches = utils.normalize_mean_var(utils.patchify(batch.images, self.patch_size))
        return self.criterion(predicted, utils.get_at_index(patches, hidden - 1))  # there is no patch of [CLS]
