"""Rescaled activations."""

from typing import Any

from lit_pretrain.adapt.tuning.injected import Injection, named, peft


class IA3(Injection):
    """What linear layers give is multiplied by a vector, which begins at ones and is all that trains (arXiv 2205.05638).

    Args:
        targets: see `Injection`; the paper's are the key and the value of attention, and the last layer of feed-forward
            networks.
        rescale_inputs: those of `targets` whose inputs are rescaled instead, as the paper does with the last ones.
    """

    def __init__(self, targets: tuple[str, ...] = (), rescale_inputs: tuple[str, ...] = ()):
        super().__init__(targets)
        if stray := set(rescale_inputs) - set(targets):
            raise ValueError(f"rescale_inputs={sorted(stray)}: name them in targets too")
        self.rescale_inputs = tuple(rescale_inputs)

    def config(self, layers: list[str]) -> Any:
        inputs = [name for name in layers if named(name, self.rescale_inputs)]
        return peft().IA3Config(target_modules=layers, feedforward_modules=inputs)
