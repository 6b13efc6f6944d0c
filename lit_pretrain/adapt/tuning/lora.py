"""Low-rank adaptation."""

from typing import Any

from lit_pretrain.adapt.tuning.injected import Injection, peft


class LoRA(Injection):
    """W + scale * B A takes the place of the weights W of linear layers, and only A and B train (arXiv 2106.09685).

    A (rank x in) is random and B (out x rank) 0 at first, so that training begins at the pretrained encoder.

    Args:
        rank: of B A; the paper's GPT-2 has 4.
        scale: the paper's alpha / rank; its GPT-2 has 32 / 4.
        dropout: of what A gets.
        targets: see `Injection`; the paper's are the query and the value of attention.
    """

    def __init__(self, rank: int = 4, scale: float = 8.0, dropout: float = 0.0, targets: tuple[str, ...] = ()):
        super().__init__(targets)
        if rank < 1 or scale <= 0 or not 0 <= dropout < 1:
            raise ValueError(f"rank={rank} must be at least 1, scale={scale} above 0, dropout={dropout} in [0, 1)")
        self.rank, self.scale, self.dropout = rank, scale, dropout

    def config(self, layers: list[str]) -> Any:
        return peft().LoraConfig(r=self.rank, lora_alpha=self.scale * self.rank, lora_dropout=self.dropout,
                                 target_modules=layers)  # fmt: skip
