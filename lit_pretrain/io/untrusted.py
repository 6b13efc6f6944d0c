"""Files that others have written, read without running anything that they hold."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor


def load_values(path: Path) -> Any:
    """What `torch.save` wrote, where it is tensors and plain values.

    Raises:
        ValueError: it is something else, or no such file.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
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
