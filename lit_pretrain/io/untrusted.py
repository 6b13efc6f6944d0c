"""Files that others have written, read without running anything that they hold."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


@contextmanager
def named(path: Path) -> Iterator[None]:
    """What goes wrong inside is the fault of what stands in a file or folder, and the error says so.

    Raises:
        ValueError: instead of every other error.
    """
    try:
        yield
    except Exception as error:  # classes check little of the arguments and weights that a file may hold
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise ValueError(f"{path}: {kind}{error}") from error


def load_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: there is no such file, or something else in it.
    """
    with named(path):
        found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no JSON object, but {str(found)[:40]!a}")
    return found


def load_values(path: Path) -> Any:
    """What `torch.save` wrote, where it is tensors and plain values.

    Raises:
        ValueError: it is something else, or no such file.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on damaged bytes the unpickler fails in many ways
        named = re.search(r"GLOBAL (\S+)", str(error))  # what torch says beside it is how to read it nonetheless
        found = f"it names {named[1]}" if named else type(error).__name__
        raise ValueError(f"{path} is refused: it is damaged, or it holds more than tensors and plain values, which could run"
                         f" code when read ({found})") from error  # fmt: skip


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The content of a safetensors file.

    Raises:
        ValueError: its header does not fit its bytes.
    """
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error


def plain_name(name: str) -> str:
    """The name of a file in a folder, as it is.

    Raises:
        ValueError: it leads out of the folder.
    """
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"the file name {name!r} leads out of its folder and is refused")
    return name


def load_strictly(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """
    Raises:
        ValueError: a weight is missing, unexpected, or of another shape; all of them are listed.
    """
    own = module.state_dict()
    missing, extra = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = [f"{k}: {tuple(weights[k].shape)} in the file, {tuple(own[k].shape)} in the module"
              for k in sorted(own.keys() & weights.keys()) if own[k].shape != weights[k].shape]  # fmt: skip
    if missing or extra or shapes:
        raise ValueError(f"the weights do not fit {type(module).__name__}: missing {missing}; unexpected {extra};"
                         f" other shapes {shapes}")  # fmt: skip
    module.load_state_dict(weights)
