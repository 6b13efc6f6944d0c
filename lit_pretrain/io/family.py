"""How a family of published models and our preset of it stand for each other: arguments, and names of weights.

Each family is one file in `io/families`, named by the `model_type` of its config.json, with one `Family` in it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lit_pretrain.part import Part, spec
from lit_pretrain.types import Encoder

Config = dict[str, Any]  # config.json
Weights = Mapping[str, Tensor]
Names = dict[str | tuple[str, ...], str]

ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "relu": "relu",
               "silu": "silu", "swish": "silu"}  # fmt: skip
THEIR_ACTIVATION = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}


@dataclass(frozen=True)
class Change:
    """How a weight of theirs is stored differently."""

    to_ours: Callable[[Tensor], Tensor] = lambda x: x
    to_theirs: Callable[[Tensor], Tensor] = lambda x: x


TRANSPOSED = Change(lambda x: x.mT if x.ndim > 1 else x, lambda x: x.mT if x.ndim > 1 else x)


@dataclass(frozen=True)
class Family:
    """One table a family.

    Args:
        kind: our preset.
        architecture: their class, for config.json.
        arguments: argument of our preset -> their key, or keys, of which the first is read and all are written.
        names: module or weight of ours -> of theirs; `*` stands for the number of a block. Several of ours (a tuple)
            lie in one of theirs, one after the other along the first axis.
        prefix: before their names in a model with a head.
        constants: values of their config that our preset computes; others are refused.
        read: further arguments of our preset, from their config.
        write: further values of their config, from the arguments of our preset.
        fits: whether an encoder of `kind` with these arguments is of this family.
        changes: by their name, without `.weight` or `.bias`.
        aliases: other names of theirs for the same weight, as regular expressions -> the name in `names`.
        left: their weights that belong to no encoder (heads, poolers, buffers), as regular expressions; not loaded.
        head: their config and weights -> the head on the units, not yet loaded, and its names.
        decoder: the second half of an encoder-decoder.
    """

    kind: type[Encoder]
    architecture: str
    arguments: dict[str, str | tuple[str, ...]]
    names: Names
    prefix: str = ""
    constants: Config = field(default_factory=dict)
    read: Callable[[Config], dict[str, Any]] = lambda config: {}
    write: Callable[[dict[str, Any]], Config] = lambda arguments: {}
    fits: Callable[[dict[str, Any]], bool] = lambda arguments: True
    changes: dict[str, Change] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    head: Callable[[Config, Weights], tuple[Part, Names]] | None = None
    decoder: "Family | None" = None

    def make(self, config: Config) -> Encoder:
        """Our preset for their config, with fresh weights.

        Raises:
            ValueError: the config asks for something that our preset does not compute.
        """
        arguments = {ours: config[theirs if isinstance(theirs, str) else theirs[0]]
                     for ours, theirs in self.arguments.items()}  # fmt: skip
        if "activation" in arguments:
            arguments["activation"] = ACTIVATIONS.get(arguments["activation"], arguments["activation"])
        encoder = self.kind(**arguments | self.read(config))
        self._compare(config, self.config(encoder))
        return encoder

    def owns(self, encoder: Encoder) -> bool:
        return type(encoder) is self.kind and self.fits(arguments_of(encoder))

    def config(self, encoder: Encoder) -> Config:
        """Their config for our preset."""
        arguments = arguments_of(encoder)
        config = {"architectures": [self.architecture], **self.constants}
        for ours, theirs in self.arguments.items():
            value = THEIR_ACTIVATION[arguments[ours]] if ours == "activation" else arguments[ours]
            config |= dict.fromkeys((theirs,) if isinstance(theirs, str) else theirs, value)
        return config | self.write(arguments)

    def _compare(self, theirs: Config, ours: Config) -> None:
        """What our preset stands for must be what was asked for. Dropout does not change what a model computes."""
        for key, value in ours.items():
            asked = theirs.get(key)
            same = asked is None or asked == value or ACTIVATIONS.get(str(asked), asked) == ACTIVATIONS.get(str(value))
            if same or key in ("architectures", "tie_word_embeddings"):
                continue
            if "drop" not in key:
                raise ValueError(f"config.json asks for {key}={asked!r}; {self.kind.__name__} computes {value!r} only;"
                                 " lit_pretrain.encoders.huggingface.HuggingFaceEncoder runs the model as it is")  # fmt: skip
            print(f"{self.kind.__name__} has one dropout: {key}={value}, where config.json has {asked}")

    # ---- weights --------------------------------------------------------------------------------------------------

    def canonical(self, weights: Weights) -> dict[str, Tensor]:
        """Their weights under the names of `names`."""
        found: dict[str, Tensor] = {}
        for name, tensor in weights.items():
            name = name.removeprefix(f"{self.prefix}.") if self.prefix else name
            name = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", name)  # files of 2018 and 2019
            name = re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", name)
            for pattern, to in self.aliases.items():
                name = re.sub(f"^{pattern}$", to, name)
            if name in found and not found[name].equal(tensor):
                raise ValueError(f"two weights that should be one differ: {name}")
            found[name] = tensor
        return found

    def export(self, part: nn.Module, names: Names | None = None) -> dict[str, Tensor]:
        """Our weights under their names, each in memory of its own."""
        own = part.state_dict()
        return {
            theirs: change.to_theirs(_joined([own[key] for key in ours])).detach().cpu().contiguous().clone()
            for theirs, (ours, change) in self._pairs(own, names or self.names).items()
        }

    def fill(self, part: nn.Module, weights: Weights, names: Names | None = None, left: Iterable[str] = ()) -> list[str]:
        """Load `canonical` weights, strictly.

        Args:
            part: of ours.
            weights: theirs.
            names: default: the encoder's.
            left: regular expressions of what belongs to another part.

        Returns:
            The names of what was left, blocks together.

        Raises:
            ValueError: weights that are missing, unexpected or of another shape, all of them named.
        """
        own, pairs = part.state_dict(), self._pairs(part.state_dict(), names or self.names)
        missing = [theirs for theirs in pairs if theirs not in weights]
        others = [name for name in weights if name not in pairs]
        allowed = re.compile("|".join([*self.left, *left]) or r"(?!)")
        unexpected = [name for name in others if not allowed.fullmatch(name)]
        found, shapes = {}, []
        for theirs, (ours, change) in pairs.items():
            if theirs in weights:
                found |= dict(zip(ours, change.to_ours(weights[theirs]).tensor_split(len(ours)), strict=True)) \
                    if len(ours) > 1 else {ours[0]: change.to_ours(weights[theirs])}  # fmt: skip
                shapes += [f"{theirs}: {tuple(weights[theirs].shape)} gives {tuple(found[key].shape)} for {key} of"
                           f" {tuple(own[key].shape)}" for key in ours if found[key].shape != own[key].shape]  # fmt: skip
        if missing or unexpected or shapes:
            raise ValueError(f"weights do not fit {type(part).__name__}: missing {missing}; unexpected {unexpected};"
                             f" other shapes {shapes}")  # fmt: skip
        part.load_state_dict(found)
        return sorted({re.sub(r"\.\d+\.", ".*.", name) for name in others})

    def _pairs(self, own: Weights, names: Names) -> dict[str, tuple[list[str], Change]]:
        """Their weight -> ours that lie in it."""
        pairs: dict[str, tuple[list[str], Change]] = {}
        for ours, theirs in names.items():
            for pattern in (ours,) if isinstance(ours, str) else ours:
                expression = re.compile(re.escape(pattern).replace(r"\*", r"(?P<block>\d+)") + r"(?P<leaf>\.(weight|bias))?")
                for key in own:
                    if match := expression.fullmatch(key):
                        found = match.groupdict()
                        name = theirs.replace("*", found.get("block") or "") + (found["leaf"] or "")
                        pairs.setdefault(name, ([], self.changes.get(theirs, Change())))[0].append(key)
        strange = own.keys() - {key for keys, _ in pairs.values() for key in keys}
        if strange:
            raise ValueError(f"this {type(self).__name__} has no place for {sorted(strange)}; was the encoder changed after"
                             " it was built?")  # fmt: skip
        return pairs


def arguments_of(part: Part) -> dict[str, Any]:
    """The arguments that made a preset, with its default inner width resolved."""
    arguments = dict(spec(part)["init_args"])
    for name, default in (("hidden", 4 * arguments["dim"]), ("table_dim", arguments["dim"])):
        if name in arguments:
            arguments[name] = arguments[name] or default
    return arguments


def _joined(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch_cat(tensors)
