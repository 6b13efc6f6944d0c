"""The biases."""

from torch import nn

from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.types import Encoder


class BitFit(Tuning):
    """Every bias of the encoder trains, those of its norms too, and no weight (arXiv 2106.10199).

    Raises:
        ValueError: the encoder has no biases.
    """

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return []  # no module trains as a whole

    def freeze(self, encoder: Encoder) -> None:
        biases = {name for name, x in encoder.named_parameters() if "bias" in name.split(".")[-1] and x.ndim == 1}
        if not biases:
            raise ValueError(f"{type(encoder).__name__} has no biases that BitFit could train; use another tuning, such as"
                             " lit_pretrain.adapt.tuning.lora.LoRA")  # fmt: skip
        for name, parameter in encoder.named_parameters():
            if name not in biases:
                parameter.requires_grad_(False)
