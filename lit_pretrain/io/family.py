"""How a family of published models and our preset of it stand for each other: arguments, and names of weights.

Each family is one file in `io/families`, named by the `model_type` of its config.json, with one `Family` in it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lit_pretrain.part import Part, import_class, spec
from lit_pretrain.types import Encoder

Config = dict[str, Any]  # what stands in config.json
Arguments = dict[str, Any]  # of our preset
Weights = Mapping[str, Tensor]
Names = dict[str | tuple[str, ...], str]

# Their activations: ours, the first of each the one that is written.
ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu",
               "silu": "silu", "swish": "silu"}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """How a weight of theirs is stored differently."""

    to_ours: Callable[[Tensor], Tensor] = lambda x: x
    to_theirs: Callable[[Tensor], Tensor] = lambda x: x


SAME = Change()
TRANSPOSED = Change(lambda x: x.mT if x.ndim > 1 else x, lambda x: x.mT if x.ndim > 1 else x)


@dataclass(frozen=True)
class Family:
    """The table of one family.

    Args:
        kind: our preset.
        architecture: their class, for config.json.
        arguments: argument of our preset -> their key, or keys, of which the first is read and all are written.
        names: module or weight of ours -> of theirs; `*` stands for the number of a block. Several of ours (a tuple)
            lie in one of theirs, one after the other along the first axis. A function, where they depend on arguments.
        prefix: before their names in a model with a head.
        constants: values of their config that our preset computes; others are refused.
        read: further arguments of our preset, from their config.
        write: further values of their config, from the arguments of our preset.
        also: the same for values that do not bear on the encoder (of heads and token ids), so they are not compared.
        fits: whether an encoder of `kind` with these arguments is of this family.
        changes: by their name in `names`.
        aliases: other names of theirs for the same weight, as regular expressions -> the name in `names`.
        left: their weights that belong to no encoder (heads, poolers, buffers), as regular expressions; not loaded.
        optional: their weights, by their name in `names`, that some files lack; ours then keep their initial values.
        computed: their weights that our encoder computes: written with the others, and compared when read.
        head: their config and weights -> the head on the units, not yet loaded, and its names.
        decoder: the second half of an encoder-decoder.
    """

    kind: type[Encoder]
    architecture: str
    arguments: dict[str, str | tuple[str, ...]]
    names: Names | Callable[[Arguments], Names]
    prefix: str = ""
    constants: Config = field(default_factory=dict)
    read: Callable[[Config], Arguments] = lambda config: {}
    write: Callable[[Arguments], Config] = lambda arguments: {}
    also: Callable[[Arguments], Config] = lambda arguments: {}
    fits: Callable[[Arguments], bool] = lambda arguments: True
    changes: dict[str, Change] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    computed: Callable[[Encoder], dict[str, Tensor]] = lambda encoder: {}
    head: Callable[[Config, Weights], tuple[Part, Names]] | None = None
    decoder: "Family | None" = None

    # ---- configuration --------------------------------------------------------------------------------------------

    def make(self, config: Config) -> Encoder:
        """Our preset for their config, with fresh weights.

        Raises:
            ValueError: the config asks for something that our preset does not compute.
        """
        arguments = {ours: config[_tuple(theirs)[0]] for ours, theirs in self.arguments.items()}
        if "activation" in arguments:
            arguments["activation"] = ACTIVATIONS.get(arguments["activation"], "gelu")  # others are refused below
        encoder = self.kind(**arguments | self.read(config))
        for key, ours in self._compared(encoder).items():
            theirs = config.get(key)
            if theirs is None or theirs == ours or ACTIVATIONS.get(str(theirs), 0) == ACTIVATIONS.get(str(ours), 1):
                continue
            if "drop" not in key:  # dropout does not change what a trained model computes
                raise ValueError(f"config.json asks for {key}={theirs!r}, and {self.kind.__name__} computes {ours!r};"
                                 " the encoder HuggingFaceEncoder runs the model as it is")  # fmt: skip
            print(f"{self.kind.__name__} has one dropout for all: {key} becomes {ours} instead of {theirs}")
        return encoder

    def owns(self, encoder: Encoder) -> bool:
        return type(encoder) is self.kind and self.fits(arguments_of(encoder))

    def config(self, encoder: Encoder) -> Config:
        """Their config for our preset."""
        return self._compared(encoder) | self.also(arguments_of(encoder))

    def _compared(self, encoder: Encoder) -> Config:
        arguments, config = arguments_of(encoder), dict(self.constants)
        for ours, theirs in self.arguments.items():
            value = arguments[ours]
            if ours == "activation":
                value = next(name for name, same in ACTIVATIONS.items() if same == value)
            config |= dict.fromkeys(_tuple(theirs), value)
        return config | self.write(arguments)

    # ---- weights --------------------------------------------------------------------------------------------------

    def canonical(self, weights: Weights) -> dict[str, Tensor]:
        """Their weights under the names of `names`."""
        found: dict[str, Tensor] = {}
        for name, tensor in weights.items():
            name = name.removeprefix(f"{self.prefix}.") if self.prefix else name
            name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)  # files of 2018 and 2019
            name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
            for other, usual in self.aliases.items():
                name = re.sub(rf"\A{other}\Z", usual, name)
            if name in found and not found[name].equal(tensor):
                raise ValueError(f"the file holds two different weights where the model has one: {name}")
            found[name] = tensor
        return found

    def export(self, encoder: Encoder) -> dict[str, Tensor]:
        """Our weights under their names, each in memory of its own."""
        own = encoder.state_dict()
        return {
            theirs: change.to_theirs(torch.cat([own[key].cpu() for key in ours])).contiguous()  # cat copies
            for theirs, (ours, change) in self._pairs(own, self._names(encoder)).items()
        } | self.computed(encoder)

    def fill(self, encoder: Encoder, weights: Weights) -> list[str]:
        """Load `canonical` weights, strictly.

        Returns:
            The names of what was not loaded, all of them among `left`.

        Raises:
            ValueError: weights that are missing, unexpected or of another shape, all of them named.
        """
        computed = self.computed(encoder)
        for name in computed.keys() & weights.keys():
            if weights[name].shape != computed[name].shape or not weights[name].allclose(computed[name], atol=1e-4):
                raise ValueError(f"{name} of the file is not what {type(encoder).__name__} computes for it")
        rest = {name: tensor for name, tensor in weights.items() if name not in computed}
        return self._load(encoder, self._names(encoder), rest, self.left)

    def fill_head(self, head: Part, names: Names, weights: Weights) -> None:
        """Load the head's part of `canonical` weights. All of the head must be there."""
        self._load(head, names, weights, (".*",))

    def _load(self, part: nn.Module, names: Names, weights: Weights, left: Iterable[str]) -> list[str]:
        own, found, shapes = part.state_dict(), {}, []
        pairs = self._pairs(own, names)
        missing = [name for name in pairs if name not in weights and name not in self.optional]
        others = [name for name in weights if name not in pairs]
        unexpected = [name for name in others if not any(re.fullmatch(pattern, name) for pattern in left)]
        for name in pairs.keys() & weights.keys():
            ours, change = pairs[name]
            for key, tensor in zip(ours, change.to_ours(weights[name]).tensor_split(len(ours)), strict=True):
                found[key] = tensor
                if tensor.shape != own[key].shape:
                    shapes.append(f"{name} gives {tuple(tensor.shape)} for {key} of {tuple(own[key].shape)}")
        if missing or unexpected or shapes:
            raise ValueError(f"the weights do not fit {type(part).__name__}: missing {missing}; unexpected"
                             f" {unexpected}; other shapes {sorted(shapes)}")  # fmt: skip
        part.load_state_dict({**own, **found})
        return others

    def _names(self, encoder: Encoder) -> Names:
        return self.names if isinstance(self.names, dict) else self.names(arguments_of(encoder))

    def _pairs(self, own: Weights, names: Names) -> dict[str, tuple[list[str], Change]]:
        """Their weight -> ours that lie in it, in order, and how it is changed."""
        pairs: dict[str, tuple[list[str], Change]] = {}
        for patterns, theirs in names.items():
            for pattern in _tuple(patterns):
                expression = re.compile(re.escape(pattern).replace(r"\*", r"(\d+)") + r"((?:\.(?:weight|bias))?)")
                for key in own:
                    if match := expression.fullmatch(key):
                        *block, leaf = match.groups()
                        name = theirs.replace("*", "".join(block)) + leaf
                        pairs.setdefault(name, ([], self.changes.get(theirs, SAME)))[0].append(key)
        placed = {key for ours, _ in pairs.values() for key in ours}
        if strange := sorted(own.keys() - placed):
            raise ValueError(f"{self.architecture} has no place for {strange}; was the encoder changed after it was"
                             " built?")  # fmt: skip
        return pairs


def class_of(argument: Any) -> type | None:
    """The class of a part among the arguments of a preset, as `arguments_of` gives them; None: there is none."""
    return None if argument is None else import_class(argument["class_path"])


def arguments_of(preset: Part) -> Arguments:
    """What a preset was made with, its default widths resolved."""
    arguments = dict(spec(preset)["init_args"])
    for name, width in (("hidden", 4 * arguments["dim"]), ("table_dim", arguments["dim"])):
        if name in arguments:
            arguments[name] = arguments[name] or width
    return arguments


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names
