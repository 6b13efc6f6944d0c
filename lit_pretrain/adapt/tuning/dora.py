"""Low-rank adaptation of directions."""

from typing import Any

from lit_pretrain.adapt.tuning.lora import LoRA


class DoRA(LoRA):
    """LoRA's W + scale * B A gives each row's direction, and its length trains by itself (arXiv 2402.09353).

    Lengths begin at those of W. Arguments are those of `LoRA`.
    """

    def config(self, layers: list[str]) -> Any:
        config = super().config(layers)
        config.use_dora = True
        return config
