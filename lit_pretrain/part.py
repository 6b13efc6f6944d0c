"""Parts remember how they were made, so that a checkpoint can rebuild them anywhere.

Everything that a configuration can name (encoders, blocks, objectives, optimisers, sources, ...) is a `Recorded`.
`spec(part)` is the same tree of `class_path` and `init_args` that stands in YAML; `build(spec)` is its inverse.
"""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

# The packages whose classes a configuration or a checkpoint may name; `trust()` adds to it.
TRUSTED = {
    "lit_pretrain", "lightning", "torch", "torchvision", "torchaudio", "timm", "transformers", "torch_geometric",
    "torchmetrics",
}  # fmt: skip


class Recorded:
    """Remembers the arguments of its construction (in `__new__`, so a subclass's `__init__` stays plain)."""

    _init_args: dict[str, Any]

    def __init__(self) -> None:
        """Takes nothing, so that a subclass without an `__init__` of its own refuses unknown arguments."""
        super().__init__()

    def __new__(cls, /, *args, **kwargs):
        self = super().__new__(cls)
        signature = inspect.signature(cls.__init__)
        bound = signature.bind_partial(self, *args, **kwargs)
        bound.apply_defaults()  # so that a checkpoint outlives a changed default
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)  # nn.Module's own, where inherited
        named = {k: v for k, v in bound.arguments.items() if signature.parameters[k].kind not in variadic}
        # Written past nn.Module's __setattr__: a child must not be registered twice.
        self.__dict__["_init_args"] = dict(list(named.items())[1:])
        return self


class Part(Recorded, nn.Module):
    """A module that a configuration can name."""


def class_path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def spec(value: Any) -> Any:
    """The plain tree (dicts, lists, numbers, strings) that `build` turns back into `value`."""
    if isinstance(value, Recorded):
        return {"class_path": class_path(type(value)), "init_args": {k: spec(v) for k, v in value._init_args.items()}}
    if isinstance(value, Mapping):
        return {str(k): spec(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [spec(v) for v in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"unrecorded": class_path(type(value))}


def trust(packages: Iterable[str]) -> None:
    """Let configurations and checkpoints name classes of these packages."""
    TRUSTED.update(package.split(".")[0] for package in packages)


def import_class(path: str) -> type:
    """The class at a dotted path.

    Raises:
        ValueError: the package is not trusted (nothing is imported then), or there is no such class.
    """
    module_name, _, name = path.rpartition(".")
    package = path.split(".")[0]
    if package not in TRUSTED:
        raise ValueError(f"class path {path!r}: package {package!r} is not trusted; add --trust {package}, or in Python"
                         f" lit_pretrain.trust([{package!r}])")  # fmt: skip
    try:
        return getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"class path {path!r} cannot be imported: {error}") from error


def build(tree: Any) -> Any:
    """Make the objects that `spec` described.

    Raises:
        ValueError: a class is not trusted, not importable, or was passed in as an object that no one recorded.
    """
    if isinstance(tree, Mapping):
        if "unrecorded" in tree:
            raise ValueError(f"{tree['unrecorded']} does not derive from lit_pretrain.part.Part, so it cannot be"
                             " rebuilt from a checkpoint; wrap it in a Part")  # fmt: skip
        if "class_path" in tree:
            cls = import_class(tree["class_path"])
            if not (isinstance(cls, type) and issubclass(cls, Recorded)):
                raise ValueError(f"class path {tree['class_path']!r} is not a part of lit_pretrain")
            return cls(**{k: build(v) for k, v in tree.get("init_args", {}).items()})
        return {k: build(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [build(v) for v in tree]
    return tree
