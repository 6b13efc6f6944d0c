"""Layers of the `peft` library inside any encoder."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch_geometric.nn
from torch import nn

from lit_pretrain.adapt.tuning.wrapped import Wrapped
from lit_pretrain.downstream.tuning.base import Tuning
from lit_pretrain.nn.sparse.convolution import SparseConv2d, SparseLinear
from lit_pretrain.types import Encoder

# Not their subclasses: of some, such as that of `nn.MultiheadAttention`, the weights are read and the layer is never called.
KINDS = (nn.Linear, nn.Conv2d, SparseLinear, SparseConv2d)


class Injection(Tuning):
    """Some layers of the encoder are replaced by layers of `peft` around them, and only what these add trains.

    They compute what the layers computed until the first step, and `Injected.merged` makes plain layers of them again. A
    subclass says by `config` what is added.

    Args:
        targets: names of the layers, or the last parts of them ("query", "mlp.fc1"); none: all linear layers of the blocks,
            or of blocks that have none, their convolutions.
    """

    def __init__(self, targets: tuple[str, ...] = ()):
        super().__init__()
        self.targets = tuple(targets)

    @abstractmethod
    def config(self, layers: list[str]) -> Any:
        """The `peft` configuration for the layers of these names."""

    def prepare(self, encoder: Encoder) -> Encoder:
        return Injected(encoder, self)

    def trainable(self, encoder: Encoder) -> list[nn.Module]:
        return [getattr(layer, name) for _, layer in injected(encoder) for name in layer.adapter_layer_names
                if hasattr(layer, name)]  # fmt: skip

    def layers(self, encoder: Encoder) -> list[str]:
        """Names of the layers that are replaced.

        Raises:
            ValueError: there are none.
        """
        known = [name for name, layer in encoder.named_modules() if type(layer) in KINDS]
        if absent := [target for target in self.targets if not any(named(name, (target,)) for name in known)]:
            raise ValueError(f"targets={absent}: the layers of {type(encoder).__name__} are {', '.join(known)}")
        if self.targets:
            return [name for name in known if named(name, self.targets)]
        inside = {id(layer): layer for layer in encoder.blocks.modules() if getattr(layer, "groups", 1) == 1}
        by_kind = [[name for name in known if isinstance(inside.get(id(encoder.get_submodule(name))), kind)]
                   for kind in (nn.Linear, nn.Conv2d)]  # fmt: skip
        if not any(by_kind):
            raise ValueError(f"the blocks of {type(encoder).__name__} have neither linear layers nor convolutions: name"
                             f" others in targets, of {', '.join(known)}")  # fmt: skip
        return next(filter(None, by_kind))


class Injected(Wrapped):
    """An encoder with the layers of an `Injection`.

    Args:
        encoder: is changed in place.
        tuning: says how.
    """

    def __init__(self, encoder: Encoder, tuning: Injection):
        super().__init__(encoder)
        _make_plain(encoder)
        trains = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
        peft().inject_adapter_in_model(tuning.config(tuning.layers(encoder)), encoder)
        for parameter in trains:  # peft freezes them for good, which is not to outlive the tuning
            parameter.requires_grad_(True)

    def merged(self) -> Encoder:
        """The encoder with what was added in its weights, under its own names."""
        for name, layer in list(injected(self.encoder)):
            layer.merge()
            self.encoder.set_submodule(name, layer.get_base_layer())
        return self.encoder.merged()


def named(layer: str, targets: tuple[str, ...]) -> bool:
    """Whether the dotted name of a layer ends with one of `targets`."""
    return f".{layer}".endswith(tuple(f".{target}" for target in targets))


def injected(encoder: Encoder) -> Iterator[tuple[str, nn.Module]]:
    """Names and layers of `peft`."""
    kind = peft().tuners.tuners_utils.BaseTunerLayer
    return ((name, module) for name, module in encoder.named_modules() if isinstance(module, kind))


def _make_plain(encoder: Encoder) -> None:
    """Linear layers of torch-geometric become torch's: `peft` knows these only, and names and function are the same."""
    for name, layer in list(encoder.named_modules()):
        if type(layer) is torch_geometric.nn.Linear:
            plain = nn.Linear(layer.in_channels, layer.out_channels, layer.bias is not None, device="meta")
            plain.weight, plain.bias = layer.weight, layer.bias
            encoder.set_submodule(name, plain)


def peft() -> Any:
    try:
        import peft
    except ImportError:
        raise ValueError("this tuning is made by peft, which is not installed: pip install 'lit_pretrain[peft]'") from None
    return peft
