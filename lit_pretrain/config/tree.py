"""The one tree that all configuration becomes, and where each of its nodes was written."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Path = tuple[str | int, ...]  # keys and list indices from the root


class Tree:
    """Nested dicts and lists of plain values; later layers lie over earlier ones.

    Attributes:
        root: the values.
        origin: node -> the file, environment variable or command line that set it last.
    """

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self.origin: dict[Path, str] = {}

    def lay(self, layer: dict[str, Any], origin: str) -> None:
        """Merge a layer: dicts deeply, but a node whose class changes drops the old arguments; lists replace."""
        self.root = merge(self.root, layer)
        self.mark((), layer, origin)

    def mark(self, path: Path, value: Any, origin: str) -> None:
        """Remember that `value` at `path`, and all below it, was set by `origin`."""
        self.origin |= {path + below: origin for below in paths(value) if path + below}

    def where(self, path: Path) -> str:
        """' (file)' for messages: the origin of the node, or of the nearest above it."""
        while path and path not in self.origin:
            path = path[:-1]
        return f" ({self.origin[path]})" if path in self.origin else ""


def merge(old: Any, new: Any) -> Any:
    """`new` laid over `old`, as `Tree.lay` says."""
    if isinstance(old, str) and isinstance(new, dict) and "init_args" in new:
        old = {"class_path": old}  # a class in short form, whose arguments a later layer gives
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return deepcopy(new)
    if "class_path" in old and "class_path" in new and old["class_path"] != new["class_path"]:
        old = {key: value for key, value in old.items() if key not in ("init_args", "dict_kwargs")}
    return old | {key: merge(old.get(key), value) for key, value in new.items()}


def paths(value: Any) -> Iterator[Path]:
    """The node itself and all below it."""
    yield ()
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from ((key, *below) for below in paths(child))


def dotted(path: Path) -> str:
    return ".".join(map(str, path))


def class_paths(value: Any) -> list[str]:
    """All class paths that stand anywhere in it."""
    if isinstance(value, dict):
        own = [str(value["class_path"])] if "class_path" in value else []
        return own + [path for child in value.values() for path in class_paths(child)]
    return [path for child in value for path in class_paths(child)] if isinstance(value, list) else []
