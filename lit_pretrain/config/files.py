"""Configuration files: found, read, and their includes followed."""

import os
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from lit_pretrain.config.mistake import Mistake, nearest, one_line

Layer = tuple[str, dict[str, Any]]  # where it was written, and what
SUFFIXES = (".yaml", ".yml")


def packaged() -> Path:
    """The folder of the configurations that are installed with lit_pretrain."""
    return Path(str(resources("lit_pretrain.conf")))


def find(name: str, beside: Path = Path(), named_by: str = "") -> Path:
    """The file `name`, relative to `beside`, or else among the packaged ones, with or without `conf/` and `.yaml`."""
    inside = name.removeprefix("conf/").lstrip("./")  # ../trainer/default.yaml of a file elsewhere means ours
    for folder, relative in ((beside, name), (packaged(), inside)):
        for candidate in (folder / relative, *(folder / (relative + suffix) for suffix in SUFFIXES)):
            if _is_file(candidate):
                return candidate
    known = [str(p.relative_to(packaged())) for p in packaged().rglob("*.yaml")]
    if beside.is_dir():
        known += [p.name for p in beside.iterdir() if p.suffix in SUFFIXES]
    raise Mistake(f"there is no configuration file {one_line(repr(name))}{named_by}{nearest(inside, known)}")


def layers(path: Path, including: tuple[Path, ...] = ()) -> list[Layer]:
    """The files that this one includes, in order, then itself."""
    if path.resolve() in including:
        raise Mistake(f"{_shown(path)} includes itself: {' -> '.join(map(_shown, (*including, path)))}")
    tree = _read(path)
    included = tree.pop("include", None) or []
    if isinstance(included, str):
        included = [included]
    found: list[Layer] = []
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        raise Mistake(f"{_shown(path)}: include: expected names of files, got {one_line(repr(included))}")
    for name in included:
        target = find(name, beside=path.parent, named_by=f" (included by {_shown(path)})")
        found += layers(target, (*including, path.resolve()))
    return [*found, (_shown(path), tree)]


def _read(path: Path) -> dict[str, Any]:
    try:
        # OmegaConf's own reader: 1e-3 is a number, a key that stands twice is an error.
        tree = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8") or "{}"), resolve=False)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise Mistake(f"{_shown(path)}{line}: {getattr(error, 'problem', None) or one_line(error)}") from error
    except OmegaConfBaseException as error:
        reason = one_line(str(error).split("full_key")[0])
        raise Mistake(f"{_shown(path)}: {error.full_key}: {reason}") from error
    except Exception as error:  # bytes that are no text; PyYAML also raises what int(), dates and nesting without end do
        raise Mistake(f"{_shown(path)} cannot be read: {one_line(error)}") from error
    if not isinstance(tree, dict):
        raise Mistake(f"{_shown(path)}: expected keys and values at the top, found a list")
    return tree


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than file systems have
        return False


def _shown(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
